"""Prediction and scoring against a brute force over frames, tokens and joints, written from the protocol.

The brute force calls the whole network with one full window for each prediction and shares no code with the evaluation but
the network itself.
"""

import dataclasses
import functools
import logging
import math
from typing import Any

import keras
import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import FramesTable, SequenceRecord, build_frames_table
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.evaluate import predict as predict_module
from uplift_upsample.evaluate.predict import predict_poses, predict_subset
from uplift_upsample.evaluate.predictions import Predictions
from uplift_upsample.evaluate.scores import scores
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import UpliftUpsampleNetwork, build_network
from uplift_upsample.model.weights import load_weights, network_variables
from uplift_upsample.plan.experiment import EvaluateConfig, ModelConfig
from uplift_upsample.plan.runs import read_run

TOLERANCE = 1e-5  # metres
TOLERANCE_MM = 0.02  # two joints, each that far off
BATCH_SIZE = 7  # divides no number of windows here
PELVIS, LEFT_RIGHT = 6, [5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 10, 16, 15, 14, 13, 12, 11]
# One frame; shorter than s_out; ending on a key frame; behind one; before one; longer than every window; at 100 Hz.
SEQUENCES = [("Eating", 1, 50), ("Eating 1", 2, 50), ("Walking", 13, 50), ("Walking 1", 14, 50), ("Sitting", 24, 50),
             ("Sitting 1", 47, 50), ("Posing", 1, 100), ("Posing 1", 39, 100)]  # fmt: skip
TINY: dict[str, Any] = {"num_tokens": 9, "s_out": 2, "s_in": (4, 6, 12), "spatial_dim": 8, "temporal_dim": 16, "num_heads": 2,
                        "spatial_blocks": 1, "temporal_blocks": 1, "strides": (3, 3)}  # fmt: skip
# What differs from TINY, and the evaluations: s_in with what differs from (test_step 1, padding copy, mirror, learned upsampling,
# interpolate)
CASES: dict[str, tuple[dict[str, Any], list[tuple[int, dict[str, Any]]]]] = {
    "strided": (
        {"temporal_blocks": 2},
        [(4, {}), (6, {"padding": "zeros"}), (12, {"learned_upsampling": False}), (12, {"mirror": False})],
    ),
    "every n-th frame": ({}, [(4, {"test_step": 2}), (4, {"test_step": 3}), (6, {"test_step": 5, "learned_upsampling": False})]),
    "every frame by itself": (
        {},
        [(4, {"interpolate": False}), (12, {"interpolate": False, "test_step": 3, "padding": "zeros", "mirror": False})],
    ),
    "every frame by itself, no strided input": ({"s_in": ()}, [(2, {"interpolate": False})]),
    "s_in not trained for": ({}, [(2, {}), (8, {}), (40, {}), (400, {"padding": "zeros"})]),
    "s_in equals s_out": ({"s_out": 3, "s_in": (3, 6)}, [(3, {}), (3, {"learned_upsampling": False}), (6, {})]),
    "s_out 1": ({"s_out": 1, "s_in": (4, 1)}, [(4, {}), (4, {"learned_upsampling": False}), (1, {"test_step": 4}), (3, {})]),
    "s_out 5": ({"s_out": 5, "s_in": (5, 10, 20)}, [(10, {}), (20, {"mirror": False, "padding": "zeros"})]),
    "no strided input": ({"s_in": ()}, [(2, {}), (2, {"padding": "zeros", "mirror": False}), (2, {"test_step": 3})]),
    "no strided input, s_in 1": ({"s_out": 1, "s_in": (1,)}, [(1, {}), (1, {"test_step": 2})]),
    "no strided input, list from 1": ({"s_in": (1, 4)}, [(2, {"learned_upsampling": False})]),
    "no temporal blocks": ({"temporal_blocks": 0}, [(4, {}), (12, {"padding": "zeros"})]),
    "no strided blocks": ({"strides": (), "num_tokens": 5}, [(6, {}), (12, {"mirror": False})]),
    "no spatial blocks": ({"spatial_blocks": 0}, [(6, {"padding": "zeros"})]),
    "attention from layer 0": ({"temporal_blocks": 2, "first_attention_layer": 0}, [(12, {})]),
    "attention from layer 2": ({"temporal_blocks": 2, "first_attention_layer": 2}, [(12, {})]),
    "central head only": ({"sequence_head": False, "output_bn": True, "qkv_bias": False}, [(6, {})]),
}


