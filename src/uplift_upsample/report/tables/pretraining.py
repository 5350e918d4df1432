"""Whether starting from pre-trained weights helped: each fine-tuned experiment against the one without."""

import math
from collections.abc import Sequence
from typing import Any

from uplift_upsample.base.strict import is_number
from uplift_upsample.evaluate.metrics import Metric
from uplift_upsample.evaluate.score_file import AVERAGES, FRAMES
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.results import Results
from uplift_upsample.report.tables.summaries import provenance_field, summary_row
from uplift_upsample.report.view import Column, Document, Link, Row, matching, section

COLUMNS = (
    *("study", "experiment", "initial_weights", "without_pretraining", "s_in", "frames", "metric", "average", "status"),
    *("seeds_run", "seeds_planned", "mean_mm", "std_mm", "without_mean_mm", "without_std_mm", "difference_mm", "provenance"),
)
NO_COUNTERPART = "no experiment without pre-training in this study"
Pair = tuple[ShownExperiment, ShownExperiment | None]  # one that starts from other weights, and the same from scratch, if there is


def document(results: Results) -> Document:
    """With and without pre-training on all frames, both averages; negative differences mean that it helped."""
    pairs = _pairs(results)
    rows = [
        row
        for pair in pairs
        for s_in in pair[0].s_in
        for frames in FRAMES
        for metric in _errors(results)
        for row in _rows(results, pair, s_in, frames, metric)
    ]
    shown = matching(rows, frames="all_frames")
    findings = [_finding(pair, matching(shown, experiment=pair[0].name, metric="mpjpe", average="frame_wise")) for pair in pairs]
    nothing = "No experiment of this study starts from the weights of another one, so there is nothing to compare."
    return Document(
        name="pretraining",
        title=f"Pre-training in the study {results.manifest.study}",
        note=results.note,
        columns=COLUMNS,
        rows=rows,
        sections=[
            section(
                f"{metric.title} on all frames, {metric.unit}", matching(shown, metric=name), ("experiment", "s_in"), _columns()
            )
            for name, metric in _errors(results).items()
            if pairs
        ],
        remarks=[*(findings or [nothing]), cells.LEGEND],
        footer=footer(results),
    )


def _errors(results: Results) -> dict[str, Metric]:
    """The metrics of which less is better."""
    return {name: metric for name, metric in results.metrics.items() if not metric.is_share}


def _pairs(results: Results) -> list[Pair]:
    pairs = []
    for experiment in results.evaluated:
        if experiment.counterpart is not None:
            other = results.experiment(experiment.counterpart)
            is_usable = (
                other is not None
                and other.initial_weights is None
                and (other.dataset, other.tested_on) == (experiment.dataset, experiment.tested_on)
            )
            pairs.append((experiment, other if is_usable else None))
    return pairs


def _rows(results: Results, pair: Pair, s_in: int, frames: str, metric: str) -> list[dict[str, Any]]:
    """Both averages of an experiment beside those of the one from scratch."""
    compared = [experiment for experiment in pair if experiment]
    rows, differences = [], []
    for average in AVERAGES:
        both = [summary_row(results, each, s_in, frames=frames, metric=metric, average=average) for each in compared]
        tuned, scratch = both[0], both[1] if len(both) > 1 else None
        is_run = all(row["status"] != cells.NOT_RUN for row in both)
        differences.append(tuned["mean_mm"] - scratch["mean_mm"] if scratch and is_run else math.nan)
        links = [Link(f"{row['experiment']}, {link.label}", link.path) for row in both for link in row["links"]]
        beside = {
            "without_pretraining": scratch["experiment"] if scratch else cells.NO_VALUE,
            "without_mean_mm": scratch["mean_mm"] if scratch else math.nan,
            "without_std_mm": scratch["std_mm"] if scratch else math.nan,
            "difference_mm": cells.NOT_RUN if scratch and not is_run else differences[-1],
            "num_seeds": min(_num_seeds(results, each) for each in compared),
            "links": links,
            "provenance": provenance_field(links),
        }
        rows.append({**tuned, **beside})
    return [{**row, "verdict": _verdict(differences, has_counterpart=pair[1] is not None)} for row in rows]


def _num_seeds(results: Results, experiment: ShownExperiment) -> int:
    """Seeds that were run at any s_in."""
    return len({found.seed for found in results.evaluations if found.experiment == experiment.name and found.seed is not None})


def _verdict(differences: Sequence[float], *, has_counterpart: bool) -> str:
    if any(map(math.isnan, differences)):
        return cells.NOT_RUN if has_counterpart else cells.NOT_PLANNED
    return "helped" if max(differences) < 0 else "did not help" if min(differences) >= 0 else "depends on the average"


def _finding(pair: Pair, rows: Sequence[Row]) -> str:
    """One sentence on MPJPE, all frames, frame-wise."""
    tuned, scratch = pair
    if scratch is None:
        return f"{tuned.name}: there is {NO_COUNTERPART}."
    run = {row["s_in"]: row["difference_mm"] for row in rows if is_number(row["difference_mm"])}
    if not run:
        return f"{tuned.name} against {scratch.name}: {cells.NOT_RUN}."
    helped = sum(value < 0 for value in run.values())
    verdict = "helped at every s_in" if helped == len(run) else "helped at some s_in only" if helped else "did NOT help"
    gains = ", ".join(f"{cells.signed(value)} mm at s_in = {s_in}" for s_in, value in run.items())
    caution = " With one seed, how much of it is chance is not known." if rows[0]["num_seeds"] < 2 else ""
    start = f"Pre-training ({tuned.initial_weights}) {verdict}"
    return f"{start}: MPJPE of {tuned.name} minus that of {scratch.name}, frame-wise, {gains}.{caution}"


def _columns() -> list[Column]:
    numbers = [
        column
        for average, title in AVERAGES.items()
        for column in (
            Column(f"with, {title}", cells.mean, {"average": average}),
            Column(f"without, {title}", _without, {"average": average}),
            Column(f"difference, {title}", _difference, {"average": average}),
        )
    ]
    return [
        Column("model", cells.text("experiment")),
        Column("starts from", cells.text("initial_weights")),
        Column("compared with", lambda row: row["without_pretraining"] if _has_counterpart(row) else NO_COUNTERPART),
        Column("s_in", cells.text("s_in")),
        *numbers,
        Column("pre-training", cells.text("verdict")),
    ]


def _has_counterpart(row: Row) -> bool:
    return row["without_pretraining"] != cells.NO_VALUE


def _without(row: Row) -> str:
    return cells.spread(row["without_mean_mm"], row["without_std_mm"]) if _has_counterpart(row) else cells.NOT_PLANNED


def _difference(row: Row) -> str:
    return cells.signed(row["difference_mm"]) if _has_counterpart(row) else cells.NOT_PLANNED
