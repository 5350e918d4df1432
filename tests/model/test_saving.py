"""Keras' own ways to keep a network: a .keras file, and a SavedModel."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import ModelConfig

CONFIG = ModelConfig(num_tokens=9, s_out=1, s_in=(2, 4), spatial_dim=8, temporal_dim=16, spatial_blocks=1, temporal_blocks=1,
                     strides=(3, 3), num_heads=2, output_bn=True)  # fmt: skip
GENERATOR = np.random.default_rng(4)
POSES = GENERATOR.normal(size=(2, 9, 17, 2)).astype(np.float32)
VISIBLE = np.stack([np.arange(9) % 2 == 0, np.arange(9) % 4 == 0])


def assert_equal(found, expected, tolerance: float) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if theirs is not None:
            np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs), rtol=0, atol=tolerance)


@pytest.mark.parametrize("changes", [{}, {"s_in": (), "sequence_head": False, "output_bn": False}])
def test_a_saved_network_is_loaded(tmp_path, changes) -> None:
    network = build_network(replace(CONFIG, **changes))
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.config == network.config
    assert_equal(loaded(POSES, VISIBLE), network(POSES, VISIBLE), 0)


def test_precision_is_kept(tmp_path) -> None:
    build_network(CONFIG, "bfloat16").save(tmp_path / "network.keras")
    assert keras.saving.load_model(tmp_path / "network.keras").temporal.dtype_policy.name == "mixed_bfloat16"


@pytest.mark.long
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel is TensorFlow's")
def test_an_exported_network_gives_the_same(tmp_path) -> None:
    import tensorflow as tf

    network = build_network(CONFIG)
    network.export(tmp_path / "network", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "network"))  # which keeps the variables of its functions alive
    assert_equal(loaded.serve(POSES, VISIBLE), network(POSES, VISIBLE), 1e-5)
