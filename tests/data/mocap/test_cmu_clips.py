"""From original files, made by code, to clips."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from world.acclaim_files import amc_text, text_file, trial

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.mocap.clips import SubjectClips
from uplift_upsample.data.mocap.cmu_clips import convert_subject, read_clips, write_clips
from uplift_upsample.data.mocap.cmu_trials import (
    Trial,
    fetch_subject,
    read_manifest,
    write_manifest,
)
from uplift_upsample.data.mocap.glitches import Glitch


def converted(folder: Path, trials: list[Trial]) -> tuple[SubjectClips, dict[str, list[Glitch]]]:
    manifest = folder.parent / "manifest.csv"
    write_manifest(manifest, fetch_subject(str(folder), trials, "unused"))
    return convert_subject(trials, read_manifest(manifest))


def test_clips_of_a_subject(folder: Path, tmp_path: Path) -> None:
    subject, glitches = converted(folder, [trial("02_01", 600, "Run"), trial("02_02", 240)])
    assert [(clip.name, clip.action, len(clip.poses_3d)) for clip in subject.clips] == [
        ("02_01/1", "Run", 125),  # 7.6 m are too long for the cameras
        ("02_01/2", "Run", 125),
        ("02_02", "Walk", 97),  # 235 frames at 120 Hz
    ]
    assert [glitch.frame for glitch in glitches["02_02"]] == [0, 1, 2, 3, 4]
    assert glitches["02_01"] == []
    write_clips(tmp_path / "02.npz", subject)
    again = read_clips(tmp_path / "02.npz")
    for clip, copy in zip(subject.clips, again.clips, strict=True):
        assert (clip.trial, clip.name, clip.action) == (copy.trial, copy.name, copy.action)
        np.testing.assert_array_equal(clip.poses_3d, copy.poses_3d)
    first = (tmp_path / "02.npz").read_bytes()
    write_clips(tmp_path / "02.npz", again)
    assert (tmp_path / "02.npz").read_bytes() == first


def test_the_same_recording_counts_once(folder: Path) -> None:
    path = folder / "subjects" / "01"
    (path / "01_02.amc").write_bytes((path / "01_01.amc").read_bytes())
    subject, _ = converted(folder, [trial("01_01", 241), trial("01_02", 241)])
    assert [clip.name for clip in subject.clips] == ["01_01"]
    assert subject.dropped == [{"trial": "01_02", "reason": "the same recording as 01_01"}]


def test_number_of_frames_is_checked(folder: Path) -> None:
    with pytest.raises(InputError, match=r"01_01\.amc: 241 frames where the list of trials has 240"):
        converted(folder, [trial("01_01", 240)])


def test_frames_are_counted_where_the_list_says_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        subject, _ = converted(folder, [replace(trial("01_01", 241), frames=None)])
    assert [len(clip.poses_3d) for clip in subject.clips] == [100]
    assert "01_01: 241 frames, 2.0 s" in caplog.messages


def test_low_frame_rate_names_the_trial(folder: Path) -> None:
    with pytest.raises(InputError, match="01_01: a frame rate of 30 Hz"):
        converted(folder, [replace(trial("01_01", 241), fps=30)])


def test_changed_file_is_noticed(folder: Path) -> None:
    trials = [trial("01_01", 241)]
    manifest = folder.parent / "manifest.csv"
    write_manifest(manifest, fetch_subject(str(folder), trials, "unused"))
    (folder / "subjects" / "01" / "01_01.amc").write_text(amc_text(241, seed=1))
    with pytest.raises(InputError, match=r"01_01\.amc: gone or changed"):
        convert_subject(trials, read_manifest(manifest))
    with pytest.raises(InputError, match=r"does not list subjects/01/01_02\.amc"):
        convert_subject([trial("01_02", 241)], read_manifest(manifest))


def test_not_a_file_of_clips(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", header=np.array("{}"), poses_3d=np.zeros(3))
    for path in (tmp_path / "x.npz", tmp_path / "missing.npz", text_file(tmp_path / "text.npz", "hello")):
        with pytest.raises(InputError, match="not the clips of a CMU subject"):
            read_clips(path)
