"""VideoPose3D, PoseFormer and StridedTransformer against their official classes, from checkpoints in the published formats."""

import json
import math
from typing import Any

import numpy as np
import pytest
from keras import ops

from uplift_upsample.base.skeleton import H36M_17_TO_MODEL, ROOT, mirrored
from uplift_upsample.model.cost import network_cost
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights, save_weights, weight_groups
from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.plan.networks import PoseFormer, StridedTransformer, VideoPose3D
from uplift_upsample.train.inputs import packed
from uplift_upsample.train.trainer import Trainer

CASES: dict[str, Any] = {
    "videopose3d_27": VideoPose3D(27, filter_widths=(3, 3, 3), channels=32),
    "poseformer_27": PoseFormer(27, spatial_dim=8, spatial_blocks=2, temporal_blocks=2, num_heads=4),
    "strided_transformer_27": StridedTransformer(27, temporal_dim=32, hidden_dim=64, strides=(3, 3, 3)),
}
TOLERANCE = 1e-5


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest, golden_file):
    weights = golden_file(f"baselines/{request.param}.bin")
    network = build_network(CASES[request.param])
    load_weights(network, weights)
    return request.param, network, np.load(weights.with_suffix(".npz"))


def test_outputs(case, golden_count) -> None:
    _, network, arrays = case
    lifted = network(arrays["poses_2d"])
    np.testing.assert_allclose(ops.convert_to_numpy(lifted.central), arrays["output_0"][:, 0], atol=TOLERANCE, rtol=0)
    assert ("output_1" in arrays) == (lifted.sequence is not None)
    if lifted.sequence is not None:
        np.testing.assert_allclose(ops.convert_to_numpy(lifted.sequence), arrays["output_1"], atol=TOLERANCE, rtol=0)
    golden_count("networks around the paper, windows", len(arrays["output_0"]))


def test_weights_go_into_a_file_of_ours_and_back(case, tmp_path) -> None:
    _, network, arrays = case
    save_weights(network, tmp_path / "weights.h5")
    other = build_network(network.config)
    load_weights(other, tmp_path / "weights.h5")
    for theirs, own in zip(network(arrays["poses_2d"]), other(arrays["poses_2d"]), strict=True):
        assert (theirs is None) == (own is None)
        assert theirs is None or np.array_equal(theirs, own)


def test_state_and_parameters(case, golden) -> None:
    """Every entry of the official state with its shape, and as many numbers."""
    name, network, _ = case
    official = json.loads((golden / "baselines/baselines.json").read_text())
    found = official["cases"][name]
    state = {key.removeprefix("module."): tuple(shape) for key, shape in found["state"].items()}
    assert {key: shape for key, shape in state.items() if not key.endswith("num_batches_tracked")} == {
        entry.name: entry.shape for entries in weight_groups(network).values() for entry in entries
    }
    assert sum(math.prod(variable.shape) for variable in network.trainable_variables) == found["parameters"]
    assert network_cost(network.config, 1).parameters == found["parameters"]


def test_poses_of_the_project_go_in_and_come_out_in_its_own_order(case) -> None:
    """Published weights have Human3.6M's public order; everything else here has that of the paper's weights."""
    _, network, arrays = case
    public = arrays["poses_2d"]  # (B, N, 17, 2)
    num_windows, num_tokens = public.shape[:2]
    frames = public[..., H36M_17_TO_MODEL, :].reshape(-1, 17, 2)
    places = np.arange(len(frames)).reshape(num_windows, num_tokens)
    lifted = Lifter(network, 4, mirror=False).lift(frames, places, np.ones_like(places, bool))
    expected = arrays["output_0"][:, 0][:, H36M_17_TO_MODEL]
    expected[:, ROOT] = 0  # as StridedTransformer's own evaluation does
    np.testing.assert_allclose(lifted, expected, atol=TOLERANCE, rtol=0)
    twin = mirrored(Lifter(network, 4, mirror=False).lift(mirrored(frames), places, np.ones_like(places, bool)))
    both = Lifter(network, 4, mirror=True).lift(frames, places, np.ones_like(places, bool))
    np.testing.assert_allclose(both, (lifted + twin) / 2, atol=TOLERANCE, rtol=0)


def test_training_sees_the_same_order(case) -> None:
    _, network, arrays = case
    public = arrays["poses_2d"][:2].astype(np.float32)
    targets = np.random.default_rng(0).normal(size=(*public.shape[:3], 3)).astype(np.float32)
    trainer = Trainer(network, TrainConfig(batch_size=2, loss_weight_sequence=0.0))
    inputs = packed(public[..., H36M_17_TO_MODEL, :], np.ones(public.shape[:2], bool), targets[..., H36M_17_TO_MODEL, :], 1)
    lifted, seen = trainer(inputs, training=False)
    expected = arrays["output_0"][:2, 0][:, H36M_17_TO_MODEL]
    np.testing.assert_allclose(ops.convert_to_numpy(lifted.central), expected, atol=TOLERANCE, rtol=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(seen), targets[..., H36M_17_TO_MODEL, :])
