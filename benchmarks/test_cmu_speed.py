"""The CMU database, from the text of a motion to 17 joints at 50 Hz without glitches: frames a second on one core."""

import time
from pathlib import Path

import numpy as np
import pytest
from world.acclaim_files import BONES, amc_text, asf_text

from uplift_upsample.data.mocap.asf import read_asf
from uplift_upsample.data.mocap.cmu import joints_17, read_trial
from uplift_upsample.data.mocap.glitches import MAX_SPEED, remove_glitches
from uplift_upsample.data.resample import resample

pytestmark = pytest.mark.conversion
FRAMES = {"straightforward": 600, "ours": 6000}
RATE = 120.0
# Hands, fingers, feet and toes, which the database has and the tests do without.
EXTREMITIES = [
    (f"{side}{name}", f"{side}{parent}", (0, -1, 0.5), length, dof)
    for side in "lr"
    for name, parent, length, dof in (
        ("foot", "tibia", 5, "rx rz"),
        ("toes", "foot", 2, "rx"),
        ("wrist", "radius", 4, "ry"),
        ("hand", "wrist", 2, "rx rz"),
        ("fingers", "hand", 2, "rx"),
        ("thumb", "wrist", 2, "rx rz"),
    )
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A skeleton, and a motion for each version in which the person is somewhere else during the first frames."""
    bones = BONES + EXTREMITIES
    (tmp_path / "a.asf").write_text(asf_text(bones))
    for version, frames in FRAMES.items():
        (tmp_path / f"{version}.amc").write_text(amc_text(frames, bones, jump_at=5))
    return {name: tmp_path / name for name in ("a.asf", *(f"{version}.amc" for version in FRAMES))}


def converted(asf: Path, amc: Path) -> np.ndarray:
    clips, _ = remove_glitches(read_trial(amc, read_asf(asf)), RATE)
    return np.concatenate([resample(clip, RATE) for clip in clips])


def converted_frame_by_frame(asf: Path, amc: Path) -> np.ndarray:
    """What the notes on the format say, one frame, one bone, one number after the other."""
    skeleton = read_asf(asf)
    poses = []
    for frame in _frames(amc):
        ends: list[np.ndarray] = []
        rotations: list[np.ndarray] = []
        for index, (name, parent) in enumerate(zip(skeleton.names, skeleton.parents, strict=True)):
            values = dict(zip(skeleton.channels[index], frame.get(name, []), strict=True))
            local = np.eye(3)
            for channel, value in values.items():
                if channel[0] == "r":
                    local = _turn(channel[1], np.deg2rad(value)) @ local
            rotation = skeleton.axes[index] @ local @ skeleton.axes[index].T
            if parent < 0:
                place = np.array([values[f"t{axis}"] for axis in "xyz"]) * skeleton.metres_per_unit
                rotations.append(rotation)
                ends.append(skeleton.offsets[index] + place)
            else:
                rotations.append(rotations[parent] @ rotation)
                ends.append(ends[parent] + rotations[index] @ skeleton.offsets[index])
        poses.append(joints_17(skeleton, np.stack(ends)[None])[0])
    return _resampled(_longest_run(poses))


def _frames(amc: Path) -> list[dict[str, list[float]]]:
    frames: list[dict[str, list[float]]] = []
    with amc.open() as file:
        for line in file:
            words = line.split()
            if words[0][0] in "#:":
                continue
            if len(words) == 1:
                frames.append({})
            else:
                frames[-1][words[0]] = [float(word) for word in words[1:]]
    return frames


def _turn(axis: str, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    turns = {
        "x": [[1, 0, 0], [0, cos, -sin], [0, sin, cos]],
        "y": [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]],
        "z": [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]],
    }
    return np.array(turns[axis])


def _longest_run(poses: list[np.ndarray]) -> list[np.ndarray]:
    """The generated motion has one jump, near its start: what comes before it is too short to keep."""
    start = 0
    for frame in range(1, len(poses)):
        if max(np.linalg.norm(poses[frame][joint] - poses[frame - 1][joint]) for joint in range(17)) * RATE > MAX_SPEED:
            start = frame
    return poses[start:]


def _resampled(poses: list[np.ndarray]) -> np.ndarray:
    result = []
    for index in range(int(len(poses) / RATE * 50)):
        at = index / 50 * RATE
        before, after = int(np.floor(at)), min(int(np.ceil(at)), len(poses) - 1)
        result.append(poses[before] * (1 - (at - before)) + poses[after] * (at - before))
    return np.stack(result)


def test_conversion(files: dict[str, Path], versus, figure) -> None:
    asf, short, long = files["a.asf"], files["straightforward.amc"], files["ours.amc"]
    np.testing.assert_allclose(converted_frame_by_frame(asf, short), converted(asf, short), atol=1e-9)
    versus(
        "CMU conversion",
        lambda: converted_frame_by_frame(asf, short),
        lambda: converted(asf, long),
        units=(FRAMES["straightforward"], FRAMES["ours"]),
        rounds=3,
    )
    begin = time.process_time()  # of all threads, so this is what one core does
    for _ in range(3):
        converted(asf, long)
    figure("CMU conversion, one core", 3 * FRAMES["ours"] / (time.process_time() - begin))
