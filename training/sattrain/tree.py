"""Many token sequences as one: what they share is read once.

The four options of a question differ only in their last tokens, and the questions on a passage only after it. Laid out
as a tree, every token attends to its ancestors alone and keeps the position that it has in its own sequence, so the
hidden state at the end of each branch is what the sequence by itself would give.

The rows of a tree fall into blocks, the shared beginning and one for each question. A block attends to few columns, so
attention is computed block by block: a question never looks at another one.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AttentionInterface

ATTENTION = "sat_tree"  # the name under which a model is told to use `attend`


@dataclass(frozen=True)
class Block:
    """Consecutive rows, the columns that any of them attends to, and which row attends to which of those."""

    start: int
    end: int
    columns: torch.Tensor  # int64 [c]
    mask: torch.Tensor | None  # bool [rows, c]; None where a row attends to all rows up to itself and to nothing else


@dataclass(frozen=True)
class Tree:
    """Sequences merged by their common beginnings."""

    tokens: torch.Tensor  # int64 [n]
    positions: torch.Tensor  # int64 [n], the depth of each token
    ends: torch.Tensor  # int64 [sequences], where the last token of each stands
    blocks: tuple[Block, ...]

    def to(self, device: torch.device) -> "Tree":
        blocks = tuple(Block(b.start, b.end, b.columns.to(device), None if b.mask is None else b.mask.to(device)) for b in self.blocks)
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
    for start, end in zip(edges, edges[1:]):
        if start == end:
            continue
        columns = np.nonzero(mask[start:end].any(axis=0))[0]
        inner = None if start == 0 and end == edges[1] else torch.from_numpy(mask[start:end][:, columns])
        blocks.append(Block(start, end, torch.from_numpy(columns), inner))
    return tuple(blocks)


def _common(a: np.ndarray, b: np.ndarray) -> int:
    n = min(len(a), len(b))
    different = np.nonzero(a[:n] != b[:n])[0]
    return int(different[0]) if len(different) else n


def attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, tree: Tree | None = None, **_):
    """Attention over a tree of one batch; a replacement for the model's own."""
    key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], dim=1) for x in (key, value))
    parts = []
    for block in tree.blocks:
        k, v = key[:, :, block.columns], value[:, :, block.columns]
        parts.append(F.scaled_dot_product_attention(query[:, :, block.start : block.end], k, v, block.mask, dropout,
                                                    is_causal=block.mask is None, scale=scaling))
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, attend)
