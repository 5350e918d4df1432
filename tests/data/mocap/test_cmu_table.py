"""The frames table of the CMU database, and the three command lines that make it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from world.acclaim_files import HEADER, text_file

from uplift_upsample.base.cameras import denormalise_points
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.data.mocap.clips import MocapClip, SubjectClips
from uplift_upsample.data.mocap.cmu import ACKNOWLEDGEMENT
from uplift_upsample.data.mocap.cmu_clips import write_clips
from uplift_upsample.data.mocap.cmu_table import cmu_table
from uplift_upsample.data.mocap.simulated_table import VIEWS, camera_set, project_px
from uplift_upsample.evaluate.scores import mean_pose_scores


def standing(num_frames: int, aside: float = 0.0) -> np.ndarray:
    pose = np.random.default_rng(0).uniform([-0.3, 0.2, 0.1], [0.5, 0.8, 1.6], (17, 3))
    return np.repeat((pose + np.array([aside, 0, 0]))[None], num_frames, axis=0).astype(np.float32)


def subject_file(folder: Path, subject: str, aside: float = 0.0) -> Path:
    clips = [
        MocapClip(f"{subject}_01", f"{subject}_01", "Jump", standing(30)),
        MocapClip(f"{subject}_02", f"{subject}_02/1", "Walk", standing(20, aside)),
    ]
    write_clips(folder / f"{subject}.npz", SubjectClips(subject, clips, [], [{"file": f"{subject}.asf", "sha256": "0"}]))
    return folder / f"{subject}.npz"


def test_table(tmp_path: Path) -> None:
    paths = [subject_file(tmp_path, subject) for subject in ("131", "09", "02")]
    table = cmu_table(paths, {"train": ["131", "09"], "test": ["02"]}, seed=3)
    assert table.subjects == ["02", "09", "131"]
    assert table.sequence_name.tolist()[:2] == ["02_01", "02_02/1"]
    assert table.actions == ["Walk", "Jump"]
    assert table.num_videos == 3 * 2 * VIEWS
    assert table.metadata["splits"] == {"train": ["131", "09"], "test": ["02"]}
    assert table.metadata["input_2d"] == "simulated"
    assert table.metadata["acknowledgement"] == ACKNOWLEDGEMENT
    assert json.loads(json.dumps(table.metadata)) == table.metadata
    assert set(table.video_camera[table.video_subject == "09"]) == set(range(4 * camera_set("09"), 4 * camera_set("09") + 4))
    assert table.poses_2d is not None
    for video in range(table.num_videos):
        camera, start, length = int(table.video_camera[video]), table.video_start_2d[video], table.video_length[video]
        true_px, _ = project_px(table.poses_3d[table.video_start_3d[video] :][:length], table.cameras, camera)
        detected_px = denormalise_points(table.poses_2d[start : start + length], *table.cameras.intrinsics[camera, :2])
        assert 0.5 < np.median(np.abs(detected_px - true_px)) < 10, table.video_name(video)


def test_noise_of_a_video_depends_on_nothing_else(tmp_path: Path) -> None:
    paths = [subject_file(tmp_path, subject) for subject in ("02", "09")]
    alone, together, other = cmu_table(paths[1:], {}), cmu_table(paths, {}), cmu_table(paths[1:], {}, seed=1)
    assert alone.poses_2d is not None
    assert together.poses_2d is not None
    assert other.poses_2d is not None
    np.testing.assert_array_equal(alone.poses_2d, together.poses_2d[len(alone.poses_2d) :])
    assert np.abs(alone.poses_2d - other.poses_2d).max() > 1e-3


def test_noise_differs_between_videos(tmp_path: Path) -> None:
    """Two clips of the same still pose: every view of either has errors of its own."""
    clips = [MocapClip(name, name, "Jump", standing(30)) for name in ("02_01", "02_02")]
    write_clips(tmp_path / "02.npz", SubjectClips("02", clips, [], []))
    table = cmu_table([tmp_path / "02.npz"], {})
    assert table.poses_2d is not None
    moves = np.diff(table.poses_2d.reshape(2 * VIEWS, 30, 17, 2), axis=1).reshape(2 * VIEWS, -1)
    correlation = np.corrcoef(moves) - np.eye(2 * VIEWS)
    assert np.abs(correlation).max() < 0.3


def test_unusable_views_are_left_out_and_listed(tmp_path: Path) -> None:
    """2.3 m aside: some cameras still see the person, others do not."""
    table = cmu_table([subject_file(tmp_path, "02", aside=2.3)], {})
    dropped = table.metadata["dropped_videos"]
    assert 0 < len(dropped) < VIEWS
    assert {entry["sequence"] for entry in dropped} == {"02_02/1"}
    assert all(entry["share_outside"] > 0.1 for entry in dropped)
    assert table.num_videos + len(dropped) == table.metadata["num_videos_projected"] == 2 * VIEWS
    nobody = cmu_table([subject_file(tmp_path, "02", aside=20)], {})
    assert nobody.sequence_name.tolist() == ["02_01"]
    assert len(nobody.metadata["dropped_videos"]) == VIEWS


def test_scores_list_the_unusable_views_of_the_people_who_are_tested(tmp_path: Path) -> None:
    paths = [subject_file(tmp_path, subject, aside=2.3) for subject in ("02", "09")]
    table = cmu_table(paths, {"train": ["09"], "test": ["02"]})
    cameras = [entry["camera"] for entry in table.metadata["dropped_videos"] if entry["sequence"] == "02_02/1"]
    expected = [f"02_02/1, camera {camera.split('/')[1]}" for camera in cameras]
    assert expected
    assert list(mean_pose_scores(table, "train", "test").protocol.dropped_videos) == expected


def test_splits_are_checked_all_at_once(tmp_path: Path) -> None:
    paths = [subject_file(tmp_path, subject) for subject in ("02", "09")]
    with pytest.raises(InputError) as error:
        cmu_table([*paths, paths[0]], {"train": ["02"], "val": ["02", "77"]})
    for message in (
        "subject 02 is given twice",
        "subject 02 is in the splits train and val",
        "subject 77 of split val has no clips",
    ):
        assert message in str(error.value)


def test_scripts(folder: Path, tmp_path: Path, project: Path) -> None:
    """The three command lines, one after the other; the same twice gives the same table."""
    rows = [("01", "01_01", 241), ("02", "02_01", 600), ("02", "02_02", 240)]
    text_file(
        tmp_path / "trials.csv",
        HEADER + "".join(f"{subject},{name},walk,Walk,{frames},120,,,,\n" for subject, name, frames in rows),
    )

    def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(project / "scripts" / script), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    for subject in ("01", "02"):
        source = ("--source", folder, "--trials", "trials.csv", "--subject", subject, "--cache", "cache")
        fetched = run("fetch_cmu.py", *source, "--output", f"{subject}.csv")
        assert fetched.returncode == 0, fetched.stderr
        outputs = ("--output", f"{subject}.npz", "--glitches", f"{subject}.glitches.csv")
        converted = run("convert_cmu.py", "--manifest", f"{subject}.csv", "--trials", "trials.csv", *outputs)
        assert converted.returncode == 0, converted.stderr
    assert (tmp_path / "02.glitches.csv").read_text().splitlines()[1].startswith("02_02,0,")
    splits = ("--splits", '{"train": ["01"], "test": ["02"]}')
    sums = []
    for output in ("a.h5", "b.h5"):
        merged = run("merge_cmu.py", "--subjects", "01.npz", "02.npz", *splits, "--output", output)
        assert merged.returncode == 0, merged.stderr
        sums.append(read_frames_table(tmp_path / output).metadata["sha256"])
    assert sums[0] == sums[1]
    failed = run("merge_cmu.py", "--subjects", "01.npz", "--splits", "[1]", "--output", "c.h5")
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: --splits must give lists")
