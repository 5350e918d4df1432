"""Learned upsampling against interpolation between the frames that have a 2D pose: of 3D poses, and of 2D poses."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from uplift_upsample.evaluate.score_file import AVERAGES, LEARNED, PLAIN
from uplift_upsample.plan.evaluation import InputInterpolation
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.results import Results
from uplift_upsample.report.tables.summaries import summary_row
from uplift_upsample.report.view import Column, Document, Row, matching, section

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
INPUT_NOTE = (
    "2D linear, 2D cubic: the same weights, with 2D poses interpolated to every s_out-th frame and seen as if they were dense; the "
    "gain is again that minus learned. ‡ The network was not trained with a 2D pose at every token."
)
WAYS: tuple[InputInterpolation, ...] = ("linear", "cubic")


def document(results: Results) -> Document:
    """Both ways from the same predictions, and those with interpolated input where there are any; a table for each metric."""
    ways = [way for way in WAYS if any(experiment.input_ways.get(way) for experiment in results.evaluated)]
    rows = [
        row
        for experiment, weights in results.rows
        for s_in in experiment.s_in
        for metric in results.metrics
        for row in _rows(results, experiment, s_in, weights, metric)
    ]
    return Document(
        name="learned_upsampling",
        title=f"Learned upsampling in the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[
            section(
                f"{metric.title} on all frames, {metric.unit}",
                matching(rows, metric=name),
                ("experiment", "weights", "s_in"),
                _columns(ways),
            )
            for name, metric in results.metrics.items()
        ],
        remarks=[NOTE, *([INPUT_NOTE] if ways else []), cells.LEGEND],
        footer=footer(results),
    )


def _rows(results: Results, experiment: ShownExperiment, s_in: int, weights: str, metric: str) -> list[dict[str, Any]]:
    """Both averages, each with every way and what learned upsampling gains on it."""
    protocols = results.protocols_of(experiment, s_in)
    s_out = protocols[0].s_out if protocols else cells.NOT_RUN
    rows = []
    for average in AVERAGES:
        quantity = {"metric": metric, "average": average}
        learned, plain = (summary_row(results, experiment, s_in, weights, upsampling=way, **quantity) for way in (LEARNED, PLAIN))
        gain = _gain(learned, plain)
        rows += [{**learned, "gain_mm": gain, "way": PLAIN}, {**plain, "gain_mm": gain, "way": PLAIN}]
        for way in WAYS:
            if name := experiment.input_ways.get(way):  # another evaluation; the own one has no name
                row = summary_row(results.of_variant(name), experiment, s_in, weights, **quantity)
                rows.append({**row, "gain_mm": _gain(learned, row), "way": way, "upsampling": f"input_{way}"})
    verdicts = {way: _verdict([row["gain_mm"] for row in rows if row["way"] == way]) for way in (PLAIN, *WAYS)}
    if s_out == s_in:
        verdicts = dict.fromkeys(verdicts, EQUAL_STRIDES)
    return [{**row, "s_out": s_out, "verdict": verdicts[row["way"]]} for row in rows]


def _gain(learned: Mapping[str, Any], other: Mapping[str, Any]) -> float | str:
    is_run = cells.NOT_RUN not in (learned["status"], other["status"])
    return other["mean_mm"] - learned["mean_mm"] if is_run else cells.NOT_RUN


def _verdict(gains: Sequence[float | str]) -> str:
    known = [gain for gain in gains if not isinstance(gain, str)]
    if len(known) < len(gains) or not known:
        return cells.NOT_RUN
    if any(map(math.isnan, known)):
        return cells.NO_VALUE
    return "helps" if min(known) > 0 else "does not help" if max(known) <= 0 else "depends on the average"


def _columns(ways: Sequence[str]) -> list[Column]:
    numbers = []
    for average, title in AVERAGES.items():
        numbers += [
            Column(f"learned, {title}", cells.mean, {"average": average, "upsampling": LEARNED}),
            Column(f"plain, {title}", cells.mean, {"average": average, "upsampling": PLAIN}),
            Column(f"gain, {title}", _signed_gain, {"average": average, "upsampling": PLAIN}),
        ]
        for way in ways:
            where = {"average": average, "upsampling": f"input_{way}"}
            numbers += [Column(f"2D {way}, {title}", _untrained, where), Column(f"gain on 2D {way}, {title}", _signed_gain, where)]
    start = [Column("model", cells.label_with_weights), Column("s_in", cells.stride), Column("s_out", cells.text("s_out"))]
    verdicts = [Column("learned upsampling", cells.text("verdict"), {"upsampling": PLAIN})]
    verdicts += [Column(f"against 2D {way}", cells.text("verdict"), {"upsampling": f"input_{way}"}) for way in ways]
    return [*start, *numbers, *verdicts]


def _signed_gain(row: Row) -> str:
    return cells.signed(row["gain_mm"])


def _untrained(row: Row) -> str:
    """A mean, marked where the network never saw a 2D pose at every token."""
    return f"{cells.mean(row)} ‡" if row["mark"] else cells.mean(row)
