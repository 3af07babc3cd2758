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


@dataclass(frozen=True)
class Identity:
    """What must be equal for a run to be resumed."""

    config: str
    data: str
    base: str


def save(folder: Path, progress: Progress, identity: Identity, weights: dict[str, torch.Tensor], optimiser, keep: int) -> None:
    """Writes checkpoints/step-N completely or not at all, then prunes all but the newest `keep` and the best."""
    final = folder / f"step-{progress.step:06d}"
    draft = folder / f".draft-{progress.step:06d}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        save_file({name: w.detach().cpu().contiguous() for name, w in weights.items()}, draft / "weights.safetensors")
        torch.save({"optimiser": optimiser.state_dict(), "rng": torch.get_rng_state(),
                    "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}, draft / "state.pt")
        (draft / "progress.json").write_text(json.dumps({"progress": vars(progress), "identity": vars(identity)}), encoding="utf-8")
        for file in draft.iterdir():
            with file.open("rb") as data:
                os.fsync(data.fileno())
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
    except OSError as err:
        code = errors.DISK_FULL if err.errno == 28 else errors.CANNOT_WRITE
        raise Fail(code, f"the checkpoint {final} cannot be written: {err.strerror}; choose another place with --out") from None
    _prune(folder, keep, progress.best_step)


def _prune(folder: Path, keep: int, best: int) -> None:
    saved = sorted(folder.glob("step-*"))
    for old in saved[:-keep]:
        if old.name != f"step-{best:06d}":
            shutil.rmtree(old, ignore_errors=True)


def newest(folder: Path, warn) -> tuple[Path, Progress, Identity] | None:
    """The newest checkpoint that is whole; torn ones are skipped with a warning."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            held = json.loads((path / "progress.json").read_text(encoding="utf-8"))
            load_file(path / "weights.safetensors")
            return path, Progress(**held["progress"]), Identity(**held["identity"])
        except Exception as err:  # whatever a torn file raises
            warn(f"checkpoint {path.name} is torn ({type(err).__name__}), trying the one before")
    return None


def restore(path: Path, parameters: dict[str, torch.nn.Parameter], optimiser) -> None:
    """Puts weights, optimiser and random state back."""
    weights(path, parameters)
    state = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["rng"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def weights(path: Path, parameters: dict[str, torch.nn.Parameter]) -> None:
    """Puts the trained weights of a checkpoint into the model."""
    held = load_file(path / "weights.safetensors")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(held[name])
