"""Learned upsampling against plain linear interpolation between the frames that have a 2D pose."""

import math
from collections.abc import Sequence
from typing import Any

from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.evaluate.score_file import AVERAGES, LEARNED, PLAIN
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.results import Results
from uplift_upsample.report.tables.summaries import summary_row
from uplift_upsample.report.view import Column, Document, matching, section

COLUMNS = (
    *("study", "experiment", "weights", "s_in", "s_out", "frames", "metric", "average", "upsampling", "status", "seeds_run"),
    *("seeds_planned", "mean_mm", "std_mm", "gain_mm", "verdict", "provenance"),
)
EQUAL_STRIDES = "equal: s_in = s_out"
NOTE = (
    "Learned: the network predicts every s_out-th frame. Plain: only its predictions at frames with a 2D pose (multiples "
    "of s_in) are used, and linear interpolation fills the gaps. Both are from the same run; the gain is plain minus "
    "learned, positive where learned upsampling has the smaller error."
)


def document(results: Results) -> Document:
    """Both ways from the same predictions, a table for each metric."""
    rows = [
        row
        for experiment, weights in results.rows
        for s_in in experiment.s_in
        for metric in METRICS
        for row in _rows(results, experiment, s_in, weights, metric)
    ]
    return Document(
        name="learned_upsampling",
        title=f"Learned upsampling in the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[
            section(f"{title} on all frames, mm", matching(rows, metric=metric), ("experiment", "weights", "s_in"), _columns())
            for metric, (title, _) in METRICS.items()
        ],
        remarks=[NOTE, cells.LEGEND],
        footer=footer(results),
    )


def _rows(results: Results, experiment: ShownExperiment, s_in: int, weights: str, metric: str) -> list[dict[str, Any]]:
    """Both averages, each with both ways and what the one gains on the other."""
    protocols = results.protocols_of(experiment, s_in)
    s_out = protocols[0].s_out if protocols else cells.NOT_RUN
    rows, gains = [], []
    for average in AVERAGES:
        quantity = {"metric": metric, "average": average}
        both = [summary_row(results, experiment, s_in, weights, upsampling=way, **quantity) for way in (LEARNED, PLAIN)]
        is_run = all(row["status"] != cells.NOT_RUN for row in both)
        gains.append(both[1]["mean_mm"] - both[0]["mean_mm"] if is_run else math.nan)
        rows += [{**row, "s_out": s_out, "gain_mm": gains[-1] if is_run else cells.NOT_RUN} for row in both]
    verdict = EQUAL_STRIDES if s_out == s_in else _verdict(gains)
    return [{**row, "verdict": verdict} for row in rows]


def _verdict(gains: Sequence[float]) -> str:
    if any(map(math.isnan, gains)):
        return cells.NOT_RUN
    return "helps" if min(gains) > 0 else "does not help" if max(gains) <= 0 else "depends on the average"


def _columns() -> list[Column]:
    numbers = [
        column
        for average, title in AVERAGES.items()
        for column in (
            Column(f"learned, {title}", cells.mean, {"average": average, "upsampling": LEARNED}),
            Column(f"plain, {title}", cells.mean, {"average": average, "upsampling": PLAIN}),
            Column(f"gain, {title}", lambda row: cells.signed(row["gain_mm"]), {"average": average}),
        )
    ]
    start = [Column("model", cells.label_with_weights), Column("s_in", cells.stride), Column("s_out", cells.text("s_out"))]
    return [*start, *numbers, Column("learned upsampling", cells.text("verdict"))]
