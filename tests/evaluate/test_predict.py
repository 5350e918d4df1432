"""Prediction and scoring against a brute force over frames, tokens and joints, written from the protocol.

The brute force calls the whole network with one full window for each prediction and shares no code with the evaluation but
the network itself.
"""

import dataclasses
import functools
import logging
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import FramesTable, SequenceRecord, build_frames_table
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.data.key_frames import poses_between
from uplift_upsample.evaluate import predict as predict_module
from uplift_upsample.evaluate.predict import predict_poses, predict_subset
from uplift_upsample.evaluate.predictions import Predictions, write_predictions
from uplift_upsample.evaluate.scores import scores
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import Lifted, UpliftUpsampleNetwork, build_network
from uplift_upsample.model.weights import load_weights, network_variables
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import ModelConfig
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


# The first run of each network in make test, the others in make test-long.
RUNS = [
    pytest.param(name, index, marks=[pytest.mark.long] if index else [])
    for name, (_, runs) in CASES.items()
    for index in range(len(runs))
]


@pytest.mark.parametrize(("name", "index"), RUNS)
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
    evaluate = EvaluateConfig(test_step=step, interpolate=interpolate)
    found = predict_poses(lifter, table, videos, s_in, evaluate, padding=switches["padding"])
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
    found = predict_poses(Lifter(network, 32, mirror=True), table, videos, 10, EvaluateConfig(interpolate=False))
    expected = np.load(golden / "evaluation" / "rand_n71_S11.npz")["s10/pred_raw"][: len(found.frame)]
    assert found.frame.tolist() == list(range(int(table.video_length[videos[0]])))
    np.testing.assert_allclose(found.poses_3d, expected, rtol=0, atol=TOLERANCE)
    golden_count("poses of frames that are not multiples of s_out", int((found.frame % 5 != 0).sum()))


