"""Animations of invented people: names of sequences, what is shown of them, and the files."""

import itertools
import os
import shutil
import subprocess
import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17, NUM_JOINTS, PARENTS, ROOT
from uplift_upsample.data.frames import FramesTable, SequenceRecord, build_frames_table, write_frames_table
from uplift_upsample.evaluate.predictions import Predictions, write_predictions
from uplift_upsample.evaluate.scores import ground_truth
from uplift_upsample.report.animation import canvas
from uplift_upsample.report.animation.clips import Clip, clip
from uplift_upsample.report.animation.encode import write_animation, write_mp4
from uplift_upsample.report.animation.frames import HEIGHT, SHOWN_RATE, WIDTH, Scene
from uplift_upsample.report.animation.sequences import sequence_names, video_of
from uplift_upsample.report.animation.view import floor_below, space_view
from uplift_upsample.report.figures.style import GREY

LENGTHS = {("S9", "Walking 1"): 61, ("S9", "Walking"): 31, ("S9", "Sitting 2"): 12, ("35", "35_01"): 40}


def person(length: int) -> np.ndarray:
    """Somebody who walks and turns, ``(length, 17, 3)`` world metres."""
    heights = {"ankle": 0.05, "knee": 0.5, "hip": 0.95, "pelvis": 1.0, "torso": 1.2, "neck": 1.45, "head": 1.6, "head_top": 1.75}
    heights |= {"shoulder": 1.4, "elbow": 1.1, "wrist": 0.85}
    sides = {"r_": -0.2, "l_": 0.2}
    pose = np.array(
        [
            [sides.get(name[:2], 0.0), 0.1 * (index % 3), heights[name.removeprefix(name[:2] if name[:2] in sides else "")]]
            for index, name in enumerate(MODEL_17)
        ]
    )
    angle = 0.05 * np.arange(length)[:, None]
    x = np.cos(angle) * pose[:, 0] - np.sin(angle) * pose[:, 1]
    y = np.sin(angle) * pose[:, 0] + np.cos(angle) * pose[:, 1] + 0.01 * np.arange(length)[:, None]
    turned = np.stack([x, y, np.tile(pose[:, 2], (length, 1))], -1)
    return turned.astype(np.float32)


@pytest.fixture(scope="module")
def table() -> FramesTable:
    """Four recordings, two cameras each."""
    records = []
    for (subject, name), length in LENGTHS.items():
        views = [np.linspace(-0.3, 0.3, length * NUM_JOINTS * 2).reshape(length, NUM_JOINTS, 2).astype(np.float32)] * 2
        action = "Walk" if subject == "35" else name.split()[0]
        records.append(SequenceRecord(subject, name, action, person(length), views, [4, 5]))
    metadata = {"dataset": "h36m", "input_2d": "gt", "splits": {"test": ["S9", "35"]}, "sha256": "abc"}
    return build_frames_table(records, h36m_cameras(), metadata)


def predictions_of(table: FramesTable, s_in: int = 10, s_out: int = 5, offset: float = 0.034, **metadata) -> Predictions:
    """The truth at multiples of s_out, one ankle ``offset`` metres off, somewhere in space."""
    videos = np.arange(table.num_videos)
    counts = -(-table.video_length[videos] // s_out)
    video = np.repeat(videos, counts)
    frame = np.concatenate([s_out * np.arange(count) for count in counts])
    poses = ground_truth(table, video, frame).astype(np.float32) + np.float32(2)
    poses[:, 0, 0] += offset
    metadata = {"s_in": s_in, "s_out": s_out, "subjects": ["S9", "35"], "experiment": "h36m_351", "seed": 0, **metadata}
    return Predictions(poses, video, frame, metadata)


@pytest.fixture
def shown(table) -> Clip:
    return clip(predictions_of(table), table, "S9_Walking_1_cam1")


def test_names_of_sequences(table):
    names = sequence_names(table, range(table.num_videos))
    assert list(names)[:4] == ["S9_Walking_1_cam0", "S9_Walking_1_cam1", "S9_Walking_cam0", "S9_Walking_cam1"]
    assert "35_01_cam1" in names
    assert all(video_of(table, range(table.num_videos), name) == video for name, video in names.items())


def test_an_action_names_its_first_sequence_unless_a_sequence_bears_the_name(table):
    videos = range(table.num_videos)
    assert video_of(table, videos, "S9_Sitting_cam1") == video_of(table, videos, "S9_Sitting_2_cam1")
    assert video_of(table, videos, "35_Walk_cam0") == video_of(table, videos, "35_01_cam0")
    assert table.video_name(video_of(table, videos, "S9_Walking_cam0")) == "S9 Walking, camera 0"


def test_names_that_would_be_equal_have_the_index_of_the_video(table):
    twin = replace(table, sequence_name=np.array(["Walking 1", "Walking_1", "Sitting 2", "35_01"]))
    names = list(sequence_names(twin, range(table.num_videos)))
    assert names[:4] == [
        "S9_Walking_1_cam0_video0",
        "S9_Walking_1_cam0_video2",
        "S9_Walking_1_cam1_video1",
        "S9_Walking_1_cam1_video3",
    ]


def test_an_unknown_sequence_is_answered_with_those_that_there_are(table):
    with pytest.raises(InputError) as error:
        clip(predictions_of(table), table, "S9_Walkin_cam0")
    said = str(error.value)
    assert said.startswith("no sequence 'S9_Walkin_cam0'; did you mean S9_Walking_cam0")
    assert "S9_Sitting_2, 35_01, each with _cam0 to _cam1" in said
    assert "\n" not in said


def test_a_clip_is_what_the_scores_are_made_of(shown, table):
    assert len(shown) == 61
    assert np.flatnonzero(shown.is_key).tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert shown.error_mm[::5] == pytest.approx(2, abs=1e-3)  # 34 mm at one of 17 joints
    assert shown.error_mm.max() < 4  # a person who turns is interpolated on a straight line
    assert (shown.title, shown.run, shown.note) == ("S9 Walking 1, camera 1", "seed 0", "")
    assert np.abs(shown.truth[:, ROOT]).max() < 1e-6


def test_up_is_up_whatever_the_camera(table):
    for camera in (0, 1):
        one = clip(predictions_of(table), table, f"S9_Walking_1_cam{camera}")
        head, ankle = (one.truth[:, MODEL_17.index(name)] for name in ("head_top", "r_ankle"))
        assert (head - ankle)[:, 2] == pytest.approx(1.7, abs=0.01)
        turn, *_ = np.linalg.lstsq(one.truth[0], table.poses_3d[0] - table.poses_3d[0][ROOT], rcond=None)
        assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-3)
        assert np.linalg.det(turn) == pytest.approx(1, abs=1e-3)  # nobody is mirrored


