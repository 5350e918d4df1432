"""Frames that come in one after the other: what goes out, when, and that it is what a clip up to then would have given."""

import json
import socket
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lift.conftest import SIZE, evaluated, walking
from world.warm_python import FRAMEWORK, warm_python

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.layouts import LAYOUTS
from uplift_upsample.lift.live import LivePose, LiveUplifter
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.plan.evaluation import EvaluateConfig

CLOCK = 1234.5  # of the camera at the first frame


@pytest.fixture(scope="module")
def single(weights: Path) -> Uplifter:
    return Uplifter.load(weights, batch_size=1)


@pytest.fixture
def counted(single: Uplifter, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many 2D poses went through the spatial stage, and windows through the temporal one."""
    counts = {"spatial": 0, "temporal": 0}
    for stage, name, rows in (("spatial", "tokens_of", 0), ("temporal", "lift_tokens", 2)):
        called = getattr(single.lifter, name)

        def counting(*given: Any, stage: str = stage, called: Any = called, rows: int = rows) -> Any:
            counts[stage] += len(given[rows])
            return called(*given)

        monkeypatch.setattr(single.lifter, name, counting)
    return counts


def live(single: Uplifter, **changes: Any) -> LiveUplifter:
    return LiveUplifter(single, **{"layout": "coco_17", "size": SIZE, "s_in": 10, **changes})


def streamed(stream: LiveUplifter, seconds: np.ndarray, poses: np.ndarray | None = None) -> list[tuple[int, LivePose]]:
    """What went out, each with the number of the frame that had come in then."""
    poses = walking(seconds) if poses is None else poses
    out = [(number, pose) for number in range(len(seconds)) for pose in stream.push(CLOCK + seconds[number], poses[number])]
    return out + [(len(seconds) - 1, pose) for pose in stream.finish()]


LONG = pytest.mark.long
RATES = [(24, 10), *(pytest.param(*each, marks=LONG) for each in ((50, 5), (50, 20), (59.94, 10), (240, 20)))]


@pytest.mark.parametrize(("rate", "s_in"), RATES)
def test_poses_are_those_of_a_clip_that_ends_with_the_newest_frame(rate: float, s_in: int, single: Uplifter) -> None:
    """With a look-ahead of a token or more both tokens around a frame are in that clip."""
    seconds = np.arange(int(3 * rate)) / rate
    out = streamed(live(single, s_in=s_in, look_ahead=0.2), seconds)
    assert [pose.time - CLOCK for _, pose in out] == pytest.approx(seconds.tolist())
    for frame in range(0, len(seconds), max(1, len(seconds) // 25)):
        newest, pose = out[frame]
        assert seconds[newest] >= min(seconds[frame] + 0.2, seconds[-1]) - 1e-6
        assert newest == len(seconds) - 1 or seconds[newest] < seconds[frame] + 0.2 + 1 / rate
        clip = single(walking(seconds)[: newest + 1], frame_rate=rate, layout="coco_17", s_in=s_in, size=SIZE)
        is_behind_the_last_token = seconds[frame] > int(seconds[newest] / 0.1 + 1e-6) * 0.1 + 1e-6
        if not is_behind_the_last_token:
            assert np.abs(pose.position - clip.positions[frame]).max() < 1e-5


def test_interpolated_tokens_are_those_of_a_clip(load_tiny: Any) -> None:
    """What lies between two 2D poses is interpolated within each window anew; only the 2D poses' own tokens are kept."""
    single, seconds = load_tiny(upsampling_token="interpolated"), np.arange(100) / 50
    out = streamed(live(single, look_ahead=0.2), seconds)
    for frame in range(0, 100, 10):
        newest, pose = out[frame]
        clip = single(walking(seconds)[: newest + 1], frame_rate=50, layout="coco_17", s_in=10, size=SIZE)
        assert np.abs(pose.position - clip.positions[frame]).max() < 1e-5


def test_without_look_ahead_each_pose_goes_out_with_its_frame(single: Uplifter) -> None:
    seconds = np.arange(100) / 50
    out = streamed(live(single), seconds)
    assert [number for number, _ in out] == [*range(100)]
    for frame in (0, 5, 50, 95):  # on a token
        clip = single(walking(seconds)[: frame + 1], frame_rate=50, layout="coco_17", s_in=10, size=SIZE)
        assert np.abs(out[frame][1].position - clip.positions[frame]).max() < 1e-5
    steps = np.linalg.norm(np.diff([pose.position for _, pose in out], axis=0), axis=-1)
    assert (steps[50:60].max(axis=1) > 0).all()  # between tokens it moves, too


@pytest.mark.parametrize(
    ("s_in", "look_ahead"), [(10, 5), *(pytest.param(*each, marks=LONG) for each in ((5, 0), (20, 0), (10, 10)))]
)
def test_the_evaluation_with_a_look_ahead_is_the_stream(s_in: int, look_ahead: int, weights: Path) -> None:
    """So the scores are those of what goes out, between tokens too; but for the end, where the stream does not know of it."""
    seconds = np.arange(121) / 50
    mirrored = Uplifter.load(weights, batch_size=1)
    expected = evaluated(weights, seconds, s_in, EvaluateConfig(look_ahead=look_ahead))
    out = np.array([pose.position for _, pose in streamed(live(mirrored, s_in=s_in, look_ahead=look_ahead / 50), seconds)])
    end = 120 - look_ahead
    assert np.abs(out[:end] - expected[:end]).max() < 1e-5
    assert np.abs(out - evaluated(weights, seconds, s_in)).max() > 1e-3  # the whole video says something else


def test_a_2d_pose_costs_one_spatial_pass_and_a_token_few_temporal_ones(counted: dict[str, int], single: Uplifter) -> None:
    stream = live(single)
    counted.update(spatial=0, temporal=0)
    streamed(stream, np.arange(1000) / 50)
    assert counted["spatial"] == 100  # every tenth frame is seen, at s_in 10
    # three tokens around two 2D poses, and two more where times are counted anew
    assert counted["temporal"] <= 3 * 100 + 2 * 1000 // 20


@pytest.mark.long
def test_what_is_kept_does_not_grow(single: Uplifter) -> None:
    stream = live(single, s_in=20)
    person = walking(np.zeros(1))[0]
    sizes = []
    for frame in range(1200):  # 40 s, 50 windows
        stream.push(frame / 30, person if frame % 3 == 0 else None)
        if frame % 100 == 99:
            seen = stream._seen
            sizes.append((len(seen.times), len(seen.poses), len(seen.tokens) < 20, len(seen.lifted) < 20, len(stream._waiting)))
    assert max(size[0] for size in sizes[3:]) <= max(size[0] for size in sizes[:3]) + 2
    assert all(size[0] == size[1] and size[2] and size[3] and size[4] == 0 for size in sizes)


def test_the_detector_looks_at_key_frames_only(single: Uplifter) -> None:
    """As if it had looked at all of them; at a rate at which key frames lie between frames, too."""
    for rate in (50, 29.97, 60):
        seconds = np.arange(int(4 * rate)) / rate
        whole, sparse = live(single, look_ahead=0.3), live(single, look_ahead=0.3)
        expected = [pose.position for _, pose in streamed(whole, seconds)]
        out, wanted = [], 0
        for number, second in enumerate(seconds):
            is_wanted = sparse.wants(CLOCK + second, rate)
            out += sparse.push(CLOCK + second, walking(seconds)[number] if is_wanted else None)
            wanted += is_wanted
        assert wanted == pytest.approx(4 * 5, abs=1)
        out += sparse.finish()
        errors = [np.abs(one.position - other).max() for one, other in zip(out, expected, strict=True)]
        assert np.max(errors[: -int(0.5 * rate)]) < 1e-5


def test_poses_that_come_late_are_used_from_then_on(single: Uplifter) -> None:
    """A detector that takes 150 ms, with a look-ahead that waits for it."""
    seconds = np.arange(150) / 50
    expected = [pose.position for _, pose in streamed(live(single, look_ahead=0.4), seconds)]
    stream, out = live(single, look_ahead=0.4), []
    for number, second in enumerate(seconds):
        out += stream.push(second)
        if number >= 7 and (number - 7) % 10 == 0:
            assert stream.push(seconds[number - 7], walking(seconds)[number - 7]) == []
    out += stream.finish()
    assert [pose.time for pose in out] == pytest.approx(seconds.tolist())
    # the newest 2D pose is older by up to a stride here, so ends of clips differ; with a window's worth of time they do not
    assert stream.num_too_late == 0
    assert np.median([np.abs(one.position - other).max() for one, other in zip(out, expected, strict=True)]) < 0.1
    assert stream.push(0.0, walking(seconds)[0]) == []
    assert stream.num_too_late == 1


def test_frames_out_of_order_go_out_in_order(single: Uplifter) -> None:
    seconds = np.arange(100) / 50
    swapped = np.arange(100).reshape(-1, 2)[:, ::-1].ravel()
    poses = walking(seconds)
    expected = [pose.position for _, pose in streamed(live(single, look_ahead=0.2), seconds)]
    stream, out = live(single, look_ahead=0.2), []
    stream.push(0.0, poses[0])
    for number in swapped:
        out += stream.push(seconds[number], poses[number])
    out += stream.finish()
    assert [pose.time for pose in out] == pytest.approx(seconds.tolist())
    assert np.median([np.abs(one.position - other).max() for one, other in zip(out, expected, strict=True)]) < 1e-5


def test_frames_behind_one_that_went_out_are_counted(single: Uplifter, caplog: pytest.LogCaptureFixture) -> None:
    stream, person = live(single), walking(np.zeros(1))[0]
    assert [len(stream.push(CLOCK + time, person)) for time in (0, 0.02, 0.06, 0.04, 0.08)] == [1, 1, 1, 0, 1]
    assert (stream.num_frames_too_late, stream.num_too_late) == (1, 0)
    assert stream.push(CLOCK + 0.06, person) == []  # what a detector found in a frame whose pose went out is no other frame
    assert (stream.num_frames_too_late, stream.num_too_late) == (1, 0)
    assert "the frame at 1234.540 s is earlier than the one at 1234.560 s, whose pose went out; it gets none" in caplog.text
    caplog.clear()
    stream.push(CLOCK + 9)  # one time stamp that is wrong silences all frames up to it
    assert [stream.push(CLOCK + time, keypoints) for time in (0.1, 8.9) for keypoints in (person, None)] == [[]] * 4
    assert (stream.num_frames_too_late, stream.num_too_late) == (2, 1)  # a second word on a frame does not count
    assert caplog.text.count("earlier than the one at 1243.500 s") == 1
    assert len(stream.push(CLOCK + 9.02, person)) == 1


@pytest.mark.parametrize("rate", [24, 30, 120])
def test_irregular_time_stamps_and_lost_frames(rate: float, single: Uplifter, lifter: Uplifter) -> None:
    rng = np.random.default_rng(rate)
    seconds = (np.arange(int(2.5 * rate)) + rng.uniform(-0.3, 0.3, int(2.5 * rate))) / rate
    seconds = np.sort((seconds - seconds[0])[rng.random(len(seconds)) > 0.1])
    seconds -= seconds[0]
    points = walking(seconds)
    out = streamed(live(single, look_ahead=0.2), seconds)
    assert [pose.time - CLOCK for _, pose in out] == pytest.approx(seconds.tolist())
    for frame in range(1, len(seconds), len(seconds) // 6):
        newest, pose = out[frame]
        clip = lifter(points[: newest + 1], times=seconds[: newest + 1], layout="coco_17", s_in=10, size=SIZE)
        is_behind_the_last_token = seconds[frame] > int(seconds[newest] / 0.1 + 1e-6) * 0.1 + 1e-6
        if not is_behind_the_last_token:
            assert np.abs(pose.position - clip.positions[frame]).max() < 1e-5


def test_nothing_is_said_where_no_2d_pose_is_within_reach(single: Uplifter) -> None:
    """The network sees 0.4 s to both sides."""
    seconds = np.arange(200) / 50
    poses = walking(seconds)
    poses[:20] = np.nan
    poses[60:150] = np.nan
    out = [pose.position for _, pose in streamed(live(single), seconds, poses)]
    assert all(position is None for position in out[:20])
    assert all(position is not None for position in out[20:70])
    assert all(position is None for position in out[80:150])
    assert out[155] is not None
    stream = live(single)
    assert [pose.position for pose in stream.push(0.0)] == [None]
    assert [pose.position for pose in stream.push(3600.0)] == [None]
    assert stream.push(3600.02, poses[20])[0].position is not None


@pytest.mark.parametrize("jump", [1.7e9, -CLOCK])
def test_where_the_clock_is_set_the_stream_starts_anew(jump: float, single: Uplifter, caplog: pytest.LogCaptureFixture) -> None:
    seconds = np.arange(60) / 50
    poses = walking(seconds)
    stream = live(single, look_ahead=0.2)
    first = [pose for second, given in zip(seconds, poses, strict=True) for pose in stream.push(CLOCK + second, given)]
    second = [pose for moment, given in zip(seconds, poses, strict=True) for pose in stream.push(CLOCK + jump + moment, given)]
    second += stream.finish()
    assert [pose.time for pose in first + second] == pytest.approx([*(CLOCK + seconds), *(CLOCK + jump + seconds)])
    assert (stream.num_starts, stream.num_too_late) == (2, 0)
    assert "time jumps from 1235.68" in caplog.text
    expected = [pose.position for _, pose in streamed(live(single, look_ahead=0.2), seconds)]
    assert np.abs(np.array([pose.position for pose in second[-60:]]) - expected).max() < 1e-5


def test_frames_that_come_after_a_hiccup_have_their_own_poses(single: Uplifter) -> None:
    """What is behind the last frame that went out is kept, however new the newest frame is."""
    seconds = np.arange(260) / 50
    poses = walking(seconds)
    stream, out = live(single, look_ahead=0.1), list[LivePose]()
    for number in [*range(50), 259, *range(50, 259)]:
        out += stream.push(seconds[number], poses[number])
    out += stream.finish()
    assert [pose.time for pose in out] == pytest.approx(seconds.tolist())
    assert stream.num_too_late == 0
    for number in (100, 150):  # on tokens
        known = np.where(((np.arange(260) <= number) | (np.arange(260) == 259))[:, None, None], poses, np.nan)
        expected = single(known, frame_rate=50, s_in=10, layout="coco_17", size=SIZE).positions[number]
        assert np.abs(out[number].position - expected).max() < 1e-5


def test_what_stands_where_nothing_was_found_does_not_count(single: Uplifter) -> None:
    """As in a file: such a frame is one without the person."""
    points = np.concatenate([walking(np.zeros(1))[0], np.full((17, 1), 0.9)], axis=1)
    points[9] = 1e9, 1e9, 0
    stream = live(single)
    stream.push(0.0, walking(np.zeros(1))[0])
    [pose] = stream.push(0.1, points)
    assert pose.position is not None
    assert stream.num_too_late == 0


def test_joints_that_mediapipe_places_out_of_sight_count(single: Uplifter) -> None:
    points = np.zeros((20, 33, 3))
    coco = walking(np.arange(20) / 50)
    named = {name: coco[:, index] for index, name in enumerate(LAYOUTS["coco_17"].joints)}
    for index, name in enumerate(LAYOUTS["mediapipe_33"].joints):
        points[:, index, :2] = named.get(name, coco[:, 0])
    points[..., 2] = 0.1
    assert all(pose.position is not None for _, pose in streamed(live(single, layout="mediapipe"), np.arange(20) / 50, points))
    none = streamed(live(single, layout="mediapipe", min_confidence=0.3), np.arange(20) / 50, points)
    assert all(pose.position is None for _, pose in none)


@pytest.mark.parametrize("time", [np.float32(0.5), np.int64(1), Fraction(1, 30)])
def test_numbers_of_programs_and_nobody(time: Any, single: Uplifter) -> None:
    stream = live(single, look_ahead=np.float32(0))
    assert len(stream.push(time, walking(np.zeros(1))[0])) == 1
    for nobody in ([], np.zeros((0, 17, 3))):
        assert len(stream.push(time + 0.02 * (1 + len(np.shape(nobody))), nobody)) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"time": 0.1, "keypoints": [[10**400, 2]] * 17}, "no rows of numbers"),
        ({"time": "now"}, "time is 'now'; it must be a number of seconds"),
        ({"time": float("nan")}, "time is nan"),
        ({"time": 0.1, "keypoints": [[1, 2]]}, r"keypoints has the shape \(1, 2\); the layout coco_17 has \(17, 2\) or \(17, 3\)"),
        ({"time": 0.1, "keypoints": "many"}, "no rows of numbers"),
        ({"time": 0.1, "keypoints": [[1, 2], [3]]}, "no rows of numbers"),
        ({"time": 0.1, "keypoints": [[1e9, 2]] * 17}, "a coordinate beyond"),
        ({"time": 0.1, "keypoints": [[0.5, 0.2]] * 17}, "the keypoints are shares of the picture"),
        ({"time": 0.1, "keypoints": [[100, 200, -30.0]] * 17}, "confidence of the keypoints goes from -30"),
        ({"time": 0.1, "keypoints": [[1, 2]] * 17, "confidence": [1]}, "one number for each of 17 joints"),
    ],
)
def test_bad_frames_change_nothing(given: dict[str, Any], message: str, single: Uplifter) -> None:
    seconds = np.arange(30) / 50
    stream = live(single)
    stream.push(0.0, walking(seconds)[0])
    with pytest.raises(InputError, match=message):
        stream.push(**given)
    after = [stream.push(second, pose)[0].position for second, pose in zip(seconds[1:], walking(seconds)[1:], strict=True)]
    expected = [pose.position for _, pose in streamed(live(single), seconds)][1:]
    assert np.array_equal(after, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"look_ahead": -0.1}, "look_ahead is -0.1; it must be from 0 to 0.4 seconds"),
        ({"look_ahead": 0.5}, "look_ahead is 0.5"),
        ({"s_in": 7}, "7"),
        ({"layout": "coco_71"}, "coco_71"),
        ({"size": (0, 5)}, "size"),
        ({"min_confidence": 30}, "min_confidence is 30; it must be a number from 0 to 1"),
        ({"roll": float("nan")}, "roll is nan"),
    ],
)
def test_bad_settings(changes: dict[str, Any], message: str, single: Uplifter) -> None:
    with pytest.raises(InputError, match=message):
        live(single, **changes)


