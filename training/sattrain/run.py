"""The training loop: one for both losses, on whatever device there is."""

import ctypes
import json
import math
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from . import checkpoint, errors, model, objective, plan, plot
from .checkpoint import Identity, Progress
from .config import Config
from .data import Records
from .errors import Fail
from .progress import Console


class NotFinite(Exception):
    """A loss that nothing can be learnt from."""


@dataclass
class Evaluation:
    """The model on the validation split."""

    loss: float
    correct: int
    questions: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.questions


@dataclass
class Run:
    """A run in its folder."""

    config: Config
    train: Records
    val: Records | None
    folder: Path
    console: Console
    identity: Identity = None
    loaded: model.Loaded = None
    progress: Progress = field(default_factory=Progress)
    stop: bool = False  # a signal asked for it
    ended: bool = False  # before this command began

    def execute(self, resume: bool) -> Progress:
        """Trains to the end of the plan, or until it is interrupted or stopped."""
        steps = plan.steps(self.config, self.train)
        self.loaded = model.load(self.config)
        parameters = self.loaded.trainable()
        checkpoint.room(self.folder, parameters, self.config.keep)
        chosen = optimiser(self.config, parameters)
        self.objective = objective.make(self.config, self.loaded, self.train)
        self.judge = objective.make(self.config, self.loaded, self.val) if self.val else None
        self._identify()
        if resume:
            self._restore(parameters, chosen)
        self.ended = bool(self.progress.stopped) or self.progress.step == len(steps)
        if self.ended:
            return self.progress
        self._watch_signals()
        self.loaded.model.train()
        try:
            self._loop(steps, chosen, parameters)
        except NotFinite as err:
            self.progress.stopped = str(err)
            self._plot()
        return self.progress

    def _loop(self, steps: list, chosen, parameters: dict) -> None:
        started = time.monotonic() - self.progress.seconds
        if self.progress.step == 0 and self.judge:
            self._evaluate(0, None)
        for number in range(self.progress.step, len(steps)):
            lr = rate(self.config, number, len(steps))
            for group in chosen.param_groups:
                group["lr"] = lr
            row = self._step(steps[number], chosen, parameters)
            self.progress.step = number + 1
            self.progress.seconds = time.monotonic() - started
            row |= {"lr": lr, "epoch": round(sum(u.questions for s in steps[: number + 1] for u in s) / self.train.questions, 6)}
            last = number + 1 == len(steps)
            if self.judge and (last or (number + 1) % self.config.eval_every == 0):
                row |= self._evaluate(number + 1, steps)
            self._log(row)
            self.console.step(row, number + 1, len(steps))
            self._stop_if_rising(last)
            if self._due(number + 1, last, "eval_loss" in row):
                checkpoint.save(self.folder / "checkpoints", self.progress, self.identity, parameters, chosen, self.config.keep)
                self._plot()
            give_back()
            if self.stop:
                raise Fail(errors.INTERRUPTED, f"interrupted after step {number + 1}, saved; go on with the same command and --resume")
            if self.progress.stopped:
                return

    def _due(self, number: int, last: bool, evaluated: bool) -> bool:
        return last or evaluated or self.stop or number % self.config.save_every == 0

    def _step(self, units: list, optimiser, parameters: dict) -> dict:
        try:
            return self._tried(units, optimiser, parameters)
        except Exception as err:
            if not errors.out_of_memory(err):
                raise
            if not self._halved():
                raise self._no_memory(err, f"at step {self.progress.step + 1}") from None
        return self._step(units, optimiser, parameters)

    def _tried(self, units: list, optimiser, parameters: dict) -> dict:
        questions = sum(unit.questions for unit in units)
        began, loss, correct, tokens = time.monotonic(), 0.0, 0, 0
        optimiser.zero_grad(set_to_none=True)
        for reading in self.objective.readings(units):
            outcome = self.objective.read(reading)
            (outcome.loss / questions).backward()
            loss += outcome.loss.item()
            correct += outcome.correct
            tokens += outcome.tokens
        norm = torch.nn.utils.clip_grad_norm_(list(parameters.values()), self.config.optim.clip).item()
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise NotFinite(f"the loss is not finite at step {self.progress.step + 1}")
        optimiser.step()
        self.progress.tokens += tokens
        return {"step": self.progress.step + 1, "loss": loss / questions, "accuracy": correct / questions, "questions": questions,
                "grad_norm": norm, "tokens": self.progress.tokens, "tokens_per_s": tokens / max(time.monotonic() - began, 1e-9),
                "mem_bytes": memory(), "t": round(time.time(), 3)}

    def _halved(self) -> bool:
        """Reads half as many samples at a time from now on, where the configuration allows it and it was not done yet."""
        whole = self.config.batch
        if not self.config.auto_batch or whole < 2 or self.objective.batch < whole:
            return False
        self.objective.batch = whole // 2
        if self.loaded.device.type == "cuda":
            torch.cuda.empty_cache()
        self.console.warn(f"out of memory at step {self.progress.step + 1}; from here on {whole // 2} samples are read at a time instead of "
                          f"{whole}, and as many more times a step")
        return True

    def _no_memory(self, err: Exception, when: str) -> Fail:
        batch = getattr(self.objective, "batch", self.config.batch)
        return Fail(errors.NO_MEMORY, f"out of memory {when} with batch {batch} and max_tokens {self.config.max_tokens}: "
                    f"{errors.first_line(err)}; use a smaller batch, a larger accumulate, or "
                    "gradient_checkpointing: true")

    def evaluate(self) -> Evaluation:
        """Loss and accuracy on the validation split as it is now."""
        self.loaded.model.eval()
        total = Evaluation(0.0, 0, 0)
        with torch.no_grad():
            for reading in self.judge.readings(plan.judged(self.config, self.val)):
                outcome = self.judge.read(reading)
                total.loss += outcome.loss.item()
                total.correct += outcome.correct
                total.questions += outcome.questions
        self.loaded.model.train()
        total.loss /= total.questions
        return total

    def _evaluate(self, number: int, steps) -> dict:
        try:
            found = self.evaluate()
        except Exception as err:
            if errors.out_of_memory(err):
                raise self._no_memory(err, f"at the evaluation of step {number}") from None
            raise
        if not math.isfinite(found.loss):
            raise NotFinite(f"the validation loss is not finite after step {number}")
        p = self.progress
        better = (found.accuracy, -found.loss) > (p.best_accuracy, -p.best_loss) if self.config.select == "accuracy" else found.loss < p.best_loss
        if better and number > 0:
            p.best_step, p.best_accuracy, p.best_loss = number, found.accuracy, found.loss
        p.rising = p.rising + 1 if found.loss > p.last_eval_loss else 0
        p.last_eval_loss = found.loss
        low, high = wilson(found.correct, found.questions)
        row = {"eval_loss": found.loss, "eval_letter_acc": {"k": found.correct, "n": found.questions, "low": low, "high": high}}
        if steps is None:
            self._log({"step": 0, "t": round(time.time(), 3)} | row)
        self.console.line(f"step {number}: validation loss {found.loss:.4f}, right {found.correct} of {found.questions}")
        return row

    def _identify(self) -> None:
        data = self.train.sha256 + (self.val.sha256 if self.val else "")
        self.identity = Identity(self.config.identity(), data, self.loaded.sha256)

    def _restore(self, parameters: dict, optimiser) -> None:
        found = checkpoint.newest(self.folder / "checkpoints", self.console.warn)
        if not found:
            self._drop_rows_after(-1)
            self.console.line("there is no checkpoint, the run begins at step 1")
            return
        for name, value in vars(found.identity).items():
            if value != vars(self.identity)[name]:
                raise Fail(errors.CONFIG, f"{found.path} was made with another {name} ({value[:12]} instead of {vars(self.identity)[name][:12]}); "
                           "resume with the same, or begin a new run with another --out")
        found.restore(parameters, optimiser)
        self.progress = found.progress
        self.progress.resumed += 1
        self._drop_rows_after(self.progress.step)
        self.console.line(f"resumed at step {self.progress.step} from {found.path.name}")

    def _drop_rows_after(self, step: int) -> None:
        """What was logged after the checkpoint is done again."""
        path = self.folder / "metrics.jsonl"
        if path.is_file():
            rows = [row for row in plot.read_metrics(path) if row["step"] <= step]
            draft = path.with_suffix(".draft")
            draft.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            os.replace(draft, path)

    def _log(self, row: dict) -> None:
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _plot(self) -> None:
        plot.draw(self.folder / "metrics.jsonl", self.folder, self.progress.best_step,
                  plot.caption(self.config.name, self.identity.config, self.identity.data))

    def _watch_signals(self) -> None:
        def note(signum, frame):
            if self.stop:
                os._exit(errors.INTERRUPTED)
            self.stop = True
            self.console.line("finishing this step, then saving; once more stops at once")

        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, note)

    def _stop_if_rising(self, last: bool) -> None:
        p = self.progress
        if self.config.patience and p.rising >= self.config.patience and not last:
            p.stopped = f"the validation loss rose {p.rising} times in a row"


