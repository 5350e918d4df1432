"""Does it reproduce? The first table of a study: published figures, published weights evaluated here, and weights trained here."""

import math
from collections.abc import Sequence
from typing import Any

from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.plan.thresholds import Tolerance
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.published import (
    FIGURES_NOTE,
    NO_SOURCE,
    distances_of_published_weights,
    judged_mpjpe,
    published_remarks,
    source_of,
    strides,
)
from uplift_upsample.report.results import PUBLISHED, TRAINED, Results, Source
from uplift_upsample.report.tables.summaries import summary_row
from uplift_upsample.report.verdict import NOT_COMPARED, ORDER, rule_text, verdict
from uplift_upsample.report.view import Column, Document, Row, Section, matching, section

COLUMNS = (
    *("study", "experiment", "weights", "s_in", "average", "is_compared", "published_mm", "status", "seeds_run", "seeds_planned"),
    *("mean_mm", "std_mm", "difference_mm", "pass_mm", "warn_mm", "verdict", "provenance"),
)


def document(results: Results) -> Document:
    """One line for each experiment and s_in, by the average that its published figures are; the CSV file has both."""
    averages, reasons = compared_averages(results)
    rows = [
        _row(results, experiment, s_in, weights, each, averages[experiment.name])
        for experiment, weights in results.rows
        for s_in in strides(results, experiment)
        for each in AVERAGES
    ]
    compared = matching(rows, is_compared="yes")
    kinds = list(dict.fromkeys(averages.values()))
    what = AVERAGES[kinds[0]] if len(kinds) == 1 else "by the average in its column"
    notes = [remark for remark in published_remarks(results) if remark != FIGURES_NOTE]
    return Document(
        name="comparison",
        title=f"Comparison with the published figures, study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[
            section(f"MPJPE on all frames, {what}, mm", compared, ("experiment", "s_in"), _columns(results, len(kinds) > 1)),
            *_shares(results),
        ],
        remarks=[*_counts(compared), rule_text(results.manifest.verdict), *reasons, *notes, cells.LEGEND],
        footer=footer(results),
    )


def _row(results: Results, experiment: ShownExperiment, s_in: int, weights: str, average: str, compared: str) -> dict[str, Any]:
    row = summary_row(results, experiment, s_in, weights, average=average)
    rule = results.manifest.verdict
    tolerance: Tolerance = rule.published_weights if weights == PUBLISHED else rule.trained_here
    figure, mean = judged_mpjpe(results, experiment, s_in, weights), row["mean_mm"]
    is_run = mean != cells.NOT_RUN
    return {
        **row,
        "is_compared": "yes" if average == compared else "no",
        "pass_mm": tolerance.pass_mm,
        "warn_mm": tolerance.warn_mm,
        "verdict": verdict(mean if is_run else math.nan, figure, tolerance, is_run=is_run),
    }


def _columns(results: Results, has_averages: bool) -> list[Column]:
    theirs, ours, verdict_of = {"weights": PUBLISHED}, {"weights": TRAINED}, cells.text("verdict")
    published_weights = [
        Column("published weights, our code", _with_difference, theirs),
        Column("verdict, published weights", verdict_of, theirs),
    ]
    return [
        Column("model", cells.text("label")),
        Column("s_in", cells.stride),
        *([Column("average", lambda row: AVERAGES[row["average"]])] if has_averages else []),
        Column("published", cells.published),
        *(published_weights if results.has_published_weights else []),
        Column("trained here", cells.mean, ours),
        Column("seeds", cells.seeds, ours),
        Column("difference", cells.difference, ours),
        Column("tolerance", _tolerance, ours),
        Column("verdict", verdict_of, ours),
    ]


def _shares(results: Results) -> list[Section]:
    """PCK and AUC beside their published figures, where there are any."""
    rows = [
        {**summary_row(results, experiment, s_in, metric=metric), "title": results.metrics[metric].title}
        for experiment in results.evaluated
        for s_in in strides(results, experiment)
        for metric in results.metrics
        if (experiment.name, s_in, metric) in results.published_shares
    ]
    columns = [
        Column("model", cells.text("label")),
        Column("s_in", cells.stride),
        Column("metric", cells.text("title")),
        Column("published", cells.published),
        Column("trained here", cells.mean),
        Column("seeds", cells.seeds),
        Column("difference", cells.difference),
    ]
    return [section("PCK and AUC on all frames, frame-wise, %", rows, ("experiment", "s_in", "metric"), columns)] if rows else []


def _with_difference(row: Row) -> str:
    number, is_compared = cells.mean(row), row["status"] != cells.NOT_RUN and not math.isnan(row["published_mm"])
    return f"{number} ({cells.difference(row)})" if is_compared else number


def _tolerance(row: Row) -> str:
    return cells.NOT_PLANNED if math.isnan(row["published_mm"]) else f"± {row['pass_mm']:g}"


def _counts(compared: Sequence[Row]) -> list[str]:
    """How many of each word, by kind of weights."""
    stated = []
    for weights in sorted({row["weights"] for row in compared} | {TRAINED}):  # published weights first
        words = [row["verdict"] for row in matching(compared, weights=weights)]
        counts = [f"{words.count(word)} {word}" for word in ORDER if word in words and word != NOT_COMPARED]
        without = words.count(NOT_COMPARED)
        of = f" of {len(words) - without}" if len(counts) > 1 else ""
        text = ", ".join([f"{', '.join(counts)}{of}"] * bool(counts) + [f"{without} without a verdict"] * bool(without))
        stated.append(f"{cells.weights_title(weights).capitalize()}: {text or cells.NOT_RUN}.")
    return stated


def compared_averages(results: Results) -> tuple[dict[str, str], list[str]]:
    """The average that the published figures of each experiment are compared with, and why it is that one.

    Experiments without figures go with the first source that does not say which its figures are.
    """
    by_source: dict[Source, list[str]] = {}
    for experiment in results.evaluated:
        by_source.setdefault(source_of(results, experiment), []).append(experiment.name)
    unsaid = next((source for source in by_source if source.name and source.average is None), NO_SOURCE)
    averages: dict[str, str] = {}
    names_of: dict[tuple[str, str], list[str]] = {}
    for source, names in by_source.items():
        found = _average(results, unsaid if source == NO_SOURCE else source)
        averages |= dict.fromkeys(names, found[0])
        names_of.setdefault(found, []).extend(names)
    of = " of {}" if len(names_of) > 1 else ""
    return averages or {"": "frame_wise"}, [
        f"Average{of.format(', '.join(names))}: {AVERAGES[average]}{why}" for (average, why), names in names_of.items()
    ]


def _average(results: Results, source: Source) -> tuple[str, str]:
    """The average of the figures of one source, and why."""
    rule, unsaid = results.manifest.verdict.average, "Published figures do not state which average they are"
    if source == NO_SOURCE:
        return "frame_wise" if rule == "auto" else rule, "."
    if source.average is not None:
        return source.average, ". It is the one that the code behind the published figures prints."
    if rule != "auto":
        return rule, f", as configured. {unsaid}."
    distances = {average: max(found) for average, (found, _) in distances_of_published_weights(results, source.name).items()}
    if not distances:
        return "frame_wise", f". {unsaid}, and no published weights were evaluated here."
    best = min(distances, key=lambda average: distances[average])
    largest = ", ".join(f"{distance:.2f} mm {AVERAGES[average]}" for average, distance in distances.items())
    return best, f". {unsaid}; the published weights agree with it better (largest distance {largest})."
