"""Where a training run is, and what a checkpoint holds of it.

Checkpoints from before 2026-11-28 are read, too: they have averages and moments of each weight by itself, and both norms of
``output_bn`` before both heads.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.model.backend import keras
from uplift_upsample.model.weights import in_file_order, network_variables
from uplift_upsample.train.checkpoint import Checkpoint
from uplift_upsample.train.trainer import Trainer

Arrays = list[np.ndarray]
_BEST, _VARIABLES, _OPTIMIZER = "best", "variables", "optimizer"  # names of a checkpoint's arrays, each with a number


@dataclass
class Progress:
    """Where a run is; plain values, part of every checkpoint.

    step: optimisation steps made. loss_sum: of the steps of the current epoch, metres. history: one entry for each finished epoch.
    best_epoch, best_value: by the configured metric, epochs from 1. readout_both: ``records.ChosenBlend`` of a run that is
    complete. seconds: spent in training by all processes together.
    """

    step: int = 0
    loss_sum: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_value: float = math.inf
    readout_both: dict[str, Any] | None = None
    seconds: float = 0.0


@dataclass
class RunState:
    """All of a run that is not in its trainer.

    stream: the state of the training rows behind the last step. best: the weights of the best epoch so far, in the order of
    ``network_variables``; empty before the first validation.
    """

    stream: dict[str, Any]
    progress: Progress = field(default_factory=Progress)
    best: Arrays = field(default_factory=list)


def checkpoint_of(trainer: Trainer, state: RunState) -> Checkpoint:
    """Everything that ``restored`` needs to go on."""
    arrays = _named(_VARIABLES, map(_array, trainer.variables)) | _named(_OPTIMIZER, map(_array, trainer.optimizer.variables))
    arrays |= _named(_BEST, state.best)
    return Checkpoint(state.progress.step, arrays, {"progress": asdict(state.progress), "stream": state.stream})


def restored(trainer: Trainer, checkpoint: Checkpoint) -> RunState:
    """Give the trainer the values of a checkpoint; the rest of the run. Raises ``InputError`` where it is of another network."""
    variables, moments, best = (_numbered(checkpoint, prefix) for prefix in (_VARIABLES, _OPTIMIZER, _BEST))
    for own, stored in (
        (trainer.variables, _variables_as_now(trainer, variables)),
        (trainer.optimizer.variables, _moments_as_now(trainer, moments)),
    ):
        if [array.shape for array in stored] != [tuple(variable.shape) for variable in own]:
            raise InputError(
                "the checkpoint was written by another version of the network or optimiser; delete its folder to start anew"
            )
        for variable, array in zip(own, stored, strict=True):
            variable.assign(array)
    progress = Progress(**checkpoint.state["progress"])
    return RunState(checkpoint.state["stream"], progress, in_file_order(trainer.network, best))


def _array(variable: keras.Variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable))


def _named(prefix: str, arrays: Any) -> dict[str, np.ndarray]:
    return {f"{prefix}_{index:05d}": array for index, array in enumerate(arrays)}


def _numbered(checkpoint: Checkpoint, prefix: str) -> Arrays:
    """The arrays that ``_named`` gave this prefix, in their order."""
    return [checkpoint.arrays[name] for name in sorted(checkpoint.arrays) if name.startswith(f"{prefix}_")]


def _variables_as_now(trainer: Trainer, stored: Arrays) -> Arrays:
    """Values of ``trainer.variables``; what does not have the form from before 2026-11-28 is returned as it is."""
    count = len(network_variables(trainer.network))
    if trainer.averaged is None or len(stored) != len(trainer.variables) - 1 + count:
        return stored
    place = next(index for index, variable in enumerate(trainer.variables) if variable is trainer.averaged)
    averages = in_file_order(trainer.network, stored[place : place + count])
    return [*stored[:place], _joined(averages), *stored[place + count :]]


def _moments_as_now(trainer: Trainer, stored: Arrays) -> Arrays:
    """Values of ``trainer.optimizer.variables``, likewise."""
    count = len(trainer.trainable_variables)
    counters = [variable for variable in trainer.optimizer.variables if not tuple(variable.shape)]
    moments = stored[len(counters) :]
    num_kinds = len(trainer.optimizer.variables) - len(counters)
    if len(moments) != num_kinds * count:
        return stored
    # first and second moment of a weight lie side by side, the largest second ones of amsgrad behind all of them
    kinds = (moments[: 2 * count : 2], moments[1 : 2 * count : 2], moments[2 * count :])
    return [*stored[: len(counters)], *map(_joined, kinds[:num_kinds])]


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])
