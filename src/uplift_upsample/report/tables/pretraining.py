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
from uplift_upsample.report.tables.differences import PAIRED_NOTE, VERDICT_NOTE, cell, fields, paired, verdict
from uplift_upsample.report.tables.summaries import provenance_field, summary_row
from uplift_upsample.report.view import Column, Document, Link, Row, matching, section

COLUMNS = (
    *("study", "experiment", "initial_weights", "without_pretraining", "s_in", "frames", "metric", "average", "status"),
    *("seeds_run", "seeds_planned", "mean_mm", "std_mm", "without_mean_mm", "without_std_mm", "difference_mm", "difference_std_mm"),
    "provenance",
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
        remarks=[*([*findings, PAIRED_NOTE, VERDICT_NOTE] if pairs else [nothing]), cells.LEGEND],
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
    """Both averages of an experiment beside those of the one from scratch, where that is evaluated at this stride, too."""
    tuned, counterpart = pair
    scratch = counterpart if counterpart and s_in in counterpart.s_in else None
    compared = [experiment for experiment in (tuned, scratch) if experiment]
    rows = []
    for average in AVERAGES:
        quantity = {"frames": frames, "metric": metric, "average": average}
        both = [summary_row(results, each, s_in, **quantity) for each in compared]
        links = [Link(f"{row['experiment']}, {link.label}", link.path) for row in both for link in row["links"]]
        beside: dict[str, Any] = {
            "without_pretraining": counterpart.name if counterpart else cells.NO_VALUE,
            "is_compared": scratch is not None,
            "without_mean_mm": both[-1]["mean_mm"] if scratch else math.nan,
            "without_std_mm": both[-1]["std_mm"] if scratch else math.nan,
            "difference_mm": math.nan,
            "difference_std_mm": math.nan,
            "line_seeds": cells.seeds(*both),
            "links": links,
            "provenance": provenance_field(links),
        }
        if scratch:
            ours, theirs = (results.by_seed(each, s_in, **quantity) for each in (tuned, scratch))
            beside |= fields(paired(ours, theirs, len(tuned.seeds)), "difference")
            beside["gain"] = paired(theirs, ours, len(tuned.seeds))
        rows.append({**both[0], **beside})
    word = verdict([row["gain"] for row in rows]) if scratch else cells.NOT_PLANNED
    return [{**row, "verdict": word} for row in rows]


def _finding(pair: Pair, rows: Sequence[Row]) -> str:
    """One sentence on MPJPE, all frames, frame-wise."""
    tuned, scratch = pair
    if scratch is None:
        return f"{tuned.name}: there is {NO_COUNTERPART}."
    run = [row for row in rows if is_number(row["difference_mm"])]
    if not any(row["is_compared"] for row in rows):
        return f"{tuned.name} and {scratch.name} are evaluated at no s_in that both have."
    if not run:
        return f"{tuned.name} against {scratch.name}: {cells.NOT_RUN}."
    gains = ", ".join(f"{cell(row)} mm at s_in = {row['s_in']} ({row['verdict']})" for row in run)
    has_one_seed = min(len(row["difference"].values) for row in run) < 2
    caution = " With one seed, how much of it is chance is not known." if has_one_seed else ""
    start = f"Pre-training ({tuned.initial_weights})"
    return f"{start}: MPJPE of {tuned.name} minus that of {scratch.name}, of the same seeds, frame-wise, {gains}.{caution}"


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
        Column("compared with", _counterpart),
        Column("s_in", cells.text("s_in")),
        Column("seeds", cells.text("line_seeds")),
        *numbers,
        Column("pre-training", cells.text("verdict")),
    ]


def _counterpart(row: Row) -> str:
    return NO_COUNTERPART if row["without_pretraining"] == cells.NO_VALUE else row["without_pretraining"]


def _without(row: Row) -> str:
    return cells.spread(row["without_mean_mm"], row["without_std_mm"]) if row["is_compared"] else cells.NOT_PLANNED


def _difference(row: Row) -> str:
    return cell(row) if row["is_compared"] else cells.NOT_PLANNED
