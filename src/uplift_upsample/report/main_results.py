"""The main table: model by s_in as published, then all metrics; published figures next to ours, the mean pose as the baseline."""

import math
from itertools import pairwise

import pandas as pd

from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.evaluate.score_file import AVERAGES, FRAMES
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.provenance_rows import baseline_links, record_field, row_links, table_links
from uplift_upsample.report.published import agreement, is_compared, published_mpjpe, published_remarks, three_columns
from uplift_upsample.report.render import Document, Link, Section, csv_number
from uplift_upsample.report.results import Results

NAME = "main_results"
MEAN_POSE = "mean pose"
SHARE_NOTE = (
    "Mean pose: the mean pose of the training subjects, predicted for every frame. Share of mean pose: the model's MPJPE, "
    "frame-wise, divided by the one of this baseline."
)
KEY_FRAMES_NOTE = "Key frames are the multiples of s_in: those with a 2D pose of their own. Nothing is interpolated."


def document(results: Results) -> Document:
    """MPJPE beside the published figures; all metrics, all frames and key frames; what the numbers say."""
    first = three_columns(results) if results.has_published_weights else _published_layout(results)
    return Document(
        name=NAME,
        title=f"Main results of the study {results.manifest.study}",
        note=results.note,
        records=pd.DataFrame(_records(results)),
        sections=[first, *(_all_metrics(results, frames) for frames in FRAMES)],
        remarks=[*_findings(results), *agreement(results), cells.LEGEND],
        footer=footer(results),
    )


def _published_layout(results: Results) -> Section:
    strides = sorted({*results.s_in, *(s_in for name, s_in in results.published if is_compared(results, name))})
    rows: list[list[str]] = []
    links: list[list[Link]] = []
    for average, title in AVERAGES.items():
        value = results.baseline("mpjpe", average)
        cell = cells.NOT_RUN if results.mean_pose is None else cells.plain(value)
        rows.append([MEAN_POSE, cells.NOT_PLANNED, f"baseline, {title}", cells.NOT_PLANNED, *[cell] * len(strides)])
        links.append(baseline_links(results))
    for experiment in results.evaluated:
        start = [experiment.label, cells.pretraining_text(experiment)]
        has_published = is_compared(results, experiment.name)
        if has_published:
            figures = {s_in: published_mpjpe(results, experiment, s_in) for s_in in strides}
            shown = [cells.NOT_PLANNED if math.isnan(value) else f"{value:.1f}" for value in figures.values()]
            rows.append([*start, "published", cells.NOT_PLANNED, *shown])
            links.append([])
        for average, title in AVERAGES.items():
            ours = [_cell(results, experiment, s_in, average) for s_in in strides]
            seeds = cells.seeds_text([results.summary(experiment, s_in) for s_in in experiment.s_in])
            rows.append([*start, f"this project, {title}", seeds, *ours])
            links.append(table_links(results, experiment))
            if has_published:
                summaries = {s_in: results.summary(experiment, s_in, average=average) for s_in in strides}
                differences = [cells.difference(summary, figures[s_in]) for s_in, summary in summaries.items()]
                rows.append([*start, f"difference, {title}", cells.NOT_PLANNED, *differences])
                links.append([])
    header = ["model", "pre-training", "numbers", "seeds", *(f"s_in = {s_in}" for s_in in strides)]
    return Section("MPJPE on all frames, mm", header, rows, published_remarks(results), links)


def _cell(results: Results, experiment: PlannedExperiment, s_in: int, average: str) -> str:
    summary = results.summary(experiment, s_in, average=average)
    is_expected = s_in in experiment.s_in or not math.isnan(published_mpjpe(results, experiment, s_in))
    return cells.number(summary, cells.mark(results, experiment, s_in)) if is_expected else cells.NOT_PLANNED


def _all_metrics(results: Results, frames: str) -> Section:
    """Rows model, weights where there are published ones, and s_in; columns metric and average."""
    quantities = [(metric, average) for metric in METRICS for average in AVERAGES]
    is_all = frames == "all_frames"
    rows, links = [], []
    if is_all:
        is_run = results.mean_pose is not None
        values = [cells.plain(results.baseline(*quantity)) if is_run else cells.NOT_RUN for quantity in quantities]
        start = [MEAN_POSE, *_weights_cell(results, cells.NOT_PLANNED)]
        rows.append([*start, "any", cells.NOT_PLANNED, *values, "100.0 %" if is_run else cells.NOT_RUN])
        links.append(baseline_links(results))
    for experiment, weights in results.rows:
        for s_in in experiment.s_in:
            summaries = [
                results.summary(experiment, s_in, metric, frames, average, weights=weights) for metric, average in quantities
            ]
            share = [_share(results, experiment, s_in, weights)] if is_all else []
            start = [experiment.label, *_weights_cell(results, cells.weights_title(weights))]
            stride = f"{s_in}{cells.mark(results, experiment, s_in)}"
            rows.append([*start, stride, cells.seeds_text(summaries), *map(cells.number, summaries), *share])
            links.append(row_links(results, experiment, s_in, weights))
    header = [
        "model",
        *_weights_cell(results, "weights"),
        "s_in",
        "seeds",
        *cells.metric_titles(),
        *(["share of mean pose"] if is_all else []),
    ]
    note = [SHARE_NOTE if is_all else KEY_FRAMES_NOTE]
    return Section(f"All metrics on {FRAMES[frames]}, mm", header, rows, note, links)


