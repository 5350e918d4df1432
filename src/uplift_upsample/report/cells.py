"""The content of a cell: a number with its spread, or a word for why there is none. No cell is blank."""

import math
from collections.abc import Sequence

from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.render import csv_number
from uplift_upsample.report.results import PUBLISHED, Results, Summary

NOT_RUN = "NOT RUN"
NOT_PLANNED = "–"
NO_VALUE = "n/a"
UNTRAINED = "†"
LEGEND = f"{NOT_RUN}: planned, but there is no result. {NOT_PLANNED}: not part of the plan, or does not apply."


def number(summary: Summary, mark: str = "") -> str:
    """``45.81 ± 0.12``; without the spread where there is one seed."""
    if not summary.is_run:
        return NOT_RUN
    if math.isnan(summary.mean):
        return NO_VALUE
    spread = "" if math.isnan(summary.std) else f" ± {summary.std:.2f}"
    return f"{summary.mean:.2f}{spread}{mark}"


def signed(difference: float) -> str:
    """A difference with its sign; nothing is hidden in a ``-0.00``."""
    if math.isnan(difference):
        return NO_VALUE
    text = f"{difference:+.2f}"
    return "+0.00" if text == "-0.00" else text


def difference(summary: Summary, figure: float) -> str:
    """Ours minus a published figure."""
    if math.isnan(figure):
        return NOT_PLANNED
    return signed(summary.mean - figure) if summary.is_run else NOT_RUN


def plain(value: float) -> str:
    return NO_VALUE if math.isnan(value) else f"{value:.2f}"


def percent(value: float, whole: float) -> str:
    return NO_VALUE if math.isnan(value) or math.isnan(whole) or whole == 0 else f"{100 * value / whole:.1f} %"


def seeds_text(summaries: Sequence[Summary]) -> str:
    """``3``, or ``1 of 3`` where not all planned seeds were run, or ``0 to 2 of 3`` where cells differ."""
    if summaries[0].weights == PUBLISHED:
        return NOT_PLANNED
    planned = summaries[0].num_planned
    counts = sorted({len(summary.values) for summary in summaries})
    run = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    return run if counts == [planned] else f"{run} of {planned}"


def pretraining_text(experiment: PlannedExperiment) -> str:
    """Whether it starts from other weights; one that is trained on other people alone is not fine-tuned to the tested ones."""
    if experiment.initial_weights:
        return f"yes, {experiment.initial_weights}"
    return "no" if experiment.tested_on == experiment.dataset else "not fine-tuned"


def weights_title(weights: str) -> str:
    return "published weights" if weights == PUBLISHED else "trained here"


def label(experiment: PlannedExperiment, weights: str) -> str:
    """An experiment in a sentence or a row, with a word on the weights where they are not its own."""
    return f"{experiment.label}, {weights_title(weights)}" if weights == PUBLISHED else experiment.label


def mark(results: Results, experiment: PlannedExperiment, s_in: int) -> str:
    return UNTRAINED if results.is_untrained(experiment, s_in) else ""


def metric_titles() -> list[str]:
    return [f"{metric}, {average}" for metric, _ in METRICS.values() for average in AVERAGES.values()]


def record_numbers(summary: Summary) -> dict[str, str]:
    """The columns of a tidy record that say what was run and what came out."""
    seeds = {"seeds_run": str(len(summary.values)), "seeds_planned": str(summary.num_planned)}
    if summary.weights == PUBLISHED:
        seeds = dict.fromkeys(seeds, NO_VALUE)
    if not summary.is_run:
        return {"status": NOT_RUN, **seeds, "mean_mm": NOT_RUN, "std_mm": NOT_RUN}
    return {
        "status": "run" if len(summary.values) == summary.num_planned else "partly run",
        **seeds,
        "mean_mm": csv_number(summary.mean),
        "std_mm": csv_number(summary.std),
    }