def rate(config: Config, step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0."""
    o = config.optim
    warm = round(o.warmup * steps)
    if step < warm:
        return o.lr * (step + 1) / warm
    done = (step - warm) / max(steps - warm, 1)
    if o.schedule == "constant":
        return o.lr
    return o.lr * (1 - done) if o.schedule == "linear" else o.lr * 0.5 * (1 + math.cos(math.pi * done))


def wilson(k: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The Wilson interval of k of n."""
    p = k / n
    middle, half, scale = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)), 1 + z * z / n
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def memory() -> int:
    """Bytes held: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    try:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    except ImportError:  # not on Windows
        return 0


def give_back() -> None:
    """Gives freed memory back to the system. Every step has other lengths, whose tensors leave holes in the C library's heap
    that no later one fits exactly; it keeps them, and a run that needs 1 GiB holds 10 in the end."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None  # of glibc alone
    if trim:
        trim(0)


def optimiser(config: Config, parameters: dict):
    """The optimiser over the parameters that are trained."""
    o = config.optim
    if o.name == "paged_adamw_8bit":
        import bitsandbytes

        return bitsandbytes.optim.PagedAdamW8bit(parameters.values(), lr=o.lr, weight_decay=o.weight_decay)
    return torch.optim.AdamW(parameters.values(), lr=o.lr, weight_decay=o.weight_decay)