def test_networks_without_a_token_for_a_missing_pose_are_refused(load_tiny: Any) -> None:
    with pytest.raises(InputError, match="this network needs a 2D pose at every token"):
        live(load_tiny(s_in=()), s_in=5)


def command(weights: Path, project: Path, *flags: str) -> list[str]:
    words = [str(warm_python(*FRAMEWORK)), str(project / "scripts/stream.py"), "--weights", str(weights), "--layout", "coco_17"]
    return [*words, "--size", "1000", "800", "--s_in", "10", *flags]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    seconds = np.arange(20) / 50
    frames = [{"time": float(second), "keypoints": pose.tolist()} for second, pose in zip(seconds, walking(seconds), strict=True)]
    return [json.dumps(frame) for frame in [*frames[:10], {"when": 1}, *frames[10:], {"time": 0.25}]]


def check(answers: list[dict[str, Any]]) -> None:
    assert [answer["time"] for answer in answers if "time" in answer] == [number / 50 for number in range(20)]
    assert [np.shape(answer["positions"]) for answer in answers if "time" in answer] == [(17, 3)] * 20
    error, late = [answer["error"] for answer in answers if "error" in answer]
    assert error.startswith("line 11: {'when': 1} is not a frame; it needs time")
    assert late == "line 22: 0.25 s is earlier than a frame that was answered already; it comes too late"


