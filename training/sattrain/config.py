"""The configuration of a run: a YAML file, checked as a whole before anything is loaded."""

import difflib
import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import yaml

from . import errors
from .data import METHODS
from .errors import Fail

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SERVED_RANKS = (8, 16, 32, 64)


@dataclass
class Base:
    """The model that is trained upon."""

    id: str = ""
    revision: str = ""  # the commit on the hub; what was really taken is in the manifest
    path: str = ""  # a local directory or a GGUF file; wins over the id
    licence: str = ""
    shape: dict = field(default_factory=dict)  # of a Llama, so that `check` can build one that is not on this machine


@dataclass
class Quant:
    """4-bit storage of the base's weights (GPU only)."""

    kind: str = "none"  # none | nf4
    double: bool = True
    compute: str = "bf16"  # bf16
    storage: str = "uint8"  # uint8


@dataclass
class Lora:
    """Low-rank adapters on the projections."""

    r: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: list[str] = field(default_factory=lambda: list(PROJECTIONS))
    bias: str = "none"


@dataclass
class Optim:
    """Optimiser and schedule."""

    name: str = "adamw_torch"  # adamw_torch | paged_adamw_8bit
    lr: float = 1e-3
    schedule: str = "cosine"  # cosine | linear | constant
    warmup: float = 0.05  # share of the steps
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient


@dataclass
class Stage:
    """A part of a curriculum: so many questions on units whose longest prompt has so many characters."""

    min_chars: int = 0
    max_chars: int = 1_000_000
    questions: int = 0


