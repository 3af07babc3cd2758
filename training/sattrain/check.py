"""Finds in seconds what would otherwise be found after minutes: everything that can go wrong before the first step."""

from importlib.util import find_spec

import torch
import transformers
from transformers import LlamaConfig

from . import adapter, errors, model, objective, plan, run
from .config import Config
from .data import Records
from .errors import Fail
from .progress import Console


def check(config: Config, train: Records | None, val: Records | None, console: Console) -> None:
    """Prints what would be trained, and on what, with the first sample and what of it is learnt. Loads no weights."""
    missing = _objects(config, console)
    if train:
        _data(config, train, val, console)
    else:
        console.line("no data was named; --data looks at it too")
    if missing:
        raise Fail(errors.UNAVAILABLE, f"{config.name} needs {' and '.join(missing)}; without a GPU train configs/option-135m.yaml, or "
                   "walk the way with `make train-smoke`")


def _data(config: Config, train: Records, val: Records | None, console: Console) -> None:
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


def _objects(config: Config, console: Console) -> list[str]:
    """Builds model, quantisation, adapters and optimiser without weights, and says which hardware and packages are missing."""
    missing = []
    if torch.cuda.is_available():
        console.line(f"device: {torch.cuda.get_device_name(0)}, {torch.cuda.get_device_properties(0).total_memory / 2**30:.0f} GiB")
    elif config.quant.kind == "nf4" or config.optim.name == "paged_adamw_8bit":
        missing.append(f"an NVIDIA GPU with CUDA (torch {torch.__version__} sees none here)")
    else:
        console.line(f"device: CPU, {config.threads or torch.get_num_threads()} threads")
    whole = config.quant.kind == "none" and config.optim.name == "adamw_torch" or find_spec("bitsandbytes") is not None
    if not whole:
        missing.append("the package bitsandbytes, which `make train-env` brings")
    if config.base.shape:
        _build(config, console, whole)
    return missing


def _build(config: Config, console: Console, whole: bool) -> None:
    with torch.device("meta"):
        made = transformers.AutoModelForCausalLM.from_config(LlamaConfig(**config.base.shape))
        total = made.num_parameters()
        if whole:
            made = _quantised(made, config, console)
        if config.weights == "lora":
            made = model.adapted(made, config)
    parameters = {name: p for name, p in made.named_parameters() if p.requires_grad}
    trainable = sum(p.numel() for p in parameters.values())
    console.line(f"{config.base.id}: {trainable:,} of {total + (trainable if config.weights == 'lora' else 0):,} parameters are trained")
    if not whole:
        return
    chosen = run.optimiser(config, parameters)
    console.line(f"optimiser: {type(chosen).__name__}, lr {config.optim.lr:g}, {config.optim.schedule}, warm-up {config.optim.warmup:g}, "
                 f"batch {config.batch} x {config.accumulate}")


def _quantised(bare: torch.nn.Module, config: Config, console: Console) -> torch.nn.Module:
    """The model with its projections in the layers that hold 4 bits."""
    if config.quant.kind == "none":
        return bare
    import bitsandbytes
    from transformers.integrations.bitsandbytes import replace_with_bnb_linear

    settings = model.quantisation(config)
    made = replace_with_bnb_linear(bare, modules_to_not_convert=["lm_head"], quantization_config=settings)
    layers = sum(isinstance(m, bitsandbytes.nn.Linear4bit) for m in made.modules())
    console.line(f"quantisation: {layers} layers of {settings.bnb_4bit_quant_type}"
                 + (", double" if settings.bnb_4bit_use_double_quant else "")
                 + f", computed in {str(settings.bnb_4bit_compute_dtype).removeprefix('torch.')}, stored as "
                 + f"{str(settings.bnb_4bit_quant_storage).removeprefix('torch.')} (bitsandbytes {bitsandbytes.__version__})")
    return made
