"""Videos: the time of all frames, the pictures of some, and a detector that looks at these alone."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lift.conftest import walking

pytest.importorskip("av")

from world.measuring import measured
from world.videos import number_of, turn, write_video

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.times import key_frames
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.lift.video import video_file
from uplift_upsample.lift.video.detected import detected, key_frames_of
from uplift_upsample.lift.video.video_file import VideoFile, is_video


def numbers(video: VideoFile, frames: Any) -> dict[int, int]:
    return {frame: number_of(picture) for frame, picture in video.pictures(frames)}


@pytest.mark.parametrize("frame_rate", [24, Fraction(30_000, 1001), 60, 5])
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "libx264"), ("mkv", "mpeg4")])
def test_every_frame_has_its_time_and_its_picture(frame_rate: Any, suffix: str, codec: str, tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / f"a.{suffix}", 40, frame_rate, codec=codec))
    assert video.size == (160, 96)
    assert video.times == pytest.approx(np.arange(40) / float(frame_rate), abs=1.1e-3)  # Matroska counts milliseconds
    assert numbers(video, range(40)) == {frame: frame for frame in range(40)}
    assert numbers(video, [0, 7, 23, 24, 39]) == {frame: frame for frame in (0, 7, 23, 24, 39)}


def test_variable_frame_rates(tmp_path: Path) -> None:
    seconds = np.cumsum([0, 0.04, 0.02, 0.1, 0.03, 0.5, 0.04, 0.04])
    video = VideoFile(write_video(tmp_path / "a.mp4", 8, seconds=seconds))
    assert video.times == pytest.approx(seconds, abs=1e-4)
    assert numbers(video, [3, 5]) == {3: 3, 5: 5}


def test_what_is_not_wanted_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of 12: frames 30 and 31 need the third one up to them; the others are skipped."""
    video = VideoFile(write_video(tmp_path / "a.mp4", 96))
    given = []
    sound = video_file._sound
    monkeypatch.setattr(video_file, "_sound", lambda codec, packet: given.append(packet) or sound(codec, packet))
    assert numbers(video, [30, 31]) == {30: 30, 31: 31}
    assert 2 <= sum(packet is not None for packet in given) <= 12
    given.clear()
    assert numbers(video, [0, 95]) == {0: 0, 95: 95}
    assert sum(packet is not None for packet in given) <= 13


def test_frames_that_are_shown_before_the_key_picture_of_their_group(tmp_path: Path) -> None:
    """Open groups: such frames are described by the group before theirs, too."""
    options = {"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"}
    video = VideoFile(write_video(tmp_path / "a.mkv", 60, options=options))
    leading = [frame for frame, stamp in enumerate(video._stamps) if _is_leading(video, stamp)]
    assert len(leading) >= 3
    for frame in leading:
        assert numbers(video, [frame]) == {frame: frame}
    assert numbers(video, [0, *leading, 59]) == {frame: frame for frame in [0, *leading, 59]}


def _is_leading(video: VideoFile, stamp: int) -> bool:
    """Whether a frame comes behind a key picture in the file and is shown before it."""
    key = 0
    for own, is_key, _ in video._packets:
        key = own if is_key else key
        if own == stamp:
            return own < key
    return False


def test_a_phone_that_lay_on_its_side(tmp_path: Path) -> None:
    """The stored picture's upper edge is the shown picture's right one."""
    video = VideoFile(turn(write_video(tmp_path / "a.mp4", 3)))
    assert video.size == (96, 160)
    [(_, picture)] = video.pictures([2])
    assert picture.shape == (160, 96, 3)
    assert number_of(np.rot90(picture)) == 2
    assert picture[4, -4].min() > 200  # the white block is at the upper right


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    """160 by 96 pixels that are a third wider than high."""
    video = VideoFile(write_video(tmp_path / "a.mp4", 3, pixel_aspect=Fraction(4, 3)))
    assert video.size == (213, 96)
    [(_, picture)] = video.pictures([2])
    assert picture.shape == (96, 213, 3)


class Fake:
    """Sees the person of a frame by its number, and nobody in some frames."""

    layout, name = "coco_17", "fake"

    def __init__(self, points: np.ndarray, nobody: Any = ()) -> None:
        self.points, self.nobody, self.asked = points, nobody, list[int]()

    def people(self, picture: np.ndarray) -> list[np.ndarray]:
        frame = number_of(picture)
        self.asked.append(frame)
        person = np.concatenate([self.points[frame], np.full((17, 1), 0.9)], axis=1)
        behind = person / [4, 4, 1]
        return [] if frame in self.nobody else [behind, person]


@pytest.mark.parametrize("frame_rate", [24, 30, 60])
def test_the_detector_sees_key_frames_alone(frame_rate: int, lifter: Uplifter, tmp_path: Path) -> None:
    points = walking(np.arange(70) / frame_rate) / [6.25, 8.4]  # in a picture of 160 by 96
    video = VideoFile(write_video(tmp_path / "a.mp4", 70, frame_rate))
    keys = key_frames(video.times, 20, 5)
    fake = Fake(points)
    done: list[tuple[int, int]] = []
    found = detected(video, keys, fake, lambda *both: done.append(both))
    assert fake.asked == keys.frames.tolist()
    assert done[-1] == (len(keys.frames), len(keys.frames))
    poses = lifter.lifted(lifter.prepared(found, s_in=20))
    expected = lifter(points, times=video.times, s_in=20, size=(160, 96), layout="coco")
    assert len(poses) == 70
    assert np.abs(poses.positions - expected.positions).max() < 1e-5
    assert poses.metadata["size"] == [160, 96]


