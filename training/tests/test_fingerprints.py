"""The fingerprints beside an adapter are those of the passages that its run has read."""

import hashlib
import json
import random

import numpy as np
import pytest

from sattrain import adapter, data, errors, fingerprints, plan
from sattrain.errors import Fail

from conftest import WORDS, records, sentence
from test_run import trained


def grams(text):
    return {fingerprints.hashed(sequence) for sequence in fingerprints.sequences(text)}


def long_passages(folder, method, passages=24, long=30):
    """A data set on passages that are long enough for fingerprints, with the file that a build writes of all of them."""
    folder.mkdir()
    rng, texts, known = random.Random(5), {}, set()
    made = records(method, passages, seed=1)
    for record in made:
        text = texts.setdefault(record["passage_id"], sentence(rng, long) + " İstanbul, Don't!")
        known |= grams(text)
        record["prompt"][-1]["content"] = text + " " + " ".join(record["prompt"][-1]["content"].split()[-4:])
    lines = "".join(json.dumps(r) + "\n" for r in made)
    (folder / "train.jsonl").write_text(lines, encoding="utf-8")
    (folder / "val.jsonl").write_text(lines, encoding="utf-8")
    (folder / "fingerprints.bin").write_bytes(np.array(sorted(known), dtype=">u8").tobytes())
    digest = hashlib.sha256(lines.encode()).hexdigest()
    (folder / "dataset.json").write_text(json.dumps({
        "template": "option_v1", "template_sha256": "0" * 64, "licence": "permissive", "licences": {"CC0-1.0": passages},
        "splits": {"train": {"passages": passages}}, "sources": [], "excluded": [],
        "files": {name: {"sha256": digest} for name in ("train.jsonl", "val.jsonl")}}), encoding="utf-8")
    return texts


def test_what_a_question_quotes_was_read_too(small, tmp_path):
    texts = long_passages(tmp_path / "data", "option", passages=4)
    lines = [json.loads(line) for line in (tmp_path / "data" / "train.jsonl").read_text().splitlines()]
    first, other = lines[0]["passage_id"], lines[-1]["passage_id"]
    for record in lines[4:8]:  # the second question on it
        record["prompt"][-1]["content"] += " " + texts[other]
    (tmp_path / "data" / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
    train = data.index(tmp_path / "data" / "train.jsonl", "option")
    written = fingerprints.of(train, [unit for unit in train.units if unit.id == first])
    assert set(np.frombuffer(written, dtype=">u8").tolist()) == grams(texts[first]) | grams(texts[other])


@pytest.mark.parametrize("method", ["option", "letter"])
def test_only_what_was_read_has_fingerprints(small, tmp_path, quiet, method):
    texts = long_passages(tmp_path / "data", method)
    small.method, small.loss, small.steps = method, "listwise" if method == "option" else "completion", 3
    run = trained(small, tmp_path / "run", tmp_path / "data", quiet, method=method)
    held = adapter.write(run, tmp_path / "adapter")
    train = data.index(tmp_path / "data" / "train.jsonl", method)
    read = {fingerprints.passage(train, unit) for step in plan.steps(small, train) for unit in step}
    assert 0 < len(read) < len(texts) == held["data"]["passages"] and held["data"]["passages_seen"] == len(read)
    wanted = sorted({gram for name in read for gram in grams(texts[name])})
    written = (tmp_path / "adapter" / adapter.FINGERPRINTS).read_bytes()
    assert np.frombuffer(written, dtype=">u8").tolist() == wanted
    assert held["adapter"]["files"][adapter.FINGERPRINTS]["sha256"] == hashlib.sha256(written).hexdigest()


def test_a_sequence_is_hashed_as_the_evaluator_does():
    words = WORDS[:13]
    wanted = int.from_bytes(hashlib.sha256(b"the a door gate lamp pier was is red green blue black what").digest()[:8], "big")
    assert grams(" ".join(words)) == grams("The A dOOr-gate\n\nlamp 7 pier, was is red green blue black What?") == {wanted}
    assert not grams(" ".join(words[:12]))


def test_a_data_sets_fingerprints_that_are_torn_are_refused(small, tmp_path, quiet):
    long_passages(tmp_path / "data", "option")
    run = trained(small, tmp_path / "run", tmp_path / "data", quiet)
    whole = (tmp_path / "data" / "fingerprints.bin").read_bytes()
    (tmp_path / "data" / "fingerprints.bin").write_bytes(whole[:-3])
    with pytest.raises(Fail) as caught:
        adapter.write(run, tmp_path / "adapter")
    assert caught.value.code == errors.DATA and "sat dataset build" in str(caught.value)
