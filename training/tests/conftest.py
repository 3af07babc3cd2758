"""A base and a data set that are made here: a random two-layer Llama over a vocabulary of a few words."""

import hashlib
import json
import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sattrain import config, data
from sattrain.progress import Console

WORDS = "the a door gate lamp pier was is red green blue black what colour had stood at dawn dusk nobody waved".split()
SPECIAL = ["<unk>", "<bos>", "<s>", "</s>", "system", "user", "assistant", "Yes", "No", "A", "B"]
CHAT = ("{% for m in messages %}<s> {{ m.role }} {{ m.content }} </s> {% endfor %}"
        "{% if add_generation_prompt %}<s> assistant {% endif %}")


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<bos>", eos_token="</s>", pad_token="</s>", unk_token="<unk>")
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                 num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512)).save_pretrained(folder)
    return folder


def sentence(rng: random.Random, n: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(n))


def records(method: str, passages: int, seed: int) -> list[dict]:
    """Questions whose right answer is green, wherever it stands."""
    rng, made = random.Random(seed), []
    for p in range(passages):
        text = sentence(rng, 6 + p % 7)
        for q in range(2):
            key = rng.randrange(4)
            choices = rng.sample([w for w in WORDS if w != "green"], 4)
            choices[key] = "green"
            common = {"chat_template_kwargs": {}, "passage_id": f"p{seed}-{p}", "group": f"q{seed}-{p}-{q}", "method": method,
                      "answer": "ABCD"[key]}
            system = {"role": "system", "content": "the lamp"}
            if method != "option":
                made.append(common | {"id": common["group"], "completion": [{"role": "assistant", "content": "AB"[key % 2]}],
                                      "prompt": [system, {"role": "user", "content": f"{text} what colour {WORDS[key % 2]}"}]})
                continue
            for c, choice in enumerate(choices):
                made.append(common | {"id": f"{common['group']}/{c}", "label": int(c == key),
                                      "prompt": [system, {"role": "user", "content": f"{text} what {WORDS[q]} {choice} is"}],
                                      "completion": [{"role": "assistant", "content": "Yes" if c == key else "No"}]})
    return made


def dataset(folder: Path, method: str, passages: int = 24) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, seed, count in (("train.jsonl", 1, passages), ("val.jsonl", 2, 6)):
        text = "".join(json.dumps(r) + "\n" for r in records(method, count, seed))
        (folder / name).write_text(text, encoding="utf-8")
        files[name] = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text)}
    (folder / "fingerprints.bin").write_bytes(bytes(8))
    (folder / "dataset.json").write_text(json.dumps({
        "template": "option_v1", "template_sha256": "0" * 64, "licence": "permissive", "licences": {"CC0-1.0": passages},
        "splits": {"train": {"passages": passages}}, "sources": [], "excluded": [], "files": files}), encoding="utf-8")
    return folder


@pytest.fixture
def options(tmp_path) -> Path:
    return dataset(tmp_path / "data", "option")


@pytest.fixture
def letters(tmp_path) -> Path:
    return dataset(tmp_path / "letters", "letter")


@pytest.fixture
def small(base) -> config.Config:
    return config.Config(name="test", base=config.Base(id="test/tiny", path=str(base), licence="MIT"), precision="fp32", batch=4, steps=8,
                         eval_every=4, eval_questions=0, save_every=2, keep=2, select="loss", patience=0, lora=config.Lora(r=8, alpha=16),
                         optim=config.Optim(lr=0.02))


@pytest.fixture
def quiet(tmp_path) -> Console:
    return Console(tmp_path / "log.txt", stream=(tmp_path / "out.txt").open("w"))


def indexed(folder: Path, method: str) -> tuple[data.Records, data.Records]:
    return data.index(folder / "train.jsonl", method), data.index(folder / "val.jsonl", method)
