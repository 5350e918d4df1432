"""From predictions to scores: the official code's evaluations, and small data sets whose scores are known."""

import json
import logging
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import ROOT
from uplift_upsample.data.frames import FramesTable, SequenceRecord, build_frames_table, write_frames_table
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.evaluate import scores as scores_module
from uplift_upsample.evaluate.metrics import metrics_of, motion_error
from uplift_upsample.evaluate.predictions import Predictions, read_predictions, write_predictions
from uplift_upsample.evaluate.score_file import read_scores, write_scores
from uplift_upsample.evaluate.scores import ground_truth, mean_pose_scores, scores

TOLERANCE_MM = 1e-3
EVALUATIONS = {"rand_n71_S11": (5, True), "rand_n41_S11_nolearned": (2, False)}  # s_out, learned upsampling
LENGTHS = {("S1", "Eating"): 12, ("S1", "Walking"): 9, ("S9", "Eating"): 24, ("S9", "Walking 1"): 7, ("S9", "Walking 2"): 31}


@pytest.fixture(scope="module")
def golden_table(golden):
    data = golden / "data"
    return h36m_table(data / "data_3d_h36m.npz", data / "data_2d_h36m_cpn_ft_h36m_dbb.npz", "cpn_ft_h36m_dbb")


def documented(*arguments: Any, **switches: Any) -> dict[str, Any]:
    """Scores as their file has them."""
    return scores(*arguments, **switches).document()


