"""What the network must do whatever its weights are."""

import keras
import numpy as np
import pytest
from keras import ops

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MIRROR
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import (
    InterpolatedToken,
    TokenDropout,
    TransformerBlock,
    UpliftUpsampleNetwork,
    build_network,
)
from uplift_upsample.plan.experiment import ModelConfig

BASE = {"num_tokens": 9, "s_out": 2, "s_in": (4, 8), "spatial_dim": 8, "temporal_dim": 16, "num_heads": 2,
        "spatial_blocks": 2, "temporal_blocks": 2, "strides": (3, 3)}  # fmt: skip


def _inputs(batch: int = 4, tokens: int = 9) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(batch, tokens, 17, 2)).astype(np.float32), generator.random((batch, tokens)) < 0.5


def test_poses_of_masked_tokens_do_not_matter() -> None:
    network = build_network(ModelConfig(**BASE))
    poses_2d, visible = _inputs()
    other = np.where(visible[..., None, None], poses_2d, 7.0).astype(np.float32)
    for a, b in zip(network(poses_2d, visible), network(other, visible), strict=True):
        np.testing.assert_array_equal(a, b)


def test_windows_do_not_influence_each_other() -> None:
    network = build_network(ModelConfig(**BASE))
    poses_2d, visible = _inputs()
    alone = network(poses_2d[:1], visible[:1])
    together = network(poses_2d, visible)
    np.testing.assert_allclose(alone.central[0], together.central[0], atol=1e-5)


def test_serialisation() -> None:
    network = build_network(ModelConfig(**BASE))
    twin = UpliftUpsampleNetwork.from_config(network.get_config())
    twin.build()
    twin.set_weights(network.get_weights())
    poses_2d, visible = _inputs()
    np.testing.assert_array_equal(network(poses_2d, visible).central, twin(poses_2d, visible).central)


def test_drop_path_drops_whole_samples() -> None:
    block = TransformerBlock(ModelConfig(**BASE), "relu", drop_path_rate=0.5)
    block.build((None, 5, 8))
    for branch in (block.attention.projection, block.mlp_2):
        branch.bias.assign(np.ones(8))
    x = np.zeros((4000, 5, 8), np.float32)
    result = ops.convert_to_numpy(block(x, training=True))
    assert np.all(result == result[:, :1, :1])  # all tokens and channels of a sample alike
    values, counts = np.unique(result[:, 0, 0], return_counts=True)
    np.testing.assert_array_equal(values, [0, 2, 4])  # survivors scaled by 1 / keep
    np.testing.assert_allclose(counts / 4000, [0.25, 0.5, 0.25], atol=0.04)
    np.testing.assert_array_equal(ops.convert_to_numpy(block(x))[:, 0, 0], 2)


@pytest.mark.parametrize("learnable", [False, True])
def test_token_dropout_spares_the_centre(learnable) -> None:
    layer = TokenDropout(0.4, learnable)
    x = np.ones((2000, 9, 4), np.float32)
    layer.build(x.shape)
    result = ops.convert_to_numpy(layer(x, training=True))
    is_kept = (result == 1).all(-1)
    assert is_kept[:, 4].all()
    np.testing.assert_allclose(np.delete(is_kept, 4, 1).mean(0), 0.6, atol=0.05)
    np.testing.assert_array_equal(layer(x), x)


def test_mirrored_average() -> None:
    """Evaluation with mirroring is equivariant: the mirrored input gives the mirrored output."""
    network = build_network(ModelConfig(**BASE))
    lifter = Lifter(network, 4, mirror=True)
    poses_2d, visible = _inputs()
    flat, token_pose = poses_2d.reshape(-1, 17, 2), np.arange(36).reshape(4, 9)
    mirrored = flat[:, MIRROR] * np.array([-1, 1], np.float32)
    expected = lifter.lift(flat, token_pose, visible)[:, MIRROR] * np.array([-1, 1, 1], np.float32)
    np.testing.assert_allclose(lifter.lift(mirrored, token_pose, visible), expected, atol=1e-5)


