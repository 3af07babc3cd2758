"""Finds in seconds what would otherwise be found after minutes: everything that can go wrong before the first step."""

from pathlib import Path

import torch
import transformers
from transformers import LlamaConfig

from . import adapter, model, objective, plan
from .config import Config
from .data import Records
from .progress import Console


def check(config: Config, train: Records, val: Records | None, console: Console) -> None:
    """Prints what would be trained on, with the first sample and what of it is learnt. Loads no weights."""
    described = adapter.dataset(train)
    steps = plan.steps(config, train)
    seen = sum(unit.questions for step in steps for unit in step)
    console.line(f"{config.name}: {len(steps)} steps, {seen} of {train.questions} questions"
                 + (f", validation on {val.questions}" if val else ", no validation split"))
    console.line(f"data: template {described['template']}, licence label {described['licence']} ({', '.join(described['licences'])})")
    tokenizer = model.load_tokenizer(config)
    encoder = objective.Encoder(config, tokenizer, train.kwargs)
    lengths = []
    for unit in [unit for step in steps[:: max(len(steps) // 32, 1)] for unit in step[:1]]:
        lengths.append(len(encoder.prompt(train.read(unit.groups[0][0]))))
    console.line(f"prompts: {min(lengths)} to {max(lengths)} tokens, mean {sum(lengths) / len(lengths):.0f} (of {len(lengths)}); max_tokens {config.max_tokens}")
    first = train.read(steps[0][0].groups[0][0])
    sample = encoder.sample(first)
    console.line("first sample: …" + repr(tokenizer.decode(sample.ids[-40 : sample.first_label])) + " → learnt "
                 + repr(tokenizer.decode(sample.ids[sample.first_label :])))
    if config.loss == "listwise":
        console.line(f"listwise: score = log p({objective.REPLIES[0]}) - log p({objective.REPLIES[1]}), tokens {encoder.reply_ids()}")
    if config.base.shape:
        _shape(config, console)
    model.device(config)


def _shape(config: Config, console: Console) -> None:
    """Builds the model without weights and puts the adapters on it."""
    with torch.device("meta"):
        bare = transformers.AutoModelForCausalLM.from_config(LlamaConfig(**config.base.shape))
        total = bare.num_parameters()
        adapted = model.adapted(bare, config) if config.weights == "lora" else bare
    trainable = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    console.line(f"{config.base.id}: {trainable:,} of {total + (trainable if config.weights == 'lora' else 0):,} parameters are trained")
    if config.quant.kind != "none":
        console.line(f"quantisation: {model.quantisation(config).to_dict()}")


def folder(data: Path) -> tuple[Path, Path]:
    """The files of a data set."""
    return data / "train.jsonl", data / "val.jsonl"
