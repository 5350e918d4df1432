"""The scores of a study as one tidy table, and what the result tables ask of it."""

import csv
import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from uplift_upsample.data.detections import NOTE, SIMULATED
from uplift_upsample.errors import InputError
from uplift_upsample.report.manifest import Manifest, PlannedExperiment
from uplift_upsample.report.published_test_set import PublishedTestSet, read_published_test_set
from uplift_upsample.strict import is_number, shown

ALL_ACTIONS = "all"
METRICS = {"mpjpe": "MPJPE", "nmpjpe": "N-MPJPE", "pampjpe": "P-MPJPE"}
FRAMES = {"all_frames": "all frames", "key_frames": "key frames"}
AVERAGES = {"frame_wise": "frame-wise", "action_wise": "action-wise"}
TRAINED = "trained"
PUBLISHED = "published"
COLUMNS = ["experiment", "weights", "seed", "s_in", "upsampling", "frames", "average", "action", "metric", "value_mm"]


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

    scores: tidy, one value a row, ``COLUMNS``. protocols: how each evaluation was made. mean_pose: the baseline's document,
    or None. published: (experiment, s_in) -> published MPJPE on all frames, mm. published_test_set: what these are measured on;
    None, any test set is taken for it.
    """

    manifest: Manifest
    scores: pd.DataFrame
    protocols: Mapping[Evaluation, Mapping[str, Any]]
    mean_pose: Mapping[str, Any] | None
    published: Mapping[tuple[str, int], float]
    published_test_set: PublishedTestSet | None = None

    @cached_property
    def _values(self) -> dict[Any, tuple[float, ...]]:
        """The values of all seeds by all columns but the seed."""
        keys = [column for column in COLUMNS if column not in ("seed", "value_mm")]
        return {key: tuple(values) for key, values in self.scores.groupby(keys, sort=False)["value_mm"]}

    @property
    def note(self) -> str:
        """What readers of the numbers must know: what the study says, or else that no detector made its input; empty for none."""
        protocols = [*self.protocols.values(), *([self.mean_pose["protocol"]] if self.mean_pose else [])]
        is_simulated = any(protocol.get("input_2d") == SIMULATED for protocol in protocols)
        return self.manifest.note or NOTE * is_simulated

    @property
    def actions(self) -> list[str]:
        """The actions of the test data, in the order of the data set, as far as anything was run."""
        protocols = [*self.protocols.values(), *([self.mean_pose["protocol"]] if self.mean_pose else [])]
        return list(dict.fromkeys(action for protocol in protocols for action in protocol["frames_per_action"]["all_frames"]))

    @property
    def evaluated(self) -> list[PlannedExperiment]:
        """The experiments that are (to be) evaluated: the rows of the tables."""
        return [experiment for experiment in self.manifest.experiments if experiment.s_in]

    @property
    def rows(self) -> list[tuple[PlannedExperiment, str]]:
        """The experiments with the weights that are (to be) evaluated of each, published ones first."""
        return [
            (experiment, weights)
            for experiment in self.evaluated
            for weights in (PUBLISHED, TRAINED)
            if weights == TRAINED or experiment.published_weights
        ]

    @property
    def has_published_weights(self) -> bool:
        """Whether the study names published weights, evaluated or not."""
        return any(weights == PUBLISHED for _, weights in self.rows)

    @property
    def s_in(self) -> list[int]:
        """All evaluated strides, ascending."""
        return sorted({s_in for experiment in self.evaluated for s_in in experiment.s_in})

    def experiment(self, name: str) -> PlannedExperiment | None:
        return next((experiment for experiment in self.manifest.experiments if experiment.name == name), None)

    def summary(
        self,
        experiment: PlannedExperiment,
        s_in: int,
        metric: str = "mpjpe",
        frames: str = "all_frames",
        average: str = "frame_wise",
        action: str = ALL_ACTIONS,
        upsampling: str | None = None,
        weights: str = TRAINED,
    ) -> Summary:
        """upsampling: ``learned``, ``plain``, or None: what the evaluation reports, learned unless it was switched off."""
        found: tuple[float, ...] = ()
        for kind in [upsampling] if upsampling else ["learned", "plain"]:
            found = found or self._values.get((experiment.name, weights, s_in, kind, frames, average, action, metric), ())
        return Summary(found, len(experiment.seeds) if weights == TRAINED else 1, weights)

    def baseline(self, metric: str, average: str, action: str = ALL_ACTIONS) -> float:
        """The mean pose's error on all frames, mm; NaN where it was not run."""
        if self.mean_pose is None:
            return math.nan
        scores = self.mean_pose["mean_pose"]["all_frames"]
        value = scores["per_action"].get(action, {}).get(metric) if average == "per_action" else scores[average][metric]
        return math.nan if value is None else value

    def protocols_of(
        self, experiment: PlannedExperiment, s_in: int | None = None, weights: str | None = None
    ) -> list[Mapping[str, Any]]:
        return [
            protocol
            for evaluation, protocol in self.protocols.items()
            if evaluation.experiment == experiment.name
            and s_in in (None, evaluation.s_in)
            and weights in (None, evaluation.weights)
        ]

    def is_untrained(self, experiment: PlannedExperiment, s_in: int) -> bool:
        """Whether a run says that its model was not trained for this stride."""
        return any(protocol.get("is_s_in_trained") is False for protocol in self.protocols_of(experiment, s_in))


