"""Keypoints to 3D poses: as the evaluation predicts, at any frame rate, with what is missing masked; and what is refused."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from lift.conftest import SIZE, evaluated, walking
from report.conftest import scores_document
from world import keypoint_files
from world.warm_python import FRAMEWORK, warm_python

import uplift_upsample
from uplift_upsample.base.cameras import normalise_points
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_17, MODEL_17, ROOT, joint_map, root_relative
from uplift_upsample.data.keypoints.arrays import found_in_array
from uplift_upsample.data.keypoints.layouts import LAYOUTS
from uplift_upsample.data.keypoints.times import key_frames
from uplift_upsample.data.keypoints.to_model import model_poses
from uplift_upsample.lift.known_weights import PACKAGED, Card, KnownWeights, weights_named
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.lift.windows import ClipWindows
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights
from uplift_upsample.plan.networks import VideoPose3D

SECONDS_50 = np.arange(61) / 50  # ends with a key frame of every s_in, so that the official padding has a 2D pose, too


@pytest.fixture(scope="module")
def expected(weights: Path) -> dict[int, np.ndarray]:
    return {s_in: evaluated(weights, SECONDS_50, s_in) for s_in in (5, 10, 20)}


@pytest.mark.parametrize("s_in", [5, 10, 20])
def test_at_50_hz_it_is_the_prediction_of_the_evaluation(s_in: int, lifter: Uplifter, expected: dict[int, np.ndarray]) -> None:
    poses = lifter(walking(SECONDS_50), frame_rate=50, s_in=s_in, size=SIZE)
    assert poses.positions.dtype == np.float32
    assert np.abs(poses.positions).max() > 0.1
    assert np.abs(poses.positions - expected[s_in]).max() < 1e-5
    assert np.flatnonzero(poses.is_key).tolist() == [*range(0, 61, s_in)]
    assert poses.joints == MODEL_17
    assert np.abs(poses.positions[:, ROOT]).max() == 0
    assert (poses.frame_rate, len(poses)) == (pytest.approx(50), 61)
    assert np.isnan(poses.poses_2d[~poses.is_key]).all()


@pytest.mark.parametrize("frame_rate", [5, 10, 25, 30, 60, 100, 240])
def test_the_same_motion_at_any_frame_rate(frame_rate: int, lifter: Uplifter, expected: dict[int, np.ndarray]) -> None:
    """These rates have a frame on every 0.4 s."""
    seconds = np.arange(int(1.2 * frame_rate + 1e-9) + 1) / frame_rate
    poses = lifter(walking(seconds), frame_rate=frame_rate, s_in=20, size=SIZE)
    assert len(poses) == len(seconds)
    at = np.rint(seconds * 50).astype(int)
    common = np.abs(at / 50 - seconds) < 1e-6  # frames of both rates
    assert common.sum() >= 7
    assert np.abs(poses.positions[common] - expected[20][at[common]]).max() < 1e-5


def test_variable_frame_rates_and_lost_frames_by_time(lifter: Uplifter) -> None:
    whole = lifter(walking(SECONDS_50), frame_rate=50, s_in=20, size=SIZE)
    kept = np.array([frame for frame in range(61) if frame % 20 == 0 or frame % 7 == 3])
    poses = lifter(walking(SECONDS_50[kept]), times=3 + SECONDS_50[kept], s_in=20, size=SIZE)
    assert np.abs(poses.positions - whole.positions[kept]).max() < 1e-5
    assert poses.times == pytest.approx(SECONDS_50[kept])


def by_hand(poses: dict[int, np.ndarray], num_tokens: int, s_in: int, weights: Path) -> np.ndarray:
    """Central poses ``(G, 17, 3)`` of the whole network, of windows filled token by token. poses: normalised."""
    network = build_network(weights_named(weights).card.model)
    load_weights(network, weights)
    first, last = min(poses), max(poses)
    windows, visible = np.zeros((num_tokens, 9, 17, 2), np.float32), np.zeros((num_tokens, 9), bool)
    for centre in range(num_tokens):
        for index in range(9):
            token = centre + index - 4
            pose = poses.get(token)
            if not 0 <= token < num_tokens and token % (s_in // 5) == 0:
                pose = poses[first if token < 0 else last]
            if pose is not None:
                windows[centre, index], visible[centre, index] = pose, True
    return np.where(visible.any(axis=1)[:, None, None], network(windows, visible).central, np.nan)


def test_key_frames_without_a_whole_pose_are_masked(load_tiny: Any, weights: Path) -> None:
    lifter = Uplifter.load(weights, batch_size=16, mirror=False)
    points = np.concatenate([walking(np.arange(50) / 30), np.ones((50, 17, 1))], axis=2)  # 17 tokens; key frames every 12
    points[12, :, :] = np.nan  # nobody
    points[24, 9, 2] = 0.29  # a wrist that the detector is not sure of
    points[25:35, :, 2] = 0  # no key frames, so nothing is missing here
    points[48, 16] = 0  # an ankle that was not found
    poses = lifter(points, frame_rate=30, s_in=20, size=SIZE)
    assert np.flatnonzero(poses.is_key).tolist() == [0, 36]
    assert poses.metadata["num_masked_key_frames"] == 3
    screen = normalise_points(model_poses(points[..., :2], LAYOUTS["coco_17"], "h36m"), *SIZE)
    expected = root_relative(by_hand({0: screen[0], 12: screen[36]}, 17, 20, weights))
    assert np.isnan(expected).any(axis=(1, 2)).tolist() == [5 <= token <= 7 for token in range(17)]  # windows that see neither
    assert np.allclose(poses.positions[::3], expected, atol=1e-5, equal_nan=True)
    assert np.abs(poses.positions[1] - (2 * expected[0] + expected[1]) / 3).max() < 1e-5
    taken = lifter(points, frame_rate=30, s_in=20, size=SIZE, min_confidence=0.2)
    assert np.flatnonzero(taken.is_key).tolist() == [0, 24, 36]


def test_where_nothing_is_within_reach_it_is_nan(lifter: Uplifter, caplog: pytest.LogCaptureFixture) -> None:
    points = walking(np.arange(101) / 50)
    points[15:95] = np.nan  # 9 tokens reach 0.4 s
    poses = lifter(points, frame_rate=50, s_in=5, size=SIZE)
    lost = np.isnan(poses.positions).any(axis=(1, 2))
    assert np.flatnonzero(lost).tolist() == [*range(31, 75)]  # four tokens behind that of frame 10, four before that of frame 95
    assert "8 of 21 poses are NaN" in caplog.text


def test_no_poses_are_made_up_at_the_ends_of_a_clip(lifter: Uplifter) -> None:
    points = walking(np.arange(900) / 30)
    points[:700] = points[800:] = np.nan  # key frames every 6; tokens 234 to 266, each three frames long
    positions = lifter(points, frame_rate=30, s_in=10, size=SIZE).positions
    assert np.flatnonzero(np.isfinite(positions).all(axis=(1, 2))).tolist() == [*range(3 * (234 - 4), 3 * (266 + 4) + 1)]
    for num_frames in (3, 90):
        assert np.isfinite(lifter(walking(np.arange(num_frames) / 30), frame_rate=30, s_in=20, size=SIZE).positions).all()


def test_zeros_as_padding(load_tiny: Any) -> None:
    points = walking(SECONDS_50)
    copied, zeros = (
        load_tiny(padding=padding)(points, frame_rate=50, s_in=20, size=SIZE).positions for padding in ("copy", "zeros")
    )
    assert np.abs(copied[30] - zeros[30]).max() < 1e-6 < np.abs(copied[0] - zeros[0]).max()


def test_networks_without_masked_tokens(load_tiny: Any) -> None:
    lifter = load_tiny(s_in=())
    points = walking(SECONDS_50)
    assert lifter(points, frame_rate=50, size=SIZE).metadata["s_in"] == 5
    points[10] = np.nan
    with pytest.raises(InputError, match=r"1 of 13 key frames lack a joint, and this network has no token for a missing pose"):
        lifter(points, frame_rate=50, size=SIZE)


@pytest.fixture(scope="module")
def dense() -> Uplifter:
    """VideoPose3D, which has a 2D pose at each of 50 moments a second."""
    model = VideoPose3D(num_tokens=27, s_out=1, filter_widths=(3, 3, 3), channels=16)
    keras.utils.set_random_seed(7)
    uplifter = Uplifter(KnownWeights("dense", Path(), Card(model=model, skeleton="h36m", sha256="")), batch_size=16)
    uplifter.lifter = Lifter(build_network(model), 16, mirror=True)
    return uplifter


@pytest.mark.parametrize("frame_rate", [25, 30, 5])
def test_fewer_frames_than_tokens_of_a_network_without_masked_tokens(frame_rate: int, dense: Uplifter) -> None:
    """The clip is lifted as one at 50 Hz whose poses lie on the lines between those of the frames."""
    seconds = np.arange(int(1.2 * frame_rate) + 1) / frame_rate
    points = model_poses(walking(seconds), LAYOUTS["coco_17"], "h36m")[:, joint_map(MODEL_17, H36M_17)]
    moments = np.arange(int(seconds[-1] * 50 + 1e-6) + 1) / 50
    between = np.stack([np.interp(moments, seconds, column) for column in points.reshape(len(seconds), -1).T], axis=1)
    settings = {"layout": "h36m", "size": SIZE}
    whole = dense(between.reshape(-1, 17, 2), frame_rate=50, **settings)
    poses = dense(points, frame_rate=frame_rate, **settings)
    is_common = np.abs(seconds * 50 - np.rint(seconds * 50)) < 1e-6
    assert is_common.sum() >= 7
    common = np.rint(seconds[is_common] * 50).astype(int)
    assert np.abs(poses.positions[is_common] - whole.positions[common]).max() < 1e-5
    assert np.abs(whole.positions).max() > 0.01
    assert poses.metadata["num_interpolated_tokens"] == len(moments) - len(seconds)
    assert "num_interpolated_tokens" not in whole.metadata
    task = dense.prepared(found_in_array(points), frame_rate=frame_rate, **settings)
    assert f"{len(moments) - len(seconds)} of {len(moments)} tokens are interpolated" in dense.described(task)[-1]


def test_lost_frames_of_a_network_without_masked_tokens(dense: Uplifter) -> None:
    """Nothing is made up where no frame is within half a window, 0.26 s."""
    seconds = np.append(np.arange(25), np.arange(75, 100)) / 25  # to 0.96 s, and from 3 s on
    points = model_poses(walking(seconds), LAYOUTS["coco_17"], "h36m")
    windows = ClipWindows(dense.model, key_frames(seconds, 1, 1), points, SIZE, "copy")
    _, _, visible = windows.seen(np.arange(199))
    assert np.flatnonzero(~visible.any(axis=1)).tolist() == [*range(48 + 14, 150 - 13)]
    assert np.isfinite(dense(walking(seconds), times=seconds, size=SIZE).positions).all()  # all frames lie near a frame


def test_rolled_camera(lifter: Uplifter) -> None:
    """Turning picture and camera together turns the result, whatever the network makes of it."""
    points = walking(SECONDS_50)
    level = lifter(points, frame_rate=50, size=SIZE)
    angle = np.radians(-20)  # the camera is turned clockwise by 20 degrees, the picture the other way
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array(SIZE) / 2
    tilted = lifter((points - middle) @ turn.T + middle, frame_rate=50, size=SIZE, roll=20)
    expected = level.positions.copy()
    expected[..., :2] = expected[..., :2] @ turn.T
    assert np.abs(tilted.positions - expected).max() < 1e-4
    assert tilted.metadata["roll"] == 20


def test_root_by_reprojection(lifter: Uplifter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person that the network lifts exactly, seen from 4 m: the place comes back."""
    flat = model_poses(walking(np.zeros(1)), LAYOUTS["coco_17"], "h36m")[0] / 200
    depth = np.random.default_rng(2).normal(0, 0.1, (17, 1))
    person = root_relative(np.concatenate([flat, depth], axis=1))
    place = np.stack([SECONDS_50 * 0.5, np.full(61, 0.2), np.full(61, 4.0)], axis=1)
    there = person + place[:, None]
    pixels = there[..., :2] / there[..., 2:] * 1400 + np.array(SIZE) / 2
    points = pixels[:, joint_map(MODEL_17, H36M_17)]
    monkeypatch.setattr(lifter.lifter, "lift", lambda poses, index, seen: np.repeat(person[None], len(index), 0).astype(np.float32))
    poses = lifter(points, frame_rate=50, size=SIZE, layout="h36m", root=True, focal=1400)
    assert np.abs(poses.positions[:, ROOT] - place)[25:-25].max() < 1e-5
    assert np.abs(poses.positions[:, ROOT] - place).max() < 0.1  # at the ends, the mean over half a second is one-sided
    assert poses.metadata["root"] == "approximate, by reprojection"
    far = lifter(points, frame_rate=50, size=SIZE, layout="h36m", root=True, focal=1400 * 1.2)
    assert far.positions[:, ROOT, 2].mean() == pytest.approx(4.0 * 1.2, rel=0.02)  # 20 % of the focal length are 20 % of the depth