def all_frames(table: FramesTable, videos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lengths = table.video_length[videos]
    return np.repeat(videos, lengths), np.concatenate([np.arange(length) for length in lengths])


def test_ground_truth_is_that_of_the_official_code(golden, golden_table, golden_count):
    expected = np.load(golden / "evaluation" / "rand_n71_S11.npz")["gt_root_relative"]
    poses = ground_truth(golden_table, *all_frames(golden_table, golden_table.videos_of(["S11"])))
    np.testing.assert_allclose(poses, expected, rtol=0, atol=5e-6)  # float32 at a distance of five metres
    golden_count("ground truth poses", len(expected))


def official(values: dict[str, float]) -> dict[str, float]:
    """The metrics that the official code has."""
    return {metric: values[metric] for metric in ("mpjpe", "nmpjpe", "pampjpe")}


@pytest.mark.parametrize("name", EVALUATIONS)
def test_scores_are_those_of_the_official_code(golden, golden_table, golden_count, name):
    s_out, is_learned = EVALUATIONS[name]
    arrays = np.load(golden / "evaluation" / f"{name}.npz")
    video, frame = all_frames(golden_table, golden_table.videos_of(["S11"]))
    for expected in json.loads((golden / "evaluation" / "evaluations.json").read_text())[name]["evals"]:
        s_in = expected["mask_stride"]
        if f"s{s_in}/pred_raw" not in arrays:
            continue
        metadata = {"s_in": s_in, "s_out": s_out, "subjects": ["S11"]}
        document = documented(Predictions(arrays[f"s{s_in}/pred_raw"], video, frame, metadata), golden_table, is_learned)
        for subset, count in [("all_frames", "n_all"), ("key_frames", "n_key")]:
            ours, theirs = document[str(s_in)][subset], expected[subset]
            assert official(ours["frame_wise"]) == pytest.approx(theirs["frame"], abs=TOLERANCE_MM)
            assert official(ours["action_wise"]) == pytest.approx(theirs["average"], abs=TOLERANCE_MM)
            assert set(ours["per_action"]) == set(theirs["per_action"])
            for action, values in theirs["per_action"].items():
                assert official(ours["per_action"][action]) == pytest.approx(values, abs=TOLERANCE_MM)
            assert document["protocol"]["num_frames"][subset] == expected[count]
            golden_count("evaluations of saved predictions", 1)


@pytest.fixture
def table() -> FramesTable:
    """Two subjects, three videos with two cameras each for the test; everybody moves along a straight line, bending steadily."""
    generator = np.random.default_rng(3)
    records = []
    for (subject, name), length in LENGTHS.items():
        start, velocity = 0.3 * generator.normal(size=(17, 3)) + [0, 0, 1], 0.01 * generator.normal(size=(17, 3))
        poses = start + np.arange(length)[:, None, None] * velocity
        views = [np.zeros((length, 17, 2), np.float32)] * 2
        records.append(SequenceRecord(subject, name, name.split()[0], poses.astype(np.float32), views, [4, 5]))
    metadata = {
        "dataset": "h36m",
        "input_2d": "gt",
        "splits": {"train": ["S1"], "test": ["S9"]},
        "actions": ["Directions", "Eating", "Walking"],
        "sha256": "abc",
    }
    return build_frames_table(records, h36m_cameras(), metadata)


def predictions_of(table: FramesTable, s_in: int = 4, s_out: int = 2, offset: float = 0.0, **metadata) -> Predictions:
    """The truth at multiples of s_out of S9's videos, with all joints but the root moved along x."""
    video, frame = all_frames(table, table.videos_of(["S9"]))
    counts = frame % s_out == 0
    poses = ground_truth(table, video[counts], frame[counts]).astype(np.float32) + np.float32(3)  # the root is not at 0
    poses[:, np.arange(17) != ROOT, 0] += offset
    metadata = {"s_in": s_in, "s_out": s_out, "subjects": ["S9"], "frames_sha256": "abc", **metadata}
    return Predictions(poses, video[counts], frame[counts], metadata)


def tail_error_mm(table: FramesTable, stride: int) -> float:
    """Frame-wise MPJPE of perfect predictions: linear motion is interpolated exactly, and the frames behind the last one lag."""
    total, count = 0.0, 0
    for sequence in range(2, 5):
        start, length = table.sequence_start[sequence], table.sequence_length[sequence]
        poses = np.array(table.poses_3d[start : start + length], np.float64)
        relative = poses - poses[:, ROOT : ROOT + 1]
        last = (length - 1) // stride * stride
        total += np.linalg.norm(relative[last:] - relative[last], axis=-1).mean(axis=1).sum()
        count += length
    return 1000 * total / count


def test_perfect_predictions_of_linear_motion(table):
    document = documented(predictions_of(table), table)
    assert document["4"]["all_frames"]["frame_wise"]["mpjpe"] == pytest.approx(tail_error_mm(table, 2), abs=1e-3)
    plain = document["4"]["no_learned_upsampling"]
    assert plain["all_frames"]["frame_wise"]["mpjpe"] == pytest.approx(tail_error_mm(table, 4), abs=1e-3)
    assert document["4"]["key_frames"]["frame_wise"]["mpjpe"] < 1e-3
    assert plain["key_frames"]["frame_wise"] == pytest.approx(document["4"]["key_frames"]["frame_wise"], abs=1e-9)
    assert tail_error_mm(table, 4) > tail_error_mm(table, 2) > 0.1


def test_a_known_error(table):
    document = documented(predictions_of(table, s_in=1, s_out=1, offset=0.017), table)
    assert document["1"]["all_frames"]["frame_wise"]["mpjpe"] == pytest.approx(16, abs=1e-3)  # 17 mm at 16 of 17 joints
    assert document["1"]["all_frames"]["per_action"]["Eating"]["mpjpe"] == pytest.approx(16, abs=1e-3)
    assert document["1"]["all_frames"]["frame_wise"]["pampjpe"] < 16
    assert document["1"]["no_learned_upsampling"]["all_frames"] == document["1"]["all_frames"]


def test_no_learned_upsampling_works_with_s_out_1(table):
    document = documented(predictions_of(table, s_in=4, s_out=1), table)
    assert document["4"]["all_frames"]["frame_wise"]["mpjpe"] < 1e-3
    plain = document["4"]["no_learned_upsampling"]["all_frames"]["frame_wise"]["mpjpe"]
    assert plain == pytest.approx(tail_error_mm(table, 4), abs=1e-3)


def test_without_learned_upsampling_the_plain_scores_are_the_result(table):
    learned, plain = (documented(predictions_of(table), table, learned_upsampling=switch) for switch in (True, False))
    assert plain["4"]["all_frames"] == learned["4"]["no_learned_upsampling"]["all_frames"] != learned["4"]["all_frames"]
    assert plain["protocol"]["learned_upsampling"] is False


def test_protocol(table):
    protocol = documented(predictions_of(table, mirror=True), table)["protocol"]
    assert protocol["mirror"] is True
    assert protocol["num_videos"] == 6
    assert protocol["num_frames"] == {"all_frames": 2 * (24 + 7 + 31), "key_frames": 2 * (6 + 2 + 8)}
    assert protocol["frames_per_action"]["all_frames"] == {"Eating": 48, "Walking": 76}
    assert protocol["absent_actions"] == ["Directions"]
    assert (protocol["dataset"], protocol["input_2d"]) == ("h36m", "gt")
    assert protocol["cameras"] == ["54138969", "55011271"]
    assert protocol["dropped_videos"] == []
    assert protocol["degenerate_frames"] == {"all_frames": 0, "no_learned_upsampling": 0}


def test_actions_come_in_the_order_of_the_data_set(table):
    assert list(documented(predictions_of(table), table)["4"]["all_frames"]["per_action"]) == ["Eating", "Walking"]


def test_an_action_that_is_not_tested_is_null_and_the_mean_stays(table):
    predictions = predictions_of(table, s_in=1, s_out=1, offset=0.017)
    keep = table.video_action[predictions.video] == "Walking"
    only = Predictions(predictions.poses_3d[keep], predictions.video[keep], predictions.frame[keep], predictions.metadata)
    document = documented(only, table)
    assert document["1"]["all_frames"]["per_action"]["Eating"] == dict.fromkeys(metrics_of([]))
    assert document["1"]["all_frames"]["action_wise"]["mpjpe"] == pytest.approx(16, abs=1e-3)
    assert document["protocol"]["absent_actions"] == ["Directions", "Eating"]


def test_dropped_videos_are_named(table, caplog):
    predictions = predictions_of(table)
    dropped = table.videos_of(["S9"])[1]
    keep = predictions.video != dropped
    with caplog.at_level(logging.WARNING):
        part = Predictions(predictions.poses_3d[keep], predictions.video[keep], predictions.frame[keep], predictions.metadata)
        document = documented(part, table)
    assert document["protocol"]["dropped_videos"] == ["S9 Eating, camera 1"]
    assert "S9 Eating, camera 1" in caplog.text


def test_videos_that_the_data_set_was_made_without_are_named(table):
    left_out = {"S9": ["S9 Directions, camera 0"], "S1": ["S1 Eating, camera 2"]}
    without = replace(table, metadata={**table.metadata, "left_out": left_out})
    assert documented(predictions_of(without), without)["protocol"]["dropped_videos"] == ["S9 Directions, camera 0"]
    assert mean_pose_scores(without, "S1", "S9").protocol.dropped_videos == ("S9 Directions, camera 0",)


def test_degenerate_predictions_are_counted_and_leave_n_mpjpe_finite(table):
    predictions = predictions_of(table, s_in=2)
    poses = predictions.poses_3d.copy()
    poses[3] = 1.5
    document = documented(replace(predictions, poses_3d=poses), table)
    assert document["protocol"]["degenerate_frames"]["all_frames"] == 1
    text = json.dumps(document, allow_nan=False)
    text = re.sub(r'"(mpjve|accel)": null', "", text)  # key frames have no motion
    assert "null" not in text.replace('"sha256": null', "")
    everything = documented(replace(predictions, poses_3d=np.zeros_like(poses)), table)
    assert everything["2"]["all_frames"]["frame_wise"]["nmpjpe"] is None
    assert everything["2"]["all_frames"]["frame_wise"]["pampjpe"] > 0


def test_order_of_predictions_chunks_and_other_frames_do_not_matter(table, monkeypatch):
    expected = documented(predictions_of(table, offset=0.02), table)
    monkeypatch.setattr(scores_module, "_CHUNK", 20)  # several chunks of whole videos
    dense = predictions_of(table, s_out=1, offset=0.02)
    order = np.random.default_rng(0).permutation(len(dense.video))
    metadata = {**dense.metadata, "s_out": 2}
    result = documented(Predictions(dense.poses_3d[order], dense.video[order], dense.frame[order], metadata), table)
    assert result["4"]["all_frames"]["frame_wise"] == pytest.approx(expected["4"]["all_frames"]["frame_wise"], abs=1e-9)
    assert result["protocol"] == {**expected["protocol"], "s_out": 2}


def test_videos_at_100_hz_have_twice_the_strides(table):
    fast = replace(table, sequence_frame_rate=np.full(len(LENGTHS), 100.0))
    document = documented(replace(predictions_of(table, s_out=4), metadata={**predictions_of(table).metadata, "s_out": 2}), fast)
    assert document["4"]["all_frames"]["frame_wise"]["mpjpe"] == pytest.approx(tail_error_mm(table, 4), abs=1e-3)
    assert document["protocol"]["num_frames"]["key_frames"] == 2 * (3 + 1 + 4)


def test_every_second_frame(table):
    document = documented(predictions_of(table, s_in=4, s_out=2, test_step=2), table)
    assert document["protocol"]["num_frames"]["all_frames"] == 2 * (12 + 4 + 16)
    assert document["4"]["all_frames"]["frame_wise"]["mpjpe"] < 1e-3


def test_every_frames_own_prediction_is_scored(table):
    """Without interpolation the poses between multiples of s_out count, whatever lies beside them."""
    video, frame = all_frames(table, table.videos_of(["S9"]))
    poses = ground_truth(table, video, frame) + 0.0
    others = np.arange(17) != ROOT
    poses[np.ix_(frame % 2 != 0, others, [0])] += 0.017  # every second frame: 16 of 17 joints are 17 mm off
    metadata = {"s_in": 4, "s_out": 2, "interpolate": False, "subjects": ["S9"]}
    document = documented(Predictions(poses, video, frame, metadata), table)
    share = np.mean(frame % 2 != 0)
    assert document["4"]["all_frames"]["frame_wise"]["mpjpe"] == pytest.approx(16 * share, abs=1e-3)
    assert document["4"]["key_frames"]["frame_wise"]["mpjpe"] == pytest.approx(0, abs=1e-3)
    assert document["protocol"]["interpolate"] is False
    interpolated = documented(Predictions(poses, video, frame, metadata | {"interpolate": True}), table)
    assert interpolated["4"]["all_frames"]["frame_wise"]["mpjpe"] == pytest.approx(tail_error_mm(table, 2), abs=1e-3)
    with pytest.raises(InputError, match="every frame by itself; without learned upsampling"):
        scores(Predictions(poses, video, frame, metadata), table, learned_upsampling=False)


def changed(predictions: Predictions, rows=slice(None), **metadata) -> Predictions:
    return Predictions(
        predictions.poses_3d[rows], predictions.video[rows], predictions.frame[rows], {**predictions.metadata, **metadata}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"s_in": 5}, "s_in 5 is not a multiple of s_out 2"),
        ({"s_in": None}, "lack s_in"),
        ({"frames_sha256": "def"}, "another frames table"),
        ({"rows": slice(0, 0)}, "no predicted frame"),
        ({"rows": slice(1, None)}, "S9 Eating, camera 0"),
        ({"rows": np.delete(np.arange(64), 5)}, "one prediction every 2 frames"),
        ({"rows": slice(None, -1)}, "S9 Walking 2, camera 1"),
        ({"rows": np.r_[0, 0:64]}, "S9 Eating, camera 0"),
    ],
)
def test_predictions_that_cannot_be_scored(table, change, message):
    with pytest.raises(InputError, match=message):
        scores(changed(predictions_of(table), **change), table)


