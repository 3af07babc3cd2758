"""`sat-train check` finds before the first step what would end a run after it, and `run` says the same."""

import hashlib
import json
import re
from dataclasses import asdict

import pytest
import yaml

from sattrain import check, cli, config, data, errors, model, objective


@pytest.fixture
def command(small, options, base, tmp_path, capsys):
    """Runs a command with the small configuration on the small data."""
    def run(name, *more):
        plain = asdict(small)
        plain["base"].pop("path")
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(plain))
        code = cli.main([name, "--config", str(tmp_path / "c.yaml"), "--data", str(options), "--base", str(base), *more])
        return code, capsys.readouterr().err
    return run


def lengthened(folder, file, at, words):
    """Makes one record of a file longer, and tells dataset.json."""
    lines = (folder / file).read_text().splitlines()
    record = json.loads(lines[at])
    record["prompt"][-1]["content"] += " the" * words
    lines[at] = json.dumps(record)
    text = "\n".join(lines) + "\n"
    (folder / file).write_text(text)
    held = json.loads((folder / "dataset.json").read_text())
    held["files"][file]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "dataset.json").write_text(json.dumps(held))


@pytest.mark.parametrize("file, line", [("train.jsonl", 91), ("val.jsonl", 14)])
def test_a_prompt_that_no_step_could_read_is_found(command, small, options, tmp_path, file, line):
    small.max_tokens, small.steps, small.epochs = 60, 0, 1.0
    assert command("check")[0] == 0
    lengthened(options, file, line - 1, 60)
    for name, more in (("check", ()), ("run", ("--out", str(tmp_path / "out")))):
        code, told = command(name, *more)
        assert code == errors.DATA and f"{file}, line {line}: record q" in told and "max_tokens is 60" in told
        assert "step 0" not in told


def test_a_prompt_that_is_not_read_may_be_long(command, small, options):
    small.max_tokens, small.steps = 60, 1
    train = data.index(options / "train.jsonl", "option")
    from sattrain import plan

    read = {unit.id for step in plan.steps(small, train) for unit in step}
    away = next(unit for unit in train.units if unit.id not in read)
    lengthened(options, "train.jsonl", away.groups[0][0].line - 1, 60)
    assert command("check")[0] == 0


def test_characters_mislead_and_tokens_count(small, options, base):
    """The longest by characters is not the longest by tokens, and is not the only one that is looked at."""
    small.max_tokens = 60
    lines = [json.loads(line) for line in (options / "train.jsonl").read_text().splitlines()]
    for record in lines:
        record["prompt"][-1]["content"] = "x" * 300 + " " + record["prompt"][-1]["content"]
    for record in lines[-8:]:  # one passage of short words
        record["prompt"][-1]["content"] = "a " * 70
    (options / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
    train = data.index(options / "train.jsonl", "option")
    encoder = objective.Encoder(small, model.load_tokenizer(small), train.kwargs)
    with pytest.raises(errors.Fail, match=f"line {len(lines) - 7}: record .* has \\d+ tokens"):
        check._longest(small, encoder, train, train.units)


def test_check_and_run_print_the_same_and_the_run_keeps_it(command, tmp_path):
    code, told = command("check")
    assert code == 0
    found = re.search(r"test/tiny: ([\d,]+) of ([\d,]+) parameters are trained", told)
    lora = 2 * 8 * ((32 + 32) * 2 + (32 + 16) * 2 + (32 + 64) * 3)
    assert found[1] == f"{lora:,}"
    assert re.search(r"tokens: \d+ to \d+ a prompt, mean \d+ \(of \d+\); max_tokens 2048; about [\d,]+ to read, \d+ a question", told)
    assert re.search(r"first sample, \d+ tokens read: '<s> system the lamp.*<s> assistant' → 2 learnt: '(Yes|No) </s>'", told)
    assert re.search(r"expected time: about 0 min \d+ s", told)
    code, again = command("run", "--out", str(tmp_path / "out"))
    assert code == 0
    log = next((tmp_path / "out").glob("*/log.txt")).read_text()
    for line in told.splitlines():
        if not line.startswith("expected time"):
            assert line in again and line in log
    assert "expected time: about" in log


def test_all_weights_on_a_cpu_are_warned_of(command, small):
    small.weights = "full"
    code, told = command("check")
    assert code == 0 and "warning: test trains all weights, which is work for a GPU; on this CPU it takes about" in told


def test_a_base_that_is_not_here_is_not_counted(small, quiet, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    small.base = config.Base(id="test/absent")
    assert check._settings(small) is None
