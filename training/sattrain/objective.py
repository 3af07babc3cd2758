"""The two losses: of a completion's tokens, and of the right option among its rivals."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from . import errors
from .config import Config
from .data import Entry, Records, Unit
from .errors import Fail
from .model import Loaded
from .tree import Tree, merge

IGNORED = -100
NO_MASK = torch.ones((1, 1, 1, 1), dtype=torch.bool)  # the tree holds the masks; this keeps the model from making one
REPLIES = ("Yes", "No")


@dataclass
class Outcome:
    """What one reading gave. `loss` is summed over the questions."""

    loss: torch.Tensor
    questions: int
    correct: int
    tokens: int


@dataclass(frozen=True)
class Sample:
    """A tokenised completion and which of its tokens are learnt."""

    ids: list[int]
    first_label: int  # index of the first supervised token


class Encoder:
    """Turns records into tokens by the base's own chat template."""

    def __init__(self, config: Config, tokenizer, kwargs: dict):
        self.config, self.tokenizer, self.kwargs = config, tokenizer, kwargs

    def prompt(self, record: dict) -> list[int]:
        """The tokens that an engine reads before it answers."""
        return self._tokens(self.tokenizer.apply_chat_template(record["prompt"], tokenize=False, add_generation_prompt=True, **self.kwargs))

    def sample(self, record: dict) -> Sample:
        """Prompt and completion with its end-of-turn token; the mask begins at the answer's first token."""
        bare = self._render(record["prompt"], header=False)
        asked = self._render(record["prompt"], header=True)
        full = self._render(record["prompt"] + record["completion"], header=False).rstrip("\n")
        prompt, ids = self._tokens(asked), self._tokens(full)
        if ids[: len(prompt)] != prompt:
            raise Fail(errors.DATA, f"record {record['id']}: the prompt's tokens do not begin those of prompt and completion; "
                       "the chat template does not suit training")
        first = len(self._tokens(bare)) if self.config.supervise_header else len(prompt)
        return Sample(ids, first)

    def _render(self, messages: list[dict], header: bool) -> str:
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=header, **self.kwargs)

    def _tokens(self, text: str) -> list[int]:
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        if self.config.double_bos:
            return [self.tokenizer.bos_token_id, *ids]
        return ids

    def reply_ids(self) -> tuple[int, int]:
        """The tokens of Yes and No behind the assistant's header."""
        ids = []
        for reply in REPLIES:
            found = self.tokenizer.encode(reply, add_special_tokens=False)
            if len(found) != 1:
                raise Fail(errors.CONFIG, f"{reply!r} is {len(found)} tokens of this base; method option needs one")
            ids.append(found[0])
        return ids[0], ids[1]


class Listwise:
    """Cross-entropy over the options' scores `log p(Yes) - log p(No)`; a passage is read once for all its questions."""

    def __init__(self, config: Config, loaded: Loaded, records: Records):
        self.config, self.loaded, self.records = config, loaded, records
        self.encoder = Encoder(config, loaded.tokenizer, records.kwargs)
        yes, no = self.encoder.reply_ids()
        head = loaded.causal.get_output_embeddings().weight
        self.direction = (head[yes].float() - head[no].float()).detach() if not head.requires_grad else None
        self.head, self.replies = head, (yes, no)

    def readings(self, units: list[Unit]) -> list[list[Unit]]:
        """A tree each: the passages of a step share nothing."""
        return [[unit] for unit in units]

    def layout(self, unit: Unit) -> tuple[Tree, list[tuple[int, int]]]:
        """The tree of a unit, and for each question its number of options and the place of the right one."""
        sequences, questions = [], []
        for group in unit.groups:
            records, key = self.records.options(group)
            sequences.append([self._checked(entry, self.encoder.prompt(record)) for entry, record in zip(group, records)])
            questions.append((len(group), key))
        return merge(sequences), questions

    def _checked(self, entry: Entry, ids: list[int]) -> list[int]:
        if len(ids) > self.config.max_tokens:
            raise too_long(self.records, entry, len(ids), self.config.max_tokens)
        return ids

    def scores(self, tree: Tree) -> torch.Tensor:
        """The score of each sequence."""
        tree = tree.to(self.loaded.device)
        with self.loaded.arithmetic(self.config):
            hidden = self.loaded.backbone(
                input_ids=tree.tokens[None], position_ids=tree.positions[None], attention_mask=NO_MASK.to(self.loaded.device),
                use_cache=False, tree=tree).last_hidden_state[0]
        ends = hidden[tree.ends].float()
        direction = self.direction
        if direction is None:
            direction = self.head[self.replies[0]].float() - self.head[self.replies[1]].float()
        return ends @ direction

    def read(self, units: list[Unit]) -> Outcome:
        tree, questions = self.layout(units[0])
        scores = self.scores(tree)
        loss, correct, first = scores.new_zeros(()), 0, 0
        for options, key in questions:
            own = scores[first : first + options]
            loss = loss + listwise_loss(own, key)
            correct += int(own.argmax().item() == key)
            first += options
        return Outcome(loss, len(questions), correct, len(tree.tokens))


