"""A training run from the first step, or from where a former process left it, to its weights and learning curves.

The same call with the same folder resumes: model, optimiser, averaged weights, the order of the data and every
random state come back, so that a resumed run ends like an uninterrupted one. A run that is already complete gives
its result at once.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.sampler import Rows
from uplift_upsample.errors import InputError
from uplift_upsample.model.backend import keras
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import UpliftUpsampleNetwork
from uplift_upsample.model.weights import in_file_order, network_variables, save_weights
from uplift_upsample.runs import Run
from uplift_upsample.train.checkpoint import Checkpoint, CheckpointFolder
from uplift_upsample.train.former import moments_as_now, variables_as_now
from uplift_upsample.train.inputs import InputReader, is_resident
from uplift_upsample.train.parallel import build_trainer
from uplift_upsample.train.source import TrainingBatch, batches_ahead, example_reader, training_stream
from uplift_upsample.train.validation import validate, validation_rows

logger = logging.getLogger(__name__)
_BEST, _VARIABLES, _OPTIMIZER = "best", "variables", "optimizer"


@dataclass(frozen=True)
class TrainingData:
    """Frames tables and the videos of each that are used; without validation videos the last epoch is the result."""

    table: FramesTable
    videos: np.ndarray
    validation_table: FramesTable | None = None
    validation_videos: np.ndarray | None = None


@dataclass
class Progress:
    """Where a run is; plain values, part of every checkpoint.

    step: optimisation steps made. loss_sum: of the steps of the current epoch. history: one entry for each finished
    epoch. best_epoch,
    best_value: by the configured metric, from 1. seconds: spent in training by all processes together.
    """

    step: int = 0
    loss_sum: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_value: float = math.inf
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainingResult:
    """weights: in the order of ``network_variables``; the averaged ones where the run averages, of the best epoch
    where it validates."""

    network: UpliftUpsampleNetwork
    weights: list[np.ndarray]
    progress: Progress


class TrainingInterrupted(Exception):  # noqa: N818 - not an error: the run goes on at the next call
    """The run was asked to stop; its checkpoint is written."""


def train(
    run: Run,
    data: TrainingData,
    folder: Path,
    seed: int,
    *,
    initial_weights: Path | None = None,
    num_devices: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda row: None,
    checkpoint_seconds: float = 600,
) -> TrainingResult:
    """Train a network, or go on with the run that ``folder`` holds.

    seed: of initial values, dropout and data order. initial_weights: a weight file to start from. num_devices: that share
    each batch (``train.parallel``); a run may go on with another number. should_stop: asked after each step, and within
    validation, which then starts again at the next call. on_step: gets the number of steps made and the loss in metres.
    on_epoch: gets each row of the history. checkpoint_seconds: between two checkpoints within an epoch. Raises
    ``InputError`` for a loss that is NaN or infinite, ``TrainingInterrupted`` after ``should_stop``.
    """
    checkpoints = CheckpointFolder(folder)
    with checkpoints.locked():
        session = _Session(run, data, seed, initial_weights, checkpoints, num_devices)
        session.resume()
        with batches_ahead(session.stream, session.input_reader()) as next_batch:
            last_saved = time.monotonic()
            while not session.is_over():
                if session.is_epoch_to_end():
                    row = session.end_epoch(should_stop)
                    if row is not None:
                        on_epoch(row)
                    is_to_save = row is not None
                else:
                    session.make_step(next_batch())
                    on_step(session.progress.step, session.last_loss)
                    is_to_save = time.monotonic() - last_saved > checkpoint_seconds
                is_to_stop = should_stop()
                if is_to_save or is_to_stop:
                    session.save()
                    last_saved = time.monotonic()
                if is_to_stop and not session.is_over():
                    raise TrainingInterrupted(f"stopped after step {session.progress.step}; the same command resumes from there")
        return session.result()


class _Session:
    """The parts of a run that live as long as its process."""

    def __init__(
        self,
        run: Run,
        data: TrainingData,
        seed: int,
        initial_weights: Path | None,
        checkpoints: CheckpointFolder,
        num_devices: int,
    ) -> None:
        self.run = run
        self.data = data
        self.checkpoints = checkpoints
        self.num_steps = run.train.epochs * run.train.steps_per_epoch
        keras.utils.set_random_seed(seed)
        self.trainer = build_trainer(run, initial_weights, num_devices)
        self.network = self.trainer.network
        self.stream = training_stream(data.table, data.videos, run.model, run.train, seed)
        self.stream_state = self.stream.state()
        self.progress = Progress()
        self.best: list[np.ndarray] = []
        self.last_loss = math.nan
        self._started = time.monotonic()
        self._lifter: Lifter | None = None

    def is_over(self) -> bool:
        return self.progress.step >= self.num_steps and not self.is_epoch_to_end()

    def is_epoch_to_end(self) -> bool:
        """Whether the steps of an epoch are made, but its row of the history is not."""
        num_epochs, rest = divmod(self.progress.step, self.run.train.steps_per_epoch)
        return rest == 0 and num_epochs > len(self.progress.history)

    def resume(self) -> None:
        """Take up the newest checkpoint, if there is one."""
        checkpoint = self.checkpoints.newest()
        if checkpoint is None:
            return
        variables, moments, best = (_stored(checkpoint, prefix) for prefix in (_VARIABLES, _OPTIMIZER, _BEST))
        _assign(self.trainer.variables, variables_as_now(self.trainer, variables))
        _assign(self.trainer.optimizer.variables, moments_as_now(self.trainer, moments))
        self.progress = Progress(**checkpoint.state["progress"])
        self.stream.restore(checkpoint.state["stream"])
        self.stream_state = checkpoint.state["stream"]
        self.best = in_file_order(self.network, best)
        self._started = time.monotonic() - self.progress.seconds
        logger.info("resuming from step %d of %d", self.progress.step, self.num_steps)

    def save(self) -> None:
        arrays = _arrays(self.trainer.variables, _VARIABLES) | _arrays(self.trainer.optimizer.variables, _OPTIMIZER)
        arrays |= {_name(_BEST, i): array for i, array in enumerate(self.best)}
        if not all(np.isfinite(array).all() for array in arrays.values()):  # an update that overflowed, before a loss could show it
            raise InputError(f"the weights are not finite after step {self.progress.step}; {self._way_back()}")
        self.progress.seconds = time.monotonic() - self._started
        state = {"progress": asdict(self.progress), "stream": self.stream_state}
        self.checkpoints.save(Checkpoint(self.progress.step, arrays, state))

    def input_reader(self) -> InputReader:
        """Reads training batches; on one device with memory of its own, the poses of the data set lie there."""
        num_groups = self.trainer.num_groups
        train = self.run.train
        return InputReader(
            example_reader(self.data.table, self.run.model, train),
            num_groups,
            has_twins=train.mirror and train.in_batch_mirror,
            is_resident=num_groups == 1 and is_resident(self.data.table),
        )

    def make_step(self, batch: TrainingBatch) -> None:
        """One optimisation step. A loss that is NaN or infinite ends the run; the last checkpoint is the last good state."""
        self.last_loss = self.trainer.step_on(batch.inputs)
        if not math.isfinite(self.last_loss):
            raise InputError(f"the loss of step {self.progress.step + 1} is {self.last_loss}; {self._way_back()}")
        self.progress.step += 1
        self.progress.loss_sum += self.last_loss
        self.stream_state = batch.stream_state

    def _way_back(self) -> str:
        step = self.checkpoints.newest_step()
        where = f"the last good state, step {step}, is kept in {self.checkpoints.folder}"
        kept = where if step is not None else "no state was saved yet"
        return f"{kept}. Lower the learning rate, or look for impossible poses in the data"

    def end_epoch(self, should_stop: Callable[[], bool]) -> dict[str, Any] | None:
        """Validate if it is time, choose the best epoch, and return the new row of the history; None where it was stopped."""
        train, progress = self.run.train, self.progress
        epoch = progress.step // train.steps_per_epoch
        row: dict[str, Any] = {
            "epoch": epoch,
            "step": progress.step,
            "loss_mm": progress.loss_sum / train.steps_per_epoch * 1000,
            "learning_rate": self.trainer.learning_rate(),
            "validation_mpjpe_mm": None,
            "validation_aw_mpjpe_mm": None,
        }
        is_last = progress.step == self.num_steps
        if self.data.validation_table is not None and (epoch % train.validation_interval == 0 or is_last):
            scores = self._validate(epoch, should_stop)
            if scores is None:
                return None
            row |= scores
        if epoch % train.checkpoint_interval == 0 and not is_last:
            save_weights(self.network, self.checkpoints.folder / f"weights_epoch_{epoch:04d}.h5", self.trainer.result_weights())
        progress.history.append(row)
        progress.loss_sum = 0.0
        return row

    def _validate(self, epoch: int, should_stop: Callable[[], bool]) -> dict[str, float] | None:
        data, run = self.data, self.run
        assert data.validation_table is not None
        assert data.validation_videos is not None
        rows: Rows = validation_rows(data.validation_table, data.validation_videos, run.model, run.train)
        weights = self.trainer.result_weights()
        with _weights_of(self.network, weights):
            if self._lifter is None:
                self._lifter = Lifter(self.network, min(256, len(rows)), mirror=False, jit_compile=False)
            scores = validate(self._lifter, data.validation_table, rows, run.model, run.train, should_stop)
        if scores is None:
            return None
        value = scores.by_name(run.train.best_metric)
        if not math.isfinite(value):
            raise InputError(f"the validation error after step {self.progress.step} is {value}; {self._way_back()}")
        if value < self.progress.best_value:
            self.progress.best_value, self.progress.best_epoch = value, epoch
            self.best = weights
        return {"validation_mpjpe_mm": scores.mpjpe, "validation_aw_mpjpe_mm": scores.aw_mpjpe}

    def result(self) -> TrainingResult:
        weights = self.best or self.trainer.result_weights()
        return TrainingResult(self.network, weights, replace(self.progress))


@contextmanager
def _weights_of(network: UpliftUpsampleNetwork, weights: list[np.ndarray]) -> Iterator[None]:
    """The network with other weights for the length of a block."""
    variables = network_variables(network)
    own = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
    try:
        _fill(variables, weights)
        yield
    finally:
        _fill(variables, own)


def _fill(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _name(prefix: str, index: int) -> str:
    return f"{prefix}_{index:05d}"


def _arrays(variables: list[keras.Variable], prefix: str) -> dict[str, np.ndarray]:
    return {_name(prefix, i): np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(variables)}


def _stored(checkpoint: Checkpoint, prefix: str) -> list[np.ndarray]:
    """What ``_arrays`` made arrays of."""
    return [checkpoint.arrays[name] for name in sorted(checkpoint.arrays) if name.startswith(f"{prefix}_")]


def _assign(variables: list[keras.Variable], stored: list[np.ndarray]) -> None:
    if [array.shape for array in stored] != [tuple(variable.shape) for variable in variables]:
        raise InputError(
            "the checkpoint was written by another version of the network or optimiser; delete its folder to start anew"
        )
    _fill(variables, stored)
