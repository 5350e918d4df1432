"""The user's own motion capture, made by code: a person who walks, right-handed and with knees that bend forward."""

from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.skeleton import MODEL_17

JOINT = {name: index for index, name in enumerate(MODEL_17)}
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
# What a vector (x, y, z), z up, is in the axes of a file.
FROM_Z_UP = {
    "z": lambda x, y, z: (x, y, z),
    "y": lambda x, y, z: (y, z, x),
    "x": lambda x, y, z: (z, x, y),
    "-z": lambda x, y, z: (x, -y, -z),
    "-y": lambda x, y, z: (-y, -z, x),
    "-x": lambda x, y, z: (-z, x, -y),
}


def walker(num_frames: int, frame_rate: float = 120.0, speed: float = 0.2, seed: int = 0) -> np.ndarray:
    """Poses ``(T, 17, 3)``: metres, z up, x ahead, y to the left, ``MODEL_17``."""
    rng = np.random.default_rng(seed)
    time = np.arange(num_frames) / frame_rate
    phase = 2 * np.pi * time + rng.uniform(0, 6)
    poses = np.zeros((num_frames, 17, 3))
    root = np.stack([speed * time, np.zeros_like(time), 0.93 + 0.02 * np.sin(2 * phase)], -1)
    lean = 0.05 * np.sin(phase)

    def hang(length: float, angle: np.ndarray) -> np.ndarray:
        return length * np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], -1)

    def put(name: str, parent: np.ndarray, offset: np.ndarray) -> np.ndarray:
        poses[:, JOINT[name]] = parent + offset
        return poses[:, JOINT[name]]

    pelvis = put("pelvis", root, np.zeros(3))
    torso = put("torso", pelvis, -hang(0.23, -lean))
    neck = put("neck", torso, -hang(0.25, -lean))
    head = put("head", neck, -hang(0.12, -lean))
    put("head_top", head, -hang(0.12, -lean))
    for side, sign in (("l", 1), ("r", -1)):
        swing, bend = 0.35 * sign * np.sin(phase), 0.5 + 0.2 * sign * np.cos(phase)
        hip = put(f"{side}_hip", pelvis, np.array([0, 0.1 * sign, 0]))
        knee = put(f"{side}_knee", hip, hang(0.42, swing + 0.2))
        put(f"{side}_ankle", knee, hang(0.42, swing + 0.2 - bend))
        shoulder = put(f"{side}_shoulder", neck, np.array([0, 0.18 * sign, -0.03]))
        elbow = put(f"{side}_elbow", shoulder, hang(0.28, -swing))
        put(f"{side}_wrist", elbow, hang(0.25, -swing + 0.4))
    return poses


def fields(poses: np.ndarray, unit: str = "m", up_axis: str = "z", frame_rate: float = 120.0, **changes: Any) -> dict[str, Any]:
    """The fields of a file for poses ``(T, 17, 3)`` in metres, z up; changes replace or add fields."""
    positions = np.stack(FROM_Z_UP[up_axis.removeprefix("+")](*np.moveaxis(poses / METRES[unit], -1, 0)), -1)
    return {
        "positions": positions,
        "joints": np.array(MODEL_17),
        "frame_rate": np.array(frame_rate),
        "up_axis": np.array(up_axis),
        "unit": np.array(unit),
    } | changes


def write_recording(path: Path, num_frames: int = 240, seed: int = 0, speed: float = 0.2, **options: Any) -> Path:
    """A file with a walk; options as in ``fields``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    poses = walker(num_frames, options.get("frame_rate", 120.0), speed, seed)
    np.savez(path, **fields(poses, **options))
    return path


def write_folder(folder: Path, num_frames: int = 240) -> Path:
    """Three subjects, four recordings, several units and axes."""
    write_recording(folder / "anna" / "walk.npz", num_frames, action="walk")
    write_recording(folder / "anna" / "stroll.npz", num_frames, seed=1, unit="mm", up_axis="y", frame_rate=100.0)
    write_recording(folder / "ben" / "walk.npz", num_frames, seed=2, unit="cm", up_axis="-x", action="walk")
    write_recording(folder / "cem.npz", num_frames, seed=3, unit="in", up_axis="+z", subject="cem")
    return folder
