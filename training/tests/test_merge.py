"""Merged weights answer as base and adapter do, and carry the licence on."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sattrain import adapter, cli, errors, model

from test_run import trained


def merged(capsys, *arguments):
    code = cli.main(["merge", *map(str, arguments)])
    return code, "".join(capsys.readouterr())


def test_merged_weights_answer_as_base_and_adapter(small, options, base, tmp_path, quiet, capsys):
    run = trained(small, tmp_path / "run", options, quiet)
    adapter.write(run, tmp_path / "run" / "adapter")
    code, told = merged(capsys, tmp_path / "run", "--base", base, "--out", tmp_path / "merged", "--precision", "fp32")
    assert code == 0 and "licence label permissive" in told
    small.method, small.loss = "letter", "completion"  # for torch's own attention
    loaded = model.load(small)
    ids = torch.tensor([[5, 12, 13, 14, 15, 16]])
    with torch.no_grad():
        bare = loaded.model(input_ids=ids).logits
        adapter.put(loaded, tmp_path / "run" / "adapter")
        wanted = loaded.model(input_ids=ids).logits
        whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
        found = whole(input_ids=ids).logits
    assert torch.allclose(found, wanted, atol=1e-5) and not torch.allclose(found, bare, atol=1e-3)
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template

    held = json.loads((tmp_path / "merged" / "manifest.json").read_text())
    before = adapter.read_manifest(tmp_path / "run" / "adapter")
    assert held["licence"] == before["licence"] and held["data"] == before["data"] and held["adapter"] == adapter.named(before)
    assert not {p.suffix for p in (tmp_path / "merged").iterdir()} - {".json", ".safetensors", ".bin", ".jinja"}
    for name, expected in held["files"].items():
        assert adapter.sha256(tmp_path / "merged" / name) == expected["sha256"]

    code, told = merged(capsys, tmp_path / "run", "--base", base, "--out", tmp_path / "merged")
    assert code == errors.CONFIG and "is there already" in told


def test_another_base_is_refused(small, options, base, tmp_path, quiet, capsys):
    run = trained(small, tmp_path / "run", options, quiet)
    adapter.write(run, tmp_path / "run" / "adapter")
    held = adapter.read_manifest(tmp_path / "run" / "adapter")
    held["base"]["sha256"] = "0" * 64
    adapter.save_manifest(tmp_path / "run" / "adapter", held)
    code, told = merged(capsys, tmp_path / "run", "--base", base, "--out", tmp_path / "merged")
    assert code == errors.CONFLICT and "not the base that" in told and not (tmp_path / "merged").exists()
