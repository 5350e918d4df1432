"""Records of steps: one JSON file beside each result, of one type for those who write it and those who read it.

=====================================  =====================================================================================
``seed_{seed}/training.json``          ``TrainingRecord``: configuration, sums of the data, code, seed, machine, time
``published/weights.json``             ``PublishedWeights``: the same place for weights that others published
``s_in_{s_in}/prediction.json``        ``PredictionRecord``: network and protocol, sums of weights, data and predictions, code
``s_in_{s_in}/provenance.json``        ``ResultRecord``: all of that and the scoring: what a row of a table leads to
=====================================  =====================================================================================

Writers fill a type key by key (``strict.from_mapping`` refuses a key that it does not have); readers take what fits
(``strict.fitting``), so that records of older versions stay readable: what they lack is None.

Records hold times and machines, so only the page that shows them has them among its inputs: a commit or another machine makes no
result again.
"""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_text
from uplift_upsample.base.strict import UNSAID_DEFAULT, fitting, to_mapping

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Joules of all processors and of the held GPUs; None where the machine does not report them."""

    processors: float | None = None
    gpu: float | None = None

    @property
    def total(self) -> float | None:
        """The sum of what is known."""
        known = [value for value in (self.processors, self.gpu) if value is not None]
        return sum(known) if known else None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a step used (``meter.Meter.read``). starts: of a training, whose other values are of all its starts."""

    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    energy_joules: Energy = Energy()
    starts: int | None = field(default=None, metadata=UNSAID_DEFAULT)


