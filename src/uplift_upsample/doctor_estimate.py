"""How long a study will take on this machine, from the measured speed of a few of its networks.

The time of a step is taken as a fixed part and one in proportion to its work, the multiply-accumulates of all its windows; both
parts follow from the smallest and the largest step that were measured. Data stages are not estimated: they wait for disks and
networks. Neither is validation.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from uplift_upsample.config import ModelConfig
from uplift_upsample.study import PlannedExperiment, Study

FLOAT = 4  # bytes
COMPILER = 0.4e9  # bytes that XLA takes on top, at most, for networks of the published size
FORWARD_SHARE = 1 / 6  # of what training keeps, prediction has at a time
FAR_APART = 4  # steps whose work differs by less tell nothing about the fixed part


@dataclass(frozen=True)
class Speed:
    """What a calibration measured of one network.

    multiply_accumulates: of one window. start_seconds: from the start of a job to the end of its first step. train_batch,
    predict_batch: windows of a step (prediction without mirroring). train_seconds, predict_seconds: for a step.
    memory_bytes: that the process held before it saw a window.
    """

    network: str
    multiply_accumulates: float
    start_seconds: float
    train_batch: int
    train_seconds: float
    predict_batch: int
    predict_seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class StageEstimate:
    """The jobs of one stage of one experiment.

    jobs: how many. seconds: of all of them, one after the other; None where something is not known yet. memory_bytes: of one job,
    about. basis: what the estimate rests on.
    """

    study: str
    experiment: str
    stage: str
    jobs: int
    seconds: float | None
    memory_bytes: float
    basis: str

    def to_mapping(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class StepTime:
    """Seconds of a step of some work (multiply-accumulates): ``fixed + work * slope``."""

    fixed: float
    slope: float

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> "StepTime":
        """From measured steps, (work, seconds) each. Where they do not lie far apart, everything is taken as in proportion."""
        (low, low_seconds), (high, high_seconds) = min(points), max(points)
        slope = (high_seconds - low_seconds) / (high - low) if high > FAR_APART * low else -1.0
        if slope <= 0:
            return cls(0.0, max(seconds / work for work, seconds in points))
        if low_seconds < slope * low:
            return cls(0.0, high_seconds / high)
        return cls(low_seconds - slope * low, slope)

    def seconds(self, work: float) -> float:
        return self.fixed + work * self.slope


def stage_estimates(
    study: Study, costs: Mapping[str, float], speeds: Sequence[Speed], test_frames: Mapping[str, int | None]
) -> list[StageEstimate]:
    """Training and prediction of each experiment of a study.

    costs: multiply-accumulates of a window by experiment. test_frames: frames of the videos that an experiment is tested on.
    """
    step = StepTime.through([(speed.train_batch * speed.multiply_accumulates, speed.train_seconds) for speed in speeds])
    found = []
    for experiment in study.trained:
        train = experiment.experiment.train
        num_steps, num_jobs = train.epochs * train.steps_per_epoch, len(study.seeds)
        seconds = _start(speeds, costs[experiment.name]) + num_steps * step.seconds(train.batch_size * costs[experiment.name])
        memory = _memory(speeds) + train.batch_size * activation_bytes(experiment.experiment.model) + train.jit_compile * COMPILER
        basis = f"{num_steps} steps of {train.batch_size} windows"
        found.append(StageEstimate(study.name, experiment.name, "train", num_jobs, num_jobs * seconds, memory, basis))
    step = StepTime.through([(speed.predict_batch * speed.multiply_accumulates, speed.predict_seconds) for speed in speeds])
    found += [
        _prediction(study, experiment, costs, speeds, step, test_frames.get(experiment.name)) for experiment in study.evaluated
    ]
    return found


def _prediction(
    study: Study,
    experiment: PlannedExperiment,
    costs: Mapping[str, float],
    speeds: Sequence[Speed],
    step: StepTime,
    frames: int | None,
) -> StageEstimate:
    evaluate, model, cost = experiment.experiment.evaluate, experiment.experiment.model, costs[experiment.name]
    runs = (len(study.seeds) if experiment in study.tested else 0) + (1 if experiment in study.published else 0)
    jobs = runs * len(experiment.evaluated_s_in)
    memory = _memory(speeds) + FORWARD_SHARE * evaluate.batch_size * activation_bytes(model)
    if frames is None:
        basis = "frames are not known before the data is there"
        return StageEstimate(study.name, experiment.name, "predict", jobs, None, memory, basis)
    windows = frames / math.lcm(model.s_out if evaluate.interpolate else 1, evaluate.test_step) * (2 if evaluate.mirror else 1)
    seconds = jobs * (_start(speeds, cost) + windows / evaluate.batch_size * step.seconds(evaluate.batch_size * cost))
    basis = f"{windows:.0f} windows for each s_in{', mirrored ones too' if evaluate.mirror else ''}"
    return StageEstimate(study.name, experiment.name, "predict", jobs, seconds, memory, basis)


def activation_bytes(model: ModelConfig) -> float:
    """What a training step keeps of one window until its gradient is made, about.

    A block of N tokens of width C keeps its two norms, query, key, value, mixed values, projection, two sums and the MLP's layers
    before and after the activation, and each head's attention before and after the softmax.
    """

    def block(length: int, width: int) -> float:
        return length * width * (9 + 2 * model.mlp_ratio) + 2 * model.num_heads * length * length

    spatial = model.num_tokens * model.spatial_blocks * block(model.num_joints, model.spatial_dim)
    lengths = [model.num_tokens] * model.temporal_blocks + list(model.strided_lengths[:-1])
    return FLOAT * (spatial + sum(block(length, model.temporal_dim) for length in lengths))


def _start(speeds: Sequence[Speed], cost: float) -> float:
    """Seconds before the second step, those of the network that is nearest."""
    return min(speeds, key=lambda speed: abs(math.log(speed.multiply_accumulates / cost))).start_seconds


def _memory(speeds: Sequence[Speed]) -> float:
    return max(speed.memory_bytes for speed in speeds)


def table_of(estimates: Sequence[StageEstimate]) -> str:
    """Estimates for people."""
    if not estimates:
        return "  nothing to estimate"
    lines = [f"  {'stage':8} {'experiment':14} {'jobs':>4} {'time':>9} {'memory':>9}   what for"]
    for row in estimates:
        shown = "?" if row.seconds is None else duration(row.seconds)
        memory = f"{row.memory_bytes / 1e9:.1f} GB"
        lines.append(f"  {row.stage:8} {row.experiment:14} {row.jobs:4} {shown:>9} {memory:>9}   {row.basis}")
    return "\n".join([*lines, f"  all of them, one after the other: {duration(sum(row.seconds or 0 for row in estimates))}"])


def duration(seconds: float) -> str:
    """Seconds as people say them: ``40 s``, ``12 min``, ``3.5 h``, ``9 days``."""
    for unit, size, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds / size < most:
            value = seconds / size
            return f"{value:.1f} {unit}" if unit == "h" and value < 10 else f"{value:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
