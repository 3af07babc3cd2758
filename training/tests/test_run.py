"""A run is the same twice, the same after an interruption, and leaves what it promises."""

import json
import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from sattrain import adapter, checkpoint, errors, objective, plan, plot
from sattrain import run as run_module
from sattrain.errors import Fail
from sattrain.run import Run, rate

from conftest import indexed


def trained(small, folder, data, quiet, resume=False, method="option"):
    folder.mkdir(exist_ok=True)
    run = Run(small, *indexed(data, method), folder, quiet)
    run.execute(resume)
    return run


def losses(folder):
    return [(row["step"], row["loss"]) for row in plot.read_metrics(folder / "metrics.jsonl") if "loss" in row]


def final(folder):
    return load_file(sorted((folder / "checkpoints").glob("step-*"))[-1] / "weights.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_two_runs_of_one_seed_are_equal_and_learn(small, options, tmp_path, quiet):
    small.steps = 24
    for name in ("one", "two"):
        trained(small, tmp_path / name, options, quiet)
    assert losses(tmp_path / "one") == losses(tmp_path / "two")
    assert same(final(tmp_path / "one"), final(tmp_path / "two"))
    course = [loss for _, loss in losses(tmp_path / "one")]
    assert sum(course[-6:]) < 0.8 * sum(course[:6])
    assert all(w.abs().sum() > 0 for name, w in final(tmp_path / "one").items() if "lora_B" in name)


@pytest.mark.parametrize("after", [1, 3, 6])
def test_an_interrupted_run_ends_as_if_it_had_not_been(small, options, tmp_path, quiet, after, monkeypatch):
    trained(small, tmp_path / "whole", options, quiet)
    step = Run._step

    def interrupt(self, *arguments):
        row = step(self, *arguments)
        if row["step"] == after and not self.progress.resumed:
            os.kill(os.getpid(), signal.SIGTERM)
        return row

    monkeypatch.setattr(Run, "_step", interrupt)
    with pytest.raises(Fail) as caught:
        trained(small, tmp_path / "broken", options, quiet)
    assert caught.value.code == errors.INTERRUPTED and "--resume" in str(caught.value)
    run = trained(small, tmp_path / "broken", options, quiet, resume=True)
    assert run.progress.resumed == 1
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")
    assert same(final(tmp_path / "broken"), final(tmp_path / "whole"))


@pytest.mark.parametrize("file", ["weights.safetensors", "state.pt", "progress.json"])
def test_a_torn_checkpoint_is_skipped(small, options, tmp_path, quiet, file):
    trained(small, tmp_path / "run", options, quiet)
    newest = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))[-1]
    whole = (newest / file).read_bytes()
    (newest / file).write_bytes(whole[: len(whole) // 2])
    trained(small, tmp_path / "whole", options, quiet)
    run = trained(small, tmp_path / "run", options, quiet, resume=True)
    assert f"checkpoint {newest.name} is torn" in (tmp_path / "log.txt").read_text() and run.progress.resumed == 1
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    assert same(final(tmp_path / "run"), final(tmp_path / "whole"))


def test_a_run_that_was_killed_before_its_first_checkpoint_logs_its_steps_once(small, options, tmp_path, quiet, monkeypatch):
    trained(small, tmp_path / "whole", options, quiet)
    monkeypatch.setattr(checkpoint, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        trained(small, tmp_path / "killed", options, quiet)
    with (tmp_path / "killed" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    monkeypatch.undo()
    trained(small, tmp_path / "killed", options, quiet, resume=True)
    steps = [row["step"] for row in plot.read_metrics(tmp_path / "killed" / "metrics.jsonl")]
    assert steps == [row["step"] for row in plot.read_metrics(tmp_path / "whole" / "metrics.jsonl")] == list(range(9))


def test_a_checkpoints_folder_is_synced(small, options, tmp_path, quiet, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))), sync(fd)))
    trained(small, tmp_path / "run", options, quiet)
    assert {"checkpoints", ".draft-000008", "state.pt", "weights.safetensors", "progress.json"} <= set(synced)


def test_memory_that_is_given_back_changes_no_number(small, options, tmp_path, quiet, monkeypatch):
    given = []
    monkeypatch.setattr(run_module, "give_back", lambda back=run_module.give_back: (given.append(1), back()))
    trained(small, tmp_path / "given", options, quiet)
    monkeypatch.setattr(run_module, "give_back", lambda: None)
    trained(small, tmp_path / "kept", options, quiet)
    assert len(given) == small.steps
    assert losses(tmp_path / "given") == losses(tmp_path / "kept") and same(final(tmp_path / "given"), final(tmp_path / "kept"))