def test_files_and_arrays_are_the_same(lifter: Uplifter, tmp_path: Path) -> None:
    points = np.concatenate([walking(SECONDS_50), np.full((61, 17, 1), 0.9)], axis=2)
    other = points.copy()
    other[..., :2] = other[..., :2] / 3 + 20
    expected = lifter(points, frame_rate=50, s_in=10, size=SIZE)
    path = keypoint_files.mmpose(tmp_path / "a.json", np.stack([other, points], axis=1))
    poses = lifter(path, frame_rate=50, s_in=10, size=SIZE, layout="coco")
    assert np.abs(poses.positions - expected.positions).max() < 1e-5
    second = lifter(path, frame_rate=50, s_in=10, size=SIZE, person=1)
    assert np.abs(second.positions - expected.positions).max() > 1e-3
    np.savez(tmp_path / "a.npz", keypoints=points, layout="coco", frame_rate=50.0, size=SIZE)
    assert np.array_equal(lifter(tmp_path / "a.npz", s_in=10).positions, expected.positions)
    assert expected.metadata["layout"] == "coco_17"


def test_all_that_is_to_be_known(lifter: Uplifter) -> None:
    metadata = lifter(walking(SECONDS_50), frame_rate=50, s_in=10, size=SIZE).metadata
    assert {key: metadata[key] for key in ("units", "axes", "root", "s_in", "key_frames", "trained_on", "weights", "person")} == {
        "units": "m",
        "axes": "camera: x right, y down, z forward",
        "root": "pelvis at the origin",
        "s_in": 10,
        "person": 0,
        "key_frames": "one frame in 10, 7 of 61",
        "trained_on": "train of h36m",
        "weights": "tiny",
    }
    assert metadata["versions"]["uplift_upsample"] == uplift_upsample.__version__
    json.dumps(metadata, allow_nan=False)


