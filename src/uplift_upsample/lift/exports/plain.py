"""Lifted poses as arrays, a table and a document: ``.npz``, ``.csv``, ``.json``. All keep NaN: null in JSON, empty in CSV."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.files import replacing, write_text
from uplift_upsample.lift.lifted import LiftedPoses

FORMAT_VERSION = 1
_DIGITS = 6  # of metres and seconds: a micrometre


def write_npz(path: Path, poses: LiftedPoses) -> str:
    """``positions (T, J, 3)``, ``joints``, ``frame_rate``, ``times``, ``frames``, ``is_key``, ``poses_2d``, ``metadata`` (JSON)."""
    with replacing(path) as aside:
        np.savez_compressed(
            aside,
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
    """``metadata``, ``joints``, and ``frames``: a list of frame, time, is_key and positions, a list of [x, y, z] or null."""
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
    document = {"metadata": _metadata(poses), "joints": list(poses.joints), "frames": frames}
    write_text(path, json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n")
    return ""


def _metadata(poses: LiftedPoses) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, **poses.metadata, "joints": list(poses.joints)}
