"""Each error is one line that says what is wrong, where, and what to do; and has its exit code."""

import importlib.util
import json
import types
from pathlib import Path

import pytest

from sattrain import cli, config, errors, hub
from sattrain.errors import Fail

from conftest import dataset

CONFIGS = Path(__file__).parent.parent / "configs"


def run(capsys, *arguments):
    code = cli.main([str(a) for a in arguments])
    return code, capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_configuration_is_valid(path):
    made = config.load(path)
    assert made.name == path.stem


def test_all_mistakes_of_a_configuration_are_told_together(tmp_path, capsys, options):
    (tmp_path / "c.yaml").write_text("name: x\nbase: {id: b}\nlora: {rank: 8}\noptim: {lr: fast}\nbatsh: 3\n")
    code, told = run(capsys, "check", "--config", tmp_path / "c.yaml", "--data", options)
    assert code == errors.CONFIG
    for part in ("lora.rank is no key", "optim.lr must be of type float", "batsh is no key, did you mean batch?"):
        assert part in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("change, told", [
    ("precision: fp32\nquant: {kind: nf4}", "contradicts"),
    ("lora: {r: 12}", "the engines serve 8, 16, 32, 64"),
    ("method: letter", "loss listwise belongs to method option"),
    ("weights: full\nquant: {kind: nf4}", "quantised"),
    ("auto_batch: true", "auto_batch belongs to loss completion"),
    ("batch: 0", "batch must be at least 1"),
    ("quant: {kind: nf4, compute: fp32}", "quant.compute is 'fp32', it must be one of bf16"),
    ("quant: {kind: nf4, storage: bfloat16}", "quant.storage is 'bfloat16', it must be one of uint8"),
])
def test_contradictions_are_refused(tmp_path, capsys, options, change, told):
    (tmp_path / "c.yaml").write_text(f"name: x\nbase: {{id: b}}\n{change}\n")
    code, line = run(capsys, "check", "--config", tmp_path / "c.yaml", "--data", options)
    assert code == errors.CONFIG and told in line


def test_four_bits_are_not_made_of_a_gguf(tmp_path, capsys, options):
    (tmp_path / "base.gguf").write_bytes(b"GGUF")
    (tmp_path / "c.yaml").write_text("name: x\nbase: {id: b}\nquant: {kind: nf4}\n")
    for command in ("check", "run"):
        code, line = run(capsys, command, "--config", tmp_path / "c.yaml", "--data", options, "--base", tmp_path / "base.gguf")
        assert code == errors.CONFIG and "quant.kind nf4 needs the base's own weights" in line and "base.gguf is a GGUF file" in line


def test_the_shipped_adapters_configuration_is_the_one_in_the_repository():
    shipped = list((Path(__file__).parent.parent.parent / "internal" / "modelregistry" / "shipped").glob("*/manifest.json"))
    assert shipped
    for path in shipped:
        held = json.loads(path.read_text(encoding="utf-8"))["train"]
        assert config.load(CONFIGS / f"{held['config']}.yaml").identity() == held["config_sha256"], f"{held['config']}.yaml no longer makes {path.parent.name}"


def test_a_malformed_record_is_named_by_file_line_and_field(tmp_path, capsys):
    folder = dataset(tmp_path / "d", "option")
    lines = (folder / "train.jsonl").read_text().splitlines()
    broken = json.loads(lines[4])
    del broken["prompt"]
    (folder / "train.jsonl").write_text("\n".join([*lines[:4], json.dumps(broken), *lines[5:]]) + "\n")
    code, told = run(capsys, "check", "--config", CONFIGS / "option-135m.yaml", "--data", folder)
    assert code == errors.DATA and "train.jsonl, line 5: prompt" in told and "sat dataset build" in told


def test_data_that_are_not_what_their_manifest_says_are_refused(tmp_path, capsys, base):
    folder = dataset(tmp_path / "d", "option")
    with (folder / "train.jsonl").open("a") as file:
        file.write((folder / "val.jsonl").read_text())
    code, told = run(capsys, "run", "--config", CONFIGS / "smoke-135m.yaml", "--data", folder, "--base", base, "--out", tmp_path / "runs")
    assert code == errors.DATA and "not the file that dataset.json describes" in told