@pytest.mark.parametrize("frame_rate", [np.float32(30), np.int64(30), np.array(30.0), Fraction(30_000, 1_000), 30])
def test_numbers_that_a_program_computed(frame_rate: Any, lifter: Uplifter) -> None:
    for num_frames in (1, 20):
        poses = lifter(walking(np.arange(num_frames) / 30), frame_rate=frame_rate, size=np.array(SIZE), s_in=np.int64(10),
                       min_confidence=np.float32(0.25), roll=np.float64(1))  # fmt: skip
        assert (len(poses), poses.frame_rate, poses.metadata["frame_rate"]) == (num_frames, 30, "30 Hz")
        json.dumps(poses.metadata, allow_nan=False)


def test_the_largest_stride_that_costs_little(weights: Path) -> None:
    known = weights_named(weights)
    for errors, expected in [({"5": 80.0, "10": 81.0, "20": 82.1}, 10), ({"5": 80.0, "10": 83.0, "20": 81.9}, 20), ({"5": 1.0}, 5)]:
        measured = replace(known, card=replace(known.card, mpjpe_mm=errors))
        assert Uplifter(measured).stride("auto") == expected
    with pytest.raises(InputError, match="the error of these weights at each s_in is not known; give a number"):
        Uplifter(known).stride("auto")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame_rate": None}, "the frame rate of the clip is not known"),
        ({"size": None}, "the size of the picture is not known"),
        ({"size": (0, 3)}, "size is"),
        ({"size": (300, 200)}, "% of the keypoints lie outside of a picture of 300 by 200"),
        ({"size": ("1000", "800")}, "size is"),
        ({"size": (None, None)}, "size is"),
        ({"size": (True, True)}, "size is"),
        ({"keypoints": walking(SECONDS_50) * [0.5, 1] + [100, 150], "size": (1000, 500)}, "few outside of one that is turned"),
        ({"keypoints": SIZE - walking(SECONDS_50)}, "the person is upside down in 100 % of the frames"),
        ({"confidence": np.random.default_rng(1).normal(0, 1, (61, 17))}, "confidence of the keypoints goes from -"),
        ({"confidence": np.full((61, 17), 85.0)}, "confidence of the keypoints goes from 85 to 85; it must be a share"),
        ({"s_in": 7}, "s_in 7 is not a multiple of s_out 5"),
        ({"s_in": 2.5}, "s_in is 2.5; it must be a whole number"),
        ({"layout": "h36m"}, "the keypoints do not form a person in the layout h36m_17, but do in coco_17"),
        ({"layout": "body_25"}, "17 joints, where the layout body_25 has 25"),
        ({"layout": "cocoo"}, "no layout 'cocoo', did you mean 'coco'"),
        ({"keypoints": walking(SECONDS_50)[:, :16]}, "16 joints, which no known layout has; known are coco_17 \\(17\\)"),
        ({"keypoints": walking(SECONDS_50) / SIZE}, "the keypoints are shares of the picture"),
        ({"keypoints": [[1, 2], [3]]}, "not an array"),
        ({"min_confidence": 1.5}, "min_confidence is 1.5"),
        ({"roll": float("nan")}, "roll is nan"),
        ({"focal": -3}, "focal is -3"),
        ({"person": 2}, "no person 2 in this clip; there are 0"),
        ({"confidence": np.zeros((61, 17))}, "nobody in this clip has a joint"),
        ({"confidence": np.where(np.arange(17) == 15, 0.1, 0.8) * np.ones((61, 1))},
         "no key frame of 13 has all joints. Missing where the person is: l_ankle in 100 %. A lower min_confidence"),
    ],
)  # fmt: skip
def test_what_is_refused(changes: dict[str, Any], message: str, lifter: Uplifter) -> None:
    arguments = {"keypoints": walking(SECONDS_50), "frame_rate": 50, "size": SIZE} | changes
    with pytest.raises(InputError, match=message):
        lifter(arguments.pop("keypoints"), **arguments)


