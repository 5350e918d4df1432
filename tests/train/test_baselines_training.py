"""The networks around the paper are trained by the same loop: losses fall, resumed runs equal whole ones, BatchNorm averages."""

import dataclasses

import numpy as np
import pytest
from keras import ops

from uplift_upsample.plan.networks import PoseFormer, StridedTransformer, VideoPose3D
from uplift_upsample.train.parallel import build_trainer
from uplift_upsample.train.training import TrainingInterrupted, train

pytestmark = pytest.mark.long

NETWORKS = {
    "videopose3d": VideoPose3D(9, filter_widths=(3, 3), channels=16),
    "poseformer": PoseFormer(9, spatial_dim=2, spatial_blocks=1, temporal_blocks=1, num_heads=2),
    "strided_transformer": StridedTransformer(9, temporal_dim=8, hidden_dim=8, temporal_blocks=1, strides=(3, 3), num_heads=2),
}


@pytest.fixture
def run_of(tiny_run):
    def run(name: str, **changes):
        options = {"ema_decay": None, "epochs": 2, "optimizer": "Adam", "weight_decay": None, "optimizer_params": {"amsgrad": True}}
        return dataclasses.replace(
            tiny_run, model=NETWORKS[name], train=dataclasses.replace(tiny_run.train, **{**options, **changes})
        )

    return run


@pytest.mark.parametrize("name", NETWORKS)
def test_they_learn_and_are_validated(name: str, run_of, data, tmp_path) -> None:
    losses: list[float] = []
    run = run_of(name, steps_per_epoch=30, schedule_params={"initial_learning_rate": 5e-3, "decay_steps": 30, "decay_rate": 0.9})
    result = train(run, data, tmp_path, 0, on_step=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])
    assert all(row["validation_mpjpe_mm"] > 0 for row in result.progress.history)


def test_a_resumed_run_ends_like_a_whole_one(run_of, data, tmp_path, traced_once) -> None:
    """Statistics of BatchNorm and their momentum come back, too."""
    run = run_of("videopose3d", steps_per_epoch=6, batch_norm_momentum=(0.1, 0.001))
    whole = train(run, data, tmp_path / "whole", 0)
    steps: list[int] = []
    with pytest.raises(TrainingInterrupted):
        train(run, data, tmp_path / "parts", 0, on_step=lambda step, _: steps.append(step), should_stop=lambda: steps[-1:] == [8])
    resumed = train(run, data, tmp_path / "parts", 0)
    assert resumed.progress.history == whole.progress.history
    assert all(np.array_equal(a, b) for a, b in zip(whole.weights, resumed.weights, strict=True))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", ["videopose3d", "strided_transformer"])
def test_statistics_are_float32_where_layers_have_half_the_bits(name: str, precision: str, run_of) -> None:
    """The share of a batch, too: to bfloat16, 1 - 0.001 is 1."""
    run = run_of(name, batch_norm_momentum=(0.001, 0.001), precision=precision)
    trainer = build_trainer(run)
    trainer.start_epoch(1)
    norms = trainer.network.batch_norms()
    assert len(norms) == 3
    poses = np.random.default_rng(0).normal(5, 1, (8, 9, 17, 2)).astype(np.float32)
    trainer.step(poses, np.ones((8, 9), bool), np.zeros((8, 9, 17, 3), np.float32))
    for norm in norms:  # 1 before, and hardly any of the variance of this batch
        variance = ops.convert_to_numpy(norm.moving_variance)
        assert variance.dtype == np.float32
        assert np.abs(variance - 0.999).max() < 0.5
        assert (variance != 1).all()


def test_share_of_a_batch_in_the_statistics_falls(run_of) -> None:
    run = run_of("videopose3d", epochs=4, batch_norm_momentum=(0.1, 0.001))
    trainer = build_trainer(run)
    norms = trainer.network.batch_norms()
    assert len(norms) == 3
    assert [float(norm.rate) for norm in norms] == pytest.approx([0.1] * 3)
    trainer.start_epoch(3)  # half of the way, in powers
    assert [float(norm.rate) for norm in norms] == pytest.approx([0.01] * 3)
    poses = np.random.default_rng(0).normal(size=(8, 9, 17, 2)).astype(np.float32)

    def moved() -> float:
        """How far a step moves the running mean, by a batch that stays about the same."""
        before = ops.convert_to_numpy(norms[0].moving_mean)
        trainer.step(poses, np.ones((8, 9), bool), np.zeros((8, 9, 17, 3), np.float32))
        return np.abs(ops.convert_to_numpy(norms[0].moving_mean) - before).max()

    small = moved()
    trainer.start_epoch(1)
    assert moved() > 5 * small
