"""The scores of a study as one tidy table, and what the result tables ask of it."""

import csv
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import shown
from uplift_upsample.data.detections import NOTE, SIMULATED
from uplift_upsample.evaluate.metrics import METRICS, Metric, metrics_of
from uplift_upsample.evaluate.score_file import (
    ALL_ACTIONS,
    AVERAGES,
    LEARNED,
    MEAN_POSE,
    PLAIN,
    Protocol,
    Score,
    Scores,
    read_scores,
)
from uplift_upsample.report.cells import NO_VALUE
from uplift_upsample.report.manifest import Manifest, ShownExperiment
from uplift_upsample.report.published_test_set import PublishedTestSet, read_published_test_set

TRAINED = "trained"
PUBLISHED = "published"
COLUMNS = ["experiment", "weights", "seed", "s_in", *Score._fields[:-1], "value_mm"]


class Source(NamedTuple):
    """Where published figures of an experiment are from. average: the one that they are, where that is known."""

    name: str
    average: str | None


class Evaluation(NamedTuple):
    """What was evaluated: an experiment's weights of one seed, or its published ones (seed None), at one s_in."""

    experiment: str
    seed: int | None
    s_in: int

    @property
    def weights(self) -> str:
        return PUBLISHED if self.seed is None else TRAINED


@dataclass(frozen=True)
class Summary:
    """One quantity over the seeds that were run, mm; NaN where a run has no value, such as for an action without frames.

    weights: published ones have one value and no seed.
    """

    values: tuple[float, ...]
    num_planned: int
    weights: str = TRAINED

    @property
    def is_run(self) -> bool:
        return bool(self.values)

    @property
    def mean(self) -> float:
        """NaN where there is nothing to average."""
        return statistics.fmean(self.values) if self.values else math.nan

    @property
    def std(self) -> float:
        """Sample standard deviation over the seeds; NaN below two."""
        return statistics.stdev(self.values) if len(self.values) > 1 and not math.isnan(self.mean) else math.nan


