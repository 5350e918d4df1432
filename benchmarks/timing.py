"""Seconds of two versions of the same work, measured in turns, so that whatever else the machine does hits both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

LEAST = 0.05  # seconds that one measurement takes; quicker work is done several times in it
Work = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """Median seconds for one unit of work, such as a video frame."""

    straightforward: float
    ours: float

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return self.straightforward / self.ours


def in_turns(straightforward: Work, ours: Work, units: tuple[float, float], rounds: int) -> Pair:
    """Time both, the one after the other, again and again. Each call must end with its result computed.

    units: what one call of each does. Both are called once before, to compile what they compile and fill what they fill.
    """
    versions = (straightforward, ours)
    for version in versions:
        version()
    times = [[_seconds(version, 1)] for version in versions]
    repeats = [max(1, round(LEAST / max(first, 1e-7))) for [first] in times]
    for found, number in zip(times, repeats, strict=True):
        if number > 1:
            found.clear()  # too short to be a measurement
    for _ in range(rounds):
        for version, found, number in zip(versions, times, repeats, strict=True):
            if len(found) < rounds:
                found.append(_seconds(version, number) / number)
    medians = [statistics.median(found) / unit for found, unit in zip(times, units, strict=True)]
    return Pair(*medians)


def faster(first: Work, second: Work, rounds: int = 3) -> Work:
    """The one of two versions of the same work that takes less time."""
    return second if in_turns(first, second, (1, 1), rounds).ratio > 1 else first


def _seconds(work: Work, times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - start
