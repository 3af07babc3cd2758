"""The scores that PyTorch gives, one JSON line a question: to be held against those of an engine."""

import json
from pathlib import Path

import torch

from . import adapter, errors, model, objective
from .config import Config
from .data import Records
from .errors import Fail


def score(config: Config, train: Records, val: Records | None, folder: Path | None) -> None:
    """Prints the scores of every question of the validation split."""
    if val is None or config.method != "option":
        raise Fail(errors.CONFIG, "scores are those of method option on a validation split; choose such a configuration and data set")
    loaded = model.load(config)
    if folder:
        adapter.put(loaded, folder)
    loaded.model.eval()
    judge = objective.Listwise(config, loaded, val)
    with torch.no_grad():
        for unit in val.units:
            tree, questions = judge.layout(unit)
            scores, first = judge.scores(tree).tolist(), 0
            for group, (options, key) in zip(unit.groups, questions):
                own = scores[first : first + options]
                first += options
                print(json.dumps({"id": val.read(group[0])["group"], "scores": own, "key": key, "correct": max(range(options), key=own.__getitem__) == key}))
