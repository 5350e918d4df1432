"""Networks as files for other runtimes, with a card beside them."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from lift.conftest import SIZE, walking
from world.warm_python import FRAMEWORK, warm_python

from uplift_upsample.base.errors import InputError, MissingBackendError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.keypoints.layouts import LAYOUTS
from uplift_upsample.data.keypoints.to_model import SKELETONS, model_poses
from uplift_upsample.lift.network_card import keypoint_shares
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.model import exported
from uplift_upsample.model.exported import FORMATS, TOLERANCE_M, Format, check_packages, export_network, outputs_of, sample_inputs
from uplift_upsample.model.lifting import LiftingNetwork
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.network_base import NetworkConfig
from uplift_upsample.plan.networks import ModelConfig, PoseFormer, StridedTransformer, VideoPose3D

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="networks are exported by TensorFlow")
QUICK = VideoPose3D(num_tokens=9, filter_widths=(3, 3), channels=16)  # of all networks the one that is traced soonest
STRIDED = ModelConfig(num_tokens=9, s_out=5, s_in=(5, 10, 20), spatial_dim=8, temporal_dim=16, num_heads=2, spatial_blocks=1,
                      temporal_blocks=1, strides=(3, 3), output_bn=True)  # fmt: skip
OTHERS = [
    PoseFormer(num_tokens=9, spatial_dim=8, spatial_blocks=1, temporal_blocks=1, num_heads=2),
    StridedTransformer(num_tokens=9, temporal_dim=16, hidden_dim=32, temporal_blocks=1, strides=(3, 3), num_heads=2),
    replace(STRIDED, s_out=1, s_in=(), spatial_blocks=0, temporal_blocks=0, output_bn=False),
    replace(STRIDED, upsampling_token="interpolated", token_mask_rate=0.1),
]


def network_of(config: NetworkConfig) -> LiftingNetwork:
    """A network whose outputs are as large as people."""
    keras.utils.set_random_seed(3)
    network = build_network(config)
    for variable in network.trainable_variables:
        variable.assign(variable + np.random.default_rng(1).normal(0, 0.1, variable.shape))
    return network


@pytest.fixture(scope="module")
def network() -> LiftingNetwork:
    return network_of(QUICK)


def a_format(change: Callable[[str, np.ndarray], np.ndarray], network: LiftingNetwork) -> Format:
    """A format whose files are empty, and whose runtime gives what the network gives, changed."""
    run = lambda inputs: {name: change(name, output) for name, output in outputs_of(network, **inputs).items()}  # noqa: E731
    return Format(".bin", ("numpy",), lambda network, path: None, lambda path: run)


def names_of_onnx(path: Path) -> list[str]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [value.name for value in (*session.get_inputs(), *session.get_outputs())]


@pytest.mark.parametrize("name", FORMATS)
def test_a_network_in_each_format(network: LiftingNetwork, tmp_path: Path, name: str) -> None:
    pytest.importorskip("tf2onnx")
    one = export_network(network, tmp_path / "out" / "net.v2", name)
    assert one.off_m <= TOLERANCE_M
    assert one.path == tmp_path / "out" / f"net.v2{FORMATS[name].suffix}"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [one.path.name]
    if name == "onnx":
        assert names_of_onnx(one.path) == ["poses_2d", "central"]


@pytest.mark.long
@pytest.mark.parametrize("config", OTHERS, ids=lambda config: config.network)
@pytest.mark.parametrize("name", ["onnx", "litert"])
def test_other_networks(tmp_path: Path, config: NetworkConfig, name: str) -> None:
    pytest.importorskip("tf2onnx")
    assert export_network(network_of(config), tmp_path / "net", name).off_m <= TOLERANCE_M


@pytest.mark.long
def test_the_export_of_keras_gives_an_onnx_file_that_runs(tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    network_of(STRIDED).export(tmp_path / "net.onnx", format="onnx", verbose=False)
    assert names_of_onnx(tmp_path / "net.onnx")[:2] == ["poses_2d", "visible"]


def test_what_networks_are_compared_on() -> None:
    inputs = list(sample_inputs(STRIDED))
    assert {len(one["poses_2d"]) for one in inputs} == {1, 2, 5}
    visible = np.concatenate([one["visible"] for one in inputs])
    assert visible.all(axis=1).any()
    assert (visible.sum(axis=1) == 1).any()
    assert {tuple(np.diff(np.flatnonzero(row))) for row in visible} >= {(2, 2, 2), (4,)}  # s_in 10 and 20, s_out 5
    assert all("visible" not in one for one in sample_inputs(QUICK))


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        (lambda name, output: output + 1e-4 * (name == "central"), "0.0001 m away"),
        (lambda name, output: np.full_like(output, np.nan), "nan m away"),
        (lambda name, output: output[:1], "inf m away"),  # a batch of one, whatever was asked for
    ],
    ids=["far off", "NaN", "one window"],
)
def test_a_file_that_gives_something_else_does_not_appear(
    network: LiftingNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, figure: str
) -> None:
    monkeypatch.setattr(exported, "FORMATS", {"onnx": a_format(change, network)})
    (tmp_path / "net.bin").write_text("from before")
    with pytest.raises(InputError, match=rf"net\.bin: not written\. The file gives poses {figure}.*numpy {np.__version__}"):
        export_network(network, tmp_path / "net", "onnx")
    assert (tmp_path / "net.bin").read_text() == "from before"
    assert len(list(tmp_path.iterdir())) == 1


def test_rounding_is_no_difference(network: LiftingNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported, "FORMATS", {"onnx": a_format(lambda name, output: output + 2e-5, network)})
    assert export_network(network, tmp_path / "net", "onnx").off_m == pytest.approx(2e-5, rel=0.1)


def test_a_network_that_a_format_cannot_hold(network: LiftingNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(path: Path) -> Any:
        raise RuntimeError("No Op registered for Wishful")

    monkeypatch.setattr(exported, "FORMATS", {"onnx": replace(a_format(lambda name, output: output, network), opened=opened)})
    with pytest.raises(InputError, match=r"not written\. The format onnx cannot hold this network: No Op registered for Wishful"):
        export_network(network, tmp_path / "net", "onnx")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_somebody_else_stays(network: LiftingNetwork, tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/thesis.tex").touch()
    with pytest.raises(InputError, match="net: it exists and is not a SavedModel"):
        export_network(network, tmp_path / "net", "saved_model")
    assert (tmp_path / "net/thesis.tex").exists()


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported.importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else object())
    check_packages(["litert", "saved_model"])
    with pytest.raises(MissingBackendError, match=r"the format onnx needs tf2onnx, which is not installed: .*\[export\]"):
        check_packages(["onnx"])


@pytest.mark.parametrize("skeleton", SKELETONS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_shares_of_keypoints_are_the_map_that_lifting_uses(layout: Any, skeleton: Any) -> None:
    points = np.random.default_rng(2).uniform(0, 1000, (5, layout.num_joints, 2))
    shares = keypoint_shares(layout, skeleton)
    made = np.zeros((5, 17, 2))
    for index, joint in enumerate(MODEL_17):
        for number, axis in enumerate("xy"):
            assert sum(shares[joint][axis].values()) == pytest.approx(1, abs=1e-5)
            for name, share in shares[joint][axis].items():
                made[:, index, number] += share * points[:, layout.joints.index(name), number]
    np.testing.assert_allclose(made, model_poses(points, layout, skeleton), atol=0.01)


@pytest.fixture(scope="module")
def out(project: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of the tiny weights, all formats."""
    pytest.importorskip("tf2onnx")
    folder = tmp_path_factory.mktemp("export") / "out"
    command = [warm_python(*FRAMEWORK), project / "scripts/export.py", "--output", folder, "--weights", weights]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"tiny\.onnx: at most \S+ m from the network \(onnxruntime ", done.stdout), done.stdout
    return folder


