"""Writes a trained adapter: weights, peft's configuration, the data's fingerprints, and a manifest that names all of it."""

import hashlib
import json
import platform
import shutil
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from . import errors
from .checkpoint import Identity, Progress
from .config import Config
from .data import Records
from .errors import Fail

SCHEMA = "sat-adapter/v1"
WEIGHTS, SETTINGS, FINGERPRINTS, MANIFEST, GGUF = (
    "adapter_model.safetensors", "adapter_config.json", "fingerprints.bin", "manifest.json", "adapter.gguf")


def write(run, out: Path) -> dict:
    """Writes the adapter of the chosen checkpoint of a run into an empty folder and gives its manifest."""
    chosen = run.folder / "checkpoints" / f"step-{run.progress.best_step or run.progress.step:06d}"
    weights = load_file(chosen / "weights.safetensors")
    draft = out.with_name("." + out.name)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    save_file({name.replace(".default.", "."): w.float().contiguous() for name, w in weights.items()}, draft / WEIGHTS)
    (draft / SETTINGS).write_text(json.dumps(settings(run.config), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    prints = run.train.path.parent / FINGERPRINTS
    if prints.is_file():
        shutil.copyfile(prints, draft / FINGERPRINTS)
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


def settings(config: Config) -> dict:
    """adapter_config.json as peft and vLLM read it."""
    lora = config.lora
    return {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": config.base.id, "revision": config.base.revision or None,
            "r": lora.r, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout, "bias": lora.bias,
            "target_modules": sorted(lora.targets), "modules_to_save": None, "use_dora": False, "use_rslora": False,
            "fan_in_fan_out": False, "inference_mode": True, "init_lora_weights": True}


def manifest(run, folder: Path) -> dict:
    """Everything that decides what the adapter is, and how it came about."""
    config, progress, identity = run.config, run.progress, run.identity
    described = dataset(run.train)
    weights = sha256(folder / WEIGHTS)
    files = {name: {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
             for name in (WEIGHTS, SETTINGS, FINGERPRINTS) if (folder / name).is_file()}
    return {
        "schema": SCHEMA, "name": "sat-lora", "version": weights[:8], "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "base": {"id": config.base.id, "revision": config.base.revision, "sha256": run.loaded.sha256,
                 "precision_trained": run.loaded.precision, "licence": config.base.licence},
        "adapter": {"files": files, "r": config.lora.r, "alpha": config.lora.alpha, "dropout": config.lora.dropout,
                    "targets": config.lora.targets, "dtype": "float32",
                    "parameters": sum(w.numel() for w in load_file(folder / WEIGHTS).values())},
        "prompt": {"method": config.method, "template": described["template"], "template_sha256": described["template_sha256"],
                   "chat_template_sha256": hashlib.sha256(run.loaded.tokenizer.chat_template.encode()).hexdigest(),
                   "date_string": run.train.kwargs.get("date_string", "")},
        "data": {"sha256": run.train.sha256, "val_sha256": run.val.sha256 if run.val else "", "questions": run.train.questions,
                 "questions_seen": questions_seen(run), "passages": described["passages"], "sources": described["sources"],
                 "excluded": described["excluded"]},
        "licence": licence(described, config),
        "train": {"config": config.name, "config_sha256": identity.config, "settings": config.portable(), "seed": config.seed, "steps": progress.step,
                  "best_step": progress.best_step, "metric": config.select, "best_accuracy": max(progress.best_accuracy, 0),
                  "best_loss": finite(progress.best_loss), "last_loss": finite(progress.last_eval_loss), "tokens": progress.tokens,
                  "seconds": round(progress.seconds, 1), "device": str(run.loaded.device), "threads": torch.get_num_threads(),
                  "deterministic": run.loaded.device.type == "cpu", "resumed": progress.resumed,
                  "versions": versions()},
    }


def questions_seen(run) -> int:
    from . import plan

    return sum(unit.questions for step in plan.steps(run.config, run.train)[: run.progress.step] for unit in step)


def dataset(records: Records) -> dict:
    """What dataset.json beside the records says of them."""
    path = records.path.parent / "dataset.json"
    if not path.is_file():
        raise Fail(errors.NO_FILE, f"there is no {path}, so licence and template of the data are unknown; build with `sat dataset build`")
    held = json.loads(path.read_text(encoding="utf-8"))
    written = held["files"].get(records.path.name, {}).get("sha256")
    if written != records.sha256:
        raise Fail(errors.DATA, f"{records.path} is not the file that dataset.json describes; build the data set anew")
    return {"template": held["template"], "template_sha256": held["template_sha256"], "licence": held["licence"],
            "licences": held["licences"], "passages": held["splits"]["train"]["passages"], "sources": held["sources"],
            "excluded": held["excluded"]}


NOTES = {
    "permissive": "Trained on data that anybody may use; the base's licence holds.",
    "research-only": "Trained on data for non-commercial research: use this adapter for research only.",
    "user-supplied": "Trained on a person's own data: keep this adapter to yourself unless their rights allow more.",
}


def licence(described: dict, config: Config) -> dict:
    label = described["licence"]
    return {"label": label, "reasons": sorted(described["licences"]), "base": config.base.licence, "text": NOTES[label]}


def versions() -> dict:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("torch", "transformers", "peft", "safetensors", "gguf", "bitsandbytes"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


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


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def finite(value: float) -> float | None:
    return value if value not in (float("inf"), float("-inf")) else None