def test_a_detector_that_looked_at_every_20th_frame(lifter: Uplifter, tmp_path: Path) -> None:
    """All of its poses are seen, of a file that says so and of a format that has no other frames."""
    points = walking(np.arange(0, 600, 20) / 30)
    np.savez(tmp_path / "a.npz", keypoints=points, frames=np.arange(0, 600, 20), frame_rate=30, size=SIZE, layout="coco_17")
    keypoint_files.alphapose(tmp_path / "b.json", np.concatenate([points, np.ones((30, 17, 1))], axis=-1)[:, None])
    text = json.loads((tmp_path / "b.json").read_text())
    (tmp_path / "b.json").write_text(json.dumps([{**person, "image_id": f"{20 * row}.jpg"} for row, person in enumerate(text)]))
    with pytest.raises(InputError, match="has its own confidence; give confidence beside an array only"):
        lifter(tmp_path / "b.json", frame_rate=30, size=SIZE, s_in=20, confidence=np.ones((30, 17)))
    for given in (lifter(tmp_path / "a.npz", s_in=20), lifter(tmp_path / "b.json", frame_rate=30, size=SIZE, s_in=20)):
        assert np.flatnonzero(given.is_key).tolist() == [*range(0, 600, 20)]
        assert given.metadata["num_masked_key_frames"] == 0
        assert len(given) == 581
        assert np.isfinite(given.positions).all()