def test_absent_files(tmp_path, capsys, options):
    code, told = run(capsys, "check", "--config", tmp_path / "none.yaml", "--data", options)
    assert code == errors.NO_FILE and "training/configs/" in told
    code, told = run(capsys, "check", "--config", CONFIGS / "option-135m.yaml", "--data", tmp_path / "none")
    assert code == errors.NO_FILE and "sat dataset build" in told
    code, told = run(capsys, "run", "--config", CONFIGS / "option-135m.yaml", "--data", options, "--base", tmp_path / "none.gguf", "--out", tmp_path)
    assert code == errors.NO_FILE and "--base" in told
    code, told = run(capsys, "convert", tmp_path, "--base-gguf", tmp_path / "base.gguf")
    assert code == errors.NO_FILE


def test_a_gpu_profile_without_a_gpu_never_falls_back(tmp_path, capsys, base):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    folder = dataset(tmp_path / "d", "letter_text")
    code, told = run(capsys, "check", "--config", CONFIGS / "original-3b.yaml", "--data", folder, "--base", base)
    assert code == errors.UNAVAILABLE
    assert "first sample" in told and "needs an NVIDIA GPU" in told
    code, told = run(capsys, "run", "--config", CONFIGS / "original-3b.yaml", "--data", folder, "--base", base, "--out", tmp_path / "runs")
    assert code == errors.UNAVAILABLE and "sees none here" in told


def test_the_originals_objects_are_built_without_its_weights(capsys):
    code, told = run(capsys, "check", "--config", CONFIGS / "original-3b.yaml")
    assert "24,313,856 of 3,237,063,680 parameters are trained" in told
    if importlib.util.find_spec("bitsandbytes"):
        assert "196 layers of nf4, double, computed in bfloat16, stored as uint8" in told
        assert "optimiser: PagedAdamW8bit, lr 0.0002, cosine, warm-up 0.05, batch 1 x 2" in told
    else:
        assert code == errors.UNAVAILABLE and "the package bitsandbytes" in told
    assert "--data looks at it too" in told


@pytest.mark.parametrize("token, status, wanted", [
    ("", 401, "gated and there is no token"), ("hf_x", 403, "accept the licence"), ("hf_x", 500, "cannot be fetched"),
])
def test_a_base_that_cannot_be_had(token, status, wanted, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "get_token", lambda: token or None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def refused():
        inner = Exception("refused")
        inner.response = types.SimpleNamespace(status_code=status)
        raise OSError("You cannot have it.\nMore.") from inner

    base = config.Base(id="meta-llama/Llama-3.2-3B-Instruct")
    with pytest.raises(Fail) as caught:
        hub.found(base, True, refused)
    assert wanted in str(caught.value) and caught.value.code == (errors.UNAVAILABLE if status == 500 else errors.CONFIG)
    with pytest.raises(Fail) as caught:
        hub.found(base, False, refused)
    assert caught.value.code == errors.NO_FILE and "--allow-download" in str(caught.value)


def test_help_has_an_example_of_each_command(capsys):
    for command in ("check", "run", "convert", "merge", "score", "plot"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        assert f"example:\n  sat-train {command} " in capsys.readouterr().out


def test_unknown_flags(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "--fast"])
    assert caught.value.code == errors.USAGE


def test_no_prompt_text_lives_here():
    root = Path(__file__).parent.parent
    templates = (root.parent / "internal" / "prompt" / "templates").glob("*.tmpl")
    sentences = [line.strip() for t in templates for line in t.read_text().splitlines() if len(line.strip()) > 12 and "{" not in line]
    assert len(sentences) > 4
    for file in [*root.rglob("*.py"), *root.rglob("*.yaml")]:
        if ".venv" in file.parts:
            continue
        text = file.read_text(encoding="utf-8")
        for line in sentences:
            assert line not in text, f"{file}: {line}"
