"""What one sees of a run: a bar on a terminal, a plain line every half minute elsewhere; everything goes to the log."""

import sys
import time
from collections import deque
from pathlib import Path

LINE_EVERY = 30.0  # seconds


class Console:
    """Writes to the terminal and to the run's log."""

    def __init__(self, log: Path | None = None, stream=None):
        self.log, self.stream = log, stream or sys.stderr
        self.terminal = self.stream.isatty()
        self.losses: deque[float] = deque(maxlen=50)
        self.hits: deque[tuple[float, int]] = deque(maxlen=50)
        self.paces: deque[tuple[int, float]] = deque(maxlen=50)
        self.last, self.began = 0.0, time.monotonic()

    def line(self, text: str) -> None:
        if self.terminal:
            self.stream.write("\r\x1b[K")
        print(text, file=self.stream, flush=True)
        self.note(text)

    def warn(self, text: str) -> None:
        self.line("warning: " + text)

    def note(self, text: str) -> None:
        """For the log alone."""
        if not self.log:
            return
        try:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}\n")
        except OSError:  # the log must not hide what it was to tell; what matters more fails by itself
            self.log = None

    def step(self, row: dict, number: int, steps: int) -> None:
        now = time.monotonic()
        self.losses.append(row["loss"])
        self.hits.append((row["accuracy"] * row["questions"], row["questions"]))
        self.paces.append((number, now))
        done, first = self.paces[0]
        each = (now - first) / (number - done) if number > done else now - self.began
        left = each * (steps - number)
        text = (f"step {number}/{steps}  loss {sum(self.losses) / len(self.losses):.4f}  right {sum(h for h, _ in self.hits) / sum(n for _, n in self.hits):.1%}  "
                f"lr {row['lr']:.2e}  {row['tokens_per_s']:.0f} tokens/s  {row['mem_bytes'] / 2**30:.1f} GiB  {duration(left)} left")
        if self.terminal:
            filled = 20 * number // steps
            self.stream.write(f"\r\x1b[K[{'#' * filled}{'.' * (20 - filled)}] {text}")
            self.stream.flush()
            if number == steps:
                self.stream.write("\n")
        if now - self.last >= LINE_EVERY or number == steps:
            self.last = now
            if self.terminal:
                self.note(text)
            else:
                self.line(text)


def duration(seconds: float) -> str:
    """For people: days, hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{round(hours / 24)} days"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
