"""What the figures are drawn from: the results of a study, its networks, learning curves, and where the errors are."""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.evaluate.score_file import Scores
from uplift_upsample.report.figures import style
from uplift_upsample.report.manifest import ShownExperiment
from uplift_upsample.report.results import PUBLISHED, TRAINED, Results

HISTORY = ("step", "loss_mm", "validation_mpjpe_mm")


@dataclass(frozen=True)
class Material:
    """A study. histories: (experiment, seed) -> columns of ``HISTORY`` ``(epochs,)``, NaN where an epoch has no value."""

    results: Results
    histories: Mapping[tuple[str, int], Mapping[str, np.ndarray]]

    @property
    def rows(self) -> list[tuple[ShownExperiment, str]]:
        """The experiments with the weights that figures show: published ones only where they were evaluated."""
        return [
            (experiment, weights)
            for experiment, weights in self.results.rows
            if weights == TRAINED or self.results.protocols_of(experiment, weights=PUBLISHED)
        ]

    def look(self, experiment: ShownExperiment) -> style.Look:
        """How an experiment is drawn, by its number in the study."""
        return style.look(self.results.manifest.experiments.index(experiment))

    def evaluations(self, experiment: ShownExperiment, weights: str, s_in: int) -> list[Scores]:
        """Of all seeds that were run."""
        return [
            found
            for evaluation, found in self.results.evaluations.items()
            if (evaluation.experiment, evaluation.weights, evaluation.s_in) == (experiment.name, weights, s_in)
        ]


def gathered(results: Results, histories: Iterable[str | Path]) -> Material:
    """Add learning curves to the scores of a study.

    histories: paths that end in ``{experiment}/seed_{seed}/history.csv``, of the trainings that were run.
    Raises ``InputError`` for files that are damaged or lie elsewhere.
    """
    return Material(results, {_training(path): read_history(path) for path in histories})


def _training(path: str | Path) -> tuple[str, int]:
    """The experiment and the seed whose folder a learning curve lies in."""
    folder = Path(path).parent
    seed = folder.name.removeprefix("seed_")
    if folder.name == seed or not seed.isdecimal():
        raise InputError(f"{path}: a learning curve must be in a folder EXPERIMENT/seed_NUMBER, as train.py writes it")
    return folder.parent.name, int(seed)


def read_history(path: str | Path) -> dict[str, np.ndarray]:
    """The columns ``HISTORY`` of a learning curve. Raises ``InputError`` for a file without them."""
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