def test_a_last_block_without_any_2d_pose(table: FramesTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows between the 2D poses see none; a block may hold no others."""
    model = ModelConfig(**TINY)
    videos = table.videos_of(["S9"])[-1:]  # 39 frames at 100 Hz, so that 2D poses lie on every 8th one
    whole = predict_poses(lifter_of(model), table, videos, 4, EvaluateConfig(interpolate=False))
    monkeypatch.setattr(predict_module, "BLOCK", 1)
    parts = predict_poses(lifter_of(model), table, videos, 4, EvaluateConfig(interpolate=False))
    np.testing.assert_allclose(parts.poses_3d, whole.poses_3d, rtol=0, atol=TOLERANCE)
    unseeing = whole.poses_3d[whole.frame % 4 != 0]
    np.testing.assert_allclose(unseeing, np.broadcast_to(unseeing[:1], unseeing.shape), rtol=0, atol=TOLERANCE)


def test_the_default_writes_the_bytes_of_the_papers_protocol(table: FramesTable, tmp_path: Path) -> None:
    """Predictions of version 0.1: the central heads of all windows, and metadata that know nothing of other read-outs."""
    model = ModelConfig(**TINY)
    [found] = predict_all(model, table, "S9", [4])
    write_predictions(tmp_path / "found.h5", found)
    videos = table.videos_of(["S9"])
    rows = predict_module.predicted_rows(table, videos, 4, 2)
    reader = ExampleReader(table, model.num_tokens, model.s_out, aligned_with_video=True)
    inputs = predict_module._distinct_poses(reader, "none", rows)
    metadata = {"dataset": "h36m", "input_2d": None, "test_subset": "S9", "subjects": ["S9"], "s_in": 4, "s_out": 2,
                "s_in_trained": [4, 6, 12], "is_s_in_trained": True, "num_tokens": 9, "mirror": True, "test_step": 1,
                "learned_upsampling": True, "interpolate": True, "precision": "float32", "frame_rate": 50.0,
                "frames_sha256": table.sha256, "backend": keras.backend.backend()}  # fmt: skip
    expected = Predictions(Lifter(network_of(model), BATCH_SIZE, mirror=True).lift(*inputs), rows.video, rows.centre, metadata)
    write_predictions(tmp_path / "expected.h5", expected)
    assert (tmp_path / "found.h5").read_bytes() == (tmp_path / "expected.h5").read_bytes()


class FakeLifter:
    """Window number w, from 0, gives 10 (w + 1) + k at its token k, and 100 (w + 1) in the middle, at all joints."""

    batch_size = 1

    def __init__(self) -> None:
        self.network = SimpleNamespace(config=ModelConfig(**TINY | {"num_tokens": 3, "strides": (3,)}))
        self.num_windows = 0

    def lift_heads(self, heads: str, poses_2d: np.ndarray, token_pose: np.ndarray, visible: np.ndarray) -> Lifted:
        number = self.num_windows + 1 + np.arange(len(visible))
        self.num_windows += len(visible)
        values = 10 * number[:, None] + np.arange(3)
        sequence, central = (np.broadcast_to(x[..., None, None], (*x.shape, 17, 3)) for x in (values, 100 * number))
        return Lifted(sequence, central if heads == "both" else None)


@pytest.mark.parametrize("block", [1, 2048])
def test_what_overlaps_is_averaged_as_by_hand(block: int, table: FramesTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video of 13 frames has 7 tokens; windows two tokens apart lie around the tokens 1, 3, 5 and 6."""
    monkeypatch.setattr(predict_module, "BLOCK", block)
    video = table.videos_of(["S9"])[table.video_length[table.videos_of(["S9"])] == 13][:1]
    sequence = [10, 11, (12 + 20) / 2, 21, (22 + 30) / 2, (2 * 31 + 40) / 3, (32 + 2 * 41) / 3]
    found = predict_poses(FakeLifter(), table, video, 4, EvaluateConfig(readout="sequence", hop=2))
    assert found.frame.tolist() == [0, 2, 4, 6, 8, 10, 12]
    np.testing.assert_allclose(found.poses_3d[:, 3, 1], sequence, rtol=1e-6)

    middle = {1: 100 - sequence[1], 3: 200 - sequence[3], 5: 300 - sequence[5], 6: 400 - sequence[6]}  # what the central head adds
    share = [
        middle[1] * 2 / 3,
        middle[1],
        (middle[1] + middle[3]) / 2,
        middle[3],
        (middle[3] + middle[5]) / 2,
        middle[5],
        middle[6],
    ]
    found = predict_poses(FakeLifter(), table, video, 4, EvaluateConfig(readout="both", hop=2, blend=0.25))
    np.testing.assert_allclose(found.poses_3d[:, 3, 1], np.array(sequence) + 0.25 * np.array(share), rtol=1e-6)


# readout, hop, blend, s_in, padding, mirror, test_step
OVERLAPS = [("sequence", 1, "auto", 12, "zeros", True, 1), ("sequence", 9, "auto", 6, "copy", False, 3),
            ("both", 4, 0.3, 12, "copy", True, 1), ("both", 1, 0.75, 6, "copy", True, 1)]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(("readout", "hop", "blend", "s_in", "padding", "mirror", "test_step"), OVERLAPS)
def test_read_outs_are_those_of_the_brute_force(readout, hop, blend, s_in, padding, mirror, test_step, table: FramesTable) -> None:
    """Whole windows through the whole network, a sum over the windows for each token, and nothing of what lies outside a video."""
    model = ModelConfig(**TINY)
    videos = table.videos_of(["S9"])
    lifter = lifter_of(model)
    lifter.mirror = mirror
    evaluate = EvaluateConfig(readout=readout, hop=hop, blend=blend, test_step=test_step)
    found = predict_poses(lifter, table, videos, s_in, evaluate, padding=padding)
    expected, places = [], []
    for video in videos.tolist():
        poses_2d, _ = poses_of(table, video)
        step = model.s_out * factor_of(table, video)
        count = math.ceil(len(poses_2d) / step)
        middles = [start + min(hop, count - start) // 2 for start in range(0, count, hop)]
        windows = [full_window(poses_2d, m * step, model, factor_of(table, video), s_in, padding) for m in middles]
        sequence, central = through(network_of(model), windows, mirror)
        mean = []
        for token in range(count):
            reaching = [(w, token - m + 4) for w, m in enumerate(middles) if abs(token - m) <= 4]
            weights = [max(0, 1 - abs(k - 4) / max(hop, 2)) for _, k in reaching]
            mean.append(sum(g * sequence[w, k] for g, (w, k) in zip(weights, reaching, strict=True)) / sum(weights))
        added = {m: central[w] - mean[m] for w, m in enumerate(middles)}
        share = blend if readout == "both" else 0
        for token in range(count):
            if token * step % test_step == 0:
                expected.append(mean[token] + share * fading(added, token))
                places.append((video, token * step))
    assert list(zip(found.video.tolist(), found.frame.tolist(), strict=True)) == places
    np.testing.assert_allclose(found.poses_3d, expected, rtol=0, atol=TOLERANCE)


def fading(added: dict[int, np.ndarray], token: int) -> np.ndarray:
    """What the nearest middles on both sides add: all of it there, nothing at the next middle or three tokens away."""
    if token in added:
        return added[token]
    left, right = max((m for m in added if m < token), default=None), min((m for m in added if m > token), default=None)
    reach = 3 if left is None or right is None else min(3, right - left)
    return sum(max(0, 1 - abs(token - m) / reach) * added[m] for m in (left, right) if m is not None) + np.zeros((17, 3))


def through(network: UpliftUpsampleNetwork, windows: list, mirror: bool) -> tuple[np.ndarray, np.ndarray]:
    """What both heads give for whole windows."""
    inputs, visible = np.array([w for w, _ in windows]), np.array([v for _, v in windows])
    outputs = [keras.ops.convert_to_numpy(output) for output in network(inputs, visible)]
    if mirror:
        twins = [mirror_image(keras.ops.convert_to_numpy(output)) for output in network(mirror_image(inputs), visible)]
        outputs = [(direct + twin) / 2 for direct, twin in zip(outputs, twins, strict=True)]
    return outputs[0].astype(np.float64), outputs[1].astype(np.float64)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_interpolated_input_is_seen_as_if_it_were_dense(kind: str, table: FramesTable) -> None:
    model = ModelConfig(**TINY)
    videos = table.videos_of(["S9"])
    lifter = lifter_of(model)
    lifter.mirror = True
    assert table.poses_2d is not None
    dense = np.array(table.poses_2d)
    for video in videos.tolist():
        poses_2d, _ = poses_of(table, video)
        frames, period = np.arange(len(poses_2d)), 12 * factor_of(table, video)
        made = poses_between(poses_2d.__getitem__, frames, np.full_like(frames, len(frames)), np.full_like(frames, period), kind)
        dense[table.video_start_2d[video] + frames] = made
    filled = dataclasses.replace(table, poses_2d=dense)
    expected = predict_poses(lifter, filled, videos, model.s_out)
    found = predict_poses(lifter, table, videos, 12, EvaluateConfig(input_interpolation=kind))
    np.testing.assert_allclose(found.poses_3d, expected.poses_3d, rtol=0, atol=TOLERANCE)
    masked = predict_poses(lifter, table, videos, 12)
    assert np.abs(masked.poses_3d - found.poses_3d).max() > 0.01


def test_interpolated_input_lets_a_dense_network_have_any_stride(table: FramesTable, caplog: pytest.LogCaptureFixture) -> None:
    dense = ModelConfig(**(TINY | {"s_in": ()}))
    evaluate = EvaluateConfig(input_interpolation="linear")
    with caplog.at_level(logging.WARNING):
        [found] = predict_subset(network_of(dense), table, "S9", [6], evaluate)
        [other] = predict_subset(network_of(ModelConfig(**TINY)), table, "S9", [6], evaluate)
    assert (found.metadata["input_interpolation"], found.metadata["is_s_in_trained"]) == ("linear", True)
    assert other.metadata["is_s_in_trained"] is False  # it was never trained with a 2D pose at every token
    assert any("not for 2" in message for message in caplog.messages)
    assert scores(found, table).protocol.input_interpolation == "linear"
    with pytest.raises(InputError, match="s_in 5 is not a multiple of s_out 2"):
        list(predict_subset(network_of(dense), table, "S9", [5], evaluate))


def live_windows(
    poses_2d: np.ndarray, frame: int, look_ahead: int, model: ModelConfig, factor: int, s_in: int, padding: str
) -> tuple[list, float]:
    """Those around the tokens before and behind a frame, when ``look_ahead`` later frames are there; the share of the latter."""
    step, now = model.s_out * factor, frame + look_ahead * factor
    before = frame // step * step
    is_last = before + step >= len(poses_2d)
    windows = []
    for centre in (before, before if is_last else before + step):
        window, visible = full_window(poses_2d, centre, model, factor, s_in, padding)
        is_later = [centre + (token - model.num_tokens // 2) * step > now for token in range(model.num_tokens)]
        known = [token for token in range(model.num_tokens) if visible[token] and not is_later[token]]
        for token in range(model.num_tokens):
            if is_later[token] and visible[token]:  # as behind the end of a video
                visible[token] = bool(known)
                window[token] = window[known[-1]] if known and padding == "copy" else np.zeros_like(window[0])
        windows.append((window, visible))
    return windows, frame % step / step


@pytest.mark.parametrize(("look_ahead", "s_in", "padding", "test_step"), [(4, 4, "copy", 5), (0, 12, "zeros", 3)])
def test_live_poses_of_videos_in_any_order_are_those_of_the_brute_force(
    look_ahead: int, s_in: int, padding: str, test_step: int, table: FramesTable
) -> None:
    model, evaluate = ModelConfig(**TINY), EvaluateConfig(look_ahead=look_ahead, test_step=test_step)
    lifter = lifter_of(model)
    lifter.mirror = True
    videos = np.random.default_rng(0).permutation(table.videos_of(["S9"]))[:8]  # as the subjects of a subset may stand
    found = predict_poses(lifter, table, videos, s_in, evaluate, padding=padding)
    where = [(video, frame) for video in videos.tolist() for frame in range(0, table.video_length[video], test_step)]
    assert list(zip(found.video.tolist(), found.frame.tolist(), strict=True)) == where
    pairs = [
        live_windows(poses_of(table, video)[0], frame, look_ahead, model, factor_of(table, video), s_in, padding)
        for video, frame in where
    ]
    _, central = through(network_of(model), [window for windows, _ in pairs for window in windows], mirror=True)
    share = np.array([share for _, share in pairs])[:, None, None]
    expected = (1 - share) * central[0::2] + share * central[1::2]
    np.testing.assert_allclose(found.poses_3d, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("changes", "switches", "told"),
    [
        ({}, {"hop": 2}, "hop is 2 with the readout central"),
        ({}, {"readout": "sequence", "hop": 10}, "hop is 10; windows of 9 tokens that far apart leave poses out"),
        ({}, {"readout": "sequence", "blend": 0.5}, "blend is 0.5 with the readout sequence"),
        ({}, {"readout": "both", "blend": 1.5}, "blend is 1.5; it must be at least 0 and at most 1"),
        ({}, {"readout": "both"}, "blend is auto, and nothing records"),
        ({}, {"readout": "sequence", "interpolate": False}, "interpolate is off with the readout sequence"),
        ({"sequence_head": False}, {"readout": "sequence"}, r"no sequence head \(sequence_head is off\)"),
        ({"temporal_blocks": 0}, {"readout": "both", "blend": 1.0}, r"no sequence head \(it has no temporal blocks\)"),
    ],
)
def test_an_impossible_read_out_is_refused(changes: dict, switches: dict, told: str, table: FramesTable) -> None:
    with pytest.raises(InputError, match=told):
        list(predict_subset(network_of(ModelConfig(**(TINY | changes))), table, "S9", [4], EvaluateConfig(**switches)))