@dataclass
class Config:
    """All keys of a configuration file with their defaults."""

    name: str = ""
    base: Base = field(default_factory=Base)
    quant: Quant = field(default_factory=Quant)
    weights: str = "lora"  # lora | full
    lora: Lora = field(default_factory=Lora)
    precision: str = "bf16"  # of the arithmetic: bf16 | fp32
    gradient_checkpointing: bool = False
    method: str = "option"
    loss: str = "listwise"  # listwise | completion
    supervise_header: bool = False  # the original trained on the assistant's header too
    double_bos: bool = False  # the original had two begin-of-text tokens
    optim: Optim = field(default_factory=Optim)
    batch: int = 8  # questions that are read between two steps of accumulation
    accumulate: int = 1
    epochs: float = 1.0
    steps: int = 0  # instead of epochs, when not 0
    curriculum: list[Stage] = field(default_factory=list)  # instead of epochs and steps, when not empty
    max_tokens: int = 2048
    eval_every: int = 100
    eval_questions: int = 200  # of the validation split, drawn by the seed; 0 for all
    save_every: int = 25
    keep: int = 3
    select: str = "accuracy"  # accuracy, then loss | loss
    patience: int = 3  # rising evaluations in a row that end the run; 0 for never
    auto_batch: bool = False  # of loss completion: out of memory, once, read half as many at a time
    seed: int = 7
    threads: int = 0  # of torch on a CPU; 0 leaves them to the environment
    allow_download: bool = False  # of the base from the hub; the command line's --allow-download

    def canonical(self) -> str:
        """JSON with sorted keys: the bytes that name the configuration."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def portable(self) -> dict:
        """What decides the result: where the base lies on this machine does not."""
        plain = asdict(self)
        plain["base"].pop("path")
        plain["base"].pop("shape")
        plain.pop("allow_download")
        return plain

    def identity(self) -> str:
        """SHA-256 of what decides the result."""
        return hashlib.sha256(json.dumps(self.portable(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


CHOICES = {
    "quant.kind": ("none", "nf4"),
    "quant.compute": ("bf16",),  # as the loop around it, which casts to bf16 whatever stands here
    "quant.storage": ("uint8",),
    "weights": ("lora", "full"),
    "lora.bias": ("none",),
    "precision": ("bf16", "fp32"),
    "method": METHODS,
    "loss": ("listwise", "completion"),
    "optim.name": ("adamw_torch", "paged_adamw_8bit"),
    "optim.schedule": ("cosine", "linear", "constant"),
    "select": ("accuracy", "loss"),
}


def load(path: Path) -> Config:
    """Reads a configuration file; every mistake in it is told at once."""
    if not path.is_file():
        raise Fail(errors.NO_FILE, f"there is no configuration {path}; training/configs/ has some")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as err:
        raise Fail(errors.CONFIG, f"{path} is no YAML: {' '.join(str(err).split())}") from None
    return made(raw if raw is not None else {}, str(path))


def made(raw, where: str) -> Config:
    """Checks a configuration that was read."""
    mistakes: list[str] = []
    config = _build(Config, raw, "", mistakes)
    if not mistakes:
        mistakes = _rules(config)
    if mistakes:
        raise Fail(errors.CONFIG, f"{where}: " + "; ".join(mistakes) + "; the keys are documented in sattrain/config.py")
    return config


def _build(kind, raw, where: str, mistakes: list[str]):
    if not isinstance(raw, dict):
        mistakes.append(f"{where or 'the file'} must be a mapping")
        return kind()
    hints = get_type_hints(kind)
    values = {}
    for key, value in raw.items():
        name = f"{where}.{key}" if where else str(key)
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            mistakes.append(f"{name} is no key" + (f", did you mean {near[0]}?" if near else ""))
            continue
        values[key] = _value(hints[key], value, name, mistakes)
    return kind(**values)


def _value(hint, value, name: str, mistakes: list[str]):
    if is_dataclass(hint):
        return _build(hint, value, name, mistakes)
    if get_origin(hint) is list:
        if not isinstance(value, list):
            mistakes.append(f"{name} must be a list")
            return []
        return [_value(get_args(hint)[0], item, f"{name}[{i}]", mistakes) for i, item in enumerate(value)]
    if hint is float and isinstance(value, str):  # YAML reads 1e-3 as text
        try:
            value = float(value)
        except ValueError:
            pass
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or hint is int and isinstance(value, bool):
        mistakes.append(f"{name} must be of type {hint.__name__}, not {value!r}")
    return value


def _rules(c: Config) -> list[str]:
    wrong = []
    for name, allowed in CHOICES.items():
        value = c
        for part in name.split("."):
            value = getattr(value, part)
        if value not in allowed:
            wrong.append(f"{name} is {value!r}, it must be one of {', '.join(allowed)}")
    if not c.name:
        wrong.append("name is missing")
    if not c.base.id:
        wrong.append("base.id is missing")
    if c.lora.r not in SERVED_RANKS:
        wrong.append(f"lora.r is {c.lora.r}, the engines serve {', '.join(map(str, SERVED_RANKS))}")
    unknown = [t for t in c.lora.targets if t not in PROJECTIONS]
    if unknown or not c.lora.targets:
        wrong.append(f"lora.targets must name projections of {', '.join(PROJECTIONS)}")
    if (c.loss == "listwise") != (c.method == "option"):
        wrong.append("loss listwise belongs to method option, loss completion to the others")
    if c.auto_batch and c.loss == "listwise":
        wrong.append("auto_batch belongs to loss completion: listwise reads one passage at a time already")
    if c.weights == "full" and c.quant.kind != "none":
        wrong.append("weights full cannot be trained on a quantised base")
    if c.quant.kind == "nf4" and c.precision == "fp32":
        wrong.append("precision fp32 contradicts quant.kind nf4, which computes in bf16")
    for name in ("batch", "accumulate", "max_tokens", "eval_every", "save_every", "keep"):
        if getattr(c, name) < 1:
            wrong.append(f"{name} must be at least 1")
    if c.optim.lr <= 0 or not 0 <= c.optim.warmup < 1 or c.optim.clip <= 0:
        wrong.append("optim needs lr > 0, 0 <= warmup < 1 and clip > 0")
    if not c.curriculum and c.steps < 1 and c.epochs <= 0:
        wrong.append("one of curriculum, steps and epochs must say how long to train")
    for i, stage in enumerate(c.curriculum):
        if stage.questions < 1 or stage.min_chars >= stage.max_chars:
            wrong.append(f"curriculum[{i}] needs questions >= 1 and min_chars < max_chars")
    return wrong


def fits(config: Config) -> None:
    """Refuses a base that the configuration cannot train on."""
    if config.quant.kind == "nf4" and config.base.path.endswith(".gguf"):
        raise Fail(errors.CONFIG, f"quant.kind nf4 needs the base's own weights, and {config.base.path} is a GGUF file, which is dequantised whole; "
                   "give the model directory with --base, or take quant.kind none")


def keys(kind=Config, where: str = "") -> list[str]:
    """Every key, dotted."""
    names = []
    for f in fields(kind):
        hint = get_type_hints(kind)[f.name]
        name = f"{where}{f.name}"
        names += keys(hint, name + ".") if is_dataclass(hint) else [name]
    return names