@dataclass(frozen=True)
class Results:
    """All scores of a study.

    evaluations: those that were run, with their scores. mean_pose: those of the baseline, or None.
    published: (experiment, s_in) -> published MPJPE on all frames, mm. published_test_set: what these are measured on;
    None, any test set is taken for it. published_shares: (experiment, s_in, metric) -> published PCK or AUC, per cent.
    published_sources: where these figures are from, by experiment.
    variants: the results of other evaluations of the same weights, by name.
    """

    manifest: Manifest
    evaluations: Mapping[Evaluation, Scores]
    mean_pose: Scores | None
    published: Mapping[tuple[str, int], float]
    published_test_set: PublishedTestSet | None = None
    published_shares: Mapping[tuple[str, int, str], float] = field(default_factory=dict)
    published_sources: Mapping[str, Source] = field(default_factory=dict)
    variants: Mapping[str, "Results"] = field(default_factory=dict)

    def of_variant(self, name: str) -> "Results":
        """The results of an evaluation by its name; the one that experiments are compared by has none."""
        return self.variants[name] if name else self

    @cached_property
    def scores(self) -> pd.DataFrame:
        """All scores of all evaluations, one value a row: ``COLUMNS``."""
        rows = [(*first_columns(evaluation), *score) for evaluation, found in self.evaluations.items() for score in found.rows]
        return pd.DataFrame(rows, columns=COLUMNS)

    @cached_property
    def _values(self) -> dict[tuple, dict[int | str, float]]:
        """The value of each seed by all columns but these two."""
        found: dict[tuple, dict[int | str, float]] = {}
        for experiment, weights, seed, s_in, *about, value in self.scores.itertuples(index=False, name=None):
            found.setdefault((experiment, weights, s_in, *about), {})[seed] = value
        return found

    @cached_property
    def protocols(self) -> dict[Evaluation, Protocol]:
        """How each evaluation was made."""
        return {evaluation: scores.protocol for evaluation, scores in self.evaluations.items()}

    @property
    def _all_protocols(self) -> list[Protocol]:
        """Those of the evaluations, then that of the mean pose."""
        return [*self.protocols.values(), *([self.mean_pose.protocol] if self.mean_pose else [])]

    @property
    def note(self) -> str:
        """What readers of the numbers must know: the note of the study, or else that no detector made its input; empty for none.

        It is one line: line breaks in LaTeX and Markdown would end the comment or the paragraph that it stands in.
        """
        is_simulated = any(protocol.input_2d == SIMULATED for protocol in self._all_protocols)
        return " ".join(self.manifest.note.split()) or NOTE * is_simulated

    @property
    def actions(self) -> list[str]:
        """The actions of the test data, in the order of the data set, as far as anything was run."""
        counts = [protocol.frames_per_action["all_frames"] for protocol in self._all_protocols]
        return list(dict.fromkeys(action for by_action in counts for action in by_action))

    @property
    def evaluated(self) -> list[ShownExperiment]:
        """The experiments that are (to be) evaluated: the rows of the tables."""
        return [experiment for experiment in self.manifest.experiments if experiment.s_in]

    @property
    def rows(self) -> list[tuple[ShownExperiment, str]]:
        """The experiments with the weights that are (to be) evaluated of each, published ones first."""
        return [
            (experiment, weights)
            for experiment in self.evaluated
            for weights in (PUBLISHED, TRAINED)
            if weights == TRAINED or experiment.published_weights
        ]

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics of the data sets that are tested on."""
        return metrics_of({*(experiment.tested_on for experiment in self.evaluated), *(p.dataset for p in self._all_protocols)})

    def metrics_for(self, experiment: ShownExperiment) -> dict[str, Metric]:
        """Those of the data set that an experiment is tested on."""
        return metrics_of({experiment.tested_on, *(protocol.dataset for protocol in self.protocols_of(experiment))})

    @property
    def has_published_weights(self) -> bool:
        """Whether the study names published weights, evaluated or not."""
        return any(weights == PUBLISHED for _, weights in self.rows)

    @property
    def s_in(self) -> list[int]:
        """All evaluated strides, ascending."""
        return sorted({s_in for experiment in self.evaluated for s_in in experiment.s_in})

    def experiment(self, name: str) -> ShownExperiment | None:
        return next((experiment for experiment in self.manifest.experiments if experiment.name == name), None)

    def by_seed(
        self,
        experiment: ShownExperiment,
        s_in: int,
        metric: str = "mpjpe",
        frames: str = "all_frames",
        average: str = "frame_wise",
        action: str = ALL_ACTIONS,
        upsampling: str | None = None,
        weights: str = TRAINED,
    ) -> Mapping[int | str, float]:
        """One quantity of each seed that was run.

        upsampling: ``learned``, ``plain``, or None: what the evaluation reports, learned unless it was switched off.
        """
        kinds = [upsampling] if upsampling else [LEARNED, PLAIN]
        keys = [(experiment.name, weights, s_in, kind, frames, average, action, metric) for kind in kinds]
        return next((self._values[key] for key in keys if key in self._values), {})

    def summary(self, experiment: ShownExperiment, s_in: int, *, weights: str = TRAINED, **quantity: Any) -> Summary:
        """The same over all seeds; the arguments are those of ``by_seed``."""
        found = self.by_seed(experiment, s_in, weights=weights, **quantity)
        return Summary(tuple(found.values()), len(experiment.seeds) if weights == TRAINED else 1, weights)

    def baseline(self, metric: str, average: str, action: str = ALL_ACTIONS, experiment: ShownExperiment | None = None) -> float:
        """The mean pose's error on all frames, mm; NaN where it was not run.

        experiment: that is measured by it; NaN where that one is tested on other people.
        """
        if self.mean_pose is None or (experiment is not None and not self._is_of_its_people(experiment, self.mean_pose.protocol)):
            return math.nan
        wanted = (average, action, metric)
        return next((row.value for row in self.mean_pose.rows if (row.average, row.action, row.metric) == wanted), math.nan)

    def _is_of_its_people(self, experiment: ShownExperiment, baseline: Protocol) -> bool:
        """Whether all evaluations of an experiment that were run have the test people of the mean pose."""
        people = (baseline.dataset, set(baseline.subjects))
        return all((protocol.dataset, set(protocol.subjects)) == people for protocol in self.protocols_of(experiment))

    def protocols_of(self, experiment: ShownExperiment, s_in: int | None = None, weights: str | None = None) -> list[Protocol]:
        return [
            protocol
            for evaluation, protocol in self.protocols.items()
            if evaluation.experiment == experiment.name
            and s_in in (None, evaluation.s_in)
            and weights in (None, evaluation.weights)
        ]

    def is_untrained(self, experiment: ShownExperiment, s_in: int) -> bool:
        """Whether a run reports that its model was not trained for this stride."""
        return any(protocol.is_s_in_trained is False for protocol in self.protocols_of(experiment, s_in))


def collected(manifest: Manifest) -> Results:
    """Read all scores of a manifest. Raises ``InputError`` for a file that is missing or is not a scores document."""
    paths = {evaluation: path for evaluation in planned(manifest) if (path := scores_path(manifest, evaluation))}
    evaluations = {evaluation: read_scores(path, str(evaluation.s_in)) for evaluation, path in paths.items()}
    for evaluation, scores in evaluations.items():
        _check_published(paths[evaluation], evaluation, scores.protocol)
    figures = read_published(manifest.published) if manifest.published else PublishedFigures({}, {}, {})
    return Results(
        manifest=manifest,
        evaluations=evaluations,
        mean_pose=read_scores(manifest.mean_pose, MEAN_POSE) if manifest.mean_pose else None,
        published=figures.mpjpe,
        published_test_set=read_published_test_set(manifest.published_test_set) if manifest.published_test_set else None,
        published_shares=figures.shares,
        published_sources=figures.sources,
        variants={name: collected(manifest.of_variant(name)) for name in manifest.variants},
    )


def planned(manifest: Manifest) -> list[Evaluation]:
    """All evaluations that a study has, run or not: of each experiment those of its published weights, then those of its seeds."""
    return [
        Evaluation(experiment.name, seed, s_in)
        for experiment in manifest.experiments
        for seed in ([None] if experiment.published_weights else []) + list(experiment.seeds)
        for s_in in experiment.s_in
    ]


def first_columns(evaluation: Evaluation) -> tuple[str, str, int | str, int]:
    """The columns of the tidy table that name what was evaluated."""
    seed = NO_VALUE if evaluation.seed is None else evaluation.seed
    return evaluation.experiment, evaluation.weights, seed, evaluation.s_in


def scores_path(manifest: Manifest, evaluation: Evaluation) -> str | None:
    """The scores of an evaluation; None where it was not run."""
    by_seed = manifest.scores.get(evaluation.experiment, {})
    published = manifest.published_scores.get(evaluation.experiment, {})
    paths = published if evaluation.seed is None else by_seed.get(str(evaluation.seed), {})
    return paths.get(str(evaluation.s_in))


class PublishedFigures(NamedTuple):
    """Figures on all frames: MPJPE in mm, PCK and AUC in per cent, and where those of each experiment are from (``Results``)."""

    mpjpe: dict[tuple[str, int], float]
    shares: dict[tuple[str, int, str], float]
    sources: dict[str, Source]


def read_published(path: str | Path) -> PublishedFigures:
    """Raises ``InputError`` for something else than a table of published figures."""
    found = PublishedFigures({}, {}, {})
    names = {metric.title: name for name, metric in METRICS.items() if metric.is_share}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["subset"] == "all frames" and row["model"]]
        for row in rows:
            model, s_in, title, value = row["model"], int(row["s_in"]), row["metric"], float(row["value_mm"])
            if not (s_in > 0 and 0 <= value < math.inf):
                raise ValueError("s_in and value_mm must be positive numbers")
            if title == "MPJPE":
                found.mpjpe[model, s_in] = value
            elif title in names:
                found.shares[model, s_in, names[title]] = value
            found.sources[model] = Source(row.get("source") or "", row.get("average") or None)
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: not a table of published figures ({error!r})") from None
    for source in found.sources.values():
        if source.average not in (None, *AVERAGES):
            raise InputError(f"{path}: average is {shown(source.average)}; it must be one of {', '.join(AVERAGES)}, or empty")
    return found


def _check_published(path: str, evaluation: Evaluation, protocol: Protocol) -> None:
    """Scores of weights that ``predict_poses.py`` did not find to be published ones must not stand in for those."""
    if evaluation.weights == PUBLISHED and protocol.weights != PUBLISHED:
        raise InputError(
            f"{path}: scores of weights that are not known to be the published ones of {evaluation.experiment}; predict again with "
            "predict_poses.py --published, which compares their checksum"
        )
