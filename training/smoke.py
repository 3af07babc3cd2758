"""Looks at what smoke.sh has made, and says of each promise of the pipeline whether it holds."""

import argparse
import json
import math
import sys
from pathlib import Path

from safetensors.numpy import load_file

from sattrain.adapter import GGUF, MANIFEST, WEIGHTS, read_manifest, sha256
from sattrain.plot import read_metrics
from sattrain.widen import widen

FALL = 0.8  # the mean loss of the last steps, as a share of that of the first, is at most this
APART = 0.05  # of a choice's probability at most, between PyTorch and llama-server on the same weights
SECONDS = 15 * 60  # for the whole walk, on two cores that have nothing else to do
CANARY = 0.05  # so much, in nats, an adapter must move a score of 8 questions in 10: one that is not loaded moves none


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("ids", help="the ids of scored questions, as flags of sat eval run").add_argument("scores", type=Path)
    commands.add_parser("question", help="the first item of a file, as the tutor is asked it").add_argument("items", type=Path)
    wide = commands.add_parser("widen", help="a base in single precision, in a folder of its own")
    wide.add_argument("base", type=Path)
    wide.add_argument("folder", type=Path)
    summary = commands.add_parser("summary", help="a line for each promise; exit code 1 where one is broken")
    for name in ("run", "again"):
        summary.add_argument(f"--{name}", type=Path, required=True)
    summary.add_argument("--id", required=True)
    for name in ("killed", "seconds"):
        summary.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    if options.command == "ids":
        print(" ".join(f"--ids {row['id']}" for row in rows(options.scores)))
    elif options.command == "widen":
        widen(options.base, options.folder / (options.base.name.split(".")[0] + ".gguf"), "f32")
    elif options.command == "question":
        item = rows(options.items)[0]
        print(json.dumps({"text": item["passage"], "question": item["question"], "choices": [c["text"] for c in item["choices"]]}))
    else:
        return report(options)
    return 0


def report(options) -> int:
    """Prints a line for each promise; None stands for a figure that promises nothing."""
    checks = [learnt(options.run), weights(options.run), *repeated(options), *served(options), *kept(options), timely(options.seconds)]
    for passed, name, found in checks:
        print(f"  {'found ' if passed is None else 'passed' if passed else 'FAILED'}  {name:42} {found}")
    broken = sum(passed is False for passed, _, _ in checks)
    minutes, seconds = divmod(options.seconds, 60)
    print(f"\n{'Every promise holds' if not broken else f'{broken} of {len(checks)} promises do not hold'}; {options.id}, "
          f"{minutes} min {seconds} s. Everything is in {Path.cwd()}; {options.run / 'loss.png'} shows the course.")
    return 1 if broken else 0


def timely(seconds: int):
    """A busy machine breaks no promise, so this is told and not judged."""
    return None, f"it takes under {SECONDS // 60} minutes", f"{'yes' if seconds < SECONDS else 'no'}: {seconds // 60} min {seconds % 60} s"


def learnt(run: Path):
    metrics = read_metrics(run / "metrics.jsonl")
    course = [row["loss"] for row in metrics if "loss" in row]
    judged = [row["eval_loss"] for row in metrics if "eval_loss" in row]
    first, last = (sum(part) / len(part) for part in (course[:8], course[-8:]))
    found = f"mean of 8 steps {first:.3f} → {last:.3f}; on questions not learnt {judged[0]:.3f} → {judged[-1]:.3f}"
    return last <= FALL * first and judged[-1] < judged[0], "the loss falls", found


def weights(run: Path):
    held = {name: abs(w).max() for name, w in load_file(run / "adapter" / WEIGHTS).items() if "lora_B" in name}
    zero = [name for name, largest in held.items() if largest == 0]
    return bool(held) and not zero, "every B matrix has moved", f"{len(held) - len(zero)} of {len(held)}"


