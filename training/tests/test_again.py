"""An adapter is made again from its manifest, or it is said which input differs."""

import json
import shutil
from dataclasses import asdict

import pytest
import yaml

from sattrain import adapter, cli, errors

from conftest import dataset


@pytest.fixture
def made(small, options, base, tmp_path, capsys):
    """The command line and the manifest of a finished run."""
    plain = asdict(small)
    plain["base"].pop("path")
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(plain))
    code, _ = train(capsys, "--config", tmp_path / "c.yaml", "--data", options, "--base", base, "--out", tmp_path / "one")
    assert code == 0
    return next((tmp_path / "one").glob("*/adapter/manifest.json"))


def train(capsys, *arguments):
    code = cli.main(["run", *map(str, arguments)])
    return code, capsys.readouterr().err


def test_the_same_inputs_give_the_same_adapter(made, options, base, tmp_path, capsys):
    alone = shutil.copy(made, tmp_path / "manifest.json")  # without the adapter beside it
    code, told = train(capsys, "--from-manifest", alone, "--data", options, "--base", base, "--out", tmp_path / "two")
    assert code == 0 and "the same adapter, to the bit: " + adapter.named(json.loads(made.read_text())) in told


def test_every_input_that_differs_is_named(made, letters, base, tmp_path, capsys):
    other = dataset(tmp_path / "other", "option", passages=30)
    another = tmp_path / "base"
    shutil.copytree(base, another)
    settings = json.loads((another / "config.json").read_text())
    (another / "config.json").write_text(json.dumps(settings | {"initializer_range": 0.5}))
    code, told = train(capsys, "--from-manifest", made, "--data", other, "--base", another, "--out", tmp_path / "two")
    assert code == errors.CONFLICT
    assert "training data (--data)" in told and "base (--base)" in told and "configuration" not in told and "validation" not in told
    assert not (tmp_path / "two").exists()


def test_an_old_manifest_needs_the_configurations_file(made, options, base, tmp_path, capsys):
    held = json.loads(made.read_text())
    del held["train"]["settings"]
    (tmp_path / "old.json").write_text(json.dumps(held))
    rest = ("--data", options, "--base", base, "--out", tmp_path / "two")
    code, told = train(capsys, "--from-manifest", tmp_path / "old.json", *rest)
    assert code == errors.CONFIG and "give the file of test with --config" in told
    code, told = train(capsys, "--from-manifest", tmp_path / "old.json", "--config", tmp_path / "c.yaml", *rest)
    assert code == 0 and "to the bit" in told
    text = (tmp_path / "c.yaml").read_text()
    (tmp_path / "c.yaml").write_text(text.replace("seed: 7", "seed: 8"))
    code, told = train(capsys, "--from-manifest", tmp_path / "old.json", "--config", tmp_path / "c.yaml", *rest)
    assert code == errors.CONFLICT and "configuration (--config)" in told


def test_another_result_is_told(made, options, base, tmp_path, capsys):
    held = json.loads(made.read_text())
    held["version"] = "00000000"
    (tmp_path / "m.json").write_text(json.dumps(held))
    code, told = train(capsys, "--from-manifest", tmp_path / "m.json", "--data", options, "--base", base, "--out", tmp_path / "two")
    assert code == errors.CONFLICT and "instead of sat-lora@00000000" in told
    held["train"]["versions"]["torch"] = "1.0"
    (tmp_path / "m.json").write_text(json.dumps(held))
    code, told = train(capsys, "--from-manifest", tmp_path / "m.json", "--data", options, "--base", base, "--out", tmp_path / "three")
    assert code == 0 and "torch" in told and "instead of 1.0" in told


def test_what_is_no_manifest(tmp_path, options, capsys):
    assert train(capsys, "--from-manifest", tmp_path / "none.json", "--data", options)[0] == errors.NO_FILE
    (tmp_path / "m.json").write_text("[]")
    assert train(capsys, "--from-manifest", tmp_path / "m.json", "--data", options)[0] == errors.DATA
    assert train(capsys, "--data", options)[0] == errors.USAGE