def collected(manifest: Manifest) -> Results:
    """Read all scores of a manifest. Raises ``InputError`` for a file that is missing or is not a scores document."""
    rows: list[tuple[Any, ...]] = []
    protocols = {}
    for evaluation in planned(manifest):
        path = scores_path(manifest, evaluation)
        if path is None:
            continue
        document = _read_document(path, str(evaluation.s_in))
        _check_published(path, evaluation, document["protocol"])
        protocols[evaluation] = document["protocol"]
        is_learned = document["protocol"].get("learned_upsampling", True)
        rows += [(*first_columns(evaluation), *row) for row in _rows(path, document[str(evaluation.s_in)], is_learned)]
    return Results(
        manifest=manifest,
        scores=pd.DataFrame(rows, columns=COLUMNS),
        protocols=protocols,
        mean_pose=_read_document(manifest.mean_pose, "mean_pose") if manifest.mean_pose else None,
        published=read_published(manifest.published) if manifest.published else {},
        published_test_set=read_published_test_set(manifest.published_test_set) if manifest.published_test_set else None,
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
    """The columns of the tidy table that say what was evaluated."""
    seed = "n/a" if evaluation.seed is None else evaluation.seed
    return evaluation.experiment, evaluation.weights, seed, evaluation.s_in


def scores_path(manifest: Manifest, evaluation: Evaluation) -> str | None:
    """The scores of an evaluation; None where it was not run."""
    by_seed = manifest.scores.get(evaluation.experiment, {})
    published = manifest.published_scores.get(evaluation.experiment, {})
    paths = published if evaluation.seed is None else by_seed.get(str(evaluation.seed), {})
    return paths.get(str(evaluation.s_in))


def read_published(path: str | Path) -> dict[tuple[str, int], float]:
    """Published MPJPE on all frames in mm by (experiment, s_in). Raises ``InputError`` where a column is missing."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["metric"] == "MPJPE" and row["subset"] == "all frames"]
        published = {(row["model"], int(row["s_in"])): float(row["value_mm"]) for row in rows}
        if not all(s_in > 0 and 0 <= value < math.inf for (_, s_in), value in published.items()):
            raise ValueError("s_in and value_mm must be positive numbers")
        return published
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: not a table of published figures ({error!r})") from None


def _read_document(path: str, key: str) -> dict[str, Any]:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no scores ({error}); score the predictions again") from None
    if not isinstance(document, dict) or key not in document or "protocol" not in document:
        raise InputError(f"{path}: a scores document for {key!r} has the keys {key!r} and 'protocol'; score the predictions again")
    protocol = document["protocol"]
    frames = protocol.get("frames_per_action") if isinstance(protocol, dict) else None
    is_learned = protocol.get("learned_upsampling", True) if isinstance(protocol, dict) else None
    if not isinstance(frames, dict) or not isinstance(frames.get("all_frames"), dict) or not isinstance(is_learned, bool):
        raise InputError(f"{path}: the protocol of the scores is not complete; score the predictions again")
    return document


def _check_published(path: str, evaluation: Evaluation, protocol: Mapping[str, Any]) -> None:
    """Scores of weights that ``predict_poses.py`` did not find to be published ones must not stand in for those."""
    if evaluation.weights == PUBLISHED and protocol.get("weights", PUBLISHED) != PUBLISHED:
        raise InputError(
            f"{path}: scores of weights that are not known to be the published ones of {evaluation.experiment}; predict again with "
            "predict_poses.py --published, which compares their checksum"
        )


def _rows(path: str, scores: Mapping[str, Any], is_learned: bool) -> list[tuple[Any, ...]]:
    """(upsampling, frames, average, action, metric, value) of all numbers of one evaluation."""
    rows: list[tuple[Any, ...]] = []
    try:
        for upsampling, part in [("learned", scores)] * is_learned + [("plain", scores["no_learned_upsampling"])]:
            for frames in FRAMES:
                groups = {(average, ALL_ACTIONS): part[frames][average] for average in AVERAGES}
                groups |= {("per_action", action): values for action, values in part[frames]["per_action"].items()}
                rows += [
                    (upsampling, frames, *group, metric, _millimetres(values[metric]))
                    for group, values in groups.items()
                    for metric in METRICS
                ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: not a complete scores document ({error!r}); score the predictions again") from None
    return rows


def _millimetres(value: Any) -> float:
    if value is None:
        return math.nan
    if not is_number(value) or value < 0:
        raise ValueError(f"{shown(value)} is not an error in mm")
    return float(value)
