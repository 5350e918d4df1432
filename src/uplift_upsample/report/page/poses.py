"""A few sequences, prediction and ground truth, small enough to lie inside a page.

The document, plain JSON::

    {"unit_mm": 0.1, "joints": [...], "parents": [...],
     "sequences": [{"name": "S9_Walking_cam0", "title": "S9 Walking, camera 0", "frame_rate": 50.0, "num_frames": 500,
                    "up": [0.0, -0.98, -0.2], "truth": BASE64}],
     "tracks": [{"experiment": "h36m_351", "run": "seed_0", "s_in": 20, "sequence": 0, "step": 5, "key_step": 20,
                 "num_poses": 101, "poses": BASE64}]}

BASE64 is int16, little endian, ``(poses, 17, 3)`` in units of ``unit_mm``: camera axes, relative to the root; -32768 is NaN. The
truth has one pose for each frame; a track has one for each ``step`` frames from frame 0 on, as it was predicted, and one behind the
end to interpolate to. A track's key frames, those with a 2D pose, are the multiples of ``key_step``. ``up`` is the world's vertical
in camera axes. ``page.clip`` has what is different for somebody's own clip.
"""

import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_text
from uplift_upsample.base.skeleton import MODEL_17, PARENTS, root_relative
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.windows import frame_rate_factor
from uplift_upsample.evaluate.predictions import Predictions, frames_between
from uplift_upsample.evaluate.scores import checked_predictions, ground_truth
from uplift_upsample.report.animation.sequences import video_of

NOTHING = -32768  # stands for NaN
UNIT_MM = 0.1  # int16 then reaches 3.2 m from the pelvis
SECONDS = 10.0  # of a sequence in the viewer; chosen: some poses for few MB


@dataclass(frozen=True)
class PlannedTrack:
    """One evaluation whose poses are shown: paths of its predictions and frames, and the names of the sequences."""

    experiment: str
    run: str
    s_in: int
    predictions: str
    frames: str
    sequences: tuple[str, ...]


def selected_poses(
    tracks: Iterable[PlannedTrack],
    read_table: Callable[[str], FramesTable],
    read_predictions: Callable[[str], Predictions],
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """The document of the module for some evaluations; of each sequence its beginning, ``seconds`` long.

    Raises ``InputError`` for a sequence that was not predicted, and for predictions that do not belong to their frames.
    """
    tables: dict[str, FramesTable] = {}
    sequences: dict[tuple[str, str], dict[str, Any]] = {}
    chosen = []
    for track in tracks:
        table = tables[track.frames] = tables.get(track.frames) or read_table(track.frames)
        predictions = checked_predictions(read_predictions(track.predictions), table)
        for name in track.sequences:
            video = video_of(table, np.unique(predictions.video), name)
            sequence = sequences.setdefault((track.frames, name), _sequence(table, name, video, seconds))
            place = list(sequences).index((track.frames, name))
            chosen.append(
                {
                    "experiment": track.experiment,
                    "run": track.run,
                    "s_in": track.s_in,
                    "sequence": place,
                    **_poses(predictions, table, video, sequence["num_frames"]),
                }
            )
    return document_of(list(sequences.values()), chosen)


def document_of(sequences: list[dict[str, Any]], tracks: list[dict[str, Any]]) -> dict[str, Any]:
    """The document of the module."""
    start = {"unit_mm": UNIT_MM, "joints": list(MODEL_17), "parents": PARENTS.tolist()}
    return {**start, "sequences": sequences, "tracks": tracks}


def write_poses(path: str | os.PathLike[str], document: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(document, separators=(",", ":"), allow_nan=False, ensure_ascii=False) + "\n")


def read_poses(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What ``write_poses`` wrote. Raises ``InputError`` for anything else."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no poses ({error}); make them again with select_poses.py") from None
    if not isinstance(document, dict) or not {"unit_mm", "joints", "parents", "sequences", "tracks"} <= document.keys():
        raise InputError(f"{path}: not the poses of a page; make them again with select_poses.py")
    return document


def planned_tracks(text: str) -> list[PlannedTrack]:
    """Tracks from a JSON list. Raises ``InputError`` where it is something else."""
    try:
        return [PlannedTrack(**{**values, "sequences": tuple(values["sequences"])}) for values in json.loads(text)]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"the plan of the poses is not a list of tracks ({error!r})") from None


def packed(poses_m: np.ndarray) -> str:
    """Poses in metres as BASE64 (see the module)."""
    return packed_units(np.asarray(poses_m, np.float64) * (1000 / UNIT_MM))


def packed_units(values: np.ndarray) -> str:
    """Numbers as whole ones in BASE64 (see the module), NaN as ``NOTHING``."""
    whole = np.clip(np.round(values), NOTHING + 1, np.iinfo(np.int16).max)
    return base64.b64encode(np.where(np.isnan(values), NOTHING, whole).astype("<i2").tobytes()).decode("ascii")


def unpacked(text: str) -> np.ndarray:
    """The inverse of ``packed``, ``(poses, 17, 3)`` float64 metres."""
    units = np.frombuffer(base64.b64decode(text), "<i2").astype(np.float64)
    return np.where(units == NOTHING, np.nan, units * (UNIT_MM / 1000)).reshape(-1, len(MODEL_17), 3)


def _sequence(table: FramesTable, name: str, video: int, seconds: float) -> dict[str, Any]:
    rate = float(table.video_frame_rate[video])
    num_frames = min(int(table.video_length[video]), round(seconds * rate))
    frames = np.arange(num_frames)
    return {
        "name": name,
        "title": table.video_name(video),
        "frame_rate": rate,
        "num_frames": num_frames,
        "up": [round(float(value), 6) for value in table.cameras.rotations[table.video_camera[video]][:, 2]],
        "truth": packed(ground_truth(table, np.full(num_frames, video), frames)),
    }


def _poses(predictions: Predictions, table: FramesTable, video: int, num_frames: int) -> dict[str, Any]:
    """The predictions of one video up to the first frame behind the end."""
    factor = int(frame_rate_factor(table.video_frame_rate)[video])
    metadata = predictions.metadata
    step = int(frames_between(metadata, np.array(factor)))
    rows = np.flatnonzero(predictions.video == video)[: -(-(num_frames - 1) // step) + 1]
    poses = root_relative(predictions.poses_3d[rows].astype(np.float64))
    return {"step": step, "key_step": metadata["s_in"] * factor, "num_poses": len(poses), "poses": packed(poses)}
