"""Run configurations: an experiment together with the data that it is trained on, as one small YAML file.

The file holds everything that training depends on and nothing else, so that a change of evaluation does not touch it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from uplift_upsample.base import strict
from uplift_upsample.base.checked import Checked
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.file_types import found_instead
from uplift_upsample.base.files import write_text
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import Experiment, TrainConfig, unused_faults
from uplift_upsample.plan.network_base import NetworkConfig
from uplift_upsample.plan.official import experiment_from_official, is_official


@dataclass(frozen=True)
class Run(Checked):
    """One experiment of one study, ready to be trained.

    name, study: for titles and provenance. dataset: name of the frames table. train_subset, val_subset: a split or
    subjects; null: no validation. initial_weights: the experiment that this one starts from; null: from scratch.
    """

    model: NetworkConfig
    train: TrainConfig = field(default_factory=TrainConfig)
    name: str = ""
    study: str = ""
    dataset: str = "h36m"
    train_subset: str = "train"
    val_subset: str | None = None
    test_subset: str | None = "test"
    initial_weights: str | None = None

    def checks(self) -> tuple[strict.Check, ...]:
        return (unused_faults,)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that ``read_run`` reads back."""
        return strict.to_mapping(self)


def run_from_mapping(values: Mapping[str, Any], where: str) -> Run:
    """Build a run. Raises ``InputError`` naming every fault; ``where`` starts each line."""
    return strict.from_mapping(Run, values, where)


def read_run(path: str | os.PathLike[str]) -> tuple[Run, EvaluateConfig]:
    """Read a run configuration or a JSON file of the official code, which also holds how to evaluate.

    Raises ``InputError`` naming the file and every fault.
    """
    path = Path(path)
    document = _read_document(path)
    if is_official(document):
        experiment: Experiment = experiment_from_official(document, str(path))
        return Run(experiment.model, experiment.train, name=path.stem), experiment.evaluate
    return run_from_mapping(document, str(path)), EvaluateConfig()


def write_run(path: str | os.PathLike[str], run: Run) -> None:
    """Write a run configuration as YAML."""
    header = "# Everything that the training of one experiment depends on. Generated: edit config.yaml instead.\n"
    write_text(path, header + yaml.safe_dump(run.to_mapping(), sort_keys=False))


def _read_document(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text("utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except FileNotFoundError:
        raise InputError(f"{path}: no such configuration file") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # an impossible date is not a YAMLError
        raise InputError(f"{path}: {_found_instead(path) or f'not a readable configuration ({error})'}") from None
    if not isinstance(document, Mapping):  # to YAML, a web page or a pointer is a text
        found = "nothing" if document is None else type(document).__name__
        raise InputError(f"{path}: {_found_instead(path) or f'expected keys and values, found {found}'}")
    return document


def _found_instead(path: Path) -> str | None:
    """What a file is that is not a configuration; None if unknown, or if it cannot be opened."""
    try:
        found = found_instead(path, "a configuration", is_text=True)
    except OSError:
        return None
    is_of_weights = found is not None and found.startswith(("an HDF5 file", "a zip archive", "a .keras file", "a pickle"))
    return f"{found.partition(';')[0]}; if these are the weights, --weights takes them" if is_of_weights and found else found
