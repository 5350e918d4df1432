"""Every small network of the official code: outputs, parameter counts, weight files there and back."""

import json
import re

import h5py
import numpy as np
import pytest
from keras import ops

from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights, save_weights
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.plan.runs import read_run

NAMES = [
    "n9_nullpad_first0",
    "n9_learntoken",
    "n9_refine_nofull",
    "n27_intmask_first1",
    "n27_mask1",
    "n27_nomask",
    "n27_nostrides",
    "n27_spatial0",
    "n27_temporal0_first0",
    "n41_h81like_first2",
    "n71_h351like_first1",
]
TOLERANCE = 1e-5


@pytest.fixture(params=NAMES, scope="module")  # to build a network takes longer than any test of it
def case(request: pytest.FixtureRequest, golden_file):
    name = request.param
    weights = golden_file(f"models/{name}.h5")
    network = build_network(read_run(weights.with_suffix(".json"))[0].model)
    load_weights(network, weights)
    return name, network, weights, np.load(weights.with_suffix(".npz"))


def _inputs(network, arrays) -> tuple[np.ndarray, np.ndarray]:
    poses_2d, visible = arrays["keypoints2d"], arrays["stride_masks"]
    if network.config.has_strided_input:
        poses_2d = poses_2d * visible[..., None, None]
    return poses_2d.astype(np.float32), visible


def test_outputs(case, golden_count) -> None:
    _, network, _, arrays = case
    lifted = network(*_inputs(network, arrays))
    np.testing.assert_allclose(ops.convert_to_numpy(lifted.central), arrays["out_central"], atol=TOLERANCE, rtol=0)
    assert ("out_full" in arrays) == (lifted.sequence is not None)
    if lifted.sequence is not None:
        np.testing.assert_allclose(ops.convert_to_numpy(lifted.sequence), arrays["out_full"], atol=TOLERANCE, rtol=0)
    golden_count("networks, windows", len(arrays["out_central"]))
    golden_count("networks", 1)


def test_compiled_stages_give_the_same(case) -> None:
    """The evaluation's way (spatial stage once per 2D pose, fixed batches that do not divide the number of windows)."""
    _, network, _, arrays = case
    poses_2d, visible = _inputs(network, arrays)
    token_pose = np.arange(visible.size).reshape(visible.shape)
    lifted = Lifter(network, batch_size=5, mirror=False).lift(poses_2d.reshape(-1, 17, 2), token_pose, visible)
    np.testing.assert_allclose(lifted, arrays["out_central"], atol=TOLERANCE, rtol=0)


def test_parameter_count(case, golden_file, golden_count) -> None:
    name, network, _, _ = case
    expected = json.loads(golden_file("models/models.json").read_text())[name]
    assert network.count_params() == expected["params"]
    assert sum(len(arrays) for arrays in read_weight_file(golden_file(f"models/{name}.h5")).values()) == expected["n_weights"]
    golden_count("parameter counts", 1)


def test_weight_file_round_trip(case, tmp_path, golden_count) -> None:
    """Groups, attributes, names up to their counters, order, shapes and values are those of the official file."""
    _, network, weights, _ = case
    save_weights(network, tmp_path / "weights.h5")
    with h5py.File(weights) as official, h5py.File(tmp_path / "weights.h5") as ours:
        assert list(ours.attrs["layer_names"]) == list(official.attrs["layer_names"])
        assert {name: ours.attrs[name] for name in ("backend", "keras_version")} == {
            name: official.attrs[name] for name in ("backend", "keras_version")
        }
        for layer in official:
            names = [[name.decode() for name in file[layer].attrs["weight_names"]] for file in (official, ours)]
            assert _without_counters(names[0]) == _without_counters(names[1])
            for theirs, mine in zip(*names, strict=True):
                np.testing.assert_array_equal(ours[layer][mine][()], official[layer][theirs][()])
                assert ours[layer][mine].dtype == np.float32
                golden_count("weights of files", 1)


def _without_counters(names: list[str]) -> list[str]:
    """Keras' running numbers differ from file to file, the block's own number does not."""
    return [re.sub(r"(layer_normalization|mha|dense|mlp|conv1d)_\d+", r"\1", name) for name in names]


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"num_tokens": 71, "s_out": 5, "s_in": (5, 10, 20), "strides": (3, 10, 3), "paddings": ((0, 0),) * 3}, 10_404_902),
        (
            {"num_tokens": 41, "s_out": 2, "s_in": (4, 10, 20), "strides": (4, 4, 3), "paddings": ((1, 1), (0, 0), (0, 0))},
            10_377_254,
        ),
    ],
    ids=["351", "81"],
)
def test_full_size_parameter_count(settings, count, golden_count) -> None:
    network = build_network(ModelConfig(**settings))
    assert network.count_params() == count
    golden_count("parameter counts", 1)


def test_full_size_file_layout(golden, tmp_path) -> None:
    """The listing of a published file, line by line: groups and the shapes of their weights in order."""
    listing = (golden / "h5_structure.txt").read_text().split("#####")[1]
    settings = {"num_tokens": 71, "s_out": 5, "s_in": (5, 10, 20), "strides": (3, 10, 3), "paddings": ((0, 0),) * 3}
    save_weights(build_network(ModelConfig(**settings)), tmp_path / "weights.h5")
    stored: dict[str, list] = {}
    for name, shape in re.findall(r"DATASET (\S+)\s+float32 (\([^)]*\))", listing):
        stored.setdefault(_without_counters([name])[0], []).append(tuple(map(int, re.findall(r"\d+", shape))))
    ours: dict[str, list] = {}
    with h5py.File(tmp_path / "weights.h5") as file:
        for layer in file:
            for name in file[layer].attrs["weight_names"]:
                key = _without_counters([name.decode()])[0]
                ours.setdefault(key, []).append(file[layer][name].shape)
    assert {key: sorted(shapes) for key, shapes in ours.items()} == {key: sorted(shapes) for key, shapes in stored.items()}