@pytest.mark.parametrize("video", [-1, 99])
def test_the_video_that_the_data_set_does_not_have_is_named(table, video):
    predictions = predictions_of(table)
    predictions.video[3] = video
    with pytest.raises(InputError, match=f"predictions: video {video} of a data set with {table.num_videos} videos"):
        scores(predictions, table)


def test_predictions_that_are_no_numbers(table):
    predictions = predictions_of(table)
    predictions.poses_3d[13, 4, 1] = np.nan
    with pytest.raises(InputError, match="1 poses are NaN or infinite, the first one in S9 Eating, camera 1, frame 2"):
        scores(predictions, table)


def test_motion_capture_without_cameras_cannot_be_scored():
    record = SequenceRecord("CMU", "01", "01", np.zeros((5, 17, 3), np.float32))
    amass = build_frames_table([record], h36m_cameras(), {"dataset": "amass"})
    with pytest.raises(InputError, match="without a camera"):
        scores(Predictions(np.zeros((5, 17, 3)), np.zeros(5, int), np.arange(5), {"s_in": 1, "s_out": 1}), amass)


def test_mean_pose_is_a_constant_prediction_at_every_frame(table):
    document = mean_pose_scores(table, "train", "test").document()
    train = ground_truth(table, *all_frames(table, table.videos_of(["S1"]))).astype(np.float64)
    video, frame = all_frames(table, table.videos_of(["S9"]))
    constant = np.broadcast_to(train.mean(axis=0), (len(video), 17, 3))
    expected = documented(Predictions(constant, video, frame, {"s_in": 1, "s_out": 1, "subjects": ["S9"]}), table)
    for average, values in document["mean_pose"]["all_frames"].items():
        for name, value in values.items():
            assert value == pytest.approx(expected["1"]["all_frames"][average][name], abs=1e-6)
    assert document["protocol"]["num_frames"]["all_frames"] == len(video)
    assert document["protocol"]["train_subjects"] == ["S1"]


