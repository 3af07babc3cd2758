"""Finds in seconds what would otherwise be found after minutes: everything that can go wrong before the first step."""

import time
from dataclasses import dataclass
from importlib.util import find_spec

import torch
import transformers
from transformers import LlamaConfig

from . import errors, model, objective, plan, provenance, run, tree
from .config import Config
from .data import Entry, Records, Unit
from .errors import Fail
from .progress import Console, duration

SAMPLED = 32  # units that lengths are estimated by
MARGIN = 1.2  # a prompt may have so many more tokens a character than any that was looked at, before it is overlooked
REACHED = 0.5  # of the speed of a bare matrix product, by a whole step


def check(config: Config, train: Records | None, val: Records | None, console: Console) -> None:
    """Prints what would be trained, on what and for how long, with the first sample and what of it is learnt. Loads no weights."""
    missing, shape = _objects(config, console)
    if train:
        _data(config, train, val, shape, console)
    else:
        console.line("no data was named; --data looks at it too")
    if missing:
        raise Fail(errors.UNAVAILABLE, f"{config.name} needs {' and '.join(missing)}; without a GPU train configs/option-135m.yaml, or "
                   "walk the way with `make train-smoke`")


@dataclass
class Shape:
    """What a step costs: floating-point operations a token, forward and backward, and the size of its matrix products."""

    forward: float
    backward: float
    hidden: int
    inner: int


