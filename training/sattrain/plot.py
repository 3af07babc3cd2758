"""Draws the course of a run from its metrics, also of a broken one."""

import json
from pathlib import Path

from . import errors
from .errors import Fail

SMOOTH = 0.9


def read_metrics(path: Path) -> list[dict]:
    """The rows of metrics.jsonl; a torn last line is left out."""
    if not path.is_file():
        raise Fail(errors.NO_FILE, f"there is no {path}; give the folder of a run")
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def of_run(folder: Path) -> None:
    """Draws a run's plots from what lies in its folder: metrics, and the newest checkpoint or the adapter for step and caption."""
    step, text = 0, ""
    for path in [*sorted(folder.glob("checkpoints/step-*/progress.json"), reverse=True), folder / "adapter" / "manifest.json"]:
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            if "progress" in held:
                step, config, data = held["progress"]["best_step"], held["identity"]["config"], held["identity"]["data"]
            else:
                step, config, data = held["train"]["best_step"], held["train"]["config_sha256"], held["data"]["sha256"]
            text = caption(_name(folder), config, data)
            break
        except (OSError, ValueError, KeyError):  # torn, or not there
            continue
    draw(folder / "metrics.jsonl", folder, step, text)


def caption(name: str, config: str, data: str) -> str:
    """What stands below a plot; the digests' beginnings."""
    return f"{name} · config {config[:8]} · data {data[:8]}"


def _name(folder: Path) -> str:
    import yaml

    return yaml.safe_load((folder / "config.resolved.yaml").read_text(encoding="utf-8"))["name"]


def draw(metrics: Path, out: Path, chosen: int = 0, caption: str = "") -> None:
    """Writes loss.svg and loss.png."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "sattrain"
    from matplotlib import pyplot

    rows = read_metrics(metrics)
    trained = [row for row in rows if "loss" in row]
    judged = [row for row in rows if "eval_loss" in row]
    figure, losses = pyplot.subplots(figsize=(9, 5))
    steps = [row["step"] for row in trained]
    losses.plot(steps, [row["loss"] for row in trained], color="0.8", linewidth=0.8, label="training loss")
    losses.plot(steps, smoothed([row["loss"] for row in trained]), color="0.2", linewidth=1.6, label="training loss, smoothed")
    losses.plot([row["step"] for row in judged], [row["eval_loss"] for row in judged], "k--o", markersize=4, label="validation loss")
    losses.set_xlabel("step")
    losses.set_ylabel("loss")
    if judged:
        accuracy = losses.twinx()
        found = [row["eval_letter_acc"] for row in judged]
        shares = [f["k"] / f["n"] for f in found]
        spread = [[max(s - f["low"], 0) for s, f in zip(shares, found)], [max(f["high"] - s, 0) for s, f in zip(shares, found)]]
        accuracy.errorbar([row["step"] for row in judged], shares, yerr=spread, fmt="s:", color="tab:blue", capsize=3,
                          markersize=5, label="validation accuracy, 95 %")
        accuracy.set_ylabel("share of right answers")
        accuracy.set_ylim(0, 1)
        accuracy.legend(loc="upper right", frameon=False)
    if chosen:
        losses.axvline(chosen, color="0.5", linestyle="-.", linewidth=1, label=f"chosen step {chosen}")
    losses.legend(loc="lower left", frameon=False)
    if caption:
        figure.text(0.01, 0.005, caption, fontsize=8, color="0.3")
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    figure.savefig(out / "loss.svg", metadata={"Date": None})
    figure.savefig(out / "loss.png", dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def smoothed(values: list[float]) -> list[float]:
    """An exponential mean."""
    out, mean = [], None
    for value in values:
        mean = value if mean is None else SMOOTH * mean + (1 - SMOOTH) * value
        out.append(mean)
    return out