def listwise_loss(scores: torch.Tensor, key: int) -> torch.Tensor:
    """Cross-entropy of softmax(scores) at the key."""
    return F.cross_entropy(scores[None], torch.tensor([key], device=scores.device))


class Completion:
    """Cross-entropy of the answer's tokens, with label-aware padding on the right and nothing cut."""

    def __init__(self, config: Config, loaded: Loaded, records: Records):
        self.config, self.loaded, self.records = config, loaded, records
        self.batch = config.batch  # samples that are read at a time; a smaller number changes memory and not the loss
        self.encoder = Encoder(config, loaded.tokenizer, records.kwargs)

    def readings(self, units: list[Unit]) -> list[list[Unit]]:
        """A padded batch for each accumulation."""
        return [units[i : i + self.batch] for i in range(0, len(units), self.batch)]

    def samples(self, units: list[Unit]) -> list[Sample]:
        samples = []
        for unit in units:
            entry = unit.groups[0][0]
            sample = self.encoder.sample(self.records.read(entry))
            if len(sample.ids) > self.config.max_tokens:
                raise too_long(self.records, entry, len(sample.ids), self.config.max_tokens)
            samples.append(sample)
        return samples

    def read(self, units: list[Unit]) -> Outcome:
        samples = self.samples(units)
        ids, attention, labels = pad(samples, self.loaded.tokenizer.pad_token_id or 0)
        device = self.loaded.device
        with self.loaded.arithmetic(self.config):
            hidden = self.loaded.backbone(input_ids=ids.to(device), attention_mask=attention.to(device), use_cache=False).last_hidden_state
            targets = labels[:, 1:].to(device)
            learnt = targets != IGNORED
            logits = self.loaded.causal.get_output_embeddings()(hidden[:, :-1][learnt])
        logits, wanted = logits.float(), targets[learnt]
        rows = learnt.nonzero()[:, 0]
        each = F.cross_entropy(logits, wanted, reduction="none")
        counts = torch.bincount(rows, minlength=len(samples))
        loss = (torch.zeros(len(samples), device=device).index_add(0, rows, each) / counts).sum()
        first = torch.tensor([int((rows == i).nonzero()[0]) for i in range(len(samples))])
        skip = [self._header(sample, unit) for sample, unit in zip(samples, units)]
        at = first + torch.tensor(skip)
        correct = int((logits.argmax(-1)[at] == wanted[at]).sum())
        return Outcome(loss, len(samples), correct, int(attention.sum()))

    def _header(self, sample: Sample, unit: Unit) -> int:
        """How many supervised tokens stand before the answer: none but in the original's configuration."""
        if not self.config.supervise_header:
            return 0
        return len(self.encoder.prompt(self.records.read(unit.groups[0][0]))) - sample.first_label


def pad(samples: list[Sample], fill: int, multiple: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, attention and labels of one batch, padded on the right to a multiple."""
    width = -(-max(len(s.ids) for s in samples) // multiple) * multiple
    ids = torch.full((len(samples), width), fill)
    attention = torch.zeros((len(samples), width), dtype=torch.long)
    labels = torch.full((len(samples), width), IGNORED)
    for i, sample in enumerate(samples):
        n = len(sample.ids)
        ids[i, :n] = torch.tensor(sample.ids)
        attention[i, :n] = 1
        labels[i, sample.first_label : n] = torch.tensor(sample.ids[sample.first_label :])
    return ids, attention, labels


def too_long(records: Records, entry: Entry, n: int, limit: int) -> Fail:
    return Fail(errors.DATA, f"{records.path.name}, line {entry.line}: record {entry.id} has {n} tokens, max_tokens is {limit}; "
                "raise max_tokens or build the data set with shorter passages")


def make(config: Config, loaded: Loaded, records: Records) -> Listwise | Completion:
    return (Listwise if config.loss == "listwise" else Completion)(config, loaded, records)