def test_seconds_and_plain_interpolation(table):
    short = clip(predictions_of(table), table, "S9_Walking_1_cam0", seconds=0.5)
    assert (len(short), short.num_frames) == (25, 61)
    poses = predictions_of(table)
    poses.poses_3d[poses.frame % 10 == 5] += np.float32([0.5, 0, 0]) * (np.arange(NUM_JOINTS) != ROOT)[:, None]
    learned, plain = (clip(poses, table, "S9_Walking_1_cam0", learned_upsampling=way) for way in (True, False))
    assert learned.error_mm[5] > 400
    assert plain.error_mm[5] < 10


def test_published_weights_say_so(table):
    assert clip(predictions_of(table, seed=None, weights="published"), table, "S9_Walking_cam0").run == "published weights"


def test_predictions_of_another_table_are_refused(table):
    with pytest.raises(InputError, match="another frames table"):
        clip(predictions_of(table, frames_sha256="other"), table, "S9_Walking_cam0")


def test_both_poses_have_one_scale_and_stay_in_their_box(shown):
    poses = np.concatenate([shown.prediction, shown.truth])
    box = (100, 50, 300, 250)
    view = space_view(poses, floor_below(poses), box)
    places = view.places(poses)
    assert places[..., 0].min() > 99.99
    assert places[..., 0].max() < 300.01
    assert places[..., 1].min() > 49.99
    assert places[..., 1].max() < 250.01
    head, ankle = (view.places(shown.truth[0, MODEL_17.index(name)]) for name in ("head_top", "r_ankle"))
    assert head[1] < ankle[1]  # rows of pixels grow downwards


def test_bones_are_coloured_by_side():
    for (joint, parent), colour in zip(canvas.BONES, canvas.COLOURS, strict=True):
        assert PARENTS[joint] == parent
        assert colour == {"l_": canvas.LEFT, "r_": canvas.RIGHT}.get(MODEL_17[joint][:2], canvas.TRUNK)
    assert len({canvas.LEFT, canvas.RIGHT, canvas.TRUNK}) == 3


def has_colour(picture: Image.Image, colour: str, box: tuple[int, int, int, int]) -> bool:
    return bool((np.asarray(picture.crop(box)) == list(bytes.fromhex(colour[1:]))).all(axis=-1).any())


def test_masked_poses_are_grey_and_the_real_key_frames_coloured(shown):
    scene, panel = Scene(shown), (14, 74, 278, 304)
    assert has_colour(scene.picture(10), canvas.LEFT, panel)
    assert not has_colour(scene.picture(10), canvas.GHOST, panel)
    assert has_colour(scene.picture(14), canvas.GHOST, panel)
    assert not has_colour(scene.picture(14), canvas.LEFT, panel)


def test_a_key_frame_between_two_pictures_is_not_passed_over(table):
    scene = Scene(clip(predictions_of(table, s_in=5), table, "S9_Walking_1_cam0"))
    assert has_colour(scene.picture(4), canvas.LEFT, (14, 74, 278, 304))  # of frame 5


