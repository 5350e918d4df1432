"""The networks that the paper is compared with: sizes, parts by hand, whole videos, training, files of weights that do not fit."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from world.torch_files import write_checkpoint

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17, H36M_17_TO_MODEL, MODEL_17, ROOT, joint_map
from uplift_upsample.model.cost import network_cost
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.model.strided_transformer import Norm
from uplift_upsample.model.weights import load_weights, weight_groups
from uplift_upsample.plan.networks import PoseFormer, StridedTransformer, VideoPose3D

PUBLISHED = {
    VideoPose3D(27, filter_widths=(3,) * 3): 8_555_571,
    VideoPose3D(81, filter_widths=(3,) * 4): 12_753_971,
    VideoPose3D(243): 16_952_371,
    PoseFormer(27): 9_573_455,
    PoseFormer(81): 9_602_885,
    StridedTransformer(27, strides=(3, 3, 3)): 4_014_438,
    StridedTransformer(81, strides=(9, 3, 3)): 4_069_734,
    StridedTransformer(243): 4_235_622,
    StridedTransformer(351, strides=(3, 9, 13)): 4_346_214,
}
SMALL = {
    "videopose3d": VideoPose3D(9, filter_widths=(3, 3), channels=8),
    "poseformer": PoseFormer(9, spatial_dim=4, spatial_blocks=1, temporal_blocks=1, num_heads=2),
    "strided_transformer": StridedTransformer(9, temporal_dim=8, hidden_dim=12, temporal_blocks=1, strides=(3, 3), num_heads=2),
}
# Outputs of these networks whose weights are 0.3 sin(0, 1, 2, ...), each from 0 on, for 2D poses that are cosines; written when the
# networks were those of the official code (``test_golden_baselines``).
OUTPUTS = {
    "videopose3d": (-0.162272, -0.225643),
    "poseformer": (1.517704, 2.072721),
    "strided_transformer": (-0.072981, -0.962718),
}


@pytest.fixture(params=SMALL, scope="module")
def network(request: pytest.FixtureRequest):
    network = build_network(SMALL[request.param])
    for entries in weight_groups(network).values():
        for entry in entries:
            value = 0.3 * np.sin(np.arange(math.prod(entry.shape), dtype=np.float32)).reshape(entry.shape)
            entry.variable.assign(entry.from_file(np.abs(value) if "running_var" in entry.name else value))
    return network


def _poses(count: int, length: int = 9) -> np.ndarray:
    return np.cos(np.arange(count * length * 17 * 2, dtype=np.float32)).reshape(count, length, 17, 2)


@pytest.mark.parametrize("config", PUBLISHED, ids=lambda config: f"{config.network}_{config.num_tokens}")
def test_parameters_of_the_published_sizes(config) -> None:
    assert network_cost(config, 1).parameters == PUBLISHED[config]


@pytest.mark.parametrize("config", [config for config in PUBLISHED if config.num_tokens == 27], ids=lambda config: config.network)
def test_parameters_are_those_of_the_network(config) -> None:
    assert sum(math.prod(variable.shape) for variable in build_network(config).trainable_variables) == PUBLISHED[config]


def test_outputs_of_our_own(network) -> None:
    central = ops.convert_to_numpy(network(_poses(2)).central)
    assert central.shape == (2, 17, 3)
    assert (central[0, 5, 1], central[1, 16, 2]) == pytest.approx(OUTPUTS[network.config.network], abs=1e-5)


def test_lifter_shares_the_spatial_stage_between_windows(network) -> None:
    """As evaluation computes: distinct 2D poses once, and batches that are filled up."""
    poses, places = _poses(1, 14)[0], np.arange(6)[:, None] + np.arange(9)
    lifted = Lifter(network, 4, mirror=False).lift(poses, places, np.ones(places.shape, bool))
    public = poses[:, joint_map(MODEL_17, H36M_17)]  # the order of their published weights
    expected = ops.convert_to_numpy(network(public[places]).central)[:, H36M_17_TO_MODEL]
    expected[:, ROOT] = 0
    np.testing.assert_allclose(lifted, expected, atol=1e-5)


def test_convolutions_of_videopose3d_are_the_dilated_ones_of_its_paper() -> None:
    """Over a whole video, every frame with all its neighbours; the network computes what leads to an output of a window."""
    widths = (3, 5, 3)
    network = build_network(VideoPose3D(45, filter_widths=widths, channels=8))
    video, stage = _poses(2, 50), network.temporal

    def dilated(unit, x, rate: int):
        return ops.relu(unit.norm(ops.conv(x, unit.convolution.kernel, dilation_rate=rate)))

    x = dilated(stage.expand, video.reshape(2, 50, 34), 1)
    for index, (temporal, pointwise) in enumerate(stage.blocks, start=1):
        rate = math.prod(widths[:index])
        margin = widths[index] // 2 * rate
        x = x[:, margin : x.shape[1] - margin] + dilated(pointwise, dilated(temporal, x, rate), 1)
    whole = ops.convert_to_numpy(stage.shrink(x)).reshape(2, 6, 17, 3)
    for start in range(6):
        np.testing.assert_allclose(network(video[:, start : start + 45]).central, whole[:, start], atol=1e-5)


def test_norm_has_the_unbiased_deviation() -> None:
    norm = Norm()
    x = np.array([[1.0, 2, 6]], np.float32)
    normed = (x - 3) / (math.sqrt((4 + 1 + 9) / 2) + 1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(norm(x)), normed, rtol=1e-6)
    assert np.isfinite(ops.convert_to_numpy(norm(np.ones((1, 3), np.float32)))).all()


@pytest.mark.parametrize("name", SMALL)
def test_saved_with_keras_and_back(tmp_path, name: str) -> None:
    network = build_network(SMALL[name])
    network.save(tmp_path / "network.keras")
    other = keras.saving.load_model(tmp_path / "network.keras")
    assert other.config == network.config
    np.testing.assert_array_equal(network(_poses(1)).central, other(_poses(1)).central)


def _state(network) -> dict[str, np.ndarray]:
    return {name: np.zeros(entry.shape, np.float32) for name, [entry] in weight_groups(network).items()}


def test_checkpoints_that_do_not_fit(tmp_path, network) -> None:
    """One error with everything that is missing, left over, of another shape or not finite; the network stays as it was."""
    before = [ops.convert_to_numpy(variable) for variable in network.variables]
    state = _state(network)
    missing, reshaped, infinite = list(state)[1:4]
    del state[missing]
    state[reshaped] = np.zeros((2, 3), np.float32)
    state[infinite] = np.full(state[infinite].shape, np.inf, np.float32)
    state["refine.weight"] = np.zeros(3, np.float32)
    write_checkpoint(tmp_path / "weights.bin", state, around="model_pos", is_zip=False)
    with pytest.raises(InputError) as error:
        load_weights(network, tmp_path / "weights.bin")
    lines = str(error.value).splitlines()
    assert "these weights do not fit the configured network" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["missing:", "shape", "not", "left"]
    assert "refine.weight" in lines[-1]
    assert all(
        np.array_equal(array, ops.convert_to_numpy(variable)) for array, variable in zip(before, network.variables, strict=True)
    )


def test_counters_of_batch_norms_are_passed_over(tmp_path) -> None:
    network = build_network(SMALL["videopose3d"])
    state = _state(network) | {"expand_bn.num_batches_tracked": np.array(9)}
    write_checkpoint(tmp_path / "weights.bin", state)
    load_weights(network, tmp_path / "weights.bin")
    assert not np.any(network(_poses(1)).central)
