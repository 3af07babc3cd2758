"""What comes of a run, however it ends."""

import json
from dataclasses import asdict

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from sattrain import adapter, cli, errors, provenance
from sattrain.run import Evaluation, Run


@pytest.fixture
def train(small, options, base, tmp_path, capsys):
    """Runs `sat-train run` with the small configuration; gives exit code, what was told, and the run's folder."""
    def command(*more):
        plain = asdict(small)
        plain["base"].pop("path")
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(plain))
        code = cli.main(["run", "--config", str(tmp_path / "c.yaml"), "--data", str(options), "--base", str(base), "--out", str(tmp_path / "out"), *more])
        return code, capsys.readouterr().err, next((tmp_path / "out").glob("*"))
    return command


def worse_and_worse(monkeypatch, losses):
    left = iter(losses)
    monkeypatch.setattr(Run, "evaluate", lambda self: Evaluation(next(left), 3, 12))


def holds_the_weights_of(folder, step):
    held, wanted = (load_file(folder / at) for at in ("adapter/" + adapter.WEIGHTS, f"checkpoints/step-{step:06d}/weights.safetensors"))
    return all(torch.equal(held[name.replace(".default.", ".")], w) for name, w in wanted.items())


def test_a_run_that_gets_worse_gives_the_adapter_of_its_best_step(small, train, monkeypatch):
    small.steps, small.eval_every, small.patience, small.keep = 20, 2, 3, 1
    worse_and_worse(monkeypatch, [1.4, 1.3, 1.2, 1.21, 1.22, 1.23])
    code, told, folder = train()
    assert code == errors.STOPPED
    held = adapter.read_manifest(folder / "adapter")
    last = told.splitlines()[-1]
    for part in ("rose 3 times in a row", "after step 10", f"the adapter of step 4, {adapter.named(held)}", str(folder / "adapter"), "optim.lr"):
        assert part in last
    assert held["train"]["stopped_early"] == {"step": 10, "reason": "the validation loss rose 3 times in a row"}
    assert held["train"]["best_step"] == held["train"]["chosen_step"] == 4 and held["train"]["steps"] == 10
    assert holds_the_weights_of(folder, 4)

    before = (folder / "adapter" / "manifest.json").read_bytes(), (folder / "metrics.jsonl").read_bytes()
    code, told, _ = train("--resume")
    last = told.splitlines()[-1]
    assert code == errors.STOPPED and "has ended after step 10" in last and str(folder / "adapter") in last and adapter.named(held) in last
    assert before == ((folder / "adapter" / "manifest.json").read_bytes(), (folder / "metrics.jsonl").read_bytes())


def test_a_rise_at_the_very_end_is_no_early_stop(small, train, monkeypatch):
    small.patience, small.eval_every = 2, 4
    worse_and_worse(monkeypatch, [1.2, 1.3, 1.4])
    code, _, folder = train()
    assert code == 0 and adapter.read_manifest(folder / "adapter")["train"]["stopped_early"] is None


def test_a_loss_that_is_not_finite_leaves_the_best_adapter(small, train, monkeypatch):
    tried = Run._tried

    def bad(self, *arguments):
        if self.progress.step == 6:
            for p in self.loaded.trainable().values():
                p.data.fill_(float("nan"))
        return tried(self, *arguments)

    monkeypatch.setattr(Run, "_tried", bad)
    code, told, folder = train()
    last = told.splitlines()[-1]
    assert code == errors.STOPPED and "the loss is not finite at step 7" in last and "the adapter of step 4" in last
    held = adapter.read_manifest(folder / "adapter")
    assert held["train"]["stopped_early"] == {"step": 6, "reason": "the loss is not finite at step 7"} and holds_the_weights_of(folder, 4)


def test_a_loss_that_never_was_finite_leaves_nothing(small, train):
    small.optim.lr, small.optim.clip, small.save_every, small.eval_every = 1e30, 1e30, 100, 100
    code, told, folder = train()
    assert code == errors.STOPPED and "there is no checkpoint to make an adapter of" in told.splitlines()[-1]
    assert not (folder / "adapter").exists()


def test_an_ended_run_is_left_as_it_is(train, capsys):
    code, _, folder = train()
    assert code == 0
    held = adapter.read_manifest(folder / "adapter")
    adapter.save_manifest(folder / "adapter", held | {"gguf": {"file": "adapter.gguf"}})
    code, told, _ = train("--resume")
    assert code == 0 and adapter.named(held) in told.splitlines()[-1]
    assert "gguf" in adapter.read_manifest(folder / "adapter")
    drawn = (folder / "loss.svg").read_bytes()
    assert cli.main(["plot", str(folder)]) == 0
    assert (folder / "loss.svg").read_bytes() == drawn, "with caption and chosen step"
    assert f"chosen step {held['train']['best_step']}".encode() in drawn
    for old in sorted((folder / "checkpoints").glob("*/progress.json")):
        old.write_text("{")
    assert cli.main(["plot", str(folder)]) == 0 and (folder / "loss.svg").read_bytes() == drawn, "from the adapter's manifest"


def test_all_weights_end_as_a_model_directory(small, train, capsys):
    small.weights, small.optim.lr = "full", 2e-3
    code, told, folder = train()
    assert code == 0, told
    model = folder / "model"
    assert f"({'permissive'}) is in {model}" in told.splitlines()[-1]
    assert "trains all weights, which is work for a GPU; on this CPU it takes about" in told or torch.cuda.is_available()
    held = json.loads((model / "manifest.json").read_text())
    assert held["schema"] == "sat-full/v1" and held["licence"]["label"] == "permissive" and held["train"]["chosen_step"] == held["train"]["best_step"] > 0
    assert {"config.json", "model.safetensors", "tokenizer.json", "fingerprints.bin"} <= held["files"].keys()
    assert all(provenance.sha256(model / name) == file["sha256"] for name, file in held["files"].items())
    wanted = load_file(folder / "checkpoints" / f"step-{held['train']['best_step']:06d}" / "weights.safetensors")
    whole = AutoModelForCausalLM.from_pretrained(model)
    assert all(torch.equal(p, wanted[name]) for name, p in whole.named_parameters()) and whole.config.use_cache
    with torch.no_grad():
        assert torch.isfinite(whole(input_ids=torch.tensor([[5, 12, 13]])).logits).all()
    assert AutoTokenizer.from_pretrained(model).chat_template and "sat_tree" not in (model / "config.json").read_text()
    code = cli.main(["convert", str(folder), "--base-gguf", str(folder)])
    assert code == errors.CONFLICT and "is a model of its own and no adapter" in capsys.readouterr().err
