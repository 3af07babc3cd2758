"""Which units are read at which step: a function of configuration, data and seed, so that a resumed run goes on exactly."""

import random

from . import errors
from .config import Config
from .data import Records, Unit
from .errors import Fail


def steps(config: Config, records: Records) -> list[list[Unit]]:
    """The units of every optimiser step, in order."""
    rng = random.Random(f"{config.seed}/order")
    size = config.batch * config.accumulate
    if config.curriculum:
        return _curriculum(config, records, rng, size)
    plan: list[list[Unit]] = []
    if config.steps:
        while len(plan) < config.steps:
            plan.extend(_shuffled(records, rng, size))
        return plan[: config.steps]
    left = config.epochs
    while left > 0:
        epoch = _shuffled(records, rng, size)
        plan.extend(epoch if left >= 1 else epoch[: max(round(left * len(epoch)), 0 if plan else 1)])
        left -= 1
    return plan


def _shuffled(records: Records, rng: random.Random, size: int) -> list[list[Unit]]:
    """One epoch: every unit once."""
    units = list(records.units)
    rng.shuffle(units)
    return _pack(units, size)


def judged(config: Config, records: Records) -> list[Unit]:
    """The units of the validation split that are read at every evaluation: drawn by the seed, as a file may be sorted."""
    units = list(records.units)
    if not config.eval_questions:
        return units
    random.Random(f"{config.seed}/judged").shuffle(units)
    chosen, count = [], 0
    for unit in units:
        if count >= config.eval_questions:
            break
        chosen.append(unit)
        count += unit.questions
    return chosen


def _curriculum(config: Config, records: Records, rng: random.Random, size: int) -> list[list[Unit]]:
    unused = list(records.units)
    rng.shuffle(unused)
    plan: list[list[Unit]] = []
    for i, stage in enumerate(config.curriculum):
        chosen, count, rest = [], 0, []
        for unit in unused:
            if count < stage.questions and stage.min_chars <= unit.chars < stage.max_chars:
                chosen.append(unit)
                count += unit.questions
            else:
                rest.append(unit)
        if count < stage.questions:
            raise Fail(errors.DATA, f"curriculum[{i}] wants {stage.questions} questions on prompts of {stage.min_chars} to "
                       f"{stage.max_chars} characters, {records.path} has {count} left; ask for fewer or build a larger data set")
        unused = rest
        plan.extend(_pack(chosen, size))
    return plan


def _pack(units: list[Unit], size: int) -> list[list[Unit]]:
    """Fills steps with whole units until each has at least `size` questions; the last may have fewer."""
    packed: list[list[Unit]] = []
    step: list[Unit] = []
    for unit in units:
        step.append(unit)
        if sum(u.questions for u in step) >= size:
            packed.append(step)
            step = []
    if step:
        packed.append(step)
    return packed
