"""How long a study will take on this machine, from the measured speed of a few of its networks.

A network that was measured takes what was measured. For another one, the time of a step is taken as a fixed part and one in
proportion to its work, the multiply-accumulates of all its windows; both parts follow from the smallest and the largest step that
were measured. Every job starts Python and, with a network, loads the framework and compiles. Jobs without a network (conversions,
scores, tables, figures, animations, the page) are short, and taken as some loadings of the framework each, which is work of the
same kind. Downloads and archives are not estimated: they wait for disks and networks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.study import PlannedExperiment, Study

FLOAT = 4  # bytes
COMPILER = 0.4e9  # bytes that XLA takes on top, at most, for networks of the published size
FORWARD_SHARE = 1 / 6  # activations that prediction holds at once, as a share of those that training keeps
# Times of loading the framework that jobs without a network take, from a demo on two cores of an AMD EPYC.
DATA, SCORE, ANIMATION, REPORT = 3.5, 0.5, 0.9, 4.0
FAR_APART = 4  # steps whose work differs by less show nothing of the fixed part


@dataclass(frozen=True)
class Speed:
    """What a calibration measured of one network, while as many processes ran side by side as its jobs will.

    multiply_accumulates: of one window. import_seconds: from the start of a job until the framework is loaded.
    train_start_seconds, predict_start_seconds: from there to the end of the first step. train_batch, predict_batch: windows of a
    step (prediction without mirroring). train_seconds, predict_seconds: for a step. memory_bytes: that the process held before it
    saw a window.
    """

    network: str
    multiply_accumulates: float
    import_seconds: float
    train_start_seconds: float
    train_batch: int
    train_seconds: float
    predict_start_seconds: float
    predict_batch: int
    predict_seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class StageEstimate:
    """The jobs of one stage of one experiment.

    jobs: how many. seconds: of all of them, one after the other; None where something is not known yet. threads: cores of one job.
    memory_bytes: of one job, about. basis: what the estimate rests on.
    """

    study: str
    experiment: str
    stage: str
    jobs: int
    seconds: float | None
    threads: int
    memory_bytes: float
    basis: str


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
    study: Study, costs: Mapping[str, float], speeds: Sequence[Speed], test_frames: Mapping[str, int | None], cores: int
) -> list[StageEstimate]:
    """Training and prediction of each experiment of a study, and its other jobs.

    costs: multiply-accumulates of a window by experiment. test_frames: frames of the videos that an experiment is tested on.
    """
    found = [_training(study, experiment, costs[experiment.name], speeds, cores) for experiment in study.trained]
    found += [
        _prediction(study, experiment, costs[experiment.name], speeds, test_frames.get(experiment.name), cores)
        for experiment in study.evaluated
    ]
    return [*found, _others(study, found, speeds)]


def _training(study: Study, experiment: PlannedExperiment, cost: float, speeds: Sequence[Speed], cores: int) -> StageEstimate:
    train, model = experiment.experiment.train, experiment.experiment.model
    num_steps, num_jobs = train.epochs * train.steps_per_epoch, len(study.seeds)
    near = _nearest(speeds, cost)
    step = _step([(speed.multiply_accumulates, speed.train_batch, speed.train_seconds) for speed in speeds], cost, train.batch_size)
    seconds = near.import_seconds + near.train_start_seconds + num_steps * step
    memory = _memory(speeds) + train.batch_size * FLOAT * model.activations() + train.jit_compile * COMPILER
    threads = min(cores, experiment.resources.train_threads)
    basis = f"{num_steps} steps of {train.batch_size} windows"
    return StageEstimate(study.name, experiment.name, "train", num_jobs, num_jobs * seconds, threads, memory, basis)


def _step(measured: Sequence[tuple[float, int, float]], cost: float, batch: int) -> float:
    """Seconds of a step on a batch. measured: multiply-accumulates of a window, windows and seconds of each step that was timed.

    A step that was timed takes what it took; others lie on the line through those that were.
    """
    for timed, windows, seconds in measured:
        if (timed, windows) == (cost, batch):
            return seconds
    return StepTime.through([(windows * timed, seconds) for timed, windows, seconds in measured]).seconds(batch * cost)


def _prediction(
    study: Study, experiment: PlannedExperiment, cost: float, speeds: Sequence[Speed], frames: int | None, cores: int
) -> StageEstimate:
    evaluate, model = experiment.experiment.evaluate, experiment.experiment.model
    runs = (len(study.seeds) if experiment in study.tested else 0) + (1 if experiment in study.published else 0)
    runs *= len(experiment.evaluated_s_in)  # of each evaluation
    jobs, threads = runs * len(experiment.evaluations), min(cores, experiment.resources.predict_threads)
    memory = _memory(speeds) + FORWARD_SHARE * evaluate.batch_size * FLOAT * model.activations()
    if frames is None:
        basis = "frames are not known before the data exists"
        return StageEstimate(study.name, experiment.name, "predict", jobs, None, threads, memory, basis)
    windows = [_num_windows(frames, model.s_out, each) for each in experiment.evaluations.values()]
    near = _nearest(speeds, cost)
    measured = [(speed.multiply_accumulates, speed.predict_batch, speed.predict_seconds) for speed in speeds]
    step = _step(measured, cost, evaluate.batch_size)
    seconds = jobs * (near.import_seconds + near.predict_start_seconds) + runs * sum(windows) / evaluate.batch_size * step
    basis = f"{sum(windows):.0f} windows for each s_in{', mirrored ones too' if evaluate.mirror else ''}"
    return StageEstimate(study.name, experiment.name, "predict", jobs, seconds, threads, memory, basis)


def _num_windows(frames: int, s_out: int, evaluate: EvaluateConfig) -> float:
    """Windows that an evaluation predicts of some frames, mirrored ones too."""
    if evaluate.is_live:
        step = s_out / 2  # each token with both look-aheads, whatever test_step
    elif evaluate.readout != "central":
        step = s_out * evaluate.hop
    else:
        step = math.lcm(s_out if evaluate.interpolate else 1, evaluate.test_step)
    return frames / step * (2 if evaluate.mirror else 1)


def _others(study: Study, stages: Sequence[StageEstimate], speeds: Sequence[Speed]) -> StageEstimate:
    """Data, scores, tables, figures, animations and the page."""
    scores = sum(row.jobs for row in stages if row.stage == "predict")
    animations = sum(len(experiment.animations) for experiment in study.tested)
    loadings = DATA + SCORE * scores + ANIMATION * animations + REPORT
    seconds = loadings * min(speed.import_seconds for speed in speeds)
    basis = f"data, {scores} scores, {animations} animations, tables, figures, page"
    return StageEstimate(study.name, "", "others", scores + animations + 1, seconds, 1, _memory(speeds), basis)


def wall_seconds(study: Study, rows: Sequence[StageEstimate], cores: int) -> float:
    """Seconds of a whole study: jobs side by side as far as there are cores, none before the weights that it needs.

    What is not known yet counts nothing.
    """

    def one(stage: str, experiment: str | None) -> float:
        return sum((row.seconds or 0) / max(row.jobs, 1) for row in rows if (row.stage, row.experiment) == (stage, experiment))

    at_work = sum((row.seconds or 0) * row.threads for row in rows) / cores
    longest = [
        one("train", experiment.initial_weights) + one("train", experiment.name) + one("predict", experiment.name)
        for experiment in study.evaluated
    ]
    return max(at_work, *longest, 0.0)


def _nearest(speeds: Sequence[Speed], cost: float) -> Speed:
    return min(speeds, key=lambda speed: abs(math.log(speed.multiply_accumulates / cost)))


def _memory(speeds: Sequence[Speed]) -> float:
    return max(speed.memory_bytes for speed in speeds)


def table_of(estimates: Sequence[StageEstimate], seconds: float) -> str:
    """Estimates for people. seconds: of the whole study."""
    if not estimates:
        return "  nothing to estimate"
    lines = [f"  {'stage':8} {'experiment':14} {'jobs':>4} {'time':>9} {'memory':>9}   what for"]
    for row in estimates:
        shown = "?" if row.seconds is None else duration(row.seconds)
        memory = f"{row.memory_bytes / 1e9:.1f} GB"
        lines.append(f"  {row.stage:8} {row.experiment:14} {row.jobs:4} {shown:>9} {memory:>9}   {row.basis}")
    return "\n".join([*lines, f"  all of it, as many jobs at a time as there are cores for: {duration(seconds)}"])


def duration(seconds: float) -> str:
    """Seconds as people say them: ``40 s``, ``12 min``, ``3.5 h``, ``9 days``."""
    for unit, size, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds / size < most:
            value = seconds / size
            return f"{value:.1f} {unit}" if unit == "h" and value < 10 else f"{value:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