def test_mixed_precision_runs() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        central = build_network(ModelConfig(**BASE))(*_inputs()).central
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(ops.convert_to_numpy(ops.cast(central, "float32"))).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_tokens": 10}, "must be odd"),
        ({"s_in": (3,)}, "not a multiple of s_out"),
        ({"temporal_dim": 15}, "cannot be divided among 2 heads"),
        ({"spatial_dim": 9}, "cannot be divided among 2 heads"),
        ({"temporal_blocks": 0, "first_attention_layer": 2}, "without temporal blocks"),
        ({"strides": (1, 9), "paddings": ((0, 0), (1, 1))}, r"stride 1 needs the padding \[1, 1\]"),
        ({"strides": (3,)}, "leave 3 tokens"),
        ({"strides": (3, 3), "paddings": ((1, 1),)}, "paddings has 1 entries for 2 strides"),
        ({"drop_rate": 1.0}, "below 1"),
        ({"num_joints": 16}, "has 17"),
        ({"num_heads": 0}, "at least 1"),
    ],
)
def test_impossible_networks(changes, message) -> None:
    with pytest.raises(InputError, match=message):
        ModelConfig(**{**BASE, **changes})


def test_strided_block_of_a_single_token() -> None:
    """Its padding alone gives the kernel something to stand on."""
    config = ModelConfig(9, 2, (4,), spatial_dim=8, temporal_dim=16, num_heads=2, strides=(3, 3, 1))
    lifted = build_network(config)(np.zeros((2, 9, 17, 2), np.float32), np.ones((2, 9), bool))
    assert lifted.central.shape == (2, 17, 3)


def test_interpolated_tokens_lie_between_the_nearest_visible_ones() -> None:
    layer = InterpolatedToken()
    layer.build((None, 6, 2))
    token = np.array([10.0, -10.0], np.float32)
    layer.token.assign(token)
    times = np.arange(6, dtype=np.float32)
    x = np.stack([times, 2 * times], -1)[None].repeat(3, 0)  # on a line: what is interpolated lies on it
    keep = np.array([[0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
    x[~keep] = np.nan  # what masked tokens hold is nobody's business
    result = ops.convert_to_numpy(layer(x, keep))
    expected = np.array([[1, 1, 2, 3, 4, 4], [3] * 6, [0] * 6], np.float32)
    expected = np.stack([expected, 2 * expected], -1)
    expected[~keep] += token
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["zeros", "interpolated"])
def test_other_upsampling_tokens_have_the_same_layout_of_weights(kind) -> None:
    """Files stay what they are; zeros are a token that nothing trains."""
    plain, other = build_network(ModelConfig(**BASE)), build_network(ModelConfig(**BASE, upsampling_token=kind))
    assert [w.shape for w in plain.weights] == [w.shape for w in other.weights]
    names = [any("upsampling_token" in w.path for w in network.trainable_weights) for network in (plain, other)]
    assert names == [True, kind != "zeros"]
    poses_2d, visible = _inputs()
    other.set_weights(plain.get_weights())
    everywhere = np.ones_like(visible)
    np.testing.assert_allclose(plain(poses_2d, everywhere).central, other(poses_2d, everywhere).central, atol=1e-6)
    if kind == "interpolated":
        assert np.abs(plain(poses_2d, visible).central - other(poses_2d, visible).central).max() > 1e-4
        hidden = np.where(visible[..., None, None], poses_2d, 7.0).astype(np.float32)
        np.testing.assert_allclose(other(poses_2d, visible).central, other(hidden, visible).central, atol=1e-5)


@pytest.mark.parametrize("num_tokens", [1, 18])
def test_windows_of_another_length_are_refused(num_tokens: int) -> None:
    """18 tokens would pass for two windows of 9."""
    with pytest.raises(ValueError, match=rf"windows of {num_tokens} 2D poses; this network takes 9"):
        build_network(ModelConfig(**BASE))(*_inputs(2, num_tokens))
