"""Learning rates by step. Source: docs/method.md, "Learning rate"."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops
from keras.optimizers import schedules

from uplift_upsample.base.errors import InputError


class ExponentialDecayWithSteps(schedules.LearningRateSchedule):
    """lr * rate^(floor(s/d) - floor(s/D)) * large_rate^(floor(s/D)): a decay every d steps, a larger one every D steps instead."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        large_decay_steps: int,
        large_decay_rate: float,
    ) -> None:
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.large_decay_steps = large_decay_steps
        self.large_decay_rate = large_decay_rate

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        num_large = ops.floor(step / self.large_decay_steps)
        num_small = ops.floor(step / self.decay_steps) - num_large
        small = ops.power(ops.cast(self.decay_rate, "float32"), num_small)
        return self.initial_learning_rate * small * ops.power(ops.cast(self.large_decay_rate, "float32"), num_large)

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "decay_steps", "decay_rate", "large_decay_steps", "large_decay_rate")
        return {name: getattr(self, name) for name in names}


def build_schedule(name: str, params: Mapping[str, Any]) -> schedules.LearningRateSchedule:
    """A schedule by its official name. Raises ``InputError`` for parameters that it does not take."""
    texts = [f"{key} is the text {value!r}; it must be a number" for key, value in params.items() if isinstance(value, str)]
    if texts:  # YAML reads 4e-5 as text; Keras would find out much later, and not report where
        raise InputError(f"schedule {name}: {'; '.join(texts)} (YAML needs the point: 4.0e-5)")
    try:
        of_keras = ExponentialDecayWithSteps if name == "ExponentialDecayWithSteps" else getattr(schedules, name)
        schedule = of_keras(**params)
        schedule(0)
    except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        raise InputError(f"schedule {name}: {error}") from None
    return schedule


def initial_rate(schedule: schedules.LearningRateSchedule) -> float:
    """The learning rate of step 0. Raises ``InputError`` where it is not a positive number."""
    rate = float(keras.ops.convert_to_numpy(schedule(0)))
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(f"the schedule starts with a learning rate of {rate}; it must be positive")
    return rate
