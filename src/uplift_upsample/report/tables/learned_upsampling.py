"""Learned upsampling against interpolation between the frames that have a 2D pose: of 3D poses, and of 2D poses."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from uplift_upsample.evaluate.score_file import AVERAGES, LEARNED, PLAIN
from uplift_upsample.plan.evaluation import InputInterpolation
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.results import Results
from uplift_upsample.report.tables.differences import PAIRED_NOTE, VERDICT_NOTE, cell, fields, paired, verdict
from uplift_upsample.report.tables.summaries import summary_row
from uplift_upsample.report.view import Column, Document, Row, matching, section

COLUMNS = (
    *("study", "experiment", "weights", "s_in", "s_out", "frames", "metric", "average", "upsampling", "status", "seeds_run"),
    *("seeds_planned", "mean_mm", "std_mm", "gain_mm", "gain_std_mm", "verdict", "provenance"),
)
EQUAL_STRIDES = "equal: s_in = s_out"
NOTE = (
    "Learned: the network predicts every s_out-th frame. Plain: only its predictions at frames with a 2D pose (multiples "
    "of s_in) are used, and linear interpolation fills the gaps. Both are from the same run; the gain is plain minus "
    "learned, positive where learned upsampling has the smaller error (of PCK and AUC, learned minus plain)."
)
INPUT_NOTE = (
    "2D linear, 2D cubic: the same weights, with 2D poses interpolated to every s_out-th frame and seen as if they were dense; the "
    "gain is again that minus learned. ‡ The network was not trained with a 2D pose at every token. At the ends of a video the "
    "learned way has a little more: tokens behind them see the 2D pose of the first or last frame, be it a key frame or not, "
    "while interpolation has key frames alone (about 0.05 mm at s_in 20 on the open data)."
)
ALONE = "No network of this study has a token to upsample with."
WAYS: tuple[InputInterpolation, ...] = ("linear", "cubic")


def document(results: Results) -> Document:
    """Both ways from the same predictions, and those with interpolated input where there are any; a table for each metric."""
    shown = [(experiment, weights) for experiment, weights in results.rows if _has_token(experiment)]
    ways = [way for way in WAYS if any(experiment.input_ways.get(way) for experiment, _ in shown)]
    rows = [
        row
        for experiment, weights in shown
        for s_in in experiment.s_in
        for metric in results.metrics_for(experiment)
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
            if rows
        ],
        remarks=[
            *([NOTE, PAIRED_NOTE, VERDICT_NOTE] if rows else [ALONE]),
            *([INPUT_NOTE] if ways else []),
            *_left_out(results),
            cells.LEGEND,
        ],
        footer=footer(results),
    )


def _has_token(experiment: ShownExperiment) -> bool:
    """Whether its own evaluation has tokens without a 2D pose; a network that the manifest does not tell is taken for one."""
    network = experiment.network
    is_masked = experiment.evaluations[""].input_interpolation == "none"
    return is_masked and (network is None or network.has_strided_input)


def _left_out(results: Results) -> list[str]:
    names = [experiment.name for experiment in results.evaluated if not _has_token(experiment)]
    return [f"Not shown, because nothing is upsampled there, every token has a 2D pose: {', '.join(names)}."] if names else []


def _rows(results: Results, experiment: ShownExperiment, s_in: int, weights: str, metric: str) -> list[dict[str, Any]]:
    """Both averages, each with every way and what learned upsampling gains on it."""
    protocols = results.protocols_of(experiment, s_in)
    s_out = protocols[0].s_out if protocols else cells.NOT_RUN
    rows = []
    for average in AVERAGES:
        quantity = {"metric": metric, "average": average}
        learned, plain = (_row(results, experiment, s_in, weights, upsampling=kind, **quantity) for kind in (LEARNED, PLAIN))
        others: dict[str, dict[str, Any]] = {PLAIN: plain}
        for way in WAYS:
            if name := experiment.input_ways.get(way):  # another evaluation; the own one has no name
                others[way] = _row(results.of_variant(name), experiment, s_in, weights, **quantity)
        for kind, other in others.items():
            less, more = (other, learned) if results.metrics[metric].is_share else (learned, other)
            gain = fields(paired(more["by_seed"], less["by_seed"], len(experiment.seeds)), "gain")
            rows += [{**learned, **gain, "way": kind}] if kind == PLAIN else []
            rows.append({**other, **gain, "way": kind, "upsampling": kind if kind == PLAIN else f"input_{kind}"})
    verdicts = {way: verdict([row["gain"] for row in matching(rows, way=way)]) for way in (PLAIN, *WAYS)}
    if s_out == s_in:
        verdicts = dict.fromkeys(verdicts, EQUAL_STRIDES)
    return [{**row, "s_out": s_out, "verdict": verdicts[row["way"]], "seeds": cells.seeds(*rows)} for row in rows]


def _row(results: Results, experiment: ShownExperiment, s_in: int, weights: str, **quantity: Any) -> dict[str, Any]:
    """One quantity, with its value for each seed."""
    return {
        **summary_row(results, experiment, s_in, weights, **quantity),
        "by_seed": results.by_seed(experiment, s_in, weights=weights, **quantity),
    }


def _columns(ways: Sequence[str]) -> list[Column]:
    numbers, gain_cell = [], partial(cell, name="gain")
    for average, title in AVERAGES.items():
        numbers += [
            Column(f"learned, {title}", cells.mean, {"average": average, "upsampling": LEARNED}),
            Column(f"plain, {title}", cells.mean, {"average": average, "upsampling": PLAIN}),
            Column(f"gain, {title}", gain_cell, {"average": average, "upsampling": PLAIN}),
        ]
        for way in ways:
            where = {"average": average, "upsampling": f"input_{way}"}
            numbers += [Column(f"2D {way}, {title}", _untrained, where), Column(f"gain on 2D {way}, {title}", gain_cell, where)]
    start = [
        Column("model", cells.label_with_weights),
        Column("seeds", cells.text("seeds")),
        Column("s_in", cells.stride),
        Column("s_out", cells.text("s_out")),
    ]
    verdicts = [Column("learned upsampling", cells.text("verdict"), {"upsampling": PLAIN})]
    verdicts += [Column(f"against 2D {way}", cells.text("verdict"), {"upsampling": f"input_{way}"}) for way in ways]
    return [*start, *numbers, *verdicts]


def _untrained(row: Row) -> str:
    """A mean, marked where the network never saw a 2D pose at every token."""
    return f"{cells.mean(row)} ‡" if row["mark"] else cells.mean(row)