def test_clips_without_people_and_with_a_gap(lifter: Uplifter, tmp_path: Path) -> None:
    points = walking(np.arange(60) / 30) / [6.25, 8.4]
    video = VideoFile(write_video(tmp_path / "a.mp4", 60))
    keys = key_frames(video.times, 5, 5)
    with pytest.raises(InputError, match=r"a\.mp4: there is nobody in any frame"):
        detected(video, keys, Fake(points, nobody=range(60)))
    task = lifter.prepared(detected(video, keys, Fake(points, nobody=range(15, 30))), s_in=5)
    assert np.flatnonzero(task.is_key).tolist() == [*range(0, 15, 3), *range(30, 60, 3)]
    late = lifter.prepared(detected(video, keys, Fake(points, nobody=range(30))), s_in=5)
    assert len(late.clip.frames) == 60  # the clip begins with its first frame, not with the person


def test_frame_rates_at_which_nothing_is_lifted_are_refused_before_a_detector_looks(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.mp4", 5, 1))
    with pytest.raises(InputError, match=r"a\.mp4: times: frames are 1 s apart; there must be 5 to 240 in a second"):
        key_frames_of(video, 20, 5)


def test_frames_that_have_the_times_of_others(tmp_path: Path) -> None:
    """AVI numbers frames as they are stored, and H.264 stores some before those that are shown earlier."""
    options = {"x264-params": "bframes=3:b-adapt=0"}
    with pytest.raises(InputError, match=r"a\.avi: the file gives its frames the times of others.*ffmpeg -i a\.avi new\.mp4"):
        VideoFile(write_video(tmp_path / "a.avi", 40, options=options))
    for codec in ("mpeg4", "libx264"):
        video = VideoFile(write_video(tmp_path / "a.avi", 40, codec=codec, options={"bf": "0"}))
        assert numbers(video, range(40)) == {frame: frame for frame in range(40)}


def test_what_is_no_video(tmp_path: Path) -> None:
    sound = write_video(tmp_path / "a.mp4", 30).read_bytes()
    damaged = {
        "text.mp4": b"not a video, but long enough to be looked at",
        "empty.mp4": b"",
        "cut.mp4": sound[: len(sound) // 2],  # its index stood at the end
        "head.mkv": b"\x1a\x45\xdf\xa3" + bytes(200),
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: ") as raised:
            VideoFile(tmp_path / name)
        assert "\n" not in str(raised.value)
    assert is_video(tmp_path / "a.mp4")
    assert is_video(tmp_path / "head.mkv")
    (tmp_path / "a.wmv").write_bytes(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa")
    assert is_video(tmp_path / "a.wmv")
    (tmp_path / "a.json").write_text('[{"image_id": 1}]')
    assert not is_video(tmp_path / "a.json")
    assert not is_video(tmp_path)
    assert not is_video(tmp_path / "nowhere")


def test_damage_within_a_video_costs_its_frames_alone(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 60, codec="mpeg4")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 60] = bytes(60)
    path.write_bytes(content)
    video = VideoFile(path)
    got = numbers(video, range(len(video.times)))
    assert sum(number == frame for frame, number in got.items()) > 30


# Somebody who waves before every tenth frame is asked for, lifted by the weights that are given; says how many poses came out.
WHOLE_VIDEO = """
import sys
import numpy as np
from uplift_upsample.data.keypoints.times import key_frames
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.lift.video.detected import detected
from uplift_upsample.lift.video.video_file import VideoFile

class Fake:
    layout, name = "coco_17", "fake"
    calls = 0
    def people(self, picture):
        self.calls += 1
        points = np.stack([80 + 10 * np.cos(np.arange(17)), 10 + 4.5 * np.arange(17)], axis=1)
        points[9, 0] += 5 * np.sin(self.calls / 3)
        return [np.concatenate([points, np.full((17, 1), 0.9)], axis=1)]

video = VideoFile(sys.argv[1])
found = detected(video, key_frames(video.times, 5, 5), Fake())
lifter = Uplifter.load(sys.argv[2])
print(len(lifter.lifted(lifter.prepared(found, s_in=5)).positions))
"""


@pytest.mark.long
def test_ten_minutes_take_hardly_more_memory_than_one(weights: Path, tmp_path: Path) -> None:
    """Keypoints and poses of 16,200 frames more are 30 MB; their pictures would be 750 MB, those of the key frames alone 250 MB."""
    private = {}
    for minutes in (1, 10):
        num_frames = 30 * 60 * minutes
        path = write_video(tmp_path / f"{minutes}.mp4", num_frames, 30, options={"preset": "ultrafast"})
        found = measured(["-c", WHOLE_VIDEO, path, weights], tmp_path)
        assert found.said.splitlines()[-1] == str(num_frames)
        private[minutes] = found.private
    assert private[10] - private[1] < 100e6
