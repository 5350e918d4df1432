"""The content of a cell: a number with its spread, or a word for why there is none. No cell is blank.

Most functions take a row of a table (``view.Row``), as ``tables.summaries`` makes them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

NOT_RUN = "NOT RUN"
NOT_PLANNED = "–"
NO_VALUE = "n/a"
UNTRAINED = "†"
LEGEND = f"{NOT_RUN}: planned, but there is no result. {NOT_PLANNED}: not part of the plan, or does not apply."


def plain(value: float | str, decimals: int = 2) -> str:
    """A number, or the word that stands for it."""
    if isinstance(value, str):
        return value
    return NO_VALUE if math.isnan(value) else f"{value:.{decimals}f}"


def spread(mean: float | str, std: float | str) -> str:
    """``45.81 ± 0.12``; without the spread where there is one seed."""
    return plain(mean) if isinstance(std, str) or math.isnan(std) else f"{plain(mean)} ± {std:.2f}"


def mean(row: Mapping[str, Any]) -> str:
    return spread(row["mean_mm"], row["std_mm"])


def signed(difference: float | str) -> str:
    """A difference with its sign; nothing is hidden in a ``-0.00``."""
    if isinstance(difference, str) or math.isnan(difference):
        return plain(difference)
    text = f"{difference:+.2f}"
    return "+0.00" if text == "-0.00" else text


def published(row: Mapping[str, Any]) -> str:
    """The published figure, with its one decimal."""
    return NOT_PLANNED if math.isnan(row["published_mm"]) else plain(row["published_mm"], 1)


def difference(row: Mapping[str, Any]) -> str:
    """Ours minus the published figure."""
    return NOT_PLANNED if math.isnan(row["published_mm"]) else signed(row["difference_mm"])


def percent(value: float, whole: float) -> str:
    return NO_VALUE if math.isnan(value) or math.isnan(whole) or whole == 0 else f"{100 * value / whole:.1f} %"


def seeds(*rows: Mapping[str, Any]) -> str:
    """``3``, or ``1 of 3`` where not all planned seeds were run, or ``0 to 2 of 3`` where the rows differ."""
    if rows[0]["seeds_planned"] == NO_VALUE:
        return NOT_PLANNED
    run, planned = (_span([row[key] for row in rows]) for key in ("seeds_run", "seeds_planned"))
    return run if all(row["seeds_run"] == row["seeds_planned"] for row in rows) else f"{run} of {planned}"


def _span(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"


def duration(seconds: float | str) -> str:
    """``4.3 s``, ``2 min 05 s``, ``1 h 02 min``; or the word that stands for a time."""
    if isinstance(seconds, str) or math.isnan(seconds):
        return plain(seconds)
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def stride(row: Mapping[str, Any]) -> str:
    """s_in, marked where the model was not trained for it."""
    return f"{row['s_in']}{row['mark']}"


def variant(row: Mapping[str, Any]) -> str:
    """The name of an evaluation."""
    return "as configured" if row["variant"] == NO_VALUE else str(row["variant"])


def millions(value: float) -> str:
    """Of multiply-accumulates, three digits that count, at least."""
    if math.isnan(value):
        return NO_VALUE
    return f"{value / 1e6:.1f}" if value >= 1e8 else f"{value / 1e6:.2f}" if value >= 1e6 else f"{value / 1e6:.3f}"


def weights_title(weights: str) -> str:
    return "published weights" if weights == "published" else "trained here"


def label_with_weights(row: Mapping[str, Any]) -> str:
    """An experiment, with a word on the weights where they are not its own."""
    return f"{row['label']}, {weights_title(row['weights'])}" if row["weights"] == "published" else row["label"]


def text(key: str) -> Callable[[Mapping[str, Any]], str]:
    """The cell that shows a value as it is."""
    return lambda row: str(row[key])
