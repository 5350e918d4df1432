"""What grows with what: the series that are measured, the powers that they grow with, and their table.

A power is fitted to what comes on top of the smallest size, (n - n_1) against (y - y_1) in logarithms: what a call costs for being
a call is not in it. Linear growth has power 1 then, quadratic growth one that comes close to 2.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from growth_probes import Point

CONSTANT = 1.4  # the largest as many times the smallest: nothing grows
TIMING = 0.05  # a fall by less is none
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Series:
    """One probe of ``growth_probes``.

    axis: what grows, the same for the series of one plot. what: whose time and memory. memory: how theory lets that grow.
    most_megabytes: the most that memory may grow from the smallest to the largest size, where it has to be constant.
    """

    probe: str
    axis: str
    what: str
    memory: str
    most_megabytes: float = math.inf


LENGTH, VIDEOS, BATCH, TOKENS, STRIDE = "frames of a video", "number of videos", "windows at once", "tokens N", "s_in"
SERIES = (
    Series("prediction_over_video_length", LENGTH, "prediction", "constant but for its result", 48),
    Series("sequence_over_video_length", LENGTH, "prediction, read-out sequence, hop 9", "constant but for its result", 48),
    Series("scoring_over_video_length", LENGTH, "scoring", "constant", 128),
    Series("prediction_over_videos", VIDEOS, "prediction", "constant but for its result", 48),
    Series("training_input_over_videos", VIDEOS, "training input, a batch", "constant but for the order of the epoch", 16),
    Series("prediction_over_batch", BATCH, "prediction", "1"),
    Series("training_over_batch", BATCH, "training step", "1"),
    Series("prediction_over_tokens", TOKENS, "prediction", "1 to 2"),
    Series("training_over_tokens", TOKENS, "training step", "1 to 2"),
    Series("prediction_over_s_in", STRIDE, "prediction", "constant"),
    Series("training_over_s_in", STRIDE, "training step", "constant"),
)
AXES = tuple(dict.fromkeys(series.axis for series in SERIES))

WHY = (
    "A power of 1 is linear growth. It is fitted to what comes on top of the smallest size; theory is the same fit to the "
    "multiply-accumulates by formula, at the same sizes. Memory is what a process holds privately beyond what it held before, "
    "compilation with it, and rises in steps, because freed memory is kept for what comes next.",
    "",
    "- **Video length, number of videos**: linear in time. Predictions are computed 2048 windows at a time, scores some thousand "
    "frames at a time, and poses are mapped from the file; what is left is the result itself, some 250 bytes for each predicted "
    "pose, 10 MB for an hour of video.",
    "- **Training input**: a batch takes the same time whatever the size of the data; the shuffled order of an epoch has some tens "
    "of bytes for each example.",
    "- **Batch**: linear once the cores are full. Small batches cost more for each window, because every product reads all "
    "weights.",
    "- **Tokens**: the products with weights are linear in N, those of attention quadratic: of one block they are N / (N + 4 C) of "
    "the multiply-accumulates, {share_71:.0%} at N = 71 and {share_729:.0%} at N = 729 with C = 384 channels. Softmax, which no "
    "multiply-accumulate counts, is quadratic too, and so is memory: each head has N x N weights.",
    "- **s_in**: the spatial stage runs for visible 2D poses only, ceil(N s_out / s_in) of them; all tokens go through the "
    "temporal stage whatever s_in is, so time falls towards a floor instead of falling with 1 / s_in.",
)


def power(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The power of growth; NaN where nothing grows."""
    n, y = np.asarray(sizes, float), np.asarray(values, float)
    if y[-1] < CONSTANT * y[0]:
        return math.nan
    more = y[1:] > y[0]
    slope, _ = np.polyfit(np.log((n - n[0])[1:][more]), np.log((y - y[0])[1:][more]), 1) if more.sum() > 1 else (math.nan, 0)
    return float(slope)


def time_power(points: Sequence[Point]) -> tuple[float, float]:
    """As measured, and as theory has it."""
    sizes = [point.size for point in points]
    return power(sizes, [point.seconds for point in points]), power(sizes, [point.work for point in points])


def memory_growth(points: Sequence[Point]) -> float:
    """Megabytes from the smallest to the largest size."""
    return (points[-1].memory - points[0].memory) / MEGABYTE


def growth_table(measured: Mapping[str, Sequence[Point]]) -> list[str]:
    """Markdown lines. measured: the points of each series by its probe."""
    lines = [
        "| what grows | of | sizes | time | its power (theory) | memory | its power (theory) |",
        "|---|---|---|---|---|---|---|",
    ]
    for series in SERIES:
        points = measured[series.probe]
        first, last = points[0], points[-1]
        found, expected = time_power(points)
        memory = power([point.size for point in points], [point.memory for point in points])
        cells = [
            series.axis,
            series.what,
            f"{first.size:,} to {last.size:,}",
            f"{_seconds(first.seconds)} to {_seconds(last.seconds)}",
            f"{_power(found, last.seconds / first.seconds)} ({_power(expected, last.work / first.work)})",
            f"{first.memory / MEGABYTE:.0f} to {last.memory / MEGABYTE:.0f} MB",
            f"{_power(memory, 1.0) if math.isinf(series.most_megabytes) else 'constant'} ({series.memory})",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    why = "\n".join(WHY).format(share_71=quadratic_share(71, 384), share_729=quadratic_share(729, 384))
    return [*lines, "", *why.split("\n")]


def quadratic_share(num_tokens: int, width: int) -> float:
    """The part of a block's multiply-accumulates that is quadratic in N: 2 N N C; 8 N C C is linear, the MLP twice as wide."""
    return num_tokens / (num_tokens + 4 * width)


def _power(value: float, ratio: float) -> str:
    """ratio: the largest over the smallest, which shows more where nothing grows."""
    if not math.isnan(value):
        return f"{value:.2f}"
    return "constant" if ratio > 1 - TIMING else f"falls to {ratio:.0%}"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"
