"""What a machine can do to a run, done to it for real: a full disk, no memory, a place where one cannot write."""

import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml

from sattrain import cli, errors, model, objective, plan

ROOT = Path(__file__).parent.parent


@pytest.fixture
def line(small, options, base, tmp_path):
    """The flags of a run, but for --out."""
    plain = asdict(small)
    plain["base"].pop("path")
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(plain))
    return ["run", "--config", str(tmp_path / "c.yaml"), "--data", str(options), "--base", str(base)]


def train(capsys, *arguments):
    code = cli.main([str(a) for a in arguments])
    told = capsys.readouterr().err
    return code, told.splitlines()[-1]


def log(out: Path) -> str:
    return next(out.glob("*/log.txt")).read_text()


def test_a_place_where_one_cannot_write(line, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, told = train(capsys, *line, "--out", tmp_path / "file" / "runs")
    assert code == errors.CANNOT_WRITE and "Not a directory" in told and "--out" in told
    code, told = train(capsys, *line, "--out", "/proc/runs")
    assert code == errors.CANNOT_WRITE and "/proc/runs" in told and "--out" in told


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else(line, tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    code, told = train(capsys, *line, "--out", tmp_path / "locked" / "runs")
    assert code == errors.CANNOT_WRITE and "Permission denied" in told


def small_disk(folder: Path, size: str, *command: str) -> list[str]:
    """The command with a file system of that size on the folder, of its own; where one may not mount, the test is skipped."""
    folder.mkdir()
    around = ["unshare", "--map-root-user", "--mount", "sh", "-c", f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"', str(folder)]
    if not shutil.which("unshare") or subprocess.run([*around, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    return [*around, *command]


def test_a_disk_that_is_too_small_is_told_before_the_first_step(line, tmp_path):
    done = subprocess.run(small_disk(tmp_path / "out", "200k", sys.executable, "-m", "sattrain", *line, "--out", str(tmp_path / "out")),
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == errors.DISK_FULL, done.stderr
    assert "the checkpoints need" in done.stderr.splitlines()[-1] and "step 0" not in done.stderr


def test_a_disk_that_fills_up(line, tmp_path):
    filled = ("import sattrain.cli, sattrain.checkpoint, sys; sattrain.checkpoint.room = lambda *_: None\n"
              "sys.exit(sattrain.cli.main(sys.argv[1:]))")
    done = subprocess.run(small_disk(tmp_path / "out", "100k", sys.executable, "-c", filled, *line, "--out", str(tmp_path / "out")),
                          cwd=ROOT, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == errors.DISK_FULL, done.stderr
    assert "checkpoints/step-" in last and "the disk is full" in last and "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_disk_that_is_full_for_a_plot(line, tmp_path, capsys, monkeypatch):
    from sattrain.run import Run

    step = Run._step

    def swapped(self, *arguments):
        if not (self.folder / "loss.svg").exists():
            (self.folder / "loss.svg").symlink_to("/dev/full")
        return step(self, *arguments)

    monkeypatch.setattr(Run, "_step", swapped)
    code, told = train(capsys, *line, "--out", tmp_path / "out")
    assert code == errors.DISK_FULL and "the disk is full" in told
    assert "Traceback" in log(tmp_path / "out") and "No space left on device" in log(tmp_path / "out")


def greedy(*_):
    """Asks torch for more memory than there can be."""
    torch.empty(2**52)


@pytest.mark.parametrize("where, told", [
    ((model, "_base"), "out of memory"),
    ((objective.Listwise, "read"), "out of memory at the evaluation of step 0"),
    ((torch.nn.utils, "clip_grad_norm_"), "out of memory at step 1 with batch 4"),
])
def test_no_memory(line, tmp_path, capsys, monkeypatch, where, told):
    monkeypatch.setattr(*where, greedy)
    code, last = train(capsys, *line, "--out", tmp_path / "out")
    assert code == errors.NO_MEMORY and told in last and "DefaultCPUAllocator" in last and "smaller batch" in last
    assert "DefaultCPUAllocator" in log(tmp_path / "out")


def test_no_memory_for_the_base(line, tmp_path):
    limited = ("import resource, sys, torch, transformers, peft, sattrain.cli, sattrain.run, sattrain.check\n"
               "from sattrain import model\n"
               "load = model.load\n"
               "def short(config):\n"
               "    held = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
               "    resource.setrlimit(resource.RLIMIT_AS, (held + 2**20, held + 2**20))\n"
               "    return load(config)\n"
               "model.load = short\n"
               "sys.exit(sattrain.cli.main(sys.argv[1:]))")
    big = tmp_path / "big"
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    base = line[line.index("--base") + 1]
    settings = AutoConfig.from_pretrained(base)
    settings.hidden_size, settings.intermediate_size = 512, 4096
    AutoModelForCausalLM.from_config(settings).save_pretrained(big)
    AutoTokenizer.from_pretrained(base).save_pretrained(big)
    done = subprocess.run([sys.executable, "-c", limited, *line[:-1], str(big), "--out", str(tmp_path / "out")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == errors.NO_MEMORY, done.stderr
    assert "out of memory" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_what_nobody_foresaw_is_one_line_and_a_traceback_in_the_log(line, tmp_path, capsys, monkeypatch):
    def broken(*_):
        return 1 / 0

    monkeypatch.setattr(plan, "steps", broken)
    code, told = train(capsys, *line, "--out", tmp_path / "out")
    assert code == errors.BUG and "ZeroDivisionError: division by zero (test_trouble.py, line " in told
    assert "Traceback" in log(tmp_path / "out")
    code, told = train(capsys, "check", *line[1:])
    assert code == errors.BUG and "Traceback" not in told
