"""What the figures are drawn from: the results of a study, its networks, learning curves, and where the errors are."""

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample import strict
from uplift_upsample.errors import InputError
from uplift_upsample.report.manifest import PlannedExperiment
from uplift_upsample.report.results import PUBLISHED, TRAINED, Evaluation, Results
from uplift_upsample.strict import is_number

HISTORY = ("step", "loss_mm", "validation_mpjpe_mm")
AGAIN = "score the predictions again"


@dataclass(frozen=True)
class Breakdown:
    """One evaluation. per_joint: joint -> MPJPE, mm. by_distance: ``learned`` or ``plain`` -> distance -> (mm, frames)."""

    per_joint: Mapping[str, float]
    by_distance: Mapping[str, Mapping[int, tuple[float, int]]]


@dataclass(frozen=True)
class Material:
    """A study. histories: (experiment, seed) -> columns of ``HISTORY`` ``(epochs,)``, NaN where an epoch has no value."""

    results: Results
    histories: Mapping[tuple[str, int], Mapping[str, np.ndarray]]
    breakdowns: Mapping[Evaluation, Breakdown]

    @property
    def rows(self) -> list[tuple[PlannedExperiment, str]]:
        """The experiments with the weights that figures show: published ones only where they were evaluated."""
        return [
            (experiment, weights)
            for experiment, weights in self.results.rows
            if weights == TRAINED or self.results.protocols_of(experiment, weights=PUBLISHED)
        ]

    def number(self, experiment: PlannedExperiment) -> int:
        """The number of an experiment in the study: its look."""
        return self.results.manifest.experiments.index(experiment)

    def evaluations(self, experiment: PlannedExperiment, weights: str, s_in: int) -> list[Breakdown]:
        """Of all seeds that were run."""
        return [
            found
            for evaluation, found in self.breakdowns.items()
            if (evaluation.experiment, evaluation.weights, evaluation.s_in) == (experiment.name, weights, s_in)
        ]


def gathered(results: Results, histories: Iterable[str | Path]) -> Material:
    """Read learning curves and the breakdowns of a study's scores.

    histories: paths that end in ``{experiment}/seed_{seed}/history.csv``, of the trainings that were run.
    Raises ``InputError`` for files that are damaged or lie elsewhere.
    """
    manifest, breakdowns = results.manifest, {}
    for evaluation in results.protocols:
        scores = manifest.scores.get(evaluation.experiment, {}).get(str(evaluation.seed), {})
        published = manifest.published_scores.get(evaluation.experiment, {})
        path = (published if evaluation.seed is None else scores)[str(evaluation.s_in)]
        breakdowns[evaluation] = _breakdown(path, str(evaluation.s_in))
    return Material(results, {_training(path): read_history(path) for path in histories}, breakdowns)


def _training(path: str | Path) -> tuple[str, int]:
    """The experiment and the seed whose folder a learning curve lies in."""
    folder = Path(path).parent
    seed = folder.name.removeprefix("seed_")
    if folder.name == seed or not seed.isdecimal():
        raise InputError(f"{path}: a learning curve lies in a folder EXPERIMENT/seed_NUMBER, as train.py leaves it")
    return folder.parent.name, int(seed)


def read_history(path: str | Path) -> dict[str, np.ndarray]:
    """The columns ``HISTORY`` of a learning curve. Raises ``InputError`` for a file that is none."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError("no epoch")
        return {column: np.array([_number(row[column], column) for row in rows]) for column in HISTORY}
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: not a learning curve ({error!r}); train again") from None


def _number(text: str, column: str) -> float:
    """An epoch without validation leaves its cell empty, and no other."""
    return math.nan if text == "" and column.startswith("validation") else float(text)


def _breakdown(path: str, s_in: str) -> Breakdown:
    """The scores themselves were read and checked before; here only the part that is new to them."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        scores, is_learned = document[s_in], document["protocol"].get("learned_upsampling", True)
        plain = scores["no_learned_upsampling"]
        per_joint = {joint: _millimetres(value) for joint, value in scores["per_joint"].items()}
        parts: dict[str, Any] = {**({"learned": scores} if is_learned else {}), "plain": plain}
        by_distance = {kind: _by_distance(part["by_distance"]) for kind, part in parts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: the scores have no joints or distances ({error!r}); {AGAIN}") from None
    return Breakdown(per_joint, by_distance)


def _by_distance(values: Mapping[str, Mapping[str, Any]]) -> dict[int, tuple[float, int]]:
    return {int(distance): (_millimetres(part["mpjpe"]), int(part["num_frames"])) for distance, part in values.items()}


def _millimetres(value: Any) -> float:
    if not is_number(value) or value < 0:
        raise ValueError(f"{strict.shown(value)} is not an error in mm")
    return float(value)