def test_feet_below_the_picture_of_a_video_are_no_other_size(lifter: Uplifter) -> None:
    points = walking(SECONDS_50) + np.array([-300, 330])  # to the left, and the feet are below 800
    people = np.concatenate([points, np.full((*points.shape[:2], 1), 0.9)], axis=-1)
    hidden = (points[..., 1] > SIZE[1]) | (points[..., 0] < 0)
    assert 0.05 < hidden.mean() < 0.5
    people[hidden, 2] = 0.1
    found = replace(found_in_array(people), size=SIZE, detector="BlazePose", layout="coco_17")
    assert len(lifter.prepared(found, frame_rate=50, min_confidence=0.0).clip.poses) == 61
    people[hidden, 2] = 0.05  # of somebody else's detector, sure of what is in the picture
    assert len(lifter.prepared(found_in_array(people), frame_rate=50, size=SIZE, min_confidence=0.0).clip.poses) == 61
    people[..., 2] = 0.9
    with pytest.raises(InputError, match="few outside of one that is turned; width comes first"):
        lifter.prepared(found_in_array(walking(SECONDS_50) * [0.7, 1.2]), frame_rate=50, size=(SIZE[1], SIZE[1] * 0.8))


def test_somebody_who_is_in_no_key_frame(lifter: Uplifter) -> None:
    points = walking(SECONDS_50)
    points[::20] = np.nan
    with pytest.raises(InputError, match="no joint that is sure enough in any of 4 key frames; take another s_in"):
        lifter(points, frame_rate=50, s_in=20, size=SIZE)


