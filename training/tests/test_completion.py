"""What of a completion is learnt."""

import pytest
import torch

from sattrain import errors, model, objective
from sattrain.errors import Fail

from conftest import indexed


def encoder(small, **changes):
    for name, value in changes.items():
        setattr(small, name, value)
    small.method, small.loss = "letter", "completion"
    return objective.Encoder(small, model.load_tokenizer(small), {})


RECORD = {"id": "x", "prompt": [{"role": "system", "content": "the lamp"}, {"role": "user", "content": "what colour"}],
          "completion": [{"role": "assistant", "content": "B"}]}


def test_the_mask_begins_at_the_answer_and_ends_with_the_turn(small):
    e = encoder(small)
    sample = e.sample(RECORD)
    assert e.tokenizer.decode(sample.ids[sample.first_label :]) == "B </s>"
    assert sample.ids[: sample.first_label] == e.prompt(RECORD)
    assert sample.ids.count(e.tokenizer.bos_token_id) == 0


def test_the_original_learnt_the_header_and_read_two_beginnings(small):
    e = encoder(small, supervise_header=True, double_bos=True)
    sample = e.sample(RECORD)
    assert e.tokenizer.decode(sample.ids[sample.first_label :]) == "<s> assistant B </s>"
    assert sample.ids[0] == e.tokenizer.bos_token_id


def test_padding_is_never_learnt():
    ids, attention, labels = objective.pad([objective.Sample([5, 6, 7], 2), objective.Sample([5, 6, 7, 8, 9], 3)], fill=3)
    assert ids.shape == (2, 8)
    assert attention.sum(1).tolist() == [3, 5]
    assert labels[0].tolist() == [-100, -100, 7, -100, -100, -100, -100, -100]


def test_the_loss_is_the_mean_over_the_answers_tokens(small, letters):
    small.method, small.loss = "letter", "completion"
    train, _ = indexed(letters, "letter")
    loaded = model.load(small)
    judge = objective.Completion(small, loaded, train)
    units = train.units[:3]
    with torch.no_grad():
        together = judge.read(units).loss.item()
        alone = 0.0
        for sample in judge.samples(units):
            logits = loaded.model(input_ids=torch.tensor([sample.ids])).logits[0].log_softmax(-1)
            alone -= sum(logits[i - 1, sample.ids[i]].item() for i in range(sample.first_label, len(sample.ids))) / (len(sample.ids) - sample.first_label)
    assert together == pytest.approx(alone, abs=1e-4)


def test_a_sample_is_refused_rather_than_cut(small, letters):
    small.method, small.loss, small.max_tokens = "letter", "completion", 5
    train, _ = indexed(letters, "letter")
    with pytest.raises(Fail) as caught:
        objective.Completion(small, model.load(small), train).read(train.units[:1])
    assert caught.value.code == errors.DATA and "max_tokens is 5" in str(caught.value)
