"""Lifted poses as arrays, a table and a document: ``.npz``, ``.csv``, ``.json``. All keep NaN: null in JSON, empty in CSV."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing, write_text
from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.data.plain_npz import DAMAGE, PlainNpz, UnreadableError
from uplift_upsample.lift.lifted import LiftedPoses

FORMAT_VERSION = 1  # number of the layout of the files; rises when their readers must change
_DIGITS = 6  # of metres and seconds: a micrometre


def write_npz(path: Path, poses: LiftedPoses) -> str:
    """``positions (T, J, 3)``, ``joints``, ``frame_rate``, ``times``, ``frames``, ``is_key``, ``poses_2d``, ``metadata`` (JSON)."""
    with replacing(path) as aside, aside.open("wb") as file:  # to a name that does not end in .npz, NumPy would append it
        np.savez_compressed(
            file,
            positions=poses.positions,
            joints=np.array(poses.joints),
            frame_rate=np.float64(poses.frame_rate),
            times=poses.times,
            frames=poses.frames,
            is_key=poses.is_key,
            poses_2d=poses.poses_2d.astype(np.float32),
            metadata=np.array(json.dumps(_metadata(poses), ensure_ascii=False)),
        )
    return ""


def read_npz(path: str | os.PathLike[str]) -> LiftedPoses:
    """What ``write_npz`` wrote. Raises ``InputError`` for anything else."""
    try:
        archive = PlainNpz(path)
        metadata = json.loads(archive.read("metadata").item())
        arrays = {name: archive.read(name) for name in ("positions", "times", "frames", "is_key", "poses_2d")}
        poses = LiftedPoses(
            joints=tuple(archive.read("joints").tolist()),
            frame_rate=float(archive.read("frame_rate")),
            size=(float(metadata["size"][0]), float(metadata["size"][1])),
            metadata=metadata,
            **arrays,
        )
    except (*DAMAGE, UnreadableError, AttributeError, IndexError) as error:
        raise InputError(f"{path}: not the poses of a clip, or damaged ({error}); lift the clip again") from None
    num_frames = len(poses.times)
    shapes: dict[str, tuple[int, ...]] = {
        "positions": (num_frames, len(poses.joints), 3),
        "poses_2d": (num_frames, NUM_JOINTS, 2),
        "frames": (num_frames,),
        "is_key": (num_frames,),
    }
    wrong = [name for name, shape in shapes.items() if arrays[name].shape != shape]
    if wrong:
        raise InputError(f"{path}: {wrong[0]} has the shape {arrays[wrong[0]].shape}, not {shapes[wrong[0]]}; lift the clip again")
    return poses


def write_csv(path: Path, poses: LiftedPoses) -> str:
    """A row for each frame: its number, its second, whether the network saw its 2D pose, and x, y, z of each joint in metres."""
    columns = [f"{joint}_{axis}" for joint in poses.joints for axis in "xyz"]
    lines = [",".join(["frame", "time", "is_key", *columns])]
    values = poses.positions.reshape(len(poses), -1).astype(np.float64)
    for frame, second, is_key, row in zip(poses.frames, poses.times, poses.is_key, values, strict=True):
        numbers = ("" if np.isnan(value) else f"{value:.{_DIGITS}f}" for value in row)
        lines.append(",".join([str(frame), f"{second:.{_DIGITS}f}", str(int(is_key)), *numbers]))
    write_text(path, "\n".join(lines) + "\n")
    return ""


def write_json(path: Path, poses: LiftedPoses) -> str:
    """``metadata``, ``joints``, ``frame_rate`` (Hz), and ``frames``: a list of frame, time, is_key and positions.

    positions: a list of [x, y, z] or null.
    """
    frames = [
        {
            "frame": int(frame),
            "time": round(float(second), _DIGITS),
            "is_key": bool(is_key),
            "positions": [None if np.isnan(joint).any() else np.round(joint, _DIGITS).tolist() for joint in pose],
        }
        for frame, second, is_key, pose in zip(
            poses.frames, poses.times, poses.is_key, poses.positions.astype(np.float64), strict=True
        )
    ]
    document = {
        "metadata": _metadata(poses),
        "joints": list(poses.joints),
        "frame_rate": float(poses.frame_rate),
        "frames": frames,
    }
    write_text(path, json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n")
    return ""


def _metadata(poses: LiftedPoses) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, **poses.metadata, "joints": list(poses.joints)}
