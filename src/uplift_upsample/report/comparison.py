"""Does it reproduce? The first table of a study: published figures, published weights evaluated here, and weights trained here."""

import math
from typing import Any

import pandas as pd

from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.provenance_rows import record_field, row_links
from uplift_upsample.report.published import FIGURES_NOTE, judged_mpjpe, published_mpjpe, published_remarks, strides
from uplift_upsample.report.render import Document, Section, csv_number
from uplift_upsample.report.results import PUBLISHED, TRAINED, Results, Summary
from uplift_upsample.report.verdict import NOT_COMPARED, ORDER, Tolerance, rule_text, verdict

NAME = "comparison"


def document(results: Results) -> Document:
    """One row for each experiment and s_in, by the average that published figures are compared with; the records have both."""
    average, reason = compared_average(results)
    stated = rule_text(results.manifest.verdict)
    notes = [remark for remark in published_remarks(results) if remark != FIGURES_NOTE]
    return Document(
        name=NAME,
        title=f"Comparison with the published figures, study {results.manifest.study}",
        note=results.note,
        records=pd.DataFrame(_records(results, average)),
        sections=[_section(results, average)],
        remarks=[*_summaries(results, average), stated, reason, *notes, cells.LEGEND],
        footer=footer(results),
    )


def compared_average(results: Results) -> tuple[str, str]:
    """The average that published figures are compared with, and why it is that one."""
    rule = results.manifest.verdict.average
    if rule != "auto":
        return rule, f"Average: {AVERAGES[rule]}, as configured. Published figures do not say which average they are."
    figures = {
        (experiment, s_in): figure
        for experiment in results.evaluated
        for s_in in strides(results, experiment)
        if experiment.published_weights and not math.isnan(figure := judged_mpjpe(results, experiment, s_in, PUBLISHED))
    }
    distances: dict[str, list[float]] = {}
    for average in AVERAGES:
        found = [results.summary(*key, average=average, weights=PUBLISHED).mean - figure for key, figure in figures.items()]
        distances[average] = [abs(distance) for distance in found if not math.isnan(distance)]
    stated = "Published figures do not say which average they are"
    if not any(distances.values()):
        return (
            "frame_wise",
            f"Average: {AVERAGES['frame_wise']}. {stated}, and no published weights were evaluated here.",
        )
    best = min(AVERAGES, key=lambda average: max(distances[average]))
    largest = ", ".join(f"{max(distances[average]):.2f} mm {title}" for average, title in AVERAGES.items())
    return best, f"Average: {AVERAGES[best]}. {stated}; the published weights agree with it better (largest distance {largest})."


def verdict_of(results: Results, experiment: PlannedExperiment, s_in: int, weights: str, average: str) -> str:
    """PASS, WARN, FAIL, NOT RUN, or a dash where there is nothing to compare with."""
    summary = results.summary(experiment, s_in, average=average, weights=weights)
    figure = judged_mpjpe(results, experiment, s_in, weights)
    tolerance = _tolerance(results, weights)
    if weights == PUBLISHED and not experiment.published_weights:
        return NOT_COMPARED
    return verdict(summary.mean, figure, tolerance, is_run=summary.is_run)


def _tolerance(results: Results, weights: str) -> Tolerance:
    rule = results.manifest.verdict
    return rule.published_weights if weights == PUBLISHED else rule.trained_here


def _section(results: Results, average: str) -> Section:
    has_weights = results.has_published_weights
    header = ["model", "s_in", "published"]
    header += ["published weights, our code", "verdict, published weights"] if has_weights else []
    header += ["trained here", "seeds", "difference", "tolerance", "verdict"]
    rows, links = [], []
    for experiment in results.evaluated:
        for s_in in strides(results, experiment):
            rows.append(_row(results, experiment, s_in, average))
            links.append(row_links(results, experiment, s_in))
    return Section(f"MPJPE on all frames, {AVERAGES[average]}, mm", header, rows, row_links=links)


def _row(results: Results, experiment: PlannedExperiment, s_in: int, average: str) -> list[str]:
    figure = published_mpjpe(results, experiment, s_in)
    ours = results.summary(experiment, s_in, average=average)
    row = [
        experiment.label,
        f"{s_in}{cells.mark(results, experiment, s_in)}",
        cells.NOT_PLANNED if math.isnan(figure) else f"{figure:.1f}",
    ]
    if results.has_published_weights:
        theirs = results.summary(experiment, s_in, average=average, weights=PUBLISHED)
        row.append(_with_difference(theirs, figure) if experiment.published_weights else cells.NOT_PLANNED)
        row.append(verdict_of(results, experiment, s_in, PUBLISHED, average))
    tolerance = cells.NOT_PLANNED if math.isnan(figure) else f"± {_tolerance(results, TRAINED).pass_mm:g}"
    return [
        *row,
        cells.number(ours),
        cells.seeds_text([ours]),
        cells.difference(ours, figure),
        tolerance,
        verdict_of(results, experiment, s_in, TRAINED, average),
    ]


def _with_difference(summary: Summary, figure: float) -> str:
    number = cells.number(summary)
    return number if not summary.is_run or math.isnan(figure) else f"{number} ({cells.difference(summary, figure)})"


def _summaries(results: Results, average: str) -> list[str]:
    """How many of each word, by kind of weights."""
    stated = []
    for weights in (PUBLISHED, TRAINED) if results.has_published_weights else (TRAINED,):
        words = [
            verdict_of(results, experiment, s_in, weights, average)
            for experiment in results.evaluated
            for s_in in strides(results, experiment)
        ]
        counts = [f"{words.count(word)} {word}" for word in ORDER if word in words and word != NOT_COMPARED]
        compared = len(words) - words.count(NOT_COMPARED)
        without = f"{words.count(NOT_COMPARED)} without a verdict" if NOT_COMPARED in words else ""
        of = f" of {compared}" if compared and len(counts) > 1 else ""
        text = ", ".join([f"{', '.join(counts)}{of}"] * bool(counts) + [without] * bool(without))
        stated.append(f"{cells.weights_title(weights).capitalize()}: {text or cells.NOT_RUN}.")
    return stated


def _records(results: Results, compared: str) -> list[dict[str, Any]]:
    return [
        _record(results, experiment, s_in, weights, average, compared)
        for experiment, weights in results.rows
        for s_in in strides(results, experiment)
        for average in AVERAGES
    ]


def _record(
    results: Results, experiment: PlannedExperiment, s_in: int, weights: str, average: str, compared: str
) -> dict[str, Any]:
    summary = results.summary(experiment, s_in, average=average, weights=weights)
    figure = published_mpjpe(results, experiment, s_in)
    tolerance = _tolerance(results, weights)
    return {
        "study": results.manifest.study,
        "experiment": experiment.name,
        "weights": weights,
        "s_in": str(s_in),
        "average": average,
        "is_compared": "yes" if average == compared else "no",
        "published_mm": csv_number(figure),
        **cells.record_numbers(summary),
        "difference_mm": csv_number(summary.mean - figure) if summary.is_run or math.isnan(figure) else cells.NOT_RUN,
        "pass_mm": csv_number(tolerance.pass_mm),
        "warn_mm": csv_number(tolerance.warn_mm),
        "verdict": verdict_of(results, experiment, s_in, weights, average),
        "provenance": record_field(row_links(results, experiment, s_in, weights)),
    }