@pytest.fixture(scope="module")
def table() -> FramesTable:
    """Random people before the four cameras of S9; S1 comes first, so that no index starts at 0."""
    generator = np.random.default_rng(11)
    records = []
    for subject, sequences in (("S1", SEQUENCES[2:3]), ("S9", SEQUENCES)):
        for name, length, rate in sequences:
            poses = generator.normal([0, 0, 1], 0.4, (length, 17, 3))
            views = list(generator.uniform(-1, 1, (4, length, 17, 2)).astype(np.float32))
            cameras = [20, 21, 22, 23]
            records.append(SequenceRecord(subject, name, name.split()[0], poses.astype(np.float32), views, cameras, rate))
    metadata = {"dataset": "h36m", "splits": {"train": ["S1"], "test": ["S9"], "val": ["S8"]}, "actions": ["Eating", "Phoning"]}
    return build_frames_table(records, h36m_cameras(), metadata)


@functools.cache
def network_of(model: ModelConfig) -> UpliftUpsampleNetwork:
    """A network in which nothing is zero."""
    keras.utils.set_random_seed(5)
    network = build_network(model)
    generator = np.random.default_rng(5)
    for variable in network_variables(network):
        value = keras.ops.convert_to_numpy(variable)
        variable.assign(value + generator.uniform(0.02, 0.1, value.shape) * generator.choice([-1, 1], value.shape) * (value < 0.9))
    return network


@functools.cache
def lifter_of(model: ModelConfig) -> Lifter:
    return Lifter(network_of(model), BATCH_SIZE, mirror=True)


def factor_of(table: FramesTable, video: int) -> int:
    return int(table.sequence_frame_rate[table.video_sequence[video]]) // 50


def poses_of(table: FramesTable, video: int) -> tuple[np.ndarray, np.ndarray]:
    """2D poses, and 3D poses relative to the root in camera axes, of a video."""
    assert table.poses_2d is not None
    sequence, camera = table.video_sequence[video], table.video_camera[video]
    length = table.sequence_length[sequence]
    start = sum(int(table.sequence_length[s]) for s in table.video_sequence[:video])
    first = sum(int(n) for n in table.sequence_length[:sequence])
    points = table.poses_3d[first : first + length].astype(np.float64) - table.cameras.translation[camera]
    w, axis = table.cameras.orientation[camera][0], -table.cameras.orientation[camera][1:].astype(np.float64)
    turned = points + 2 * w * np.cross(axis, points) + 2 * np.cross(axis, np.cross(axis, points))
    return table.poses_2d[start : start + length], turned - turned[:, PELVIS : PELVIS + 1]


def mirror_image(poses: np.ndarray) -> np.ndarray:
    result = np.zeros_like(poses)
    for joint, other in enumerate(LEFT_RIGHT):
        result[..., joint, :] = poses[..., other, :]
        result[..., joint, 0] = -poses[..., other, 0]
    return result


