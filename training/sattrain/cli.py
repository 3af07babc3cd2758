"""The command `sat-train`: check, run, convert, score, plot."""

import argparse
import hashlib
import json
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from . import errors
from .errors import Fail


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and gives its exit code; an error is one line, its traceback goes to the run's log."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.command(options) or 0
    except Fail as err:
        print(f"sat-train: {err}", file=sys.stderr)
        return err.code
    except KeyboardInterrupt:
        print("sat-train: interrupted", file=sys.stderr)
        return errors.INTERRUPTED


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"sat-train: {message}; `{self.prog} --help` tells what it takes", file=sys.stderr)
        raise SystemExit(errors.USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="sat-train", description="Fine-tunes a model on the lines that `sat dataset build` wrote.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function, text: str, data: bool) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(command=function)
        if data:
            made.add_argument("--config", type=Path, required=True, help="a YAML file; training/configs/ has some")
            made.add_argument("--data", type=Path, required=True, help="the folder that `sat dataset build` wrote")
            made.add_argument("--base", default="", help="the base: a model directory or a GGUF file; wins over the configuration")
            made.add_argument("--allow-download", action="store_true", help="let the base be fetched from the hub")
        return made

    command("check", _check, "Find mistakes in seconds: everything before the first step, without the weights.", True)
    run = command("run", _run, "Train, and write the adapter.", True)
    run.add_argument("--out", type=Path, default=Path("runs"), help="the folder of all runs")
    run.add_argument("--resume", action="store_true", help="go on from the newest whole checkpoint")
    convert = command("convert", _convert, "Turn an adapter into a GGUF file for llama-server.", False)
    convert.add_argument("folder", type=Path, help="the folder of a run, or of its adapter")
    convert.add_argument("--base-gguf", type=Path, required=True, help="the GGUF of the base that will be served")
    score = command("score", _score, "Print the options' scores of a data set's validation split, by base or adapter.", True)
    score.add_argument("--adapter", type=Path, help="the folder of an adapter; the base alone without it")
    plot = command("plot", _plot, "Draw loss and accuracy of a run, also of a broken one.", False)
    plot.add_argument("folder", type=Path, help="the folder of a run")
    return parser


def _prepared(options):
    """Configuration and data of a command line."""
    from . import check, config, data

    made = config.load(options.config)
    made = replace(made, allow_download=options.allow_download)
    if options.base:
        made.base.path = options.base
    train_file, val_file = check.folder(options.data)
    train = data.index(train_file, made.method)
    val = data.index(val_file, made.method) if val_file.is_file() and val_file.stat().st_size else None
    return made, train, val


def _check(options) -> None:
    from .check import check
    from .progress import Console

    check(*_prepared(options), Console())


def _run(options) -> None:
    from . import adapter, model
    from .progress import Console
    from .run import Run

    config, train, val = _prepared(options)
    adapter.dataset(train)  # a data set without its manifest must not cost an hour first
    folder = run_folder(options, config, train, model.base_sha256(config))
    if (folder / "metrics.jsonl").exists() and not options.resume:
        raise Fail(errors.CONFIG, f"{folder} holds a run already; go on with --resume, or choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(folder / "log.txt")
    (folder / "config.resolved.yaml").write_text(_yaml(config), encoding="utf-8")
    (folder / "env.json").write_text(json.dumps(adapter.versions() | {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}), encoding="utf-8")
    console.line(f"run {folder}")
    run = Run(config, train, val, folder, console)
    try:
        run.execute(options.resume)
    except Fail as err:
        console.note(str(err))
        raise
    except Exception:
        console.note(traceback.format_exc())
        raise
    if config.weights == "full":
        console.line(f"full weights: the checkpoint in {folder / 'checkpoints'} is the result; it is not an adapter")
        return
    held = adapter.write(run, folder / "adapter")
    console.line(f"adapter {held['name']}@{held['version']} ({held['licence']['label']}) written to {folder / 'adapter'}; "
                 f"next: sat-train convert {folder} --base-gguf BASE.gguf")


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

    folder = options.folder / "adapter" if (options.folder / "adapter").is_dir() else options.folder
    target = convert(folder, options.base_gguf)
    held = adapter.read_manifest(folder)
    print(f"{target}: {held['gguf']['bytes']:,} bytes, sha256 {held['gguf']['sha256']}, licence label {held['licence']['label']}")


def _score(options) -> None:
    from .score import score

    score(*_prepared(options), options.adapter)


def _plot(options) -> None:
    from . import plot

    plot.draw(options.folder / "metrics.jsonl", options.folder)
    print(options.folder / "loss.svg")
