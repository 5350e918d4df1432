"""Networks that compute with half the bits: what stays float32, and what it costs."""

import dataclasses

import keras
import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import from_mapping, to_mapping
from uplift_upsample.model.lifter import Lifter, network_in
from uplift_upsample.model.network import UpliftUpsampleNetwork, build_network
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.train.trainer import Trainer

CONFIG = ModelConfig(
    num_tokens=9, s_out=2, s_in=(4, 8), spatial_dim=8, temporal_dim=16, spatial_blocks=1, temporal_blocks=1, strides=(9,),
    num_heads=2,
)  # fmt: skip
SCHEDULE = {"initial_learning_rate": 1e-3, "decay_steps": 10, "decay_rate": 0.9}
TRAIN = TrainConfig(batch_size=4, jit_compile=False, schedule_params=SCHEDULE)
# of the largest value: some roundings to 8 and to 11 bits
BITS = {"bfloat16": 0.05, "float16": 0.006}


@pytest.fixture(scope="module")
def network() -> UpliftUpsampleNetwork:
    keras.utils.set_random_seed(0)
    return build_network(CONFIG)


def _windows(count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    visible = generator.random((count, 9)) < 0.5
    visible[0] = False  # a window in which no key is left
    return generator.normal(size=(count, 9, 17, 2)).astype(np.float32), visible


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_prediction_is_near_float32(network: UpliftUpsampleNetwork, precision: str) -> None:
    poses_2d, visible = _windows()
    windows = poses_2d.reshape(-1, 17, 2), np.arange(visible.size).reshape(visible.shape), visible
    exact = Lifter(network, 4, mirror=True).lift(*windows)
    lifter = Lifter(network, 4, mirror=True, precision=precision)
    rough = lifter.lift(*windows)
    assert rough.dtype == np.float32
    error = np.abs(rough - exact).max() / np.abs(exact).max()
    assert 1e-5 < error < BITS[precision]  # it is really another precision
    np.testing.assert_array_equal(Lifter(network, 4, mirror=True).lift(*windows), exact)  # and the network is as it was


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_what_stays_float32(network: UpliftUpsampleNetwork, precision: str) -> None:
    other = network_in(network, precision)
    assert {str(v.dtype) for v in other.trainable_variables} == {"float32"}
    for theirs, own in zip(other.trainable_variables, network.trainable_variables, strict=True):
        np.testing.assert_array_equal(theirs, own)
    lifted = other(*_windows())
    assert {keras.backend.standardize_dtype(poses.dtype) for poses in lifted} == {"float32"}
    assert other.temporal.blocks[0].compute_dtype == other.spatial.blocks[0].compute_dtype == precision
    ends = (other.spatial.keypoint_embedding, other.temporal.temporal_fc, other.temporal.strided_temporal_fc)
    assert {layer.compute_dtype for layer in ends} == {"float32"}
    assert network_in(network, "float32") is network
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.long
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_training_in_mixed_precision(precision: str) -> None:
    keras.utils.set_random_seed(0)
    trainer = Trainer(build_network(CONFIG, precision), dataclasses.replace(TRAIN, precision=precision))
    poses_2d, visible = _windows()
    targets = np.random.default_rng(1).normal(size=(4, 9, 17, 3)).astype(np.float32)
    losses = [trainer.step(poses_2d, visible, targets) for _ in range(10)]
    assert losses[-1] < 0.95 * losses[0]
    assert int(trainer.optimizer.iterations) >= 8  # the scale of float16 begins high: a step or two may overflow
    assert trainer.learning_rate() == pytest.approx(1e-3 * 0.9 ** ((int(trainer.optimizer.iterations) - 1) / 10))
    paths = [v.path for v in trainer.optimizer.variables]  # what a checkpoint holds
    assert any("dynamic_scale" in path for path in paths) == (precision == "mixed_float16")


@pytest.mark.long
def test_a_step_that_overflows_float16_changes_only_the_scale() -> None:
    keras.utils.set_random_seed(0)
    trainer = Trainer(build_network(CONFIG, "mixed_float16"), dataclasses.replace(TRAIN, precision="mixed_float16"))
    scale = trainer.optimizer.dynamic_scale
    scale.assign(2.0**100)
    poses_2d, visible = _windows()
    before = trainer.result_weights()
    assert np.isfinite(trainer.step(poses_2d, visible, np.ones((4, 9, 17, 3), np.float32)))
    assert float(scale) == 2.0**99
    for new, old in zip(trainer.result_weights(), before, strict=True):
        np.testing.assert_array_equal(new, old)


def test_float32_is_not_written_into_a_run() -> None:
    """Runs that were trained before there was a choice keep their names."""
    assert "precision" not in to_mapping(TrainConfig())
    mapping = to_mapping(TrainConfig(precision="mixed_bfloat16"))
    assert mapping["precision"] == "mixed_bfloat16"
    assert from_mapping(TrainConfig, mapping, "train").precision == "mixed_bfloat16"
    with pytest.raises(InputError, match="expected one of 'float32', 'bfloat16', 'float16', not 'mixed_float16'"):
        from_mapping(EvaluateConfig, {"precision": "mixed_float16"}, "evaluate")
