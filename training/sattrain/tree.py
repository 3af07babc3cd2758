"""Many token sequences as one: what they share is read once.

The four options of a question differ only in their last tokens, and the questions on a passage only after it. Laid out
as a tree, every token attends to its ancestors alone and keeps the position that it has in its own sequence, so the
hidden state at the end of each branch is what the sequence by itself would give.

Attention is computed by blocks of rows, each against the columns that any of its rows attends to: a question never looks
at another one, nor a passage's beginning at its end. Plain matrix products on such small blocks take half the time of
torch's fused kernel on a CPU, which is slow with a mask.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AttentionInterface

ATTENTION = "sat_tree"  # the name under which a model is told to use `attend`
ROWS = 128  # of a block at most


@dataclass(frozen=True)
class Block:
    """Consecutive rows, the columns that any of them attends to, and which row attends to which of those."""

    start: int
    end: int
    columns: torch.Tensor | None  # int64 [c]; None for the first c
    bias: torch.Tensor  # float32 [rows, c]: 0 where a row attends to a column, else minus infinity


@dataclass(frozen=True)
class Tree:
    """Sequences merged by their common beginnings."""

    tokens: torch.Tensor  # int64 [n]
    positions: torch.Tensor  # int64 [n], the depth of each token
    ends: torch.Tensor  # int64 [sequences], where the last token of each stands
    blocks: tuple[Block, ...]

    def to(self, device: torch.device) -> "Tree":
        blocks = tuple(Block(b.start, b.end, None if b.columns is None else b.columns.to(device), b.bias.to(device)) for b in self.blocks)
        return Tree(self.tokens.to(device), self.positions.to(device), self.ends.to(device), blocks)


def merge(questions: list[list[list[int]]]) -> Tree:
    """Merges the sequences of each question. A sequence shares the longest beginning that it has with an earlier one."""
    sequences = [np.array(s, dtype=np.int64) for question in questions for s in question]
    tokens, positions = [sequences[0]], [np.arange(len(sequences[0]))]
    paths, total, least = [np.arange(len(sequences[0]))], len(sequences[0]), len(sequences[0]) - 1
    for i, sequence in enumerate(sequences[1:], 1):
        shares = [_common(sequence, sequences[j]) for j in range(i)]
        donor = int(np.argmax(shares))
        shared = shares[donor]
        least = min(least, shared)
        own = np.arange(total, total + len(sequence) - shared)
        tokens.append(sequence[shared:])
        positions.append(np.arange(shared, len(sequence)))
        paths.append(np.concatenate([paths[donor][:shared], own]))
        total += len(own)
    mask = np.zeros((total, total), dtype=bool)
    for path in paths:
        mask[np.ix_(path, path)] |= np.tri(len(path), dtype=bool)
    first, edges = 0, [0, least]
    for question in questions:
        first += len(question)
        edges.append(max(int(path[-1]) for path in paths[:first]) + 1)
    return Tree(torch.from_numpy(np.concatenate(tokens)), torch.from_numpy(np.concatenate(positions)),
                torch.tensor([path[-1] for path in paths]), _blocks(mask, edges))


def _blocks(mask: np.ndarray, edges: list[int]) -> tuple[Block, ...]:
    blocks = []
    for first, last in zip(edges, edges[1:]):
        for start in range(first, last, ROWS):
            end = min(start + ROWS, last)
            columns = np.nonzero(mask[start:end].any(axis=0))[0]
            bias = np.where(mask[start:end][:, columns], np.float32(0), np.float32(-np.inf))
            leading = columns[-1] == len(columns) - 1
            blocks.append(Block(start, end, None if leading else torch.from_numpy(columns), torch.from_numpy(bias)))
    return tuple(blocks)


def _common(a: np.ndarray, b: np.ndarray) -> int:
    n = min(len(a), len(b))
    different = np.nonzero(a[:n] != b[:n])[0]
    return int(different[0]) if len(different) else n


def attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, tree: Tree | None = None, **_):
    """Attention over a tree of one batch; a replacement for the model's own."""
    key, value = key[0], value[0]  # [key heads, n, width]
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    query = (query[0] * scale).unflatten(0, (key.shape[0], -1))  # the query heads that share a key head read it together
    parts = []
    for block in tree.blocks:
        rows, (k, v) = block.end - block.start, (_take(x, block) for x in (key, value))
        asked = query[:, :, block.start : block.end].flatten(1, 2)
        scores = torch.bmm(asked, k.transpose(1, 2)).unflatten(1, (-1, rows)) + block.bias.to(k.dtype)
        weights = F.dropout(scores.softmax(-1, dtype=torch.float32).to(v.dtype), dropout, module.training)
        parts.append(torch.bmm(weights.flatten(1, 2), v).unflatten(1, (-1, rows)))
    return torch.cat(parts, dim=2).flatten(0, 1).transpose(0, 1).contiguous()[None], None


def _take(rows: torch.Tensor, block: Block) -> torch.Tensor:
    if block.columns is None:
        return rows[:, : block.bias.shape[1]]
    return rows.index_select(1, block.columns)


AttentionInterface.register(ATTENTION, attend)