def test_mean_pose_of_tested_subjects_is_refused(table):
    with pytest.raises(InputError, match="share none"):
        mean_pose_scores(table, "S1,S9", "test")
    with pytest.raises(InputError, match="no subset 'tset'"):
        mean_pose_scores(table, "train", "tset")


def test_scores_are_written_as_strict_json(table, tmp_path):
    document = documented(predictions_of(table), table)
    write_scores(tmp_path / "scores.json", document)
    assert json.loads((tmp_path / "scores.json").read_text()) == document
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_scores(tmp_path / "scores.json", {"4": float("nan")})
    assert json.loads((tmp_path / "scores.json").read_text()) == document


@pytest.mark.parametrize("learned_upsampling", [True, False])
def test_scores_survive_their_file(table, tmp_path, learned_upsampling):
    """Rows are written and read back, to the last bit; null is NaN."""
    found = scores(predictions_of(table, mirror=True), table, learned_upsampling)
    assert {row.upsampling for row in found.rows} == ({"learned", "plain"} if learned_upsampling else {"plain"})
    write_scores(tmp_path / "scores.json", found.document())
    assert read_scores(tmp_path / "scores.json", "4") == found
    baseline = mean_pose_scores(table, "train", "test")
    write_scores(tmp_path / "scores.json", baseline.document())
    assert read_scores(tmp_path / "scores.json", "mean_pose") == baseline


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cameras": "54138969"}, r"protocol\.cameras: expected a list of \(text\), not '54138969'; score the predictions again"),
        ({"learned_upsamplin": True}, "unknown key 'learned_upsamplin', did you mean 'learned_upsampling'"),
        ({"frames_per_action": {}}, "frames_per_action lacks all_frames; score"),
    ],
)
def test_a_protocol_with_faults(table, tmp_path, change, message):
    document = documented(predictions_of(table), table)
    document["protocol"] |= change
    write_scores(tmp_path / "scores.json", document)
    with pytest.raises(InputError, match=message):
        read_scores(tmp_path / "scores.json", "4")


