"""What is read, and how often."""

from collections import Counter

import pytest

from sattrain import plan
from sattrain.data import Entry, Records, Unit


def records(passages: int, questions: int) -> Records:
    units = [Unit(f"p{p}", tuple((Entry(0, 1, f"p{p}-{q}", 10),) for q in range(questions))) for p in range(passages)]
    return Records(None, "0" * 64, "option", units)


def read(steps) -> Counter:
    return Counter(unit.id for step in steps for unit in step)


@pytest.mark.parametrize("questions", [1, 2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("passages", [1, 7, 40, 41])
def test_an_epoch_reads_every_passage_once(small, passages, questions):
    small.steps, small.batch = 0, 4
    held = records(passages, questions)
    for small.epochs in (1.0, 2.0, 3.0):
        counts = read(plan.steps(small, held))
        assert set(counts.values()) == {int(small.epochs)} and len(counts) == passages


@pytest.mark.parametrize("questions", [1, 3, 5])
def test_a_part_of_an_epoch_is_that_part_of_its_steps(small, questions):
    small.steps, small.batch = 0, 4
    held = records(60, questions)
    whole = len(plan.steps(small, held))
    small.epochs = 1.5
    steps = plan.steps(small, held)
    assert len(steps) == pytest.approx(1.5 * whole, abs=1) and sum(read(steps).values()) == pytest.approx(90, abs=4)
    small.epochs = 0.001
    assert len(plan.steps(small, held)) == 1


def test_the_originals_two_epochs_are_298_steps(small):
    small.steps, small.batch, small.accumulate, small.epochs = 0, 1, 2, 2.0
    assert len(plan.steps(small, records(298, 1))) == 298
    odd = plan.steps(small, records(299, 1))
    assert set(read(odd).values()) == {2} and len(odd) == 300


def test_a_number_of_steps_begins_anew_when_all_was_read(small):
    small.steps, small.batch, small.epochs = 25, 4, 1.0
    steps = plan.steps(small, records(10, 4))
    assert len(steps) == 25 and set(read(steps).values()) == {2, 3}
    assert steps == plan.steps(small, records(10, 4))