def full_window(poses_2d: np.ndarray, centre: int, model: ModelConfig, factor: int, s_in: int, padding: str):
    """2D poses and visibility of the tokens around a frame."""
    window, visible = [], []
    grid = [f for f in range(len(poses_2d)) if (f - centre) % (model.s_out * factor) == 0]
    for token in range(model.num_tokens):
        position = centre + (token - model.num_tokens // 2) * model.s_out * factor
        pose = poses_2d[min(grid, key=lambda f, p=position: abs(f - p))]
        is_outside = position < 0 or position >= len(poses_2d)
        visible.append(not model.has_strided_input or position % (s_in * factor) == 0)
        window.append(pose if visible[-1] and not (is_outside and padding == "zeros") else np.zeros_like(pose))
    return window, visible


def predicted(
    table: FramesTable,
    videos: list[int],
    model: ModelConfig,
    s_in: int,
    test_step: int,
    padding: str,
    mirror: bool,
    interpolate: bool,
):
    """Video -> frame -> predicted pose."""
    windows, where = [], []
    for video in videos:
        poses_2d, _ = poses_of(table, video)
        factor = factor_of(table, video)
        for frame in range(0, len(poses_2d), test_step):
            if frame % (model.s_out * factor) == 0 or not interpolate:
                windows.append(full_window(poses_2d, frame, model, factor, s_in, padding))
                where.append((video, frame))
    inputs, visible = np.array([w for w, _ in windows]), np.array([v for _, v in windows])
    if mirror:
        inputs, visible = np.concatenate([inputs, mirror_image(inputs)]), np.concatenate([visible, visible])
    outputs = keras.ops.convert_to_numpy(network_of(model)(inputs, visible).central)
    if mirror:
        direct, twins = np.split(outputs, 2)
        outputs = (direct + mirror_image(twins)) / 2
    result: dict[int, dict[int, np.ndarray]] = {video: {} for video in videos}
    for (video, frame), pose in zip(where, outputs, strict=True):
        result[video][frame] = pose.astype(np.float64)
    return result


def pose_at(poses: dict[int, np.ndarray], frame: int) -> np.ndarray:
    before = max(f for f in poses if f <= frame)
    behind = [f for f in poses if f > frame]
    if frame == before or not behind:
        return poses[before]
    share = (frame - before) / (min(behind) - before)
    return (1 - share) * poses[before] + share * poses[min(behind)]


def mean_distance(pose: np.ndarray, target: np.ndarray) -> float:
    return sum(math.dist(pose[j] - pose[PELVIS], target[j]) for j in range(17)) / 17 * 1000


def mpjpe_by_loops(table: FramesTable, poses: dict[int, dict[int, np.ndarray]], s_in: int, test_step: int, plain: bool):
    """All frames and key frames -> action -> the errors of its frames, in millimetres."""
    errors: dict[str, dict[str, list[float]]] = {"all_frames": {}, "key_frames": {}}
    for video, by_frame in poses.items():
        _, targets = poses_of(table, video)
        period = s_in * factor_of(table, video)
        used = {f: pose for f, pose in by_frame.items() if not plain or f % period == 0}
        action = table.sequence_action[table.video_sequence[video]]
        for frame in range(0, len(targets), test_step):
            error = mean_distance(pose_at(used, frame), targets[frame])
            errors["all_frames"].setdefault(action, []).append(error)
            if frame % period == 0:
                errors["key_frames"].setdefault(action, []).append(error)
    return errors


def check_scores(scored: dict[str, Any], errors: dict[str, dict[str, list[float]]]) -> None:
    for frames, by_action in errors.items():
        means = {action: sum(values) / len(values) for action, values in by_action.items()}
        everything = [error for values in by_action.values() for error in values]
        expected = {"frame_wise": sum(everything) / len(everything), "action_wise": sum(means.values()) / len(means)}
        for average, value in expected.items():
            assert scored[frames][average]["mpjpe"] == pytest.approx(value, abs=TOLERANCE_MM)
        assert means.keys() <= scored[frames]["per_action"].keys()
        for action, row in scored[frames]["per_action"].items():
            wanted = pytest.approx(means[action], abs=TOLERANCE_MM) if action in means else None
            assert row["mpjpe"] == wanted


@pytest.mark.parametrize(("name", "index"), [(name, index) for name, (_, runs) in CASES.items() for index in range(len(runs))])
def test_poses_and_scores_are_those_of_the_brute_force(name: str, index: int, table: FramesTable) -> None:
    changes, runs = CASES[name]
    model = ModelConfig(**(TINY | changes))
    s_in, switches = (
        runs[index][0],
        {"test_step": 1, "padding": "copy", "mirror": True, "learned_upsampling": True, "interpolate": True} | runs[index][1],
    )
    learned_upsampling = switches.pop("learned_upsampling")
    videos = table.videos_of(["S9"])
    expected = predicted(table, videos.tolist(), model, s_in, **switches)
    lifter = lifter_of(model)
    lifter.mirror = switches["mirror"]
    step, interpolate = switches["test_step"], switches["interpolate"]
    found = predict_poses(lifter, table, videos, s_in, test_step=step, interpolate=interpolate, padding=switches["padding"])
    where = [(video, frame) for video, by_frame in expected.items() for frame in by_frame]
    assert list(zip(found.video.tolist(), found.frame.tolist(), strict=True)) == where
    poses = np.array([expected[video][frame] for video, frame in where])
    assert np.ptp(poses, axis=0).max() > 0.01  # the inputs matter
    np.testing.assert_allclose(found.poses_3d, poses, rtol=0, atol=TOLERANCE)

    metadata = {"s_in": s_in, "s_out": model.s_out, "test_step": step, "interpolate": interpolate, "subjects": ["S9"]}
    document = scores(dataclasses.replace(found, metadata=metadata), table, learned_upsampling).document()
    plain = mpjpe_by_loops(table, expected, s_in, step, plain=True)
    learned = mpjpe_by_loops(table, expected, s_in, step, plain=False)
    check_scores(document[str(s_in)], learned if learned_upsampling else plain)
    check_scores(document[str(s_in)]["no_learned_upsampling"], plain)
    counts = {frames: sum(map(len, by_action.values())) for frames, by_action in learned.items()}
    assert document["protocol"]["num_frames"] == counts
    assert document["protocol"]["absent_actions"] == ["Phoning"]


def predict_all(model: ModelConfig, table: FramesTable, subset: str, strides: list[int]) -> list[Predictions]:
    return list(predict_subset(network_of(model), table, subset, strides, EvaluateConfig(batch_size=BATCH_SIZE)))


def test_an_s_in_it_was_not_trained_for_is_said(table: FramesTable, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        known, unknown = predict_all(ModelConfig(**TINY), table, "S9", [12, 10])
    assert (known.metadata["is_s_in_trained"], unknown.metadata["is_s_in_trained"]) == (True, False)
    assert any("trained for s_in 4, 6, 12, not for 10" in message for message in caplog.messages)
    assert scores(unknown, table).protocol.is_s_in_trained is False


@pytest.mark.parametrize(
    ("changes", "strides", "told"),
    [
        ({}, [4, 5], "s_in 5 is not a multiple of s_out 2"),
        ({}, [0], "s_in 0"),
        ({"s_in": ()}, [4], "the only choice is its s_out, 2"),
    ],
)
def test_an_impossible_s_in_is_refused(changes: dict, strides: list[int], told: str, table: FramesTable) -> None:
    with pytest.raises(InputError, match=told):
        predict_all(ModelConfig(**(TINY | changes)), table, "test", strides)


@pytest.mark.parametrize("subset", ["val", "S9,S9", "", "S10"])
def test_an_impossible_subset_is_refused(subset: str, table: FramesTable) -> None:
    with pytest.raises(InputError, match="subset"):
        predict_all(ModelConfig(**TINY), table, subset, [4])


def test_every_frames_own_prediction_is_that_of_the_official_code(golden, golden_count) -> None:
    """It predicts every frame, and throws most of them away only before scoring (``TEST_STRIDED_EVAL``)."""
    data, weights = golden / "data", golden / "models" / "n71_h351like_first1.h5"
    table = h36m_table(data / "data_3d_h36m.npz", data / "data_2d_h36m_cpn_ft_h36m_dbb.npz", "cpn_ft_h36m_dbb")
    network = build_network(read_run(weights.with_suffix(".json"))[0].model)
    load_weights(network, weights)
    videos = table.videos_of(["S11"])[:1]
    found = predict_poses(Lifter(network, 32, mirror=True), table, videos, 10, interpolate=False)
    expected = np.load(golden / "evaluation" / "rand_n71_S11.npz")["s10/pred_raw"][: len(found.frame)]
    assert found.frame.tolist() == list(range(int(table.video_length[videos[0]])))
    np.testing.assert_allclose(found.poses_3d, expected, rtol=0, atol=TOLERANCE)
    golden_count("poses of frames that are not multiples of s_out", int((found.frame % 5 != 0).sum()))


def test_a_last_block_without_any_2d_pose(table: FramesTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows between the 2D poses see none; a block may hold no others."""
    model = ModelConfig(**TINY)
    videos = table.videos_of(["S9"])[-1:]  # 39 frames at 100 Hz, so that 2D poses lie on every 8th one
    whole = predict_poses(lifter_of(model), table, videos, 4, interpolate=False)
    monkeypatch.setattr(predict_module, "BLOCK", 1)
    parts = predict_poses(lifter_of(model), table, videos, 4, interpolate=False)
    np.testing.assert_allclose(parts.poses_3d, whole.poses_3d, rtol=0, atol=TOLERANCE)
    unseeing = whole.poses_3d[whole.frame % 4 != 0]
    np.testing.assert_allclose(unseeing, np.broadcast_to(unseeing[:1], unseeing.shape), rtol=0, atol=TOLERANCE)
