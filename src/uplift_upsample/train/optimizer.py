"""The optimiser, and variables that are computed with as one vector.

Source: docs/method.md, "Optimiser".
"""

import functools
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from uplift_upsample.model.backend import keras, ops
from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.plan.optimisation import OptimizerParams
from uplift_upsample.train.schedules import build_schedule, initial_rate

logger = logging.getLogger(__name__)


class OneVector:
    """Variables of several shapes end to end, as one vector ``(P,)`` of all their numbers.

    One operation on it stands for one on each of them, which is less to trace, to start and to compile.
    """

    def __init__(self, variables: Sequence[keras.Variable], name: str) -> None:
        self.variables = list(variables)
        self._name = name
        self._ends = np.cumsum([np.prod(variable.shape, dtype=int) for variable in variables]).tolist()

    @functools.cached_property
    def vector(self) -> keras.Variable:
        """A variable for such a vector, 0 so far; made, with its memory, for those who ask."""
        return keras.Variable(np.zeros(self._ends[-1], np.float32), trainable=False, name=self._name)

    def joined(self, values: Sequence[Any]) -> Any:
        """Values of the variables, end to end ``(P,)``."""
        return ops.concatenate([ops.reshape(value, (-1,)) for value in values])

    def split(self, vector: Any) -> list[Any]:
        """Such a vector as values in the shapes of the variables."""
        parts = zip(ops.split(vector, self._ends[:-1]), self.variables, strict=True)
        return [ops.reshape(part, variable.shape) for part, variable in parts]


class _OnOneVector(keras.optimizers.Optimizer):
    """Has a Keras optimiser update all variables as one, in the same arithmetic.

    On TensorFlow, Keras updates them one after another, with 60 operations each: two thirds of the step of a network with a
    hundred small variables.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        self._weights = OneVector(variables, "weights")  # no variable of the optimiser's own: each step fills it anew
        super().build([self._weights.vector])

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """One step. grads: of the variables, in the order of ``build``; None leaves a variable as it is."""
        weights = self._weights
        weights.vector.assign(weights.joined(weights.variables))
        pairs = list(zip(weights.variables, grads, strict=True))
        super().apply([weights.joined([ops.zeros(variable.shape) if grad is None else grad for variable, grad in pairs])])
        for (variable, grad), value in zip(pairs, weights.split(weights.vector), strict=True):
            if grad is not None:
                variable.assign(value)


class OneVectorAdam(_OnOneVector, keras.optimizers.Adam):
    """``keras.optimizers.Adam`` on one vector."""


class OneVectorAdamW(_OnOneVector, keras.optimizers.AdamW):
    """``keras.optimizers.AdamW`` on one vector."""


def build_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """AdamW or Adam with the configured schedule.

    The published weight decay multiplies every weight by 1 - wd(t), where wd follows the schedule of the learning
    rate. Keras multiplies the decay by the learning rate, so the equal decay here is ``weight_decay`` / initial learning rate.
    For training in float16 it scales the loss; a step whose gradients overflow changes nothing but the scale.
    """
    optimizer = _unscaled_optimizer(config)
    # float16 has no numbers for the smallest gradients: the loss is scaled up until one has none for the largest
    return keras.optimizers.LossScaleOptimizer(optimizer) if config.precision == "mixed_float16" else optimizer


def _unscaled_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    schedule = build_schedule(config.schedule, config.schedule_params)
    rate = initial_rate(schedule)
    params = asdict(OptimizerParams(**config.optimizer_params))
    # JAX compiles all updates into one program, and for PyTorch Keras has such a step itself
    is_one = keras.backend.backend() == "tensorflow"
    if config.optimizer == "Adam" or config.weight_decay is None:
        if config.weight_decay is not None:
            logger.warning("the optimiser Adam has no weight decay; weight_decay %g is not used", config.weight_decay)
        return (OneVectorAdam if is_one else keras.optimizers.Adam)(schedule, **params)
    return (OneVectorAdamW if is_one else keras.optimizers.AdamW)(schedule, weight_decay=config.weight_decay / rate, **params)
