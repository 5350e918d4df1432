"""Errors per action: one table for each model, one line for each action."""

from typing import Any

from uplift_upsample.evaluate.score_file import ALL_ACTIONS, AVERAGES, FRAMES, PER_ACTION
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.results import Results
from uplift_upsample.report.tables.summaries import links_of_strides, summary_row
from uplift_upsample.report.view import Column, Document, Row, Section, matching, section

COLUMNS = (
    *("study", "experiment", "weights", "s_in", "frames", "action", "metric", "status", "seeds_run", "seeds_planned"),
    *("mean_mm", "std_mm", "mean_pose_mm", "provenance"),
)
NO_FRAMES = "no frames"


def document(results: Results) -> Document:
    """All metrics on all frames per action; the CSV file has the key frames, too."""
    return Document(
        name="per_action",
        title=f"Results per action of the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=[
            row
            for experiment, weights in results.rows
            for s_in in experiment.s_in
            for frames in FRAMES
            for action in results.actions or [ALL_ACTIONS]
            for row in _rows(results, experiment, s_in, weights, frames=frames, average=PER_ACTION, action=action)
        ],
        sections=[_section(results, experiment, weights) for experiment, weights in results.rows],
        remarks=[cells.LEGEND],
        footer=footer(results),
    )


def _rows(results: Results, experiment: ShownExperiment, s_in: int, weights: str, **quantity: str) -> list[dict[str, Any]]:
    """One row for each metric."""
    return [
        summary_row(results, experiment, s_in, weights, metric=metric, **quantity) for metric in results.metrics_for(experiment)
    ]


def _section(results: Results, experiment: ShownExperiment, weights: str) -> Section:
    """The actions, and below them the means of all."""
    groups = [(PER_ACTION, action) for action in results.actions] + [(average, ALL_ACTIONS) for average in AVERAGES]
    rows = [
        {**row, "count": _num_frames(results, experiment, weights, action)}
        for average, action in groups
        for s_in in experiment.s_in
        for row in _rows(results, experiment, s_in, weights, average=average, action=action)
    ]
    columns = [
        Column("action", lambda row: row["action"] if row["average"] == PER_ACTION else f"{AVERAGES[row['average']]} mean"),
        Column("frames", cells.text("count")),
        *(
            Column(f"{metric.label}, s_in = {stride}", _cell, {"metric": name, "s_in": s_in})
            for name, metric in results.metrics_for(experiment).items()
            for s_in, stride in {row["s_in"]: cells.stride(row) for row in rows}.items()
        ),
    ]
    seeds = cells.seeds(*matching(rows, average="frame_wise", metric="mpjpe"))
    title = f"{cells.label_with_weights(rows[0])}, all frames, mm"
    title += "" if seeds == cells.NOT_PLANNED else f", seeds: {seeds}"
    links = links_of_strides(results, experiment, weights)
    return section(title, rows, ("average", "action"), columns, table_links=links)


def _cell(row: Row) -> str:
    return NO_FRAMES if row["count"] == "0" else cells.mean(row)


def _num_frames(results: Results, experiment: ShownExperiment, weights: str, action: str) -> str:
    protocols = results.protocols_of(experiment, weights=weights)
    if not protocols:
        return cells.NOT_RUN
    if action == ALL_ACTIONS:
        return str(protocols[0].num_frames["all_frames"])
    return str(protocols[0].frames_per_action["all_frames"].get(action, 0))
