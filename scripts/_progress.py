"""Progress of long jobs, and the wish to stop them."""

import logging
import signal
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
    """A bar with the remaining time on a terminal; in a log one line for each epoch, with the time of the end."""

    def __init__(self, epochs: int, steps_per_epoch: int) -> None:
        self._epochs = epochs
        self._total = epochs * steps_per_epoch
        self._first = self._last = 0
        self._start = time.monotonic()
        self._bar: tqdm | None = None

    def step(self, num_steps: int, loss: float) -> None:
        """Called after each step with the number of steps made so far."""
        if self._bar is None:  # only now is it known where a resumed run goes on
            self._first, self._start = num_steps - 1, time.monotonic()
            self._bar = tqdm(total=self._total, initial=self._first, unit="step", disable=None, mininterval=1)
        self._last = num_steps
        self._bar.update()
        self._bar.set_postfix(loss_mm=f"{loss * 1000:.1f}", refresh=False)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Called after each epoch with its row of the history."""
        parts = [f"epoch {row['epoch']}/{self._epochs}", f"loss {row['loss_mm']:.1f} mm"]
        if row["validation_mpjpe_mm"] is not None:
            parts.append(f"validation {row['validation_mpjpe_mm']:.1f} mm")
        seconds, num_steps = time.monotonic() - self._start, self._last - self._first
        if seconds > 0 and num_steps > 0:  # a run may go on from the end of an epoch, without a step of its own
            parts.append(f"{num_steps / seconds:.1f} steps/s")
            if self._last < self._total:
                end = time.time() + seconds / num_steps * (self._total - self._last)
                parts.append("done at " + time.strftime("%Y-%m-%d %H:%M", time.localtime(end)))
        logger.info(", ".join(parts))

    def __enter__(self) -> "TrainingProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