@dataclass(frozen=True, kw_only=True)
class Commit:
    """Commit of the project's folder, and whether its tracked files were as committed."""

    commit: str | None = None
    is_clean: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Command, UTC time, versions and hardware of a step (``provenance.describe_run``)."""

    command: tuple[str, ...] = ()
    time: str | None = None
    python: str | None = None
    packages: Mapping = field(default_factory=dict)
    platform: str | None = None
    cpu: str | None = None
    num_cores: int | None = None
    memory_bytes: int | None = None
    gpus: tuple[str, ...] = ()
    git: Commit | None = None

    @property
    def command_line(self) -> str:
        """The command as a shell takes it, in the project's folder; a script is started by ``python``."""
        program, *flags = self.command or [""]
        start = ["python", f"scripts/{program}"] if program.endswith(".py") else [program] if program else []
        return shlex.join([*start, *flags])


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """A part of the data of a training: the sum of its frames table, and the subjects that were taken."""

    sha256: str | None = None
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Everything that decides what a training computes (``train.records.run_identity``). data: by ``train``, ``validation``.

    deterministic, devices: only where the training allows nothing but deterministic operations.
    """

    model: Mapping = field(default_factory=dict)
    train: Mapping = field(default_factory=dict)
    data: Mapping[str, TrainedOn] = field(default_factory=dict)
    seed: int | None = None
    initial_weights_sha256: str | None = None
    deterministic: bool = field(default=False, metadata=UNSAID_DEFAULT)
    devices: int | None = field(default=None, metadata=UNSAID_DEFAULT)


@dataclass(frozen=True, kw_only=True)
class ChosenBlend:
    """The weight of the central head in the readout ``both`` that is best on the validation people of a training.

    mpjpe_mm: of each weight that was tried, on ``num_poses`` poses. hops_mpjpe_mm: of the readout ``sequence`` with each hop that
    was tried, on the same poses.
    """

    blend: float | None = None
    mpjpe_mm: Mapping = field(default_factory=dict)
    num_poses: int | None = None
    hops_mpjpe_mm: Mapping = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """Where trained weights come from. seconds: of the training steps of all starts, also of those that were killed.

    readout_both: None where nothing was validated, or the network has one head.
    """

    run: Mapping = field(default_factory=dict)
    identity: Identity = Identity()
    weights_sha256: str | None = None
    weights_are_averaged: bool | None = None
    epochs: int | None = None
    steps: int | None = None
    best_epoch: int | None = None
    num_parameters: int | None = None
    readout_both: ChosenBlend | None = field(default=None, metadata=UNSAID_DEFAULT)
    seconds: float | None = None
    backend: str | None = None
    code_fingerprint: str | None = None
    device: str | None = None
    devices: int | None = None
    environment: Environment = Environment()
    measured: Measured = Measured()

    @property
    def wall_seconds(self) -> float | None:
        """The time that it took, all starts together; those that were killed are in ``seconds`` alone."""
        return max((value for value in (self.seconds, self.measured.seconds) if value is not None), default=None)


ChecksumOrigin = Literal["publisher", "first_download"]


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """What ``check_weights.py`` found in published weights. source: their name in the table of sources; sha256: of the file.

    original_sha256: of the file as it was published, if that is not an HDF5 file. checked_against: the sum that the publisher
    gives, or the one that was recorded when the file first came.
    """

    source: str | None = None
    sha256: str | None = None
    experiment: str | None = None
    num_parameters: int | None = None
    num_weights: int | None = None
    groups: Mapping = field(default_factory=dict)
    original_sha256: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    checked_against: ChecksumOrigin | None = field(default=None, metadata=UNSAID_DEFAULT)


@dataclass(frozen=True, kw_only=True)
class PredictionRecord:
    """Where predictions come from. weights: ``published``, ``trained``, or None where nothing is known of them.

    num_frames: of the videos, those that got a 3D pose, scored or not; older records do not say. num_windows: that it took.
    seconds_of_prediction: without the start of the program, with compilation. seconds_after_first: of the windows behind the first
    block, with which the program compiles; num_windows_after_first: how many these are. None where there is one block.
    """

    experiment: str | None = None
    study: str | None = None
    weights: str | None = None
    seed: int | None = None
    train_precision: str | None = None
    weights_sha256: str | None = None
    s_in: int | None = None
    configuration: Mapping = field(default_factory=dict)
    data: Mapping = field(default_factory=dict)
    predictions_sha256: str | None = None
    num_frames: int | None = field(default=None, metadata=UNSAID_DEFAULT)
    num_windows: int | None = None
    seconds_of_prediction: float | None = None
    seconds_after_first: float | None = field(default=None, metadata=UNSAID_DEFAULT)
    num_windows_after_first: int | None = field(default=None, metadata=UNSAID_DEFAULT)
    code_fingerprint: str | None = None
    device: str | None = None
    environment: Environment = Environment()
    measured: Measured = Measured()

    @property
    def wall_seconds(self) -> float | None:
        return self.measured.seconds


@dataclass(frozen=True, kw_only=True)
class ScoringRecord:
    """How scores were computed. predictions_sha256: None for the mean pose, which needs none."""

    predictions_sha256: str | None = field(default=None, metadata=UNSAID_DEFAULT)
    data: Mapping = field(default_factory=dict)
    code_fingerprint: str | None = None
    environment: Environment = Environment()
    measured: Measured = Measured()

    @property
    def wall_seconds(self) -> float | None:
        return self.measured.seconds


Step = TrainingRecord | PredictionRecord | ScoringRecord


@dataclass(frozen=True, kw_only=True)
class ResultRecord:
    """Where scores come from: what they are about, then each step that led there. result, sha256: of the file of scores."""

    result: str | None = None
    sha256: str | None = None
    study: str | None = None
    experiment: str | None = None
    weights: str | None = None
    seed: int | None = None
    s_in: int | None = None
    weights_sha256: str | None = None
    frames_sha256: str | None = None
    scoring: ScoringRecord = ScoringRecord()
    prediction: PredictionRecord | None = None
    training: TrainingRecord | PublishedWeights | None = None

    @property
    def trained(self) -> TrainingRecord | None:
        """The training of the weights, where they were trained here."""
        return self.training if isinstance(self.training, TrainingRecord) else None

    @property
    def published(self) -> PublishedWeights | None:
        """What is known of published weights. They count as published only where their sum is that of the scored ones."""
        found = self.training
        return found if isinstance(found, PublishedWeights) and found.sha256 == self.weights_sha256 else None


def described_data(sha256: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a record holds of a frames table: the sum of its content, and the files that it was made from."""
    keys = ("dataset", "input_2d", "sources")
    return {"sha256": sha256, **{key: metadata[key] for key in keys if key in metadata}}


def write_record(path: str | os.PathLike[str], record: Any) -> None:
    """Write one of the records above as JSON, whole or not at all."""
    write_text(path, json.dumps(to_mapping(record), indent=1, ensure_ascii=False) + "\n")


def read_record(path: str | os.PathLike[str], cls: type[T]) -> T | None:
    """A record of a type, or None where there is no such file. Raises ``InputError`` for a file that holds none."""
    values = _values(path)
    return None if values is None else fitting(cls, values)


def read_weights_record(path: str | os.PathLike[str]) -> TrainingRecord | PublishedWeights | None:
    """The record of weights, of whichever kind they are; otherwise like ``read_record``."""
    values = _values(path)
    return None if values is None else fitting(ResultRecord, {"training": values}).training


def _values(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a record of a run ({error}); delete it and make its result again") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: not a record of a run; delete it and make its result again")
    return record
