"""What lower precision costs and gains, in evaluation and in training; docs/performance.md gets the tables.

Errors are those of the demo's small network on the project's recorded people, trained here for some hundred steps;
speeds are those of the published widths. All of it is a choice: everything else on the page is float32.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
import pytest
from published import DEMO, published
from timing import in_turns

from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.frames import FramesTable, subjects_of
from uplift_upsample.evaluate.predict import predict_subset
from uplift_upsample.evaluate.scores import scores
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import UpliftUpsampleNetwork, build_network
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.train.source import example_reader, training_stream
from uplift_upsample.train.trainer import Trainer

EVALUATED, TRAINED = ("bfloat16", "float16"), ("mixed_bfloat16", "mixed_float16")
FULL = "h36m_351"
STEPS, S_IN, SUBJECT, OTHER_SEED = 400, 20, "S11", 1
BATCH, WINDOWS = 32, 64  # of the speeds
_LINES: dict[str, str] = {}


@dataclass(frozen=True)
class Evaluated:
    """A test subject. poses_3d: ``(P, 17, 3)`` metres. error: MPJPE over all frames, mm."""

    poses_3d: np.ndarray
    error: float


_KEPT: dict[tuple[str, int], tuple[UpliftUpsampleNetwork, Evaluated]] = {}


def trained(table: FramesTable, precision: str, seed: int = 0) -> tuple[UpliftUpsampleNetwork, Evaluated]:
    """The demo's network after ``STEPS`` steps, the learning rate falling as in its whole training; its float32 predictions."""
    if (precision, seed) not in _KEPT:
        experiment = published(DEMO)
        schedule = {**experiment.train.schedule_params, "first_decay_steps": STEPS}
        train = replace(experiment.train, precision=precision, schedule_params=schedule)
        keras.utils.set_random_seed(seed)
        network = build_network(experiment.model, precision)
        trainer, reader = Trainer(network, train), example_reader(table, experiment.model, train)
        stream = training_stream(table, table.videos_of(subjects_of(table, "trainval")), experiment.model, train, seed)
        for _ in range(STEPS):
            batch = reader.read(stream.next_rows())
            trainer.step(batch.poses_2d, batch.visible, root_relative(batch.poses_3d))
        _KEPT[precision, seed] = network, evaluated(network, table, "float32")
    return _KEPT[precision, seed]


def evaluated(network: UpliftUpsampleNetwork, table: FramesTable, precision: str) -> Evaluated:
    [found] = predict_subset(network, table, SUBJECT, [S_IN], EvaluateConfig(batch_size=256, precision=precision))
    return Evaluated(found.poses_3d, scores(found, table).document()[str(S_IN)]["all_frames"]["frame_wise"]["mpjpe"])


@functools.cache
def lifter(precision: str) -> Lifter:
    """The full-size network with initial weights."""
    keras.utils.set_random_seed(0)
    return Lifter(build_network(published(FULL).model), BATCH, mirror=True, precision=precision)


@functools.cache
def stepping(precision: str) -> Callable[[], float]:
    """Training steps of a network with the published widths and one spatial and one temporal block."""
    model = published(FULL).model
    assert isinstance(model, ModelConfig)
    model = replace(model, spatial_blocks=1, temporal_blocks=1)
    trainer = Trainer(build_network(model, precision), TrainConfig(batch_size=BATCH, precision=precision))
    rng = np.random.default_rng(0)
    visible = np.tile(np.arange(model.num_tokens) % 2 == 0, (BATCH, 1))
    poses_2d = (rng.normal(size=(*visible.shape, 17, 2)) * visible[..., None, None]).astype(np.float32)
    targets = rng.normal(size=(*visible.shape, 17, 3)).astype(np.float32)
    return lambda: trainer.step(poses_2d, visible, targets)


@pytest.mark.parametrize("precision", EVALUATED)
def test_evaluation(precision: str, table: FramesTable) -> None:
    network, exact = trained(table, "float32")
    found = evaluated(network, table, precision)
    distance = 1000 * np.linalg.norm(found.poses_3d - exact.poses_3d, axis=-1)  # mm
    poses_2d = np.random.default_rng(0).normal(size=(WINDOWS, 17, 2)).astype(np.float32)
    visible = np.tile(np.arange(71) % 2 == 0, (WINDOWS, 1))
    token_pose = np.zeros(visible.shape, np.int64)
    exact_lifter, other_lifter = lifter("float32"), lifter(precision)
    pair = in_turns(
        lambda: exact_lifter.lift(poses_2d, token_pose, visible),
        lambda: other_lifter.lift(poses_2d, token_pose, visible),
        (1, 1),
        3,
    )
    assert 0 < distance.mean() < 20, f"{precision}: {distance.mean():.2f} mm off float32"
    _LINES[precision] = (
        f"| evaluation | `evaluate.precision: {precision}` | {distance.mean():.3f} mm on average, {distance.max():.2f} mm at most "
        f"| {exact.error:.2f} mm to {found.error:.2f} mm | {pair.ratio:.2f}x |"
    )


@pytest.mark.parametrize("precision", TRAINED)
def test_training(precision: str, table: FramesTable) -> None:
    _, exact = trained(table, "float32")
    _, found = trained(table, precision)
    pair = in_turns(stepping("float32"), stepping(precision), (1, 1), 3)
    assert found.error < 2 * exact.error, f"{precision}: {found.error:.1f} mm instead of {exact.error:.1f} mm"
    _LINES[precision] = (
        f"| training | `train.precision: {precision}` | - | {exact.error:.2f} mm to {found.error:.2f} mm | {pair.ratio:.2f}x |"
    )


def test_page(table: FramesTable, page_section: Callable[[str, list[str]], None]) -> None:
    if len(_LINES) < len(EVALUATED) + len(TRAINED):
        pytest.skip("not all precisions were measured")
    _, other = trained(table, "float32", OTHER_SEED)
    _, exact = trained(table, "float32")
    page_section(
        "Lower precision",
        [
            "Settings, off unless asked for; everything else on this page is float32.",
            "",
            "| of | setting | predictions off those of float32 | MPJPE | speed, float32 is 1x |",
            "|---|---|---|---|---:|",
            *(_LINES[precision] for precision in (*EVALUATED, *TRAINED)),
            "",
            f"Errors: recorded people, simulated detections, the demo's network after {STEPS} steps, s_in {S_IN}. "
            f"With another seed the float32 training gives {other.error:.2f} mm instead of {exact.error:.2f} mm: a difference "
            "between trainings below that one says nothing. Speeds: the network of h36m_351, for training with one spatial and one "
            "temporal block, on the processor of this page. Weights, softmax, norms and loss are float32 in any case.",
        ],
    )
