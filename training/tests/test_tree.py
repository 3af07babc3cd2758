"""A tree gives what its sequences give one by one."""

import random

import pytest
import torch

from sattrain import model, objective
from sattrain.tree import merge

from conftest import indexed


def test_scores_are_those_of_the_sequences_alone(small, options):
    train, _ = indexed(options, "option")
    judge = objective.Listwise(small, model.load(small), train)
    with torch.no_grad():
        for unit in train.units[:6]:
            tree, _ = judge.layout(unit)
            alone = [judge.scores(merge([[judge.encoder.prompt(train.read(e))]])) for group in unit.groups for e in group]
            assert torch.allclose(judge.scores(tree), torch.cat(alone), atol=1e-5)
            assert len(tree.tokens) < sum(len(judge.encoder.prompt(train.read(e))) for group in unit.groups for e in group) / 2


@pytest.mark.parametrize("seed", range(30))
def test_every_token_sees_its_own_sequence_and_nothing_else(seed):
    rng = random.Random(seed)
    start = [rng.randrange(4) for _ in range(rng.randrange(1, 5))]
    questions = [[start + [rng.randrange(4) for _ in range(rng.randrange(1, 6))] for _ in range(rng.randrange(1, 5))] for _ in range(rng.randrange(1, 4))]
    tree = merge(questions)
    sequences = [s for question in questions for s in question]
    seen: dict[int, set[int]] = {}
    for block in tree.blocks:
        for row in range(block.start, block.end):
            columns = torch.arange(block.bias.shape[1]) if block.columns is None else block.columns
            seen[row] = set(columns[block.bias[row - block.start] == 0].tolist())
    assert sorted(seen) == list(range(len(tree.tokens)))
    for sequence, end in zip(sequences, tree.ends.tolist()):
        path = sorted(seen[end], key=lambda node: tree.positions[node].item())
        assert [tree.tokens[node].item() for node in path] == sequence
        assert [tree.positions[node].item() for node in path] == list(range(len(sequence)))


def test_listwise_loss_against_a_value_computed_by_hand():
    assert objective.listwise_loss(torch.tensor([0.4, -1.1, 1.7, -0.2]), 2).item() == pytest.approx(0.394007, abs=1e-6)