def _data(config: Config, train: Records, val: Records | None, shape: Shape | None, console: Console) -> None:
    described = provenance.dataset(train)
    steps = plan.steps(config, train)
    judged = plan.judged(config, val) if val else []
    seen = sum(unit.questions for step in steps for unit in step)
    console.line(f"{config.name}: {len(steps)} steps, {seen} questions read of {train.questions}"
                 + (f", validation on {sum(unit.questions for unit in judged)} of {val.questions}" if val else ", no validation split"))
    console.line(f"data: template {described['template']}, licence label {described['licence']} ({', '.join(described['licences'])})")
    encoder = objective.Encoder(config, model.load_tokenizer(config), train.kwargs)
    units = [unit for step in steps for unit in step]
    sampled = units[:: max(len(units) // SAMPLED, 1)]
    lengths = [_tokens(config, encoder, train, unit.groups[0][0]) for unit in sampled]
    longest = max(_longest(config, encoder, train, list(dict.fromkeys(units))), _longest(config, encoder, val, judged) if val else 0)
    tokens = _read(encoder, config, train, sampled)
    total = tokens * seen
    console.line(f"tokens: {min(lengths)} to {longest} a prompt, mean {sum(lengths) / len(lengths):.0f} (of {len(lengths)}); max_tokens "
                 f"{config.max_tokens}; about {total:,.0f} to read" + (f", {tokens:.0f} a question with what options share" if config.loss == "listwise" else ""))
    _sample(config, encoder, train, steps[0][0], console)
    if shape:
        asked = tokens * sum(unit.questions for unit in judged) * (2 + (len(steps) - 1) // config.eval_every if judged else 0)
        _time(config, shape, total * (shape.forward + shape.backward) + asked * shape.forward, console)


def _tokens(config: Config, encoder: objective.Encoder, records: Records, entry: Entry) -> int:
    record = records.read(entry)
    return len(encoder.prompt(record) if config.loss == "listwise" else encoder.sample(record).ids)


def _longest(config: Config, encoder: objective.Encoder, records: Records, units: list[Unit]) -> int:
    """The tokens of the longest prompt; refuses prompts that no step could read. By characters from the longest on, until
    none that is left can be too long."""
    limit, most, dense, long = config.max_tokens, 0, 0.0, []
    for i, unit in enumerate(sorted(units, key=lambda unit: unit.chars, reverse=True)):
        if i >= SAMPLED and unit.chars * dense * MARGIN <= limit:
            break
        entries = sorted((entry for group in unit.groups for entry in group), key=lambda entry: entry.chars, reverse=True)
        for entry in entries:
            n = _tokens(config, encoder, records, entry)
            most, dense = max(most, n), max(dense, n / entry.chars)
            if n > limit:
                long.append((entry, n))
            if n * MARGIN <= limit or n > limit:
                break  # the others of this unit are no longer, or the unit is refused already
    if long:
        first = objective.too_long(records, *long[0], limit)
        raise Fail(first.code, str(first) + (f" ({len(long)} passages have such prompts)" if len(long) > 1 else ""))
    return most


def _read(encoder: objective.Encoder, config: Config, records: Records, units: list[Unit]) -> float:
    """The tokens that are read for a question, on the average of these units."""
    if config.loss != "listwise":
        return sum(_tokens(config, encoder, records, unit.groups[0][0]) for unit in units) / len(units)
    read = [len(tree.merge([[encoder.prompt(records.read(entry)) for entry in group] for group in unit.groups]).tokens) for unit in units]
    return sum(read) / sum(unit.questions for unit in units)


def _sample(config: Config, encoder: objective.Encoder, train: Records, unit: Unit, console: Console) -> None:
    sample = encoder.sample(train.read(unit.groups[0][0]))
    decode = encoder.tokenizer.decode
    console.line(f"first sample, {sample.first_label} tokens read: {decode(sample.ids[: sample.first_label])!r} → {len(sample.ids) - sample.first_label} "
                 f"learnt: {decode(sample.ids[sample.first_label :])!r}")
    if config.loss == "listwise":
        console.line(f"listwise: score = log p({objective.REPLIES[0]}) - log p({objective.REPLIES[1]}), tokens {encoder.reply_ids()}")


def _time(config: Config, shape: Shape, work: float, console: Console) -> None:
    """Says how long that work takes, by the speed of a matrix product of the model's size here and now."""
    cuda = torch.cuda.is_available()
    if config.threads:
        torch.set_num_threads(config.threads)
    seconds = work / (_speed(config, shape, "cuda" if cuda else "cpu") * REACHED)
    console.line(f"expected time: about {duration(seconds)}, if the machine stays as busy as it is")
    if config.weights == "full" and not cuda:
        console.warn(f"{config.name} trains all weights, which is work for a GPU; on this CPU it takes about {duration(seconds)}. "
                     "configs/option-135m.yaml trains an adapter in an hour or two")


def _speed(config: Config, shape: Shape, device: str) -> float:
    """Operations a second."""
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    rows, times = 512, 4
    a, b = torch.ones((rows, shape.hidden), dtype=dtype, device=device), torch.ones((shape.hidden, shape.inner), dtype=dtype, device=device)

    def spent() -> float:
        began = time.perf_counter()
        for _ in range(times):
            a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    spent()  # warms up
    rounds, seconds = 0, 0.0
    while seconds < 0.3:
        rounds, seconds = rounds + 1, seconds + spent()
    return 2 * rows * shape.hidden * shape.inner * times * rounds / seconds


def _objects(config: Config, console: Console) -> tuple[list[str], Shape | None]:
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
    settings = _settings(config)
    if not settings:
        console.line(f"{config.base.id} is not on this machine, so its parameters are not counted; --base names it")
    return missing, _build(config, settings, console, whole) if settings else None


def _settings(config: Config):
    """The shape of the base: its own where it is at hand, else that of the configuration."""
    try:
        return transformers.AutoConfig.from_pretrained(**model.source(config))
    except OSError:
        return LlamaConfig(**config.base.shape) if config.base.shape else None


def _build(config: Config, settings, console: Console, whole: bool) -> Shape:
    with torch.device("meta"):
        made = transformers.AutoModelForCausalLM.from_config(settings)
        total, table = made.num_parameters(), made.get_input_embeddings().weight.numel()
        if whole:
            made = _quantised(made, config, console)
        if config.weights == "lora":
            made = model.adapted(made, config)
    parameters = {name: p for name, p in made.named_parameters() if p.requires_grad}
    trainable = sum(p.numel() for p in parameters.values())
    console.line(f"{config.base.id}: {trainable:,} of {total + (trainable if config.weights == 'lora' else 0):,} parameters are trained")
    if whole:
        chosen = run.optimiser(config, parameters)
        console.line(f"optimiser: {type(chosen).__name__}, lr {config.optim.lr:g}, {config.optim.schedule}, warm-up {config.optim.warmup:g}, "
                     f"batch {config.batch} x {config.accumulate}")
    forward = 2.0 * (total - table)  # a product and a sum for each weight; of the table one row is looked up
    again = forward if config.gradient_checkpointing else 0
    return Shape(forward, forward * (2 if config.weights == "full" else 1) + again, settings.hidden_size, settings.intermediate_size)


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