def test_predictions_survive_their_file(table, tmp_path):
    predictions = predictions_of(table, mirror=True)
    for name in ("a.h5", "b.h5"):
        write_predictions(tmp_path / name, predictions)
    result = read_predictions(tmp_path / "a.h5")
    np.testing.assert_array_equal(result.poses_3d, predictions.poses_3d)
    assert result.poses_3d.dtype == np.float32
    np.testing.assert_array_equal(result.frame, predictions.frame)
    assert predictions.metadata.items() <= result.metadata.items()
    assert result.metadata["unit"] == "m"
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert documented(result, table) == documented(predictions, table)


def test_files_that_are_no_predictions(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_predictions(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(InputError, match="not a complete file"):
        read_predictions(tmp_path / "text.h5")
    with pytest.raises(InputError, match="do not fit"):
        Predictions(np.zeros((2, 17, 3)), np.zeros(3, int), np.zeros(2, int))


def test_the_command_lines(table, tmp_path, project):
    table = replace(table, metadata={key: value for key, value in table.metadata.items() if key != "sha256"})
    write_frames_table(tmp_path / "frames.h5", table)
    write_predictions(tmp_path / "predictions.h5", predictions_of(table, frames_sha256=table.sha256))

    def command(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        paths = ["--frames", str(tmp_path / "frames.h5"), "--output", str(tmp_path / f"{script}.json")]
        line = [sys.executable, str(project / "scripts" / f"{script}.py"), *paths, *arguments]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    result = command("score_predictions", "--predictions", str(tmp_path / "predictions.h5"), "--no_learned_upsampling")
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "score_predictions.json").read_text())["protocol"]["learned_upsampling"] is False
    assert command("score_mean_pose", "--train_subset", "train", "--test_subset", "test").returncode == 0
    assert "mean_pose" in json.loads((tmp_path / "score_mean_pose.json").read_text())
    failed = command("score_mean_pose", "--train_subset", "train", "--test_subset", "S8")
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
    assert failed.stderr.startswith("error: h36m: no subset 'S8'")


def test_errors_by_joint_and_distance_average_to_the_error_of_all_frames(table):
    document = documented(predictions_of(table, offset=0.017), table)["4"]
    for part in (document, document["no_learned_upsampling"]):
        overall = part["all_frames"]["frame_wise"]["mpjpe"]
        assert np.mean(list(part["per_joint"].values())) == pytest.approx(overall)
        frames, errors = zip(*((row["num_frames"], row["mpjpe"]) for row in part["by_distance"].values()), strict=True)
        assert np.average(errors, weights=frames) == pytest.approx(overall)
        assert sum(frames) == 2 * (24 + 7 + 31)
    assert document["per_joint"]["pelvis"] == 0
    assert document["by_distance"]["0"]["mpjpe"] == pytest.approx(document["key_frames"]["frame_wise"]["mpjpe"])


def test_motion_by_hand() -> None:
    """Two videos: the wrist swings with 3, then 5 mm a frame; the prediction has it 10 mm aside, and in the second one at rest."""
    wrist = 16
    target = np.zeros((6, 17, 3))
    target[:, wrist, 0] = np.array([0, 3, 8, 100, 103, 108]) / 1000
    prediction = target + np.array([0, 0.5, 0])  # the root is displaced, too
    prediction[:, wrist, 1] += 0.01
    prediction[4:, wrist, 0] = 0.1
    follows = np.array([False, True, True, False, True, True])
    velocity = motion_error(prediction, target, follows, 1) * 1000
    np.testing.assert_allclose(velocity[:, wrist], [np.nan, 0, 0, np.nan, 3, 5], atol=1e-9)
    np.testing.assert_allclose(
        motion_error(prediction, target, follows, 2)[:, wrist] * 1000, [np.nan] * 2 + [0] + [np.nan] * 2 + [2]
    )
    assert np.isnan(velocity[follows == 0]).all()
    np.testing.assert_allclose(velocity[follows][:, :wrist], 0, atol=1e-9)


@pytest.mark.parametrize("chunk", [5, 16384])
def test_motion_of_videos(chunk: int, table: FramesTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second frame is 17 mm off at all joints but the root: velocities are 17, accelerations 34 mm off, in any parts."""
    monkeypatch.setattr(scores_module, "_CHUNK", chunk)
    video, frame = all_frames(table, table.videos_of(["S9"]))
    poses = ground_truth(table, video, frame) + 0.0
    poses[np.ix_(frame % 2 != 0, np.arange(17) != ROOT, [0])] += 0.017
    metadata = {"s_in": 2, "s_out": 2, "interpolate": False, "subjects": ["S9"]}
    document = documented(Predictions(poses, video, frame, metadata), table)
    found = document["2"]["all_frames"]["frame_wise"]
    assert (found["mpjve"], found["accel"]) == (pytest.approx(16, abs=1e-3), pytest.approx(32, abs=1e-3))
    keys = document["2"]["key_frames"]["frame_wise"]
    assert (keys["mpjve"], keys["accel"]) == (None, None)  # key frames are not behind each other
    every = Predictions(poses[frame % 2 == 0], video[frame % 2 == 0], frame[frame % 2 == 0], metadata | {"test_step": 2})
    apart = documented(every, table)["2"]["all_frames"]["frame_wise"]
    assert (apart["mpjve"], apart["accel"]) == (None, None)
    assert apart["mpjpe"] == pytest.approx(0, abs=1e-3)


def test_motion_of_perfect_and_of_still_poses(table: FramesTable) -> None:
    """A pose that stands still misses all motion: its velocity error is the joints' mean speed. All frames are key frames here."""
    video, frame = all_frames(table, table.videos_of(["S9"]))
    target = ground_truth(table, video, frame)
    metadata = {"s_in": 1, "s_out": 1, "subjects": ["S9"]}
    perfect = documented(Predictions(target, video, frame, metadata), table)["1"]
    assert perfect["all_frames"]["frame_wise"]["accel"] == pytest.approx(0, abs=1e-9)
    still = documented(Predictions(np.broadcast_to(target[:1], target.shape), video, frame, metadata), table)["1"]
    speeds = np.linalg.norm(np.diff(target, axis=0), axis=-1)[np.diff(video) == 0]
    assert still["all_frames"]["frame_wise"]["mpjve"] == pytest.approx(1000 * speeds.mean(), rel=1e-6)
    assert still["key_frames"] == still["all_frames"]