@pytest.mark.long
def test_the_command(out: Path, weights: Path) -> None:
    assert {path.name for path in out.iterdir()} == {"tiny", "tiny.onnx", "tiny.tflite", "tiny.json"}
    card = json.loads((out / "tiny.json").read_text("utf-8"))
    assert [one["file"] for one in card["files"]] == ["tiny.onnx", "tiny.tflite", "tiny"]
    assert all(one["largest_difference_m"] <= one["tolerance_m"] for one in card["files"])
    assert card["files"][0]["sha256"] == sha256_of_file(out / "tiny.onnx")
    assert names_of_onnx(out / "tiny.onnx") == [*card["inputs"], *card["outputs"]]
    assert card["inputs"]["visible"]["shape"] == ["batch", 9]
    assert card["window"] | {"outside_of_the_video": ""} == {
        "num_tokens": 9, "central_token": 4, "frames_between_tokens": 5, "frames_between_2d_poses": [5, 10, 20], "frame_rate": 50.0,
        "outside_of_the_video": "",
    }  # fmt: skip
    assert card["weights"]["sha256"] == sha256_of_file(weights)


@pytest.mark.long
def test_the_example_of_the_documentation_gives_what_lifting_gives(project: Path, weights: Path, out: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (project / "docs/export.md").read_text("utf-8"), re.DOTALL)
    keypoints = walking(np.arange(101) / 50)
    names: dict[str, Any] = {"keypoints": keypoints, "width": SIZE[0], "height": SIZE[1]}
    here = Path.cwd()
    os.chdir(out.parent)
    try:
        exec(example.replace("out/open", "out/tiny"), names)
    finally:
        os.chdir(here)
    lifter = Uplifter.load(weights, mirror=False)
    expected = lifter(keypoints, frame_rate=50, layout="coco", s_in=20, size=SIZE).positions[::5]
    np.testing.assert_allclose(names["positions"], expected, rtol=0, atol=1e-4)
