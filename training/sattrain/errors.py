"""What goes wrong, as one line and an exit code: what is wrong, where, and the next step."""

USAGE, DATA, NO_FILE, UNAVAILABLE, NO_MEMORY = 64, 65, 66, 69, 71
DISK_FULL, CANNOT_WRITE, STOPPED, CONFLICT, CONFIG, INTERRUPTED = 73, 74, 75, 76, 78, 130


class Fail(Exception):
    """An error that the user can act on; its text is the one line that he sees."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code
