"""A training run from the first step, or from where a former process left it, to its weights and learning curves.

The same call with the same folder resumes: model, optimiser, averaged weights, the order of the data and every random state come
back, so that a resumed run ends like an uninterrupted one. A run that is already complete gives its result at once.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.model.backend import keras
from uplift_upsample.model.lifting import LiftingNetwork
from uplift_upsample.model.weights import load_weights, save_weights
from uplift_upsample.plan.runs import Run
from uplift_upsample.train.checkpoint import CheckpointFolder
from uplift_upsample.train.inputs import InputReader, is_resident
from uplift_upsample.train.parallel import build_trainer
from uplift_upsample.train.source import batches_ahead, example_reader, training_stream
from uplift_upsample.train.state import Progress, RunState, checkpoint_of, restored
from uplift_upsample.train.trainer import Trainer
from uplift_upsample.train.validation import Validation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """Frames tables and the videos of each that are used; without validation videos the last epoch is the result."""

    table: FramesTable
    videos: np.ndarray
    validation_table: FramesTable | None = None
    validation_videos: np.ndarray | None = None


@dataclass(frozen=True)
class TrainingResult:
    """weights: in the order of ``network_variables``; the averaged ones where the run averages, of the best epoch
    where it validates."""

    network: LiftingNetwork
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
    each batch (``train.parallel``); a run may go on with another number. should_stop: asked after each step and each epoch, and
    within validation, which then starts again at the next call. on_step: gets the number of steps made and the loss in metres.
    on_epoch: gets each row of the history. checkpoint_seconds: between two checkpoints within an epoch. Raises
    ``InputError`` for a loss that is NaN or infinite, ``TrainingInterrupted`` after ``should_stop``.
    """
    checkpoints = CheckpointFolder(folder)
    with checkpoints.locked():
        # Data: training rows without end, in an order of the seed's. Validation has the same rows every time.
        stream = training_stream(data.table, data.videos, run.model, run.train, seed)

        # Network, loss, optimiser and averaged weights. Initial values are drawn from the seed; a weight file takes their place,
        # where one is given; and where this folder has a checkpoint, all that it holds takes the place of both.
        keras.utils.set_random_seed(seed)
        trainer = build_trainer(run, num_devices)
        if initial_weights is not None:
            load_weights(trainer.network, initial_weights)
            trainer.start_average()
        state = RunState(stream.state())
        if (checkpoint := checkpoints.newest()) is not None:
            state = restored(trainer, checkpoint)
            stream.restore(state.stream)
            logger.info("resuming from step %d of %d", checkpoint.step, run.train.epochs * run.train.steps_per_epoch)
        validation = Validation(trainer, data.validation_table, data.validation_videos, run)
        saving = _Saving(checkpoints, trainer, state)

        # Loop: steps, and behind those of each epoch its validation. A second thread reads the examples of the steps to come.
        progress = state.progress
        with batches_ahead(stream, _input_reader(run, data, trainer)) as next_batch:
            for epoch in range(len(progress.history) + 1, run.train.epochs + 1):
                trainer.start_epoch(epoch)
                while progress.step < epoch * run.train.steps_per_epoch:
                    batch = next_batch()
                    loss = saving.finite(trainer.step_on(batch.inputs), f"loss of step {progress.step + 1}")
                    progress.step += 1
                    progress.loss_sum += loss
                    state.stream = batch.stream_state
                    on_step(progress.step, loss)
                    if should_stop():
                        saving.stop()
                    if saving.seconds_since_last() > checkpoint_seconds:
                        saving.save()
                row = _row(epoch, progress, run, trainer)
                if validation.is_due(epoch):
                    scores = validation.scores(should_stop)
                    if scores is None:
                        saving.stop()
                    row |= {"validation_mpjpe_mm": scores.mpjpe, "validation_aw_mpjpe_mm": scores.aw_mpjpe}
                    value = saving.finite(scores.by_name(run.train.best_metric), f"validation error after step {progress.step}")
                    if value < progress.best_value:
                        progress.best_value, progress.best_epoch = value, epoch
                        state.best = trainer.result_weights()
                is_last = epoch == run.train.epochs
                if is_last and validation.chooses_blend:
                    blend = validation.chosen_blend(state.best or trainer.result_weights(), should_stop)
                    if blend is None:
                        saving.stop()
                    progress.readout_both = asdict(blend)
                if epoch % run.train.checkpoint_interval == 0 and not is_last:
                    save_weights(trainer.network, checkpoints.folder / f"weights_epoch_{epoch:04d}.h5", trainer.result_weights())
                progress.history.append(row)
                progress.loss_sum = 0.0
                on_epoch(row)
                if should_stop() and not is_last:
                    saving.stop()
                saving.save()

        # Result: of the best epoch; of the last one where nothing was validated.
        return TrainingResult(trainer.network, state.best or trainer.result_weights(), progress)


class _Saving:
    """Writes the checkpoints of a run, which are its only way back from numbers that are not finite."""

    def __init__(self, checkpoints: CheckpointFolder, trainer: Trainer, state: RunState) -> None:
        self._checkpoints, self._trainer, self._state = checkpoints, trainer, state
        self._last = time.monotonic()
        self._started = self._last - state.progress.seconds

    def save(self) -> None:
        """Write a checkpoint. Raises ``InputError`` for weights that are not finite: an update overflowed behind the last loss."""
        progress = self._state.progress
        progress.seconds = time.monotonic() - self._started
        checkpoint = checkpoint_of(self._trainer, self._state)
        if not all(np.isfinite(array).all() for array in checkpoint.arrays.values()):
            raise InputError(f"the weights are not finite after step {progress.step}; {self._way_back()}")
        self._checkpoints.save(checkpoint)
        self._last = time.monotonic()

    def stop(self) -> NoReturn:
        """Write a checkpoint and raise ``TrainingInterrupted``."""
        self.save()
        step = self._state.progress.step
        raise TrainingInterrupted(f"stopped after step {step}; the same command resumes from there")

    def seconds_since_last(self) -> float:
        return time.monotonic() - self._last

    def finite(self, value: float, name: str) -> float:
        """The value. Raises ``InputError`` for NaN and infinity: the last checkpoint is the last good state."""
        if not math.isfinite(value):
            raise InputError(f"the {name} is {value}; {self._way_back()}")
        return value

    def _way_back(self) -> str:
        step = self._checkpoints.newest_step()
        where = f"the last good state, step {step}, is kept in {self._checkpoints.folder}"
        kept = where if step is not None else "no state was saved yet"
        return f"{kept}. Lower the learning rate, or look for impossible poses in the data"


def _input_reader(run: Run, data: TrainingData, trainer: Trainer) -> InputReader:
    """Reads training batches; on one device with memory of its own, the poses of the data set lie there."""
    return InputReader(
        example_reader(data.table, run.model, run.train, random_key_frames=run.train.key_frames == "random"),
        trainer.num_groups,
        has_twins=run.train.mirror and run.train.in_batch_mirror,
        is_resident=trainer.num_groups == 1 and is_resident(data.table),
    )


def _row(epoch: int, progress: Progress, run: Run, trainer: Trainer) -> dict[str, Any]:
    """The row of the history for an epoch whose steps are made, without its validation."""
    return {
        "epoch": epoch,
        "step": progress.step,
        "loss_mm": progress.loss_sum / run.train.steps_per_epoch * 1000,
        "learning_rate": trainer.learning_rate(),
        "validation_mpjpe_mm": None,
        "validation_aw_mpjpe_mm": None,
    }
