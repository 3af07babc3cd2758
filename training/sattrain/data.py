"""Reads the JSON lines that `sat dataset build` writes.

Records come rendered: this package never writes a prompt. A file is indexed in one pass and its records are read again
when they are needed, so that a data set may be larger than memory.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from . import errors
from .errors import Fail

METHODS = ("letter_text", "letter", "option")


@dataclass(frozen=True)
class Entry:
    """One record's place and what the plan needs to know of it."""

    offset: int
    line: int
    id: str
    chars: int  # length of the rendered messages


@dataclass(frozen=True)
class Unit:
    """What is read in one go: a single record, or all questions on a passage."""

    id: str
    groups: tuple[tuple[Entry, ...], ...]  # a group is a question; for `option` it holds one record per choice

    @property
    def questions(self) -> int:
        return len(self.groups)

    @property
    def chars(self) -> int:
        """Length of the longest prompt."""
        return max(entry.chars for group in self.groups for entry in group)


@dataclass
class Records:
    """One indexed JSONL file."""

    path: Path
    sha256: str
    method: str
    units: list[Unit]
    kwargs: dict = field(default_factory=dict)  # of the chat template, the same in every record

    @property
    def questions(self) -> int:
        return sum(unit.questions for unit in self.units)

    def read(self, entry: Entry) -> dict:
        with self.path.open("rb") as file:
            file.seek(entry.offset)
            return json.loads(file.readline())

    def options(self, group: tuple[Entry, ...]) -> tuple[list[dict], int]:
        """The records of one question and the place of the right one."""
        records = [self.read(entry) for entry in group]
        return records, next(i for i, record in enumerate(records) if record["label"] == 1)


def index(path: Path, method: str) -> Records:
    """Indexes a file and checks every record of it."""
    if not path.is_file():
        raise Fail(errors.NO_FILE, f"there is no {path}; make it with `sat dataset build --method {method} --out {path.parent}`")
    digest = hashlib.sha256()
    passages: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    labels: dict[str, int] = defaultdict(int)
    kwargs, offset = None, 0
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            digest.update(raw)
            record = _parse(path, line, raw, method)
            if kwargs is None:
                kwargs = record["chat_template_kwargs"]
            elif kwargs != record["chat_template_kwargs"]:
                raise _malformed(path, line, "chat_template_kwargs", "differs from the first record's")
            entry = Entry(offset, line, record["id"], sum(len(m["content"]) for m in record["prompt"]))
            group = record["group"] if method == "option" else record["id"]
            passages[record["passage_id"]][group].append(entry)
            labels[group] += record.get("label") or 0
            offset += len(raw)
    if not passages:
        raise Fail(errors.DATA, f"{path} holds no record; make it anew with `sat dataset build`")
    units = []
    for passage, groups in passages.items():
        if method == "option":
            for group, entries in groups.items():
                if labels[group] != 1 or len(entries) < 2:
                    raise _malformed(path, entries[0].line, "label", f"question {group} needs two or more options, one of them right")
            units.append(Unit(passage, tuple(tuple(entries) for entries in groups.values())))
        else:
            units.extend(Unit(name, (tuple(entries),)) for name, entries in groups.items())
    return Records(path, digest.hexdigest(), method, units, kwargs or {})


def _malformed(path: Path, line: int, name: str, problem: str) -> Fail:
    return Fail(errors.DATA, f"{path.name}, line {line}: {name} {problem}; make the file anew with `sat dataset build`")


def _parse(path: Path, line: int, raw: bytes, method: str) -> dict:
    try:
        record = json.loads(raw)
    except ValueError:
        raise _malformed(path, line, "the record", "is no JSON") from None
    if not isinstance(record, dict):
        raise _malformed(path, line, "the record", "is no JSON object")
    for name, kind in (("prompt", list), ("completion", list), ("chat_template_kwargs", dict), ("id", str), ("passage_id", str)):
        if not isinstance(record.get(name), kind) or not record[name] and name != "chat_template_kwargs":
            raise _malformed(path, line, name, "is missing or has the wrong type")
    for name in ("prompt", "completion"):
        for message in record[name]:
            if not isinstance(message, dict) or not isinstance(message.get("content"), str) or not message["content"]:
                raise _malformed(path, line, name, "needs messages with role and content")
    if record.get("method") != method:
        raise _malformed(path, line, "method", f"is {record.get('method')!r}, the configuration trains {method!r}")
    if method == "option" and (record.get("label") not in (0, 1) or not isinstance(record.get("group"), str)):
        raise _malformed(path, line, "label", "must be 0 or 1, with a group")
    return record
