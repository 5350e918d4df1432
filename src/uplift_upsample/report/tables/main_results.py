"""The main table: model by s_in as published, then all metrics; published figures next to ours, the mean pose as the baseline."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from uplift_upsample.evaluate.metrics import MOTION
from uplift_upsample.evaluate.score_file import AVERAGES, FRAMES, MEAN_POSE
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.published import agreement, is_compared, published_remarks, strides
from uplift_upsample.report.results import PUBLISHED, TRAINED, Results
from uplift_upsample.report.tables.summaries import RECORD, links_of_strides, provenance_field, summary_row
from uplift_upsample.report.view import Column, Document, Link, Row, Section, matching, section

COLUMNS = (
    *("study", "experiment", "weights", "trained_on", "tested_on", "initial_weights", "s_in", "is_s_in_trained", "frames"),
    *("metric", "average", "status", "seeds_run", "seeds_planned", "mean_mm", "std_mm", "mean_pose_mm", "published_mm"),
    *("difference_mm", "provenance"),
)
SHARE_NOTE = (
    "Mean pose: the mean pose of the training subjects, predicted for every frame. Share of mean pose: the model's MPJPE, "
    "frame-wise, divided by the one of this baseline, where both are of the same test people."
)
KEY_FRAMES_NOTE = (
    "Key frames are the multiples of s_in: those with a 2D pose of their own. Nothing is interpolated, and they have no motion."
)
COLUMNS_NOTE = (
    "Published weights, our code: the weight files of the official code, evaluated by this project under the same protocol as its "
    "own. Trained here: mean ± standard deviation over the seeds."
)


def document(results: Results) -> Document:
    """MPJPE beside the published figures; all metrics, all frames and key frames; what the numbers show."""
    rows = [
        row
        for frames in FRAMES
        for metric in results.metrics
        for average in AVERAGES
        for row in _rows(results, frames, metric, average)
    ]
    return Document(
        name="main_results",
        title=f"Main results of the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[
            _three_columns(results) if results.has_published_weights else _published_layout(results, rows),
            _all_metrics(results, matching(rows, frames="all_frames"), "all frames", SHARE_NOTE, [_share(results)]),
            _all_metrics(results, matching(rows, frames="key_frames"), "key frames", KEY_FRAMES_NOTE, []),
        ],
        remarks=[*_findings(results), *agreement(results), cells.LEGEND],
        footer=footer(results),
    )


def _rows(results: Results, frames: str, metric: str, average: str) -> list[dict[str, Any]]:
    quantity = {"frames": frames, "metric": metric, "average": average}
    rows = [
        summary_row(results, experiment, s_in, weights, **quantity)
        for experiment, weights in results.rows
        for s_in in experiment.s_in
        if metric in results.metrics_for(experiment)
    ]
    return [_baseline(results, metric, average), *rows] if frames == "all_frames" else rows


def _baseline(results: Results, metric: str, average: str) -> dict[str, Any]:
    """The row of the mean pose."""
    baseline = results.mean_pose
    value = results.baseline(metric, average) if baseline else cells.NOT_RUN
    dataset = str(baseline.protocol.dataset) if baseline else cells.NO_VALUE
    path = results.manifest.mean_pose
    links = [Link("mean pose", Path(path).with_name(RECORD).as_posix())] if path else []
    return {
        **dict.fromkeys(("weights", "is_s_in_trained", "seeds_run", "seeds_planned"), cells.NO_VALUE),
        **dict.fromkeys(("published_mm", "difference_mm"), math.nan),
        "study": results.manifest.study,
        "experiment": MEAN_POSE,
        "label": "mean pose",
        "trained_on": dataset,
        "tested_on": dataset,
        "initial_weights": "none",
        "s_in": "any",
        "mark": "",
        "frames": "all_frames",
        "metric": metric,
        "average": average,
        "status": "run" if baseline else cells.NOT_RUN,
        "mean_mm": value,
        "std_mm": math.nan if baseline else cells.NOT_RUN,
        "mean_pose_mm": value,
        "links": links,
        "provenance": provenance_field(links),
    }


def _three_columns(results: Results) -> Section:
    """MPJPE on all frames: as published, of the published weights, as trained here; one line for each model, s_in and average."""
    theirs, ours = {"weights": PUBLISHED}, {"weights": TRAINED}
    columns = [
        Column("model", cells.text("label")),
        Column("pre-training", _pretraining),
        Column("s_in", cells.stride),
        Column("average", lambda row: AVERAGES[row["average"]]),
        Column("published", cells.published),
        Column("published weights, our code", cells.mean, theirs),
        Column("trained here", cells.mean, ours),
        Column("seeds", cells.seeds, ours),
        Column("difference, published weights", cells.difference, theirs),
        Column("difference, trained here", cells.difference, ours),
    ]
    baseline = [f"{cells.plain(results.baseline('mpjpe', average))} {title}" for average, title in AVERAGES.items()]
    mean_pose = f"Mean pose, the baseline: {', '.join(baseline) if results.mean_pose else cells.NOT_RUN}."
    remarks = [*published_remarks(results), COLUMNS_NOTE, mean_pose]
    return section("MPJPE on all frames, mm", _mpjpe_rows(results), ("experiment", "s_in", "average"), columns, remarks)


def _mpjpe_rows(results: Results) -> list[dict[str, Any]]:
    """MPJPE on all frames, at strides that are evaluated or published."""
    return [
        {**summary_row(results, experiment, s_in, weights, average=average), "is_evaluated": s_in in experiment.s_in}
        for experiment, weights in results.rows
        for s_in in strides(results, experiment)
        for average in AVERAGES
    ]


def _pretraining(row: Row) -> str:
    """Whether it starts from other weights; one that is trained on other people alone is not fine-tuned to the tested ones."""
    if row["experiment"] == MEAN_POSE:
        return cells.NOT_PLANNED
    if row["initial_weights"] != "none":
        return f"yes, {row['initial_weights']}"
    return "no" if row["tested_on"] == row["trained_on"] else "not fine-tuned"


def _published_layout(results: Results, rows: Sequence[Row]) -> Section:
    """The same without published weights, as the published table has it: lines for kinds of numbers, a column for each s_in."""
    mpjpe = _mpjpe_rows(results)
    all_strides = sorted({row["s_in"] for row in mpjpe})
    lines = [
        {**row, "s_in": s_in, "numbers": f"baseline, {title}", "seeds": cells.NOT_PLANNED, "cell": cells.mean(row)}
        for average, title in AVERAGES.items()
        for row in matching(rows, experiment=MEAN_POSE, metric="mpjpe", average=average)
        for s_in in all_strides
    ]
    for row in mpjpe:
        experiment = results.experiment(row["experiment"])
        assert experiment is not None
        average = AVERAGES[row["average"]]
        same = matching(mpjpe, experiment=row["experiment"], average="frame_wise", is_evaluated=True)
        ours = {"numbers": f"this project, {average}", "seeds": cells.seeds(*same), "cell": cells.mean(row) + row["mark"]}
        lines.append({**row, **ours, "links": links_of_strides(results, experiment)})
        if is_compared(results, experiment.name):
            without = {**row, "seeds": cells.NOT_PLANNED, "links": []}
            lines.insert(-1, {**without, "numbers": "published", "cell": cells.published(row)})
            lines.append({**without, "numbers": f"difference, {average}", "cell": cells.difference(row)})
    cell = cells.text("cell")
    columns = [
        Column("model", cells.text("label")),
        Column("pre-training", _pretraining),
        Column("numbers", cells.text("numbers")),
        Column("seeds", cells.text("seeds")),
        *(Column(f"s_in = {s_in}", cell, {"s_in": s_in}) for s_in in all_strides),
    ]
    return section("MPJPE on all frames, mm", lines, ("experiment", "numbers"), columns, published_remarks(results))


def _all_metrics(results: Results, rows: Sequence[Row], frames: str, note: str, last: Sequence[Column]) -> Section:
    """Lines model, weights where there are published ones, and s_in; columns metric and average."""
    weights = [Column("weights", _weights)] if results.has_published_weights else []
    quantities = [
        Column(f"{metric.label}, {titled}", cells.mean, {"metric": name, "average": average})
        for name, metric in results.metrics.items()
        if frames == "all frames" or name not in MOTION
        for average, titled in AVERAGES.items()
    ]
    columns = [
        Column("model", cells.text("label")),
        *weights,
        Column("s_in", cells.stride),
        Column("seeds", cells.seeds),
        *quantities,
        *last,
    ]
    return section(f"All metrics on {frames}, mm", rows, ("experiment", "weights", "s_in"), columns, [note])


def _weights(row: Row) -> str:
    return cells.NOT_PLANNED if row["experiment"] == MEAN_POSE else cells.weights_title(row["weights"])


def _share(results: Results) -> Column:
    def text(row: Row) -> str:
        is_run = results.mean_pose is not None and row["status"] != cells.NOT_RUN
        return cells.percent(row["mean_mm"], row["mean_pose_mm"]) if is_run else cells.NOT_RUN

    return Column("share of mean pose", text, {"metric": "mpjpe", "average": "frame_wise"})


def _findings(results: Results) -> list[str]:
    """What the numbers show of each experiment (MPJPE on all frames, frame-wise), good or bad."""
    findings = []
    for experiment, weights in results.rows:
        label = f"{experiment.label}, {cells.weights_title(weights)}" if weights == PUBLISHED else experiment.label
        values = {s_in: results.summary(experiment, s_in, weights=weights).mean for s_in in sorted(experiment.s_in)}
        run = {s_in: value for s_in, value in values.items() if not math.isnan(value)}
        if not run:
            findings.append(f"{label}: {cells.NOT_RUN}.")
            continue
        findings.append(f"{label}: {_against_mean_pose(results, experiment, run)}; {_growth(run)}.")
    return findings


def _against_mean_pose(results: Results, experiment: ShownExperiment, values: dict[int, float]) -> str:
    if results.mean_pose is None:
        return f"mean pose {cells.NOT_RUN}"
    baseline = results.baseline("mpjpe", "frame_wise", experiment=experiment)
    if math.isnan(baseline):
        return "the mean pose was measured on other people"
    shares = [cells.percent(value, baseline) for value in (min(values.values()), max(values.values()))]
    return f"{shares[0]} to {shares[1]} of the mean pose's MPJPE"


def _growth(values: dict[int, float]) -> str:
    falls = [f"from {a} to {b}" for a, b in pairwise(values) if values[b] <= values[a]]
    if len(values) < 2:
        return "one s_in only"
    return f"the error does NOT grow with s_in {', '.join(falls)}" if falls else "the error grows with s_in"
