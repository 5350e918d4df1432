"""Errors per action: one table for each model, one row for each action."""

import pandas as pd

from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.evaluate.score_file import ALL_ACTIONS, AVERAGES, FRAMES
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.provenance_rows import record_field, row_links, table_links
from uplift_upsample.report.render import Document, Section, csv_number
from uplift_upsample.report.results import PUBLISHED, Results, Summary

NAME = "per_action"
NO_FRAMES = "no frames"


def document(results: Results) -> Document:
    """All three metrics on all frames per action; the records have the key frames, too."""
    return Document(
        name=NAME,
        title=f"Results per action of the study {results.manifest.study}",
        note=results.note,
        records=pd.DataFrame(_records(results)),
        sections=[_section(results, experiment, weights) for experiment, weights in results.rows],
        remarks=[cells.LEGEND],
        footer=footer(results),
    )


def _section(results: Results, experiment: PlannedExperiment, weights: str) -> Section:
    def summary(s_in: int, metric: str = "mpjpe", **which: str) -> Summary:
        return results.summary(experiment, s_in, metric, weights=weights, **which)

    quantities = [(metric, s_in) for metric in METRICS for s_in in experiment.s_in]
    rows = []
    for action in results.actions:
        count = _num_frames(results, experiment, weights, action)
        summaries = [summary(s_in, metric, average="per_action", action=action) for metric, s_in in quantities]
        rows.append([action, count, *(NO_FRAMES if count == "0" else cells.number(summary) for summary in summaries)])
    for average, title in AVERAGES.items():
        summaries = [summary(s_in, metric, average=average) for metric, s_in in quantities]
        rows.append([f"{title} mean", _num_frames(results, experiment, weights), *map(cells.number, summaries)])
    marks = {s_in: cells.mark(results, experiment, s_in) for s_in in experiment.s_in}
    header = ["action", "frames", *(f"{METRICS[metric][0]}, s_in = {s_in}{marks[s_in]}" for metric, s_in in quantities)]
    links = table_links(results, experiment, weights)
    seeds = "" if weights == PUBLISHED else f", seeds: {cells.seeds_text([summary(s_in) for s_in in experiment.s_in])}"
    return Section(f"{cells.label(experiment, weights)}, all frames, mm{seeds}", header, rows, table_links=links)


def _num_frames(results: Results, experiment: PlannedExperiment, weights: str, action: str = ALL_ACTIONS) -> str:
    protocols = results.protocols_of(experiment, weights=weights)
    if not protocols:
        return cells.NOT_RUN
    if action == ALL_ACTIONS:
        return str(protocols[0].num_frames["all_frames"])
    return str(protocols[0].frames_per_action["all_frames"].get(action, 0))


def _records(results: Results) -> list[dict[str, str]]:
    return [
        {
            "study": results.manifest.study,
            "experiment": experiment.name,
            "weights": weights,
            "s_in": str(s_in),
            "frames": frames,
            "action": action,
            "metric": metric,
            **cells.record_numbers(results.summary(experiment, s_in, metric, frames, "per_action", action, weights=weights)),
            "mean_pose_mm": csv_number(results.baseline(metric, "per_action", action)) if frames == "all_frames" else "n/a",
            "provenance": record_field(row_links(results, experiment, s_in, weights)),
        }
        for experiment, weights in results.rows
        for s_in in experiment.s_in
        for frames in FRAMES
        for action in results.actions or [ALL_ACTIONS]
        for metric in METRICS
    ]
