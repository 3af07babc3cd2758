"""Saves and restores everything that a run needs to go on as if it had not been interrupted."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from . import errors
from .errors import Fail


@dataclass
class Progress:
    """How far a run is, and the best that it has seen."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    resumed: int = 0
    best_step: int = 0
    best_accuracy: float = -1.0
    best_loss: float = float("inf")
    last_eval_loss: float = float("inf")
    rising: int = 0
    stopped: str = ""  # why the run ended before its last step


@dataclass(frozen=True)
class Identity:
    """What must be equal for a run to be resumed."""

    config: str
    data: str
    base: str


def room(folder: Path, weights: dict[str, torch.Tensor], keep: int) -> None:
    """Refuses a run whose checkpoints the disk has no room for: weights and two moments of each, the newest, the best and a draft."""
    needed = 3 * sum(w.numel() * w.element_size() for w in weights.values()) * (keep + 2)
    held = sum(file.stat().st_size for file in folder.glob("checkpoints/*/*"))
    free = shutil.disk_usage(folder).free
    if free < needed - held:
        raise Fail(errors.DISK_FULL, f"the disk is full: the checkpoints need {needed / 2**20:,.1f} MiB in {folder}, which has {free / 2**20:,.1f} free; "
                   "make room, choose another place with --out, or keep fewer")


def save(folder: Path, progress: Progress, identity: Identity, weights: dict[str, torch.Tensor], optimiser, keep: int) -> None:
    """Writes checkpoints/step-N completely or not at all, then prunes all but the newest `keep` and the best."""
    final = folder / f"step-{progress.step:06d}"
    draft = folder / f".draft-{progress.step:06d}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        save_file({name: w.detach().cpu().contiguous() for name, w in weights.items()}, draft / "weights.safetensors")
        with (draft / "state.pt").open("wb") as file:  # a file of Python's, whose errors say what happened
            torch.save({"optimiser": optimiser.state_dict(), "rng": torch.get_rng_state(),
                        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}, file)
        (draft / "progress.json").write_text(json.dumps({"progress": vars(progress), "identity": vars(identity)}), encoding="utf-8")
        for file in draft.iterdir():
            _sync(file)
        _sync(draft)
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
        _sync(folder)
    except Exception as err:  # safetensors and torch have errors of their own for a full disk
        told = errors.explained(err)
        if told.code not in (errors.DISK_FULL, errors.CANNOT_WRITE):
            raise
        shutil.rmtree(draft, ignore_errors=True)
        raise Fail(told.code, f"the checkpoint {final} cannot be written: {told}") from None
    _prune(folder, keep, progress.best_step)


def _sync(path: Path) -> None:
    """To the disk itself: of a folder, that its names are there."""
    if path.is_dir() and os.name != "posix":
        return
    held = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _prune(folder: Path, keep: int, best: int) -> None:
    saved = sorted(folder.glob("step-*"))
    for old in saved[:-keep]:
        if old.name != f"step-{best:06d}":
            shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Found:
    """A whole checkpoint, read."""

    path: Path
    progress: Progress
    identity: Identity
    weights: dict[str, torch.Tensor]
    state: dict

    def restore(self, parameters: dict[str, torch.nn.Parameter], optimiser) -> None:
        """Puts weights, optimiser and random state back."""
        put(self.weights, parameters)
        optimiser.load_state_dict(self.state["optimiser"])
        torch.set_rng_state(self.state["rng"])
        if self.state["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(self.state["cuda"])


def newest(folder: Path, warn) -> Found | None:
    """The newest checkpoint that is whole; torn ones are skipped with a warning."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            held = json.loads((path / "progress.json").read_text(encoding="utf-8"))
            state = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
            return Found(path, Progress(**held["progress"]), Identity(**held["identity"]), load_file(path / "weights.safetensors"), state)
        except Exception as err:  # whatever a torn file raises
            if errors.out_of_memory(err):
                raise
            warn(f"checkpoint {path.name} is torn ({type(err).__name__}), trying the one before")
    return None


def put(weights: dict[str, torch.Tensor], parameters: dict[str, torch.nn.Parameter]) -> None:
    """Puts trained weights into the model."""
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])
