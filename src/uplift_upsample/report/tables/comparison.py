"""Does it reproduce? The first table of a study: published figures, published weights evaluated here, and weights trained here."""

import math
from collections.abc import Sequence
from typing import Any

from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.plan.thresholds import Tolerance
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.published import FIGURES_NOTE, distances_of_published_weights, judged_mpjpe, published_remarks, strides
from uplift_upsample.report.results import PUBLISHED, TRAINED, Results
from uplift_upsample.report.tables.summaries import summary_row
from uplift_upsample.report.verdict import NOT_COMPARED, ORDER, rule_text, verdict
from uplift_upsample.report.view import Column, Document, Row, Section, matching, section

COLUMNS = (
    *("study", "experiment", "weights", "s_in", "average", "is_compared", "published_mm", "status", "seeds_run", "seeds_planned"),
    *("mean_mm", "std_mm", "difference_mm", "pass_mm", "warn_mm", "verdict", "provenance"),
)


def document(results: Results) -> Document:
    """One line for each experiment and s_in, by the average that published figures are compared with; the CSV file has both."""
    average, reason = compared_average(results)
    rows = [
        _row(results, experiment, s_in, weights, each, average)
        for experiment, weights in results.rows
        for s_in in strides(results, experiment)
        for each in AVERAGES
    ]
    compared = matching(rows, is_compared="yes")
    notes = [remark for remark in published_remarks(results) if remark != FIGURES_NOTE]
    return Document(
        name="comparison",
        title=f"Comparison with the published figures, study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[
            section(f"MPJPE on all frames, {AVERAGES[average]}, mm", compared, ("experiment", "s_in"), _columns(results)),
            *_shares(results),
        ],
        remarks=[*_counts(compared), rule_text(results.manifest.verdict), reason, *notes, cells.LEGEND],
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


def _columns(results: Results) -> list[Column]:
    theirs, ours, verdict_of = {"weights": PUBLISHED}, {"weights": TRAINED}, cells.text("verdict")
    published_weights = [
        Column("published weights, our code", _with_difference, theirs),
        Column("verdict, published weights", verdict_of, theirs),
    ]
    return [
        Column("model", cells.text("label")),
        Column("s_in", cells.stride),
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


def compared_average(results: Results) -> tuple[str, str]:
    """The average that published figures are compared with, and why it is that one."""
    rule = results.manifest.verdict.average
    if rule != "auto":
        return rule, f"Average: {AVERAGES[rule]}, as configured. Published figures do not state which average they are."
    stated = "Published figures do not state which average they are"
    distances, _ = distances_of_published_weights(results)
    if not distances:
        return "frame_wise", f"Average: {AVERAGES['frame_wise']}. {stated}, and no published weights were evaluated here."
    best = min(distances, key=lambda average: max(distances[average]))
    largest = ", ".join(f"{max(found):.2f} mm {AVERAGES[average]}" for average, found in distances.items())
    return best, f"Average: {AVERAGES[best]}. {stated}; the published weights agree with it better (largest distance {largest})."
