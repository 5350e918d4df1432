"""Learned upsampling against plain linear interpolation between the frames that have a 2D pose."""

import math

import pandas as pd

from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.evaluate.score_file import AVERAGES
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.provenance_rows import record_field, row_links
from uplift_upsample.report.render import Document, Section, csv_number
from uplift_upsample.report.results import TRAINED, Results

NAME = "learned_upsampling"
EQUAL_STRIDES = "equal: s_in = s_out"


def document(results: Results) -> Document:
    """Both ways from the same predictions: MPJPE by average, then the other metrics in the records."""
    return Document(
        name=NAME,
        title=f"Learned upsampling in the study {results.manifest.study}",
        note=results.note,
        records=pd.DataFrame(_records(results)),
        sections=[_section(results, metric) for metric in METRICS],
        remarks=[
            "Learned: the network predicts every s_out-th frame. Plain: only its predictions at frames with a 2D pose (multiples "
            "of s_in) are used, and linear interpolation fills the gaps. Both are from the same run; the gain is plain minus "
            "learned, positive where learned upsampling has the smaller error.",
            cells.LEGEND,
        ],
        footer=footer(results),
    )


def _section(results: Results, metric: str) -> Section:
    rows, links = [], []
    for experiment, weights in results.rows:
        for s_in in experiment.s_in:
            row = [
                cells.label(experiment, weights),
                f"{s_in}{cells.mark(results, experiment, s_in)}",
                _s_out(results, experiment, s_in),
            ]
            for average in AVERAGES:
                learned = results.summary(experiment, s_in, metric, average=average, upsampling="learned", weights=weights)
                plain = results.summary(experiment, s_in, metric, average=average, upsampling="plain", weights=weights)
                is_both = learned.is_run and plain.is_run
                difference = cells.signed(plain.mean - learned.mean) if is_both else cells.NOT_RUN
                row += [cells.number(learned), cells.number(plain), difference]
            rows.append([*row, _verdict(results, experiment, s_in, metric, weights)])
            links.append(row_links(results, experiment, s_in, weights))
    columns = [f"{kind}, {title}" for title in AVERAGES.values() for kind in ("learned", "plain", "gain")]
    return Section(
        f"{METRICS[metric][0]} on all frames, mm", ["model", "s_in", "s_out", *columns, "learned upsampling"], rows, row_links=links
    )


def _s_out(results: Results, experiment: PlannedExperiment, s_in: int) -> str:
    protocols = results.protocols_of(experiment, s_in)
    return str(protocols[0].s_out) if protocols else cells.NOT_RUN


def gain(results: Results, experiment: PlannedExperiment, s_in: int, metric: str, average: str, weights: str = TRAINED) -> float:
    """Plain minus learned error on all frames, mm; NaN where one of them was not run."""
    learned = results.summary(experiment, s_in, metric, average=average, upsampling="learned", weights=weights)
    plain = results.summary(experiment, s_in, metric, average=average, upsampling="plain", weights=weights)
    return plain.mean - learned.mean


def _verdict(results: Results, experiment: PlannedExperiment, s_in: int, metric: str, weights: str) -> str:
    if _s_out(results, experiment, s_in) == str(s_in):
        return EQUAL_STRIDES
    gains = [gain(results, experiment, s_in, metric, average, weights) for average in AVERAGES]
    if any(map(math.isnan, gains)):
        return cells.NOT_RUN
    return "helps" if min(gains) > 0 else "does not help" if max(gains) <= 0 else "depends on the average"


def _records(results: Results) -> list[dict[str, str]]:
    return [
        {
            "study": results.manifest.study,
            "experiment": experiment.name,
            "weights": weights,
            "s_in": str(s_in),
            "s_out": _s_out(results, experiment, s_in),
            "frames": "all_frames",
            "metric": metric,
            "average": average,
            "upsampling": upsampling,
            **cells.record_numbers(
                results.summary(experiment, s_in, metric, average=average, upsampling=upsampling, weights=weights)
            ),
            "gain_mm": _gain_text(gain(results, experiment, s_in, metric, average, weights)),
            "verdict": _verdict(results, experiment, s_in, metric, weights),
            "provenance": record_field(row_links(results, experiment, s_in, weights)),
        }
        for experiment, weights in results.rows
        for s_in in experiment.s_in
        for metric in METRICS
        for average in AVERAGES
        for upsampling in ("learned", "plain")
    ]


def _gain_text(value: float) -> str:
    return cells.NOT_RUN if math.isnan(value) else csv_number(value)
