"""The command `sat-train`: check, run, convert, merge, score, plot."""

import argparse
import hashlib
import json
import logging
import os
import sys
import time
import traceback
import warnings
from dataclasses import replace
from pathlib import Path

from . import errors
from .errors import Fail


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and gives its exit code; an error is one line, its traceback goes to the run's log."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _hush(downloads=getattr(options, "allow_download", False))
    try:
        return options.command(options) or 0
    except KeyboardInterrupt:
        print("sat-train: interrupted", file=sys.stderr)
        return errors.INTERRUPTED
    except Exception as err:
        told = errors.explained(err)
        print(f"sat-train: {told}", file=sys.stderr)
        return told.code


def _hush(downloads: bool) -> None:
    """Keeps the libraries' bars and hints, which they look up when they are imported, from between our lines."""
    if not downloads:
        os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"sat-train: {message}; `{self.prog} --help` tells what it takes", file=sys.stderr)
        raise SystemExit(errors.USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="sat-train", description="Fine-tunes a model on the lines that `sat dataset build` wrote.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function, text: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog="example:\n" + example, formatter_class=argparse.RawDescriptionHelpFormatter)
        made.set_defaults(command=function)
        return made

    check = command("check", _check, "Find mistakes in seconds: everything before the first step, without the weights.",
                    "  sat-train check --config training/configs/original-3b.yaml\n"
                    "  sat-train check --config training/configs/option-135m.yaml --data runs/race --base model.gguf")
    _inputs(check, needed=("config",))
    run = command("run", _run, "Train, and write the adapter.",
                  "  sat-train run --config training/configs/option-135m.yaml --data runs/race --base model.gguf --out runs/option\n"
                  "  sat-train run --resume --config …                     go on where it was interrupted\n"
                  "  sat-train run --from-manifest adapter/manifest.json --data runs/race --base model.gguf    make it again, to the bit")
    _inputs(run, needed=("data",))
    run.add_argument("--out", type=Path, default=Path("runs"), help="the folder of all runs")
    run.add_argument("--resume", action="store_true", help="go on from the newest whole checkpoint")
    run.add_argument("--from-manifest", type=Path, metavar="FILE", help="make the adapter of this manifest again, or say which input differs")
    convert = command("convert", _convert, "Turn an adapter into a GGUF file for llama-server.",
                      "  sat-train convert runs/option/2026-11-25-ab12cd34 --base-gguf model.gguf")
    convert.add_argument("folder", type=Path, help="the folder of a run, or of its adapter")
    convert.add_argument("--base-gguf", type=Path, required=True, help="the GGUF of the base that will be served")
    merge = command("merge", _merge, "Add an adapter to its base for good: weights that need no LoRA, under the licence of both.",
                    "  sat-train merge runs/option/2026-11-25-ab12cd34 --base model.gguf --out merged")
    merge.add_argument("folder", type=Path, help="the folder of a run, or of its adapter")
    merge.add_argument("--base", default="", help="the base that it was trained on: a model directory or a GGUF file")
    merge.add_argument("--out", type=Path, required=True, help="the model directory to write")
    merge.add_argument("--precision", choices=("bf16", "fp32"), default="bf16", help="of the written weights")
    merge.add_argument("--allow-download", action="store_true", help="let the base be fetched from the hub")
    score = command("score", _score, "Print the options' scores of a data set's validation split, by base or adapter.",
                    "  sat-train score --config training/configs/option-135m.yaml --data runs/race --base model.gguf --adapter runs/option/…/adapter")
    _inputs(score, needed=("config", "data"))
    score.add_argument("--adapter", type=Path, help="the folder of an adapter; the base alone without it")
    plot = command("plot", _plot, "Draw loss and accuracy of a run, also of a broken one.", "  sat-train plot runs/option/2026-11-25-ab12cd34")
    plot.add_argument("folder", type=Path, help="the folder of a run")
    return parser


def _inputs(command: argparse.ArgumentParser, needed: tuple[str, ...]) -> None:
    command.add_argument("--config", type=Path, required="config" in needed, help="a YAML file; training/configs/ has some")
    command.add_argument("--data", type=Path, required="data" in needed, help="the folder that `sat dataset build` wrote")
    command.add_argument("--base", default="", help="the base: a model directory or a GGUF file; wins over the configuration")
    command.add_argument("--allow-download", action="store_true", help="let the base be fetched from the hub")


def _prepared(options):
    """Configuration and data of a command line."""
    from . import config, data, manifest

    held = getattr(options, "from_manifest", None)
    if not held and not options.config:
        raise Fail(errors.USAGE, "give --config, or --from-manifest")
    made = manifest.config(held, options.config) if held else config.load(options.config)
    made = replace(made, allow_download=options.allow_download)
    if options.base:
        made.base.path = options.base
    config.fits(made)
    if not options.data:
        return made, None, None
    train = data.index(options.data / "train.jsonl", made.method)
    val_file = options.data / "val.jsonl"
    val = data.index(val_file, made.method) if val_file.is_file() and val_file.stat().st_size else None
    return made, train, val


def _check(options) -> None:
    from .check import check
    from .progress import Console

    check(*_prepared(options), Console())


def _run(options) -> None:
    from . import manifest, model, provenance
    from .progress import Console
    from .run import Run

    config, train, val = _prepared(options)
    model.device(config)
    base = model.base_sha256(config)
    if options.from_manifest:
        manifest.same_inputs(options.from_manifest, config, train, val, base)
    provenance.dataset(train)  # a data set without its manifest must not cost an hour first
    folder = run_folder(options, config, train, base)
    if (folder / "metrics.jsonl").exists() and not options.resume:
        raise Fail(errors.CONFIG, f"{folder} holds a run already; go on with --resume, or choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(folder / "log.txt")
    try:
        _train(options, Run(config, train, val, folder, console))
    except Fail as err:
        console.note(str(err))
        raise
    except Exception:
        console.note(traceback.format_exc())
        raise


def _train(options, run) -> None:
    """Trains in a run's folder, and writes the adapter."""
    from . import manifest, provenance
    from .check import check

    config, folder, console = run.config, run.folder, run.console
    (folder / "config.resolved.yaml").write_text(_yaml(config), encoding="utf-8")
    (folder / "env.json").write_text(json.dumps(provenance.versions() | {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}), encoding="utf-8")
    console.line(f"run {folder}")
    check(config, run.train, run.val, console)
    run.execute(options.resume)
    told, held = _result(run)
    if options.from_manifest and held:
        manifest.same_result(options.from_manifest, held, console)
    if run.progress.stopped:
        raise Fail(errors.STOPPED, f"{run.progress.stopped}, so the run has ended after step {run.progress.step}; {told}; to train on, begin a "
                   "new run with a lower optim.lr or fewer steps")
    console.line(told)


def _result(run) -> tuple[str, dict | None]:
    """What came of a run: a sentence, and the manifest. What an ended run has written already is left as it is."""
    from . import adapter, provenance, whole

    step = provenance.chosen(run)
    if not step:
        return "there is no checkpoint to make an adapter of", None
    if run.config.weights == "full":
        held = whole.trained(run, run.folder / "model")
        return f"the model of step {step} ({held['licence']['label']}) is in {run.folder / 'model'}", held
    out = run.folder / "adapter"
    held = adapter.read_manifest(out) if run.ended and (out / adapter.MANIFEST).is_file() else adapter.write(run, out)
    return (f"the adapter of step {step}, {adapter.named(held)} ({held['licence']['label']}), is in {out}; "
            f"next: sat-train convert {run.folder} --base-gguf BASE.gguf"), held


def run_folder(options, config, train, base: str) -> Path:
    """The folder of a run is named by day and content; a resumed run goes on in its old one."""
    name = hashlib.sha256((config.identity() + train.sha256 + base).encode()).hexdigest()[:8]
    if options.resume:
        earlier = sorted(options.out.glob(f"*-{name}"))
        if not earlier:
            raise Fail(errors.NO_FILE, f"{options.out} holds no run of this configuration, data and base; start one without --resume")
        return earlier[-1]
    return options.out / f"{time.strftime('%Y-%m-%d')}-{name}"


def _yaml(config) -> str:
    import yaml
    from dataclasses import asdict

    return yaml.safe_dump(asdict(config), sort_keys=False)


def _convert(options) -> None:
    from . import adapter
    from .convert import convert

    folder = _adapter_of(options.folder)
    target = convert(folder, options.base_gguf)
    held = adapter.read_manifest(folder)
    print(f"{target}: {held['gguf']['bytes']:,} bytes, sha256 {held['gguf']['sha256']}, licence label {held['licence']['label']}")


def _merge(options) -> None:
    from .merge import merge

    held = merge(_adapter_of(options.folder), options.base, options.out, options.precision, options.allow_download)
    print(f"{options.out}: {held['adapter']} in its base, {held['precision']}, licence label {held['licence']['label']}. {held['licence']['text']}")


def _adapter_of(folder: Path) -> Path:
    if (folder / "model" / "manifest.json").is_file():
        raise Fail(errors.CONFLICT, f"{folder} trained all weights: {folder / 'model'} is a model of its own and no adapter; serve that")
    return folder / "adapter" if (folder / "adapter").is_dir() else folder


def _score(options) -> None:
    from .score import score

    score(*_prepared(options), options.adapter)


def _plot(options) -> None:
    from . import plot

    plot.of_run(options.folder)
    print(options.folder / "loss.svg")
