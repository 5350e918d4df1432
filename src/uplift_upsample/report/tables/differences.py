"""Differences between two evaluations, seed by seed, and what can be said of them in spite of chance."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from uplift_upsample.report import cells
from uplift_upsample.report.results import Summary
from uplift_upsample.report.tables.summaries import numbers

HELPS, DOES_NOT_HELP, WITHIN, DEPENDS = "helps", "does not help", "not beyond the seeds", "depends on the average"
PAIRED_NOTE = (
    "Differences and gains are those of the same seeds: their mean, ± their standard deviation over the seeds that both sides have."
)
# Quantiles of Student's t at 0.975, by number of seeds. With three, a mean that is larger than one standard deviation is chance in
# every fifth case.
_STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
BOUND = "beyond what chance gives in 19 of 20 cases (Student's t of the differences; with three seeds, 2.48 standard deviations)"
VERDICT_NOTE = (
    f"{HELPS.capitalize()}: the error is smaller by both averages, each time {BOUND}. {DOES_NOT_HELP.capitalize()}: it is as "
    f"certainly larger. {DEPENDS.capitalize()}: as certainly smaller by one and larger by the other. {WITHIN.capitalize()}: all "
    f"else. {cells.NO_VALUE}: one seed, or published weights, of which chance is not known."
)


def paired(ours: Mapping[Any, float], theirs: Mapping[Any, float], num_planned: int) -> Summary:
    """Ours minus theirs of each seed that both have (``Results.by_seed``)."""
    return Summary(tuple(value - theirs[seed] for seed, value in ours.items() if seed in theirs), num_planned)


def fields(difference: Summary, name: str) -> dict[str, Any]:
    """The columns of a difference, and itself for verdicts: its mean and its spread."""
    found = numbers(difference)
    return {name: difference, f"{name}_mm": found["mean_mm"], f"{name}_std_mm": found["std_mm"]}


def cell(row: Mapping[str, Any], name: str = "difference") -> str:
    """``+1.20 ± 0.30``; without the spread where there is one seed."""
    mean, std = row[f"{name}_mm"], row[f"{name}_std_mm"]
    return cells.signed(mean) if isinstance(std, str) or math.isnan(std) else f"{cells.signed(mean)} ± {std:.2f}"


def beyond_seeds(differences: Mapping[int, Summary]) -> str:
    """At which s_in differences are larger than their uncertainty; yes, at all of them and with one sign."""
    if any(math.isnan(difference.std) for difference in differences.values()):
        return cells.NO_VALUE
    certain = [s_in for s_in, difference in differences.items() if _is_certain(difference)]
    has_one_sign = len({difference.mean > 0 for difference in differences.values()}) == 1
    if len(certain) == len(differences) and has_one_sign:
        return "yes"
    return f"at {', '.join(map(str, certain))}" if certain else "no"


def verdict(gains: Sequence[Summary]) -> str:
    """One word on what gains of both averages say together. Gains are positive where the error is smaller."""
    if not all(gain.is_run for gain in gains):
        return cells.NOT_RUN
    if any(math.isnan(gain.std) for gain in gains):
        return cells.NO_VALUE
    if not all(map(_is_certain, gains)):
        return WITHIN
    signs = {gain.mean > 0 for gain in gains}
    return DEPENDS if len(signs) > 1 else HELPS if signs == {True} else DOES_NOT_HELP


def _is_certain(difference: Summary) -> bool:
    count = len(difference.values)
    quantile = _STUDENT.get(count, 2.262)  # above 10 seeds, the larger one
    return abs(difference.mean) > quantile * difference.std / math.sqrt(count)
