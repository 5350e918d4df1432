"""Checkpoints of version 0.1: averages and moments of each weight by itself, both norms of ``output_bn`` before both heads."""

from collections.abc import Sequence

import numpy as np

from uplift_upsample.model.weights import in_file_order, network_variables
from uplift_upsample.train.trainer import Trainer

Arrays = list[np.ndarray]


def variables_as_now(trainer: Trainer, stored: Arrays) -> Arrays:
    """Values of ``trainer.variables``; what has not the former form is returned as it is."""
    count = len(network_variables(trainer.network))
    if not trainer.averaged or len(stored) != len(trainer.variables) - 1 + count:
        return stored
    place = next(index for index, variable in enumerate(trainer.variables) if variable is trainer.averaged[0])
    averages = in_file_order(trainer.network, stored[place : place + count])
    return [*stored[:place], _joined(averages), *stored[place + count :]]


def moments_as_now(trainer: Trainer, stored: Arrays) -> Arrays:
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