def repeated(options):
    one, two = (options.__dict__[name] for name in ("run", "again"))
    same = sha256(one / "adapter" / WEIGHTS) == sha256(two / "adapter" / WEIGHTS)
    yield same, "the same seed gives the same bytes", sha256(two / "adapter" / WEIGHTS)[:16]
    courses = [[row["loss"] for row in read_metrics(folder / "metrics.jsonl") if "loss" in row] for folder in (one, two)]
    resumed = read_manifest(two / "adapter")["train"]["resumed"]
    found = f"killed after step {options.killed}, resumed {resumed} time; last loss {courses[1][-1]:.6f}, {courses[0][-1]:.6f} without"
    yield courses[0] == courses[1] and resumed == 1, "a killed run ends as a whole one", found


def served(options):
    answers = {}
    for arm, name in (("base", "sat-base"), ("adapter", "sat-lora")):
        torch = {row["id"]: softmax(row["scores"]) for row in rows(Path(f"torch-{arm}.jsonl"))}
        exact, answers[arm] = (probabilities(Path("runs", kind, name)) for kind in ("exact", "served"))
        apart, agree = against(torch, exact)
        yield apart <= APART and agree == len(torch), f"llama-server scores as PyTorch: {arm}", \
            f"on the same weights probabilities differ by {apart:.4f} at most; same letter in {agree} of {len(torch)}"
        apart, agree = against(torch, answers[arm])
        yield None, f"what the served 4 bits shift: {arm}", f"{apart:.3f} at most; same letter in {agree} of {len(torch)}"
    moved = sum(max(abs(math.log(a / b)) for a, b in zip(answers["adapter"][id], own)) >= CANARY for id, own in answers["base"].items())
    yield moved >= 0.8 * len(answers["base"]), "canary: the adapter is at work", f"it moves {moved} of {len(answers['base'])} questions"


def probabilities(run: Path) -> dict[str, list[float]]:
    return {row["id"]: [p for _, p in sorted(row["scores"].items())] for row in rows(run / "samples.jsonl")}


def against(torch: dict, asked: dict) -> tuple[float, int]:
    """The largest difference of a probability, and in how many questions the letter is the same."""
    apart = max(abs(a - b) for id, own in torch.items() for a, b in zip(own, asked[id], strict=True))
    return apart, sum(best(own) == best(asked[id]) for id, own in torch.items())


def kept(options):
    held = read_manifest(options.run / "adapter")  # checks every file against the manifest
    plots = all((options.run / name).stat().st_size > 1000 for name in ("loss.svg", "loss.png"))
    yield plots and f"{held['name']}@{held['version']}" == options.id, "manifest, metrics and plots are there", str(options.run / "adapter" / MANIFEST)
    yield sha256(options.run / "adapter" / GGUF) == held["gguf"]["sha256"], "converted to GGUF", f"{held['gguf']['bytes']:,} bytes"
    answer = json.loads(Path("answer.json").read_text())
    named = answer.get("adapter") == options.id and answer.get("adapter_sha256") == sha256(options.run / "adapter" / WEIGHTS)
    yield named, "the answer names its adapter", f"{answer.get('adapter')}, sha256 {answer.get('adapter_sha256', '')[:16]}…"
    headers = [json.loads((Path("runs/asked", name, "run.json")).read_text()) for name in ("sat-lora", options.id)]
    yield all(h["complete"] for h in headers), "measured on questions kept apart", f"{headers[1]['data']['n']} questions, before it was promoted"
    history = Path("history.txt").read_text()
    yield f"promote   {options.id} as sat-lora" in history and "forced" in history, "registered, and promoted by force", "six questions pass no gate"
    shown = Path("browser.txt").read_text().strip() if Path("browser.txt").is_file() else ""
    yield True if shown else None, "a browser shows it", shown or "not tried, there is no chromium here"


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def softmax(scores: list[float]) -> list[float]:
    most = max(scores)
    parts = [math.exp(s - most) for s in scores]
    return [p / sum(parts) for p in parts]


def best(scores: list[float]) -> int:
    return max(range(len(scores)), key=scores.__getitem__)


if __name__ == "__main__":
    sys.exit(main())