def test_lines_of_json(weights: Path, project: Path, lines: list[str]) -> None:
    done = subprocess.run(
        command(weights, project, "--look_ahead", "100"), input="\n".join(lines), capture_output=True, text=True, check=True
    )
    check([json.loads(line) for line in done.stdout.splitlines()])


def test_who_reads_the_beginning_alone(weights: Path, project: Path, tmp_path: Path) -> None:
    """As ``head`` does: the end of it is no fault."""
    frame = {"time": 0.0, "keypoints": walking(np.zeros(1))[0].tolist()}
    file = tmp_path / "frames.jsonl"
    file.write_text("".join(json.dumps({**frame, "time": number / 50}) + "\n" for number in range(200)))
    with file.open() as frames:
        pipes = {"stdin": frames, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command(weights, project), text=True, **pipes)
        assert json.loads(process.stdout.readline())["time"] == 0
        process.stdout.close()
        said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert said.endswith("the other side left\n")
    assert "Traceback" not in said


@pytest.fixture
def server(weights: Path, project: Path) -> Iterator[int]:
    """The port of a server."""
    process = subprocess.Popen(command(weights, project, "--listen", "0"), stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "listening on 127.0.0.1:" in line:
            break
    yield int(line.rpartition(":")[2])
    process.kill()
    process.communicate()


def test_connections_one_after_the_other(server: int, lines: list[str]) -> None:
    """A pose comes back before the next frame is sent; who leaves in the middle disturbs nobody."""
    with socket.create_connection(("127.0.0.1", server)) as connection:
        connection.sendall(b"{\n")
    with socket.create_connection(("127.0.0.1", server), timeout=60) as connection, connection.makefile() as back:
        answers = []
        for line in lines:
            connection.sendall(f"{line}\n".encode())
            answers.append(json.loads(back.readline()))
    check(answers)


def test_who_leaves_while_answers_go_out_disturbs_nobody(server: int, lines: list[str]) -> None:
    """What was not sent is sent when the connection is closed, and refused again."""
    frames = [json.dumps({"time": number / 50, "keypoints": walking(np.zeros(1))[0].tolist()}) for number in range(100)]
    with socket.create_connection(("127.0.0.1", server)) as connection:
        connection.sendall("".join(f"{frame}\n" for frame in frames).encode())
    with socket.create_connection(("127.0.0.1", server), timeout=60) as connection, connection.makefile() as back:
        connection.sendall(f"{lines[0]}\n".encode())
        assert json.loads(back.readline())["time"] == 0
