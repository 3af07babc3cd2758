"""Drives the gateway with OpenAI's own client. Usage: openai_client.py BASE_URL KEY. Prints one JSON object."""
import asyncio
import json
import sys

import openai

base, key = sys.argv[1], sys.argv[2]
client = openai.OpenAI(base_url=base, api_key=key, max_retries=0)
question = "Passage: The lamp burned late.\n\nQuestion: What burned?\n\nA) The lamp\nB) The pier\nC) The sea\nD) The sky"
told = {"version": openai.__version__, "models": [m.id for m in client.models.list()], "retrieved": client.models.retrieve("sat-base").id}

reply = client.chat.completions.create(model="sat-lora", messages=[{"role": "user", "content": question}])
told["plain"] = {"text": reply.choices[0].message.content, "model": reply.model, "finish": reply.choices[0].finish_reason,
                 "tokens": reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0}


def read(stream):
    text, usage, finish = "", None, None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return {"text": text, "usage": usage is not None and usage.total_tokens > 0, "finish": finish}


ask = {"messages": [{"role": "user", "content": question}], "stream": True}
told["streamed"] = read(client.chat.completions.create(model="sat-lora", stream_options={"include_usage": True}, **ask))
told["uncounted"] = read(client.chat.completions.create(model="sat-lora", **ask))
told["chat"] = read(client.chat.completions.create(
    model="sat-base", stream=True, max_tokens=64, temperature=0,
    messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hello."}]}],
    tools=[{"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}]))


async def together():
    several = openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0)
    replies = await asyncio.gather(*[several.chat.completions.create(model=m, messages=[{"role": "user", "content": question}])
                                     for m in ("sat-base", "sat-lora", "sat-base")])
    return [r.model for r in replies]


told["together"] = asyncio.run(together())


def refused(call):
    try:
        call()
    except openai.APIStatusError as e:
        return [type(e).__name__, e.status_code, e.code, bool(e.message)]
    return None


def say(**change):
    return lambda: client.chat.completions.create(**{"model": "sat-base", "messages": [{"role": "user", "content": "hi"}], **change})


told["refused"] = {
    "model": refused(say(model="gpt-4")),
    "retrieve": refused(lambda: client.models.retrieve("gpt-4")),
    "empty": refused(say(messages=[])),
    "picture": refused(say(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}])),
    "several": refused(say(n=2)),
    "key": refused(lambda: openai.OpenAI(base_url=base, api_key="wrong", max_retries=0).models.list()),
    "embeddings": refused(lambda: client.embeddings.create(model="sat-base", input="x")),
}
print(json.dumps(told))