def _weights_cell(results: Results, text: str) -> list[str]:
    """The cell that says which weights a row is about, where a study has more than one kind."""
    return [text] if results.has_published_weights else []


def _share(results: Results, experiment: PlannedExperiment, s_in: int, weights: str) -> str:
    summary = results.summary(experiment, s_in, weights=weights)
    if results.mean_pose is None or not summary.is_run:
        return cells.NOT_RUN
    return cells.percent(summary.mean, results.baseline("mpjpe", "frame_wise"))


def _findings(results: Results) -> list[str]:
    """What the numbers say of each experiment (MPJPE on all frames, frame-wise), good or bad."""
    findings = []
    for experiment, weights in results.rows:
        label = cells.label(experiment, weights)
        values = {s_in: results.summary(experiment, s_in, weights=weights).mean for s_in in sorted(experiment.s_in)}
        run = {s_in: value for s_in, value in values.items() if not math.isnan(value)}
        if not run:
            findings.append(f"{label}: {cells.NOT_RUN}.")
            continue
        baseline = results.baseline("mpjpe", "frame_wise")
        shares = [cells.percent(value, baseline) for value in (min(run.values()), max(run.values()))]
        share = f"{shares[0]} to {shares[1]} of the mean pose's MPJPE" if not math.isnan(baseline) else f"mean pose {cells.NOT_RUN}"
        findings.append(f"{label}: {share}; {_growth(run)}.")
    return findings


def _growth(values: dict[int, float]) -> str:
    falls = [f"from {a} to {b}" for a, b in pairwise(values) if values[b] <= values[a]]
    if len(values) < 2:
        return "one s_in only"
    return f"the error does NOT grow with s_in {', '.join(falls)}" if falls else "the error grows with s_in"


def _records(results: Results) -> list[dict[str, str]]:
    records = []
    for frames in FRAMES:
        for metric in METRICS:
            for average in AVERAGES:
                if frames == "all_frames":
                    records.append(_baseline_record(results, metric, average))
                records += [
                    _record(results, experiment, s_in, frames, metric, average, weights)
                    for experiment, weights in results.rows
                    for s_in in experiment.s_in
                ]
    return records


def _baseline_record(results: Results, metric: str, average: str) -> dict[str, str]:
    value = csv_number(results.baseline(metric, average)) if results.mean_pose else cells.NOT_RUN
    is_run = results.mean_pose is not None
    dataset = str(results.mean_pose.protocol.dataset) if results.mean_pose else "n/a"
    return {
        "study": results.manifest.study,
        "experiment": "mean_pose",
        "weights": "n/a",
        "trained_on": dataset,
        "tested_on": dataset,
        "initial_weights": "none",
        "s_in": "any",
        "is_s_in_trained": "n/a",
        "frames": "all_frames",
        "metric": metric,
        "average": average,
        "status": "run" if is_run else cells.NOT_RUN,
        "seeds_run": "n/a",
        "seeds_planned": "n/a",
        "mean_mm": value,
        "std_mm": "n/a" if is_run else cells.NOT_RUN,
        "mean_pose_mm": value,
        "published_mm": "n/a",
        "difference_mm": "n/a",
        "provenance": record_field(baseline_links(results)),
    }


def _record(
    results: Results, experiment: PlannedExperiment, s_in: int, frames: str, metric: str, average: str, weights: str
) -> dict[str, str]:
    summary = results.summary(experiment, s_in, metric, frames, average, weights=weights)
    is_published = frames == "all_frames" and metric == "mpjpe"
    published = published_mpjpe(results, experiment, s_in) if is_published else math.nan
    baseline = results.baseline(metric, average) if frames == "all_frames" else math.nan
    is_trained = "n/a" if not summary.is_run else "no" if results.is_untrained(experiment, s_in) else "yes"
    return {
        "study": results.manifest.study,
        "experiment": experiment.name,
        "weights": weights,
        "trained_on": experiment.dataset,
        "tested_on": experiment.tested_on,
        "initial_weights": experiment.initial_weights or "none",
        "s_in": str(s_in),
        "is_s_in_trained": is_trained,
        "frames": frames,
        "metric": metric,
        "average": average,
        **cells.record_numbers(summary),
        "mean_pose_mm": csv_number(baseline),
        "published_mm": csv_number(published),
        "difference_mm": csv_number(summary.mean - published) if summary.is_run or math.isnan(published) else cells.NOT_RUN,
        "provenance": record_field(row_links(results, experiment, s_in, weights)),
    }
