"""Which poses a page holds."""

import json
from pathlib import Path

import numpy as np
import pytest

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.frames import FramesTable, build_frames_table
from uplift_upsample.data.recordings import SequenceRecord
from uplift_upsample.evaluate.predictions import Predictions
from uplift_upsample.evaluate.scores import ground_truth
from uplift_upsample.report.page.poses import (
    PlannedTrack,
    packed,
    planned_tracks,
    read_poses,
    selected_poses,
    unpacked,
    write_poses,
)

TRACK = PlannedTrack("small", "seed_0", 20, "predictions.h5", "frames.h5", ("S9_Walking_cam0",))


@pytest.fixture
def table() -> FramesTable:
    """One walk of two seconds, seen by two cameras of S9."""
    rng = np.random.default_rng(0)
    poses = rng.normal((0, 0, 1), 0.3, (100, 17, 3))
    views = [np.zeros((100, 17, 2)) for _ in range(2)]
    names = list(h36m_cameras().names)
    cameras = [names.index(name) for name in names if name.startswith("S9/")][:2]
    record = SequenceRecord("S9", "Walking", "Walking", poses, views, cameras)
    return build_frames_table([record], h36m_cameras(), {"dataset": "h36m"})


@pytest.fixture
def predictions(table: FramesTable) -> Predictions:
    """The truth at every 5th frame of both videos, moved by a metre, as the network's root is not exactly 0."""
    frame = np.tile(np.arange(0, 100, 5), 2)
    video = np.repeat([0, 1], 20)
    metadata = {"s_in": 20, "s_out": 5, "subjects": ["S9"], "frames_sha256": table.sha256}
    return Predictions((ground_truth(table, video, frame) + 1).astype(np.float32), video, frame, metadata)


def select(table: FramesTable, predictions: Predictions, *tracks: PlannedTrack, seconds: float = 10.0) -> dict:
    return selected_poses(tracks, lambda _: table, lambda _: predictions, seconds)


def test_poses_come_back_to_a_tenth_of_a_millimetre() -> None:
    poses = np.random.default_rng(0).normal(0, 0.5, (7, 17, 3))
    assert np.abs(unpacked(packed(poses)) - poses).max() <= 0.5e-4 + 1e-12
    assert unpacked(packed(np.full((1, 17, 3), 99.0))).max() == pytest.approx(3.2767)


def test_track_has_the_predicted_frames_and_the_truth_all(table: FramesTable, predictions: Predictions) -> None:
    document = select(table, predictions, TRACK, seconds=0.62)
    sequence, track = document["sequences"][0], document["tracks"][0]
    assert (sequence["num_frames"], sequence["title"]) == (31, "S9 Walking, camera 0")
    assert (track["step"], track["key_step"], track["num_poses"]) == (5, 20, 7)  # frames 0 to 30
    truth, predicted = unpacked(sequence["truth"]), unpacked(track["poses"])
    np.testing.assert_allclose(truth, root_relative(truth), atol=1e-9)
    np.testing.assert_allclose(predicted, truth[::5], atol=2e-4)


def test_up_is_the_vertical_of_the_world(table: FramesTable, predictions: Predictions) -> None:
    """A joint that is higher in the world is higher along ``up``."""
    sequence = select(table, predictions, TRACK)["sequences"][0]
    along = unpacked(sequence["truth"]) @ np.array(sequence["up"])
    height = root_relative(np.asarray(table.poses_3d))[..., 2]
    np.testing.assert_allclose(along, height, atol=2e-4)


def test_sequences_are_held_once_and_short_ones_whole(table: FramesTable, predictions: Predictions) -> None:
    both = PlannedTrack("other", "published", 20, "p", "frames.h5", ("S9_Walking_cam1", "S9_Walking_cam0"))
    document = select(table, predictions, TRACK, both)
    assert [sequence["name"] for sequence in document["sequences"]] == ["S9_Walking_cam0", "S9_Walking_cam1"]
    assert [track["sequence"] for track in document["tracks"]] == [0, 1, 0]
    assert document["sequences"][0]["num_frames"] == 100
    assert document["tracks"][0]["num_poses"] == 20


def test_file_is_small_and_equal_for_equal_poses(tmp_path: Path, table: FramesTable, predictions: Predictions) -> None:
    for name in ("one", "other"):
        write_poses(tmp_path / name, select(table, predictions, TRACK))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert (tmp_path / "one").stat().st_size < 20_000
    assert read_poses(tmp_path / "one")["tracks"]


def test_bad_plans_are_one_message(table: FramesTable, predictions: Predictions) -> None:
    values = {"experiment": "e", "run": "seed_0", "s_in": 5, "predictions": "p", "frames": "f", "sequences": ["a"]}
    assert planned_tracks(json.dumps([values])) == [PlannedTrack("e", "seed_0", 5, "p", "f", ("a",))]
    for text in ("{", "[1]", '[{"sequences": []}]'):
        with pytest.raises(InputError, match="not a list of tracks"):
            planned_tracks(text)
    unknown = PlannedTrack("small", "seed_0", 20, "p", "f", ("S9_Flying_cam0",))
    with pytest.raises(InputError, match="S9_Flying_cam0"):
        select(table, predictions, unknown)
    foreign = Predictions(
        predictions.poses_3d, predictions.video, predictions.frame, {**predictions.metadata, "frames_sha256": "other"}
    )
    with pytest.raises(InputError, match="another frames table"):
        select(table, foreign, TRACK)
