"""Whether starting from pre-trained weights helped: each fine-tuned experiment against the one without."""

import math
from dataclasses import dataclass

import pandas as pd

from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.evaluate.score_file import AVERAGES, FRAMES
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.protocol import footer
from uplift_upsample.report.provenance_rows import record_field, row_links
from uplift_upsample.report.render import Document, Link, Section, csv_number
from uplift_upsample.report.results import TRAINED, Results, Summary

NAME = "pretraining"
NO_COUNTERPART = "no experiment without pre-training in this study"


@dataclass(frozen=True)
class Pair:
    """An experiment that starts from other weights, and the one from scratch that it is compared with, if there is one."""

    results: Results
    tuned: PlannedExperiment
    scratch: PlannedExperiment | None

    def without(self, s_in: int, metric: str, frames: str, average: str) -> Summary | None:
        return self.results.summary(self.scratch, s_in, metric, frames, average) if self.scratch else None

    def difference(self, s_in: int, metric: str = "mpjpe", frames: str = "all_frames", average: str = "frame_wise") -> float:
        """With minus without pre-training, mm, means over seeds: negative where it helped. NaN where one was not run."""
        without = self.without(s_in, metric, frames, average)
        return self.results.summary(self.tuned, s_in, metric, frames, average).mean - without.mean if without else math.nan

    def links(self, s_in: int) -> list[Link]:
        """The records of both."""
        compared = [self.tuned, *([self.scratch] if self.scratch else [])]
        return [
            Link(f"{experiment.name}, {link.label}", link.path)
            for experiment in compared
            for link in row_links(self.results, experiment, s_in, TRAINED)
        ]

    @property
    def num_seeds(self) -> int:
        """Seeds that were run, of the experiment that has fewer."""
        names = [experiment.name for experiment in (self.tuned, self.scratch) if experiment]
        trained = [evaluation for evaluation in self.results.protocols if evaluation.weights == TRAINED]
        return min(len({evaluation.seed for evaluation in trained if evaluation.experiment == name}) for name in names)


def document(results: Results) -> Document:
    """With and without pre-training on all frames, both averages; negative differences mean that it helped."""
    pairs = _pairs(results)
    findings = [_finding(pair) for pair in pairs]
    if not pairs:
        findings = ["No experiment of this study starts from the weights of another one, so there is nothing to compare."]
    return Document(
        name=NAME,
        title=f"Pre-training in the study {results.manifest.study}",
        note=results.note,
        records=pd.DataFrame(_records(pairs), columns=COLUMNS),
        sections=[_section(pairs, metric) for metric in METRICS] if pairs else [],
        remarks=[*findings, cells.LEGEND],
        footer=footer(results),
    )


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
            pairs.append(Pair(results, experiment, other if is_usable else None))
    return pairs


def _finding(pair: Pair) -> str:
    """One sentence on MPJPE, all frames, frame-wise."""
    tuned, scratch = pair.tuned, pair.scratch
    if scratch is None:
        return f"{tuned.name}: there is {NO_COUNTERPART}."
    differences = {s_in: pair.difference(s_in) for s_in in tuned.s_in}
    run = {s_in: value for s_in, value in differences.items() if not math.isnan(value)}
    if not run:
        return f"{tuned.name} against {scratch.name}: {cells.NOT_RUN}."
    helped = sum(value < 0 for value in run.values())
    verdict = "helped at every s_in" if helped == len(run) else "helped at some s_in only" if helped else "did NOT help"
    gains = ", ".join(f"{cells.signed(value)} mm at s_in = {s_in}" for s_in, value in run.items())
    caution = " With one seed, how much of it is chance is not known." if pair.num_seeds < 2 else ""
    start = f"Pre-training ({tuned.initial_weights}) {verdict}"
    return f"{start}: MPJPE of {tuned.name} minus that of {scratch.name}, frame-wise, {gains}.{caution}"


def _section(pairs: list[Pair], metric: str) -> Section:
    rows, links = [], []
    for pair in pairs:
        for s_in in pair.tuned.s_in:
            compared = pair.scratch.name if pair.scratch else NO_COUNTERPART
            row = [pair.tuned.name, str(pair.tuned.initial_weights), compared, str(s_in)]
            for average in AVERAGES:
                row += _cells(pair, s_in, metric, average)
            rows.append([*row, _verdict(pair, s_in, metric)])
            links.append(pair.links(s_in))
    columns = [f"{kind}, {title}" for title in AVERAGES.values() for kind in ("with", "without", "difference")]
    header = ["model", "starts from", "compared with", "s_in", *columns, "pre-training"]
    return Section(f"{METRICS[metric][0]} on all frames, mm", header, rows, row_links=links)


def _cells(pair: Pair, s_in: int, metric: str, average: str) -> list[str]:
    """With, without, difference."""
    with_it = cells.number(pair.results.summary(pair.tuned, s_in, metric, average=average))
    without = pair.without(s_in, metric, "all_frames", average)
    if without is None:
        return [with_it, cells.NOT_PLANNED, cells.NOT_PLANNED]
    difference = pair.difference(s_in, metric, average=average)
    return [with_it, cells.number(without), cells.NOT_RUN if math.isnan(difference) else cells.signed(difference)]


def _verdict(pair: Pair, s_in: int, metric: str) -> str:
    differences = [pair.difference(s_in, metric, average=average) for average in AVERAGES]
    if any(map(math.isnan, differences)):
        return cells.NOT_RUN if pair.scratch else cells.NOT_PLANNED
    return "helped" if max(differences) < 0 else "did not help" if min(differences) >= 0 else "depends on the average"


COLUMNS = [
    "study",
    "experiment",
    "initial_weights",
    "without_pretraining",
    "s_in",
    "frames",
    "metric",
    "average",
    "status",
    "seeds_run",
    "seeds_planned",
    "mean_mm",
    "std_mm",
    "without_mean_mm",
    "without_std_mm",
    "difference_mm",
    "provenance",
]


def _records(pairs: list[Pair]) -> list[dict[str, str]]:
    return [
        _record(pair, s_in, frames, metric, average)
        for pair in pairs
        for s_in in pair.tuned.s_in
        for frames in FRAMES
        for metric in METRICS
        for average in AVERAGES
    ]


def _record(pair: Pair, s_in: int, frames: str, metric: str, average: str) -> dict[str, str]:
    summary = pair.without(s_in, metric, frames, average)
    without = cells.record_numbers(summary) if summary else {}
    difference = pair.difference(s_in, metric, frames, average)
    return {
        "study": pair.results.manifest.study,
        "experiment": pair.tuned.name,
        "initial_weights": str(pair.tuned.initial_weights),
        "without_pretraining": pair.scratch.name if pair.scratch else "n/a",
        "s_in": str(s_in),
        "frames": frames,
        "metric": metric,
        "average": average,
        **cells.record_numbers(pair.results.summary(pair.tuned, s_in, metric, frames, average)),
        "without_mean_mm": without.get("mean_mm", "n/a"),
        "without_std_mm": without.get("std_mm", "n/a"),
        "difference_mm": cells.NOT_RUN if summary and math.isnan(difference) else csv_number(difference),
        "provenance": record_field(pair.links(s_in)),
    }
