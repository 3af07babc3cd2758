"""The fingerprints of what was read: those hashes of a data set's file that stand in the passages of the run.

`sat dataset build` writes the hashes of all passages that may be trained on, and its format: of each sequence of 13 words
[a-z]+ in lower case, joined by single spaces, the first 8 bytes of the SHA-256; ascending, 8 bytes each, big-endian.
Records hold rendered prompts: of their sequences those are kept that the file has. What a question quotes from another passage
of the data set is among them, as it was read too.
"""

import hashlib
import re
from collections.abc import Iterable

import numpy as np

from . import errors
from .data import Records, Unit
from .errors import Fail

FILE = "fingerprints.bin"
WORDS = 13


def of(records: Records, units: Iterable[Unit]) -> bytes | None:
    """The file's content for the passages of these units; None for a data set without fingerprints."""
    path = records.path.parent / FILE
    if not path.is_file():
        return None
    held = path.read_bytes()
    if len(held) % 8:
        raise Fail(errors.DATA, f"{path} is torn: its length is no multiple of 8; build the data set anew with `sat dataset build`")
    known = np.frombuffer(held, dtype=">u8")
    read: set[str] = set()
    for unit in units:
        for group in unit.groups:
            prompt = records.read(group[0])["prompt"]
            read.update(sequences(" ".join(message["content"] for message in prompt)))
    hashes = np.array(sorted(map(hashed, read)), dtype=">u8")
    return np.intersect1d(known, hashes).astype(">u8").tobytes()


def passage(records: Records, unit: Unit) -> str:
    """The passage that a unit is read from: the unit itself for `option`, else its record knows."""
    return unit.id if records.method == "option" else records.read(unit.groups[0][0])["passage_id"]


def sequences(text: str) -> list[str]:
    """Every 13 words in a row."""
    words = re.findall("[a-z]+", text.replace("İ", "i").lower())  # which Python alone lowers to two characters
    return [" ".join(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)]


def hashed(sequence: str) -> int:
    return int.from_bytes(hashlib.sha256(sequence.encode()).digest()[:8], "big")