def test_another_configuration_is_not_resumed(small, options, tmp_path, quiet):
    trained(small, tmp_path / "run", options, quiet)
    small.optim.lr /= 2
    with pytest.raises(Fail) as caught:
        trained(small, tmp_path / "run", options, quiet, resume=True)
    assert caught.value.code == errors.CONFIG and "another config" in str(caught.value)


def test_only_the_newest_checkpoints_and_the_best_are_kept(small, options, tmp_path, quiet):
    run = trained(small, tmp_path / "run", options, quiet)
    kept = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert {"step-000006", "step-000008"} <= kept <= {"step-000006", "step-000008", f"step-{run.progress.best_step:06d}"}


def test_the_completion_loss_trains_too(small, letters, tmp_path, quiet):
    small.method, small.loss, small.steps, small.accumulate = "letter", "completion", 12, 2
    trained(small, tmp_path / "run", letters, quiet, method="letter")
    course = [loss for _, loss in losses(tmp_path / "run")]
    assert course[-1] < course[0]


def test_out_of_memory_reads_half_as_many_at_a_time_once(small, letters, tmp_path, quiet, monkeypatch):
    small.method, small.loss, small.auto_batch = "letter", "completion", True
    trained(small, tmp_path / "whole", letters, quiet, method="letter")
    read, sizes = objective.Completion.read, []

    def tight(limit):
        def checked(self, units):
            sizes.append(len(units))
            if len(units) > limit and torch.is_grad_enabled():
                raise MemoryError("no room")
            return read(self, units)
        return checked

    monkeypatch.setattr(objective.Completion, "read", tight(2))
    trained(small, tmp_path / "halved", letters, quiet, method="letter")
    assert "2 samples are read at a time instead of 4" in (tmp_path / "log.txt").read_text()
    for (_, one), (_, two) in zip(losses(tmp_path / "whole"), losses(tmp_path / "halved"), strict=True):
        assert one == pytest.approx(two, abs=1e-4), "the loss is the same"
    monkeypatch.setattr(objective.Completion, "read", tight(1))
    with pytest.raises(Fail) as caught:
        trained(small, tmp_path / "none", letters, quiet, method="letter")
    assert caught.value.code == errors.NO_MEMORY and "with batch 2" in str(caught.value)
    small.auto_batch = False
    monkeypatch.setattr(objective.Completion, "read", tight(2))
    with pytest.raises(Fail) as caught:
        trained(small, tmp_path / "off", letters, quiet, method="letter")
    assert "with batch 4" in str(caught.value)


def test_the_adapter_has_its_manifest_and_nothing_else(small, options, tmp_path, quiet):
    run = trained(small, tmp_path / "run", options, quiet)
    held = adapter.write(run, tmp_path / "adapter")
    assert {p.name for p in (tmp_path / "adapter").iterdir()} == {"manifest.json", "adapter_config.json", "adapter_model.safetensors", "fingerprints.bin"}
    assert held["version"] == adapter.sha256(tmp_path / "adapter" / adapter.WEIGHTS)[:8]
    assert held["licence"]["label"] == "permissive" and held["data"]["questions_seen"] >= 8 * 4
    assert adapter.read_manifest(tmp_path / "adapter") == held
    (tmp_path / "adapter" / adapter.SETTINGS).write_text("{}")
    with pytest.raises(Fail, match="not the file that the manifest names"):
        adapter.read_manifest(tmp_path / "adapter")


def test_plots_exist_and_are_not_blank(small, options, tmp_path, quiet):
    import matplotlib.image

    trained(small, tmp_path / "run", options, quiet)
    assert (tmp_path / "run" / "loss.svg").read_text().count("<path") > 10
    assert matplotlib.image.imread(tmp_path / "run" / "loss.png").std() > 0.01
    rows = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert json.loads(rows.splitlines()[-1])["eval_letter_acc"]["n"] == 12


def test_the_rate_warms_up_and_falls_to_nothing(small):
    small.optim.lr, small.optim.warmup = 1.0, 0.1
    course = [rate(small, step, 100) for step in range(100)]
    assert course[0] == pytest.approx(0.1) and max(course) == course[9] == 1.0 and course[-1] < 0.001
    assert all(a >= b for a, b in zip(course[10:], course[11:]))


def test_a_curriculum_takes_its_stages_in_order(small, options):
    from sattrain.config import Stage

    train, _ = indexed(options, "option")
    border = sorted(unit.chars for unit in train.units)[len(train.units) // 2]
    small.curriculum = [Stage(max_chars=border, questions=8), Stage(min_chars=border, questions=8)]
    steps = plan.steps(small, train)
    units = [unit for step in steps for unit in step]
    assert len({unit.id for unit in units}) == len(units) == 8
    assert all(u.chars < border for u in units[:4]) and all(u.chars >= border for u in units[4:])
    assert plan.steps(small, train) == steps
    small.curriculum[0].questions = 1000
    with pytest.raises(Fail, match="ask for fewer"):
        plan.steps(small, train)
