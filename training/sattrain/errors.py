"""Errors with their exit codes: one line that says what is wrong, where, and the next step."""

import errno
import traceback
from pathlib import Path

USAGE, DATA, NO_FILE, UNAVAILABLE, BUG, NO_MEMORY = 64, 65, 66, 69, 70, 71
DISK_FULL, CANNOT_WRITE, STOPPED, CONFLICT, CONFIG, INTERRUPTED = 73, 74, 75, 76, 78, 130

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_MEMORY_SAYS = ("DefaultCPUAllocator", "out of memory", "Cannot allocate memory", "not enough memory")  # torch on a CPU, CUDA, the system


class Fail(Exception):
    """An error that the user can act on; its text is the one line that he sees."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def explained(err: BaseException) -> Fail:
    """What a library raised, as one line with its exit code. Some wrap the system's error, and some keep its text alone."""
    if isinstance(err, Fail):
        return err
    causes = _causes(err)
    if any(out_of_memory(e) for e in causes):
        return Fail(NO_MEMORY, f"out of memory: {first_line(err)}; close other programs, take a smaller batch or max_tokens, or "
                    "gradient_checkpointing: true")
    if any(disk_full(e) for e in causes):
        return Fail(DISK_FULL, f"the disk is full{_where(causes)}; make room, or choose another place with --out")
    if isinstance(err, OSError):
        return Fail(CANNOT_WRITE, f"{err.strerror or first_line(err)}{_where(causes)}; is the place right, and may you write there? --out names another")
    at = traceback.extract_tb(err.__traceback__)
    place = f" ({Path(at[-1].filename).name}, line {at[-1].lineno})" if at else ""
    return Fail(BUG, f"unexpected {type(err).__name__}: {first_line(err)}{place}; this is a mistake of the program")


def out_of_memory(err: BaseException) -> bool:
    """Torch has a type for a GPU's memory alone; on a CPU it raises a RuntimeError."""
    return isinstance(err, MemoryError) or isinstance(err, (RuntimeError, OSError)) and any(said in str(err) for said in NO_MEMORY_SAYS)


def disk_full(err: BaseException) -> bool:
    """Whether a disk or a quota is used up."""
    return isinstance(err, OSError) and err.errno in FULL or "No space left on device" in str(err)


def first_line(err: BaseException) -> str:
    return str(err).splitlines()[0] if str(err) else type(err).__name__


def _causes(err: BaseException) -> list[BaseException]:
    found = []
    while err is not None and err not in found:
        found.append(err)
        err = err.__cause__ or err.__context__
    return found


def _where(causes: list[BaseException]) -> str:
    named = next((e.filename for e in causes if isinstance(e, OSError) and e.filename), "")
    return f": {named}" if named else ""
