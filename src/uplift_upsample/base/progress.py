"""Progress of long jobs, a bar on a terminal and sparse lines in a log, and the wish to stop them."""

import logging
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

logger = logging.getLogger("uplift_upsample")


class Stop:
    """Turns SIGTERM (a cluster's time limit) and SIGINT into a wish that the training loop asks for.

    Only from ``listen`` on, called when there is something to save: before, a signal ends the process at once, even within
    the minutes that a compiler may take.
    """

    def __init__(self) -> None:
        self._is_asked = False
        self._former: dict[int, Any] = {}

    def listen(self) -> None:
        if not self._former:
            self._former = {number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)}

    def is_asked(self) -> bool:
        return self._is_asked

    def __enter__(self) -> "Stop":
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self._is_asked = True


class TrainingProgress:
    """A bar with the remaining time on a terminal; in a log one line for each epoch, with the time of the end, and within long
    epochs one after a minute and then every ten minutes."""

    def __init__(self, epochs: int, steps_per_epoch: int) -> None:
        self._epochs = epochs
        self._total = epochs * steps_per_epoch
        self._first = self._last = 0
        self._start = time.monotonic()
        self._lines = _Lines()
        self._bar: tqdm | None = None

    def step(self, num_steps: int, loss: float) -> None:
        """Called after each step with the number of steps made so far."""
        if self._bar is None:  # only now is it known where a resumed run goes on
            self._first, self._start = num_steps - 1, time.monotonic()
            self._bar = tqdm(total=self._total, initial=self._first, unit="step", disable=None, mininterval=1)
        self._last = num_steps
        self._bar.update()
        self._bar.set_postfix(loss_mm=f"{loss * 1000:.1f}", refresh=False)
        if self._bar.disable and self._lines.is_due():
            parts = [f"step {num_steps}/{self._total} ({100 * num_steps / self._total:.1f} %)", f"loss {loss * 1000:.1f} mm"]
            logger.info(", ".join(parts + self._speed()))

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Called after each epoch with its row of the history."""
        parts = [f"epoch {row['epoch']}/{self._epochs}", f"loss {row['loss_mm']:.1f} mm"]
        if row["validation_mpjpe_mm"] is not None:
            parts.append(f"validation {row['validation_mpjpe_mm']:.1f} mm")
        logger.info(", ".join(parts + self._speed()))
        self._lines.start_pause()

    def _speed(self) -> list[str]:
        """Steps a second and the time of the end; none for a run that goes on at the end of an epoch, before a step of its own."""
        return _speed(self._last - self._first, self._total - self._last, time.monotonic() - self._start, "steps")

    def __enter__(self) -> "TrainingProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


class CountProgress:
    """Progress of a job that knows how much there is to do: a bar with the remaining time on a terminal, sparse lines in a log."""

    def __init__(self, what: str, unit: str) -> None:
        self._what, self._unit = what, unit
        self._start = self._latest = time.monotonic()
        self._first: int | None = None  # done at the first call, before which a compiler worked
        self._done = 0
        self._lines = _Lines()
        self._bar = tqdm(desc=what, unit=unit, disable=None, mininterval=1)

    def __call__(self, done: int, total: int) -> None:
        """Called now and then with what is done so far, and with all that there is to do."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if self._first is None or done < self._first:
            self._first, self._start = done, time.monotonic()
        self._done, self._latest = done, time.monotonic()
        if self._bar.disable and self._lines.is_due():
            seconds = time.monotonic() - self._start
            parts = [f"{self._what}: {done}/{total} {self._unit}s ({100 * done / max(total, 1):.0f} %)"]
            logger.info(", ".join(parts + _speed(done - self._first, total - done, seconds, f"{self._unit}s")))

    @property
    def total(self) -> int:
        """All that there was to do."""
        return int(self._bar.total or 0)

    @property
    def after_first(self) -> tuple[int, float] | None:
        """What was done behind the first call, and the seconds that it took; None where one call was all."""
        if self._first is None or self._done <= self._first:
            return None
        return self._done - self._first, self._latest - self._start

    def close(self) -> None:
        self._bar.close()

    def __enter__(self) -> "CountProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ConversionProgress:
    """A bar on a terminal; in a log now and then a line with what is done so far."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._files = self._frames = 0
        self._start, self._lines = time.monotonic(), _Lines(first=30, pause=30)
        self._bar = tqdm(desc=what, unit="frame", unit_scale=True, disable=None, mininterval=1)

    def step(self, num_frames: int) -> None:
        """Called after each file with its frames."""
        self._files += 1
        self._frames += num_frames
        self._bar.update(num_frames)
        if self._bar.disable and self._lines.is_due():
            speed = self._frames / (time.monotonic() - self._start)
            logger.info("%s: %d files, %d frames so far, %.0f frames/s", self._what, self._files, self._frames, speed)

    def __enter__(self) -> "ConversionProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


class DownloadProgress:
    """A bar on a terminal; in a log a line for every tenth of the file, or after 30 seconds, whichever comes first."""

    _SECONDS, _SHARE = 30.0, 0.1  # between two lines of a log

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: tqdm | None = None
        self._logged, self._logged_at = 0, time.monotonic()

    def __call__(self, received: int, total: int | None) -> None:
        """Called with the bytes that are here and the number of all, if known."""
        if sys.stderr.isatty():
            self._show(received, total)
            return
        is_next_share = total is not None and received - self._logged >= total * self._SHARE
        if is_next_share or time.monotonic() - self._logged_at >= self._SECONDS:
            share = "" if not total else f" of {total / 1e6:.1f} MB ({100 * received // total} %)"
            logger.info("%s: %.1f MB%s", self._name, received / 1e6, share)
            self._logged, self._logged_at = received, time.monotonic()

    def _show(self, received: int, total: int | None) -> None:
        if self._bar is None:
            self._bar = tqdm(desc=self._name, total=total, unit="B", unit_scale=True, unit_divisor=1000)
        self._bar.total = total
        self._bar.n = received
        self._bar.update(0)

    def __enter__(self) -> "DownloadProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


class _Lines:
    """When a log is to get its next line: a minute after the start, then every ten minutes; epochs count as lines. Others, in
    seconds, are for jobs that are short."""

    def __init__(self, first: float = 60, pause: float = 600) -> None:
        self._next, self._pause = time.monotonic() + first, pause

    def is_due(self) -> bool:
        """Whether it is time for a line; if so, the next one is due after the pause."""
        if time.monotonic() < self._next:
            return False
        self.start_pause()
        return True

    def start_pause(self) -> None:
        """There was a line: the next one is due after the pause."""
        self._next = time.monotonic() + self._pause


def _speed(num_done: int, num_left: int, seconds: float, unit: str) -> list[str]:
    """Words for the speed and, while something is left, for the time of the end; none where nothing is known."""
    if seconds <= 0 or num_done <= 0:
        return []
    words = [f"{num_done / seconds:.1f} {unit}/s"]
    if num_left > 0:
        end = time.time() + seconds / num_done * num_left
        words.append("done at " + time.strftime("%Y-%m-%d %H:%M", time.localtime(end)))
    return words