def test_simulated_detections_are_named_in_every_picture(shown):
    place = (WIDTH - 60, 9, WIDTH - 12, 29)
    noted = Scene(replace(shown, note="simulated detections"))
    assert all(has_colour(picture, GREY, place) for picture in noted.pictures())
    assert not has_colour(Scene(shown).picture(0), GREY, place)


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_videos(shown, length):
    fields = {name: getattr(shown, name)[:length] for name in ("poses_2d", "is_key", "prediction", "truth", "error_mm")}
    assert len(list(Scene(replace(shown, **fields)).pictures())) == 1


def test_gif_has_true_speed_and_equal_bytes(shown, tmp_path):
    paths = [tmp_path / "a.gif", tmp_path / "b.gif"]
    for path in paths:
        write_animation(path, Scene(shown).pictures(), SHOWN_RATE)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size < 500_000
    with Image.open(paths[0]) as image:
        assert (image.size, image.info["loop"]) == ((WIDTH, HEIGHT), 0)
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
        assert sum(durations) == 31 * 40  # 61 frames at 50 Hz, every second one
        assert image.convert("RGB").getpixel((WIDTH // 2, 50)) == (255, 255, 255)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")
def test_mp4(shown, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write_animation(tmp_path / name, Scene(shown).pictures(), SHOWN_RATE)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert b"ftyp" in (tmp_path / "a.mp4").read_bytes()[:16]


def test_without_ffmpeg_an_mp4_is_one_clear_error(shown, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"no ffmpeg on the PATH.*draw the \.gif instead"):
        write_mp4(tmp_path / "a.mp4", Scene(shown).pictures(), SHOWN_RATE)
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho 'Unknown encoder libx264' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(InputError, match="Unknown encoder libx264"):
        write_mp4(tmp_path / "a.mp4", Scene(shown).pictures(), SHOWN_RATE)
    assert not (tmp_path / "a.mp4").exists()
    with pytest.raises(InputError, match=r"\.gif or a \.mp4"):
        write_animation(tmp_path / "a.webm", Scene(shown).pictures(), SHOWN_RATE)


def own_ffmpeg(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of this name that does something else."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin/ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")


def test_pictures_of_an_mp4_are_not_in_memory_together(tmp_path, monkeypatch):
    own_ffmpeg(tmp_path, 'for last; do :; done\nexec cat > "$last"', monkeypatch)
    tracemalloc.start()
    try:
        write_mp4(tmp_path / "a.mp4", (Image.new("RGB", (640, 480)) for _ in range(30)), SHOWN_RATE)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "a.mp4").stat().st_size == 30 * 640 * 480 * 3  # this encoder writes what it is given
    assert most < 10 * 640 * 480 * 3


@pytest.mark.parametrize("script", ["head -c 100000 >/dev/null", "exec 0<&-; sleep 0.2"])
def test_an_encoder_that_ends_in_the_middle_is_one_clear_error(shown, tmp_path, monkeypatch, script):
    own_ffmpeg(tmp_path, f"{script}\necho begins >&2\necho 'No space left' >&2\nexit 1", monkeypatch)
    with pytest.raises(InputError, match=r"a\.mp4: ffmpeg could not write it \(No space left\)"):
        write_mp4(tmp_path / "a.mp4", Scene(shown).pictures(), SHOWN_RATE)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_no_encoder_is_left_where_the_pictures_end_in_an_error(shown, tmp_path, monkeypatch):
    own_ffmpeg(tmp_path, f"echo $$ > {tmp_path}/pid\ncat >/dev/null\nexec sleep 60", monkeypatch)

    def pictures():
        yield from itertools.islice(Scene(shown).pictures(), 1)
        until = time.monotonic() + 10
        while not (tmp_path / "pid").exists() and time.monotonic() < until:
            time.sleep(0.01)
        raise InputError("the video ends here")

    with pytest.raises(InputError, match="the video ends here"):
        write_mp4(tmp_path / "a.mp4", pictures(), SHOWN_RATE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_command(table, tmp_path, project):
    write_frames_table(tmp_path / "frames.h5", table)
    write_predictions(tmp_path / "predictions.h5", predictions_of(table))

    def command(sequence: str, output: Path) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(project / "scripts/draw_animation.py"), "--predictions", str(tmp_path / "predictions.h5")]
        line += ["--frames", str(tmp_path / "frames.h5"), "--sequence", sequence, "--seconds", "0.3", "--output", str(output)]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    done = command("S9_Walking_cam0", tmp_path / "a.gif")
    assert done.returncode == 0, done.stderr
    failed = command("S10_Walking_cam0", tmp_path / "b.gif")
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
    assert failed.stderr.startswith("error: no sequence 'S10_Walking_cam0'")
    assert not (tmp_path / "b.gif").exists()
