"""Makes an adapter again from its manifest, or says which input is another one."""

import json
from pathlib import Path

import torch

from . import adapter, errors
from . import config as configuration
from .config import Config
from .data import Records
from .errors import Fail
from .progress import Console


def read(path: Path) -> dict:
    """A manifest; the adapter's files need not lie beside it."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise Fail(errors.NO_FILE, f"the manifest {path} cannot be read: {err.strerror}") from None
    except ValueError:
        held = {}
    if not isinstance(held, dict) or held.get("schema") != adapter.SCHEMA:
        raise Fail(errors.DATA, f"{path} is no manifest of schema {adapter.SCHEMA}")
    return held


def config(path: Path, beside: Path | None) -> Config:
    """The configuration of a manifest. Old manifests hold its digest alone: then it comes from a file."""
    held = read(path)["train"]
    if beside:
        return configuration.load(beside)
    if "settings" not in held:
        raise Fail(errors.CONFIG, f"{path} holds the digest of its configuration and not the configuration; give the file of {held['config']} with --config")
    return configuration.made(held["settings"], str(path))


def same_inputs(path: Path, config: Config, train: Records, val: Records | None, base: str) -> None:
    """Refuses a run that could not give the manifest's adapter, with everything that differs."""
    held = read(path)
    pairs = [("configuration", config.identity(), held["train"]["config_sha256"], "--config"),
             ("training data", train.sha256, held["data"]["sha256"], "--data"),
             ("validation data", val.sha256 if val else "", held["data"]["val_sha256"], "--data"),
             ("base", base, held["base"]["sha256"], "--base")]
    wrong = [f"{what} ({flag}) is {found[:12] or 'absent'}, the manifest has {wanted[:12] or 'none'}" for what, found, wanted, flag in pairs if found != wanted]
    if wrong:
        raise Fail(errors.CONFLICT, f"{adapter.named(held)} cannot be made again: " + "; ".join(wrong))
    if held["train"]["deterministic"] and not config.threads:
        torch.set_num_threads(held["train"]["threads"])


def same_result(path: Path, made: dict, console: Console) -> None:
    """Says whether it is the same adapter; where it is not, why that may be."""
    held = read(path)
    if adapter.named(made) == adapter.named(held):
        console.line(f"the same adapter, to the bit: {adapter.named(held)}")
        return
    before, now = held["train"]["versions"], made["train"]["versions"]
    other = [f"{name} {now.get(name, 'absent')} instead of {before.get(name, 'absent')}" for name in sorted(before.keys() | now.keys())
             if before.get(name) != now.get(name)]
    if not (held["train"]["deterministic"] and made["train"]["deterministic"]):
        other.append("runs on a GPU repeat within noise only")
    told = f"the inputs are the same and the adapter is another: {adapter.named(made)} instead of {adapter.named(held)}"
    if not other:
        raise Fail(errors.CONFLICT, told + "; the processor differs, or one of the runs is faulty")
    console.warn(f"{told}; {'; '.join(other)}")
