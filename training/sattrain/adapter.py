"""Writes a trained adapter: weights, peft's configuration, the fingerprints of what was read, and a manifest that names all of it."""

import json
import shutil
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from . import errors, fingerprints, provenance
from .config import Config
from .errors import Fail
from .provenance import sha256

SCHEMA = "sat-adapter/v1"
WEIGHTS, SETTINGS, FINGERPRINTS, MANIFEST, GGUF = (
    "adapter_model.safetensors", "adapter_config.json", fingerprints.FILE, "manifest.json", "adapter.gguf")


def write(run, out: Path) -> dict:
    """Writes the adapter of the chosen checkpoint of a run into an empty folder and gives its manifest."""
    weights = load_file(provenance.checkpoint_of(run) / "weights.safetensors")
    draft = out.with_name("." + out.name)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    save_file({name.replace(".default.", "."): w.float().contiguous() for name, w in weights.items()}, draft / WEIGHTS)
    (draft / SETTINGS).write_text(json.dumps(settings(run.config, run.loaded.revision), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    prints = fingerprints.of(run.train, provenance.units_read(run))
    if prints is not None:
        (draft / FINGERPRINTS).write_bytes(prints)
    held = manifest(run, draft)
    save_manifest(draft, held)
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)
    return held


def put(loaded, folder: Path) -> None:
    """Puts a finished adapter on a base that was loaded with fresh ones of its shape."""
    read_manifest(folder)
    held = load_file(folder / WEIGHTS)
    with torch.no_grad():
        for name, parameter in loaded.trainable().items():
            parameter.copy_(held[name.replace(".default.", ".")])


def named(held: dict) -> str:
    """The name of an adapter for ever."""
    return f"{held['name']}@{held['version']}"


def settings(config: Config, revision: str) -> dict:
    """adapter_config.json as peft and vLLM read it."""
    lora = config.lora
    return {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": config.base.id, "revision": revision or None,
            "r": lora.r, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout, "bias": lora.bias,
            "target_modules": sorted(lora.targets), "modules_to_save": None, "use_dora": False, "use_rslora": False,
            "fan_in_fan_out": False, "inference_mode": True, "init_lora_weights": True}


def manifest(run, folder: Path) -> dict:
    """Everything that decides what the adapter is, and how it came about."""
    lora, weights = run.config.lora, sha256(folder / WEIGHTS)
    files = {name: {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
             for name in (WEIGHTS, SETTINGS, FINGERPRINTS) if (folder / name).is_file()}
    shape = {"r": lora.r, "alpha": lora.alpha, "dropout": lora.dropout, "targets": lora.targets, "dtype": "float32",
             "parameters": sum(w.numel() for w in load_file(folder / WEIGHTS).values())}
    return {"schema": SCHEMA, "name": "sat-lora", "version": weights[:8], "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "adapter": {"files": files} | shape} | provenance.origin(run)


def save_manifest(folder: Path, held: dict) -> None:
    (folder / MANIFEST).write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict:
    """The manifest of an adapter, whose files are what it says they are."""
    path = folder / MANIFEST
    if not path.is_file():
        raise Fail(errors.NO_FILE, f"there is no {path}; give the folder of a run or of its adapter")
    held = json.loads(path.read_text(encoding="utf-8"))
    if held.get("schema") != SCHEMA:
        raise Fail(errors.DATA, f"{path} is not of schema {SCHEMA}")
    for name, expected in held["adapter"]["files"].items():
        if not (folder / name).is_file() or sha256(folder / name) != expected["sha256"]:
            raise Fail(errors.DATA, f"{folder / name} is not the file that the manifest names; take the adapter from its run again")
    return held