def test_weights_by_name_and_path(write_weights: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_weights(Path("results/open/small"), dataset="cmu")
    for name in ("small", path, str(path.absolute())):
        assert weights_named(name).card.skeleton == "cmu"
    assert weights_named("small", skeleton="h36m").card.skeleton == "h36m"
    write_weights(Path("results/lab/mine"), dataset="lab")
    with pytest.raises(
        InputError, match=r"trained on 'lab', whose skeleton is not known; state whose joints they put out: h36m or cmu"
    ):
        weights_named("mine")
    write_weights(Path("results/lab/small"), dataset="cmu")
    with pytest.raises(InputError, match="weights 'small' are in several studies"):
        weights_named("small")
    alone = Path("alone.h5")
    alone.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"alone\.h5: no run\.yaml in the folder above"):
        weights_named("alone.h5")
    assert weights_named("alone.h5", config="results/open/small/run.yaml").card.sha256
    for name, message in [("nothing", "no weights 'nothing'"), ("nowhere/w.h5", "nowhere/w.h5: no such weight file")]:
        with pytest.raises(InputError, match=message):
            weights_named(name)


def test_weights_that_come_with_the_project(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight file and a card beside it are all that it takes."""
    known = weights_named(weights)
    card = {"model": {"num_tokens": 9, "s_out": 5, "s_in": [5, 10, 20]}, "skeleton": "cmu", "sha256": known.card.sha256,
            "trained_on": "people", "tested_on": "others", "mpjpe_mm": {"5": 80.0, "20": 85.25}, "licence": "free"}  # fmt: skip
    (tmp_path / "open.json").write_text(json.dumps(card))
    (tmp_path / "open.h5").write_bytes(weights.read_bytes())
    monkeypatch.setattr("uplift_upsample.lift.known_weights.PACKAGED", tmp_path)
    found = weights_named("open")
    assert (found.path, found.card.skeleton) == (tmp_path / "open.h5", "cmu")
    assert found.card.described == "trained on people; MPJPE on others: 80.0, 85.2 mm at s_in 5, 20"
    (tmp_path / "open.h5").write_bytes(b"another file")
    with pytest.raises(InputError, match=r"open\.h5: missing or changed; install the project again"):
        weights_named("open")


def test_weights_are_packed_with_what_is_known_of_them(weights: Path, tmp_path: Path, project: Path, monkeypatch: Any) -> None:
    run = tmp_path / "tiny"
    shutil.copytree(weights.parents[1], run)
    words = [warm_python(*FRAMEWORK), project / "scripts/pack_weights.py", "--weights", run / "seed_0/weights.h5", "--name", "mine"]
    words += ["--trained_on", "nine people", "--licence", "free", "--output", tmp_path / "packed"]
    failed = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stderr.count("no scores in s_in_*/ beside it; evaluate them first")) == (2, 1)
    assert not (tmp_path / "packed").exists()
    scores = scores_document(81.234, 20, experiment="tiny", dataset="h36m", input_2d="simulated", subjects=["S9"])
    (run / "seed_0/s_in_20").mkdir()
    (run / "seed_0/s_in_20/scores.json").write_text(json.dumps(scores))
    failed = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stderr.count("training.json: no record of a training")) == (2, 1)
    (run / "seed_0/training.json").write_text(json.dumps({"epochs": 2, "device": "cpu", "run": {"train": "somewhere"}}))
    subprocess.run([*map(str, words)], check=True)
    monkeypatch.setattr("uplift_upsample.lift.known_weights.PACKAGED", tmp_path / "packed")
    card = weights_named("mine").card
    assert card.described == "trained on nine people; MPJPE on S9 of h36m (simulated): 81.2 mm at s_in 20"
    assert (card.licence, card.provenance) == ("free", {"epochs": 2, "device": "cpu"})
    assert Uplifter.load("mine").model == weights_named(weights).card.model


@pytest.mark.parametrize("changes", [{"weights_sha256": "0" * 64}, {"readout": "sequence"}, {"look_ahead": 10}])
def test_errors_of_other_weights_and_read_outs_are_not_theirs(changes: dict[str, Any], weights: Path, tmp_path: Path) -> None:
    """Of a former training, whose evaluation was not made again, or of another evaluation than that of the read-out central."""
    shutil.copytree(weights.parents[1], tmp_path / "tiny")
    path = tmp_path / "tiny/seed_0/weights.h5"
    about = {"experiment": "tiny", "dataset": "h36m", "subjects": ["S9"], "weights_sha256": weights_named(path).card.sha256}
    for s_in, values in ((5, {}), (20, changes)):
        path.with_name(f"s_in_{s_in}").mkdir()
        (path.parent / f"s_in_{s_in}/scores.json").write_text(json.dumps(scores_document(81.234, s_in, **{**about, **values})))
    assert weights_named(path).card.mpjpe_mm == {"5": 81.234}


def test_cards_in_the_project_are_right() -> None:
    for path in PACKAGED.glob("*.json"):
        assert weights_named(path.stem).card.sha256


@pytest.mark.parametrize("page", ["docs/own_video.md", "README.md"])
def test_the_example_of_a_page(page: str, project: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, but for the weights."""
    blocks = re.findall(r"```python\n(.*?)```", (project / page).read_text("utf-8"), re.DOTALL)
    [example] = [block for block in blocks if "poses.save" in block]
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"keypoints": walking(np.arange(60) / 30)}
    exec(re.sub(r"Uplifter\.load\([^)]*\)", f"Uplifter.load({str(weights)!r})", example), names)
    assert names["poses"].positions.shape == (60, 17, 3)
    assert list(tmp_path.glob("walk.*"))


def test_it_is_there_at_the_top_and_loads_no_framework() -> None:
    assert uplift_upsample.Uplifter is Uplifter
    code = "import sys, uplift_upsample; uplift_upsample.Uplifter; print({'tensorflow', 'keras'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stdout == "set()\n"
    with pytest.raises(AttributeError, match="no attribute 'Lifter'"):
        uplift_upsample.Lifter  # noqa: B018
