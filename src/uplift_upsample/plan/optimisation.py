"""What the parameters of each learning-rate schedule and of the optimisers are; ``train`` computes with them.

Defaults are those of Keras, epsilon aside.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from uplift_upsample.plan.bounds import Count, NonNegative, Number

ScheduleName = Literal["ExponentialDecay", "ExponentialDecayWithSteps", "PiecewiseConstantDecay", "CosineDecayRestarts"]


@dataclass(frozen=True)
class ScheduleParams:
    """Parameters of the schedule; rates are per step, boundaries and intervals in steps."""


@dataclass(frozen=True)
class ExponentialDecay(ScheduleParams):
    """A factor every some steps, or continuously."""

    initial_learning_rate: NonNegative
    """Learning rate at step 0."""
    decay_steps: Count
    """Steps between two multiplications with decay_rate."""
    decay_rate: NonNegative
    """Factor."""
    staircase: bool = False
    """Multiply in steps, not continuously."""


@dataclass(frozen=True)
class ExponentialDecayWithSteps(ScheduleParams):
    """A factor every some steps, and another one instead at some of them."""

    initial_learning_rate: NonNegative
    decay_steps: Count
    decay_rate: NonNegative
    large_decay_steps: Count
    """Steps between two multiplications with large_decay_rate."""
    large_decay_rate: NonNegative
    """Factor."""


@dataclass(frozen=True)
class PiecewiseConstantDecay(ScheduleParams):
    """Constant between boundaries."""

    boundaries: list[Number]
    """Steps at which the learning rate changes."""
    values: list[NonNegative]
    """Learning rates, one more than boundaries."""


@dataclass(frozen=True)
class CosineDecayRestarts(ScheduleParams):
    """Half a cosine in each period."""

    initial_learning_rate: NonNegative
    first_decay_steps: Count
    """Steps of the first period."""
    t_mul: NonNegative = 2.0
    """Factor from one period's length to the next."""
    m_mul: NonNegative = 1.0
    """Factor from one period's first learning rate to the next."""
    alpha: NonNegative = 0.0
    """Smallest learning rate over the first."""


@dataclass(frozen=True)
class OptimizerParams:
    """Parameters of the optimiser."""

    beta_1: float = 0.9
    """Decay of the mean of the gradients, per step."""
    beta_2: float = 0.999
    """Decay of the mean of their squares, per step."""
    epsilon: float = 1e-8  # as in all published experiments
    """Added to the root of that."""
    amsgrad: bool = False
    """Divide by the largest mean of squares so far."""


SCHEDULES: dict[str, type] = {
    cls.__name__: cls for cls in (ExponentialDecay, ExponentialDecayWithSteps, PiecewiseConstantDecay, CosineDecayRestarts)
}


def required_and_optional(schedule: ScheduleName) -> tuple[list[str], list[str]]:
    """The parameters that a schedule needs, and the others that it takes."""
    fields = dataclasses.fields(SCHEDULES[schedule])
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    return required, [field.name for field in fields if field.name not in required]
