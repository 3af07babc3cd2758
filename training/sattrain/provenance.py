"""What an artefact is and how it came about: the part of a manifest that adapters and whole models have in common."""

import hashlib
import json
import platform
from pathlib import Path

import torch

from . import errors, fingerprints, plan
from .config import Config
from .data import Records
from .errors import Fail

NOTES = {
    "permissive": "Trained on data that anybody may use; the base's licence holds.",
    "research-only": "Trained on data for non-commercial research: use this adapter for research only.",
    "user-supplied": "Trained on a person's own data: keep this adapter to yourself unless their rights allow more.",
}


def origin(run) -> dict:
    """Base, prompt, data, licence and training of a run, as a manifest has them."""
    config = run.config
    described = dataset(run.train)
    base = {"id": config.base.id, "revision": run.loaded.revision, "sha256": run.loaded.sha256, "precision_trained": run.loaded.precision,
            "licence": config.base.licence}
    prompt = {"method": config.method, "template": described["template"], "template_sha256": described["template_sha256"],
              "system_sha256": system_sha256(run.train), "chat_template_sha256": text_sha256(run.loaded.tokenizer.chat_template),
              "date_string": run.train.kwargs.get("date_string", "")}
    return {"base": base, "prompt": prompt, "data": _data(run, described), "licence": licence(described, config), "train": _train(run)}


def _data(run, described: dict) -> dict:
    read = units_read(run)
    return {"sha256": run.train.sha256, "val_sha256": run.val.sha256 if run.val else "", "questions": run.train.questions,
            "questions_seen": sum(unit.questions for unit in read), "passages": described["passages"],
            "passages_seen": len({fingerprints.passage(run.train, unit) for unit in read}), "sources": described["sources"],
            "excluded": described["excluded"]}


def _train(run) -> dict:
    config, progress, cuda = run.config, run.progress, run.loaded.device.type == "cuda"
    stopped = {"step": progress.step, "reason": progress.stopped} if progress.stopped else None
    return {"config": config.name, "config_sha256": run.identity.config, "settings": config.portable(), "seed": config.seed,
            "steps": progress.step, "chosen_step": chosen(run), "stopped_early": stopped, "best_step": progress.best_step,
            "metric": config.select, "best_accuracy": max(progress.best_accuracy, 0), "best_loss": finite(progress.best_loss),
            "last_loss": finite(progress.last_eval_loss), "tokens": progress.tokens, "seconds": round(progress.seconds, 1),
            "device": torch.cuda.get_device_name(0) if cuda else str(run.loaded.device), "driver": driver() if cuda else "",
            "threads": torch.get_num_threads(), "deterministic": not cuda, "resumed": progress.resumed, "versions": versions(), "code": code()}


def checkpoint_of(run) -> Path | None:
    """The checkpoint that is made into the artefact: the best one, without a validation split the last; None where there is none."""
    folder = run.folder / "checkpoints"
    best = folder / f"step-{run.progress.best_step:06d}"
    return best if best.is_dir() else max(folder.glob("step-*"), default=None)


def chosen(run) -> int:
    held = checkpoint_of(run)
    return int(held.name.removeprefix("step-")) if held else 0


def units_read(run) -> list:
    """What the run has read so far."""
    return [unit for step in plan.steps(run.config, run.train)[: run.progress.step] for unit in step]


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


def licence(described: dict, config: Config) -> dict:
    label = described["licence"]
    return {"label": label, "reasons": sorted(described["licences"]), "base": config.base.licence, "text": NOTES[label]}


def system_sha256(records: Records) -> str:
    """Of the system message, which is the same in all records of a template; "" where there is none."""
    first = records.read(records.units[0].groups[0][0])["prompt"][0]
    return text_sha256(first["content"]) if first["role"] == "system" else ""


def versions() -> dict:
    """Of Python and of the libraries that have a say in the result."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("torch", "transformers", "peft", "safetensors", "gguf", "bitsandbytes"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def code() -> dict:
    """Digests of this package's source and of the lock file beside it, "" where it is not there."""
    here, digest = Path(__file__).parent, hashlib.sha256()
    for file in sorted(here.glob("*.py")):
        digest.update(f"{file.name} {sha256(file)}\n".encode())
    lock = here.parent / "requirements.txt"
    return {"source_sha256": digest.hexdigest(), "lock_sha256": sha256(lock) if lock.is_file() else ""}


def driver() -> str:
    """The version of the GPU's driver, as the kernel has it."""
    path = Path("/proc/driver/nvidia/version")
    return path.read_text(encoding="utf-8").splitlines()[0].strip() if path.is_file() else ""


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def finite(value: float) -> float | None:
    return value if value not in (float("inf"), float("-inf")) else None
