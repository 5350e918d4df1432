"""The kernels of the spatial stage against the layers that they stand in for."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import pytest

from uplift_upsample.config import ModelConfig, TrainConfig
from uplift_upsample.model import network as network_module
from uplift_upsample.model.layers import TransformerBlock
from uplift_upsample.model.network import build_network
from uplift_upsample.train.trainer import Trainer

if keras.backend.backend() != "tensorflow":
    pytest.skip("the kernels are an operation of TensorFlow", allow_module_level=True)
import tensorflow as tf

from uplift_upsample.model import group_kernels, spatial_op

MODEL = {"num_tokens": 9, "s_out": 2, "s_in": (2, 4, 8), "spatial_dim": 8, "temporal_dim": 16, "num_heads": 2,
         "spatial_blocks": 2, "temporal_blocks": 1, "strides": (3, 3), "drop_path_rate": (0.3, 0.0, 0.0)}  # fmt: skip
TRAINING: dict = {
    "batch_size": 4,
    "epochs": 1,
    "steps_per_epoch": 1,
    "jit_compile": False,
}


def _blocks(width: int = 32, qkv_bias: bool = True, drop_path_rate: float = 0.0) -> list[TransformerBlock]:
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    blocks = [TransformerBlock(width // 4, 2.0, "gelu", qkv_bias, drop_path_rate=drop_path_rate) for _ in range(3)]
    for block in blocks:
        block.build((None, 17, width))
        for variable in block.trainable_variables:
            variable.assign(variable + 0.2 * generator.normal(size=variable.shape))
    return blocks


def _one_by_one(blocks: list[TransformerBlock], x: Any, training: bool) -> Any:
    for block in blocks:
        x = block(x, training=training)
    return x


def _with_gradients(
    way: Callable[..., Any], blocks: list[TransformerBlock], x: np.ndarray, upstream: np.ndarray, training: bool
) -> Any:
    for block in blocks:
        for drop in (block.attention_drop_path, block.mlp_drop_path):
            if drop.rate > 0:
                drop.seed_generator.state.assign([3, 4])
    variables = [v.value for block in blocks for v in block.trainable_variables]

    @tf.function
    def computed(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = way(blocks, x, training)
        return [result, *tape.gradient(result, [x, *variables], upstream)]

    return [np.asarray(tensor) for tensor in computed(tf.constant(x))]


@pytest.mark.parametrize("num_poses", [1, 16, 37, 200])
@pytest.mark.parametrize("settings", [{}, {"width": 16, "qkv_bias": False}, {"drop_path_rate": 0.4}], ids=str)
def test_like_the_layers(num_poses: int, settings: dict[str, Any]) -> None:
    blocks = _blocks(**settings)
    generator = np.random.default_rng(1)
    x, upstream = generator.normal(size=(2, num_poses, 17, settings.get("width", 32))).astype(np.float32)
    given = (blocks, x, upstream, "drop_path_rate" in settings)
    ours, theirs = (_with_gradients(way, *given) for way in (spatial_op.through_blocks, _one_by_one))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=4e-6 * np.abs(theirs[0]).max())
    largest = max(np.abs(gradient).max() for gradient in theirs[1:])  # that of the keys' biases is 0 but for rounding
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=4e-6 * largest)
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-6 * largest)


def test_sure_of_one_joint() -> None:
    """Logits of hundreds, whose exponentials are no numbers."""
    blocks = _blocks()
    for block in blocks:
        block.attention.query.kernel.assign(40 * block.attention.query.kernel)
    x = np.random.default_rng(2).normal(size=(5, 17, 32)).astype(np.float32)
    ours, theirs = (_with_gradients(way, blocks, x, x, False) for way in (spatial_op.through_blocks, _one_by_one))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-3 * np.abs(theirs[0]).max())  # steep: rounding is magnified
    assert all(np.isfinite(part).all() for part in ours)


def test_what_is_no_number_is_not_lost() -> None:
    """Training ends when its loss is no number; a kernel must not make a number of it again."""
    x = np.random.default_rng(2).normal(size=(20, 17, 32)).astype(np.float32)
    damaged = x.copy()
    damaged[3, 5, 7] = np.nan
    for way in (spatial_op.through_blocks, _one_by_one):
        result, *_ = _with_gradients(way, _blocks(), damaged, x, False)
        np.testing.assert_array_equal(np.isnan(result).all(axis=(1, 2)), np.arange(20) == 3)
        assert np.isfinite(result[:3]).all()
    for index in range(len(_blocks()[1].trainable_variables)):
        blocks = _blocks()
        variable = blocks[1].trainable_variables[index]
        value = np.array(variable)
        value.flat[0] = np.nan
        variable.assign(value)
        result = _with_gradients(spatial_op.through_blocks, blocks, x, x, False)[0]
        assert not np.isfinite(result).all(), variable.path


def test_same_bytes_whatever_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = _blocks()
    x = np.random.default_rng(3).normal(size=(150, 17, 32)).astype(np.float32)
    results = []
    for num_threads in (1, 2, 5):
        with ThreadPoolExecutor(num_threads) as threads:
            monkeypatch.setattr(spatial_op, "_threads", lambda _process, threads=threads: threads)
            results.append(_with_gradients(spatial_op.through_blocks, blocks, x, x, False))
    for others in results[1:]:
        for first, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(first, other)


def test_gelu_and_its_slope() -> None:
    rows = group_kernels.U(4)
    x = np.linspace(-12, 12, int(rows * group_kernels.M)).astype(np.float32)
    value, slope = np.empty_like(x), np.empty_like(x)
    group_kernels.gelu_and_slope(x, rows, value, slope)
    below = np.array([0.5 * math.erfc(-float(z) / math.sqrt(2)) for z in x])
    bell = np.exp(-0.5 * x.astype(float) ** 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(value, x * below, atol=1e-6)
    np.testing.assert_allclose(slope, below + x * bell, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "is_used"),
    [
        ({}, True),
        ({"spatial_dim": 16}, False),
        ({"drop_rate": 0.1}, False),
        ({"attention_drop_rate": 0.1}, False),
        ({"num_heads": 3, "spatial_dim": 12, "temporal_dim": 24}, False),
    ],
    ids=str,
)
def test_training_with_and_without(change: dict[str, Any], is_used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps, by kernels where they have been written for such a network, else by layers."""
    calls = []
    monkeypatch.setattr(spatial_op, "through_blocks", lambda *args, way=spatial_op.through_blocks: calls.append(1) or way(*args))
    generator = np.random.default_rng(4)
    poses_2d = generator.normal(size=(4, 9, 17, 2)).astype(np.float32)
    targets = generator.normal(size=(4, 9, 17, 3)).astype(np.float32)
    visible = generator.random((4, 9)) < 0.5
    losses = []
    for allowed in (True, False):
        if not allowed:
            monkeypatch.setattr(network_module, "kernels_allowed", lambda: False)
        keras.backend.clear_session()
        keras.utils.set_random_seed(6)
        trainer = Trainer(build_network(ModelConfig(**{**MODEL, **change})), TrainConfig(**TRAINING))
        losses.append([trainer.step(poses_2d, visible, targets) for _ in range(4)])
    assert len(calls) == is_used
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_whole_steps_in_xla_take_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spatial_op, "through_blocks", lambda *_: pytest.fail("XLA cannot compile this"))
    trainer = Trainer(build_network(ModelConfig(**MODEL)), TrainConfig(**{**TRAINING, "jit_compile": True}))
    assert trainer.jit_compile
    poses = np.zeros((4, 9, 17, 3), np.float32)
    trainer.step(poses[..., :2], np.ones((4, 9), bool), poses)
