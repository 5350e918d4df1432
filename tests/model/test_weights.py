"""Weight files that do not fit: everything wrong is named, and the network stays as it was."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights, network_variables, save_weights
from uplift_upsample.plan.experiment import ModelConfig

CONFIG = ModelConfig(num_tokens=9, s_out=1, s_in=(2, 4), spatial_dim=8, temporal_dim=16, spatial_blocks=1, temporal_blocks=1,
                     strides=(3, 3), num_heads=2)  # fmt: skip


@pytest.fixture
def network():
    return build_network(CONFIG)


@pytest.fixture
def file(network, tmp_path):
    save_weights(network, tmp_path / "weights.h5")
    return tmp_path / "weights.h5"


def test_all_faults_at_once(network, file) -> None:
    with h5py.File(file, "r+") as h5:
        group = h5["spatial_block_1"]
        group.attrs["weight_names"] = group.attrs["weight_names"][:-1]
        del h5["temporal_pe/temporal_pe/positional_encoding_weights:0"]
        h5["temporal_pe"]["temporal_pe/positional_encoding_weights:0"] = np.zeros((9, 17), np.float32)
        extra = h5.create_group("surplus")
        extra.attrs["weight_names"] = np.array([b"surplus/kernel:0"])
        extra["surplus/kernel:0"] = np.zeros(3, np.float32)
        h5.attrs["layer_names"] = np.append(h5.attrs["layer_names"], b"surplus")
        h5["spatial_norm/spatial_norm/gamma:0"][0] = np.nan
    before = [np.array(v.numpy()) for v in network_variables(network)]
    with pytest.raises(InputError) as error:
        load_weights(network, file)
    text = str(error.value)
    for part in (
        "missing: spatial_block_1[15]",
        "shape (9, 17) instead of (9, 16): temporal_pe[0]",
        "left over: group surplus",
        "not finite: spatial_norm[0]",
    ):
        assert part in text
    for variable, value in zip(network_variables(network), before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_other_network(file) -> None:
    other = build_network(ModelConfig(**{**CONFIG.__dict__, "temporal_blocks": 2}))
    with pytest.raises(InputError, match=r"missing: temporal_block_2\[0\]"):
        load_weights(other, file)


def test_heads_are_in_the_official_order(tmp_path) -> None:
    """A reader of Keras 2 goes by the order of the groups; structure of an official file with ``OUTPUT_BN``."""
    network = build_network(replace(CONFIG, output_bn=True))
    save_weights(network, tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5") as h5:
        names = [name.decode() for name in h5.attrs["layer_names"]]
        assert names[-4:] == ["temporal_norm", "temporal_fc", "strided_temporal_norm", "strided_temporal_fc"]
        stored = [h5[name][weight][()] for name in names for weight in h5[name].attrs["weight_names"]]
    for variable, array in zip(network_variables(network), stored, strict=True):
        np.testing.assert_array_equal(variable.numpy(), array.reshape(variable.shape))


def test_heads_in_the_order_of_version_0_1_are_read(tmp_path) -> None:
    """Files are read by name: those with both norms before both heads, too."""
    network = build_network(replace(CONFIG, output_bn=True))
    save_weights(network, tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5", "r+") as h5:
        names = h5.attrs["layer_names"]
        h5.attrs["layer_names"] = names[[*range(len(names) - 4), -4, -2, -3, -1]]
    other = build_network(replace(CONFIG, output_bn=True))
    load_weights(other, tmp_path / "weights.h5")
    for ours, theirs in zip(network_variables(other), network_variables(network), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
