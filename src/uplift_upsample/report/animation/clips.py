"""What is shown of one test sequence: 2D input, prediction and ground truth of its first seconds, frame by frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.detections import NOTE, SIMULATED
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.windows import frame_rate_factor
from uplift_upsample.evaluate.interpolation import interpolated_at
from uplift_upsample.evaluate.metrics import MM_PER_M, mpjpe
from uplift_upsample.evaluate.predictions import Predictions
from uplift_upsample.evaluate.scores import checked_predictions, ground_truth
from uplift_upsample.report.animation.sequences import video_of


@dataclass(frozen=True)
class Clip:
    """The first F frames of a video.

    title: of the sequence, ``S9 Walking 1, camera 0``. frame_rate: Hz. s_in, s_out: in frames at 50 Hz.
    num_frames: of the whole video. poses_2d: detections, normalised screen coordinates, ``(F, 17, 2)``. is_key: whether the
    network sees the 2D pose of a frame, ``(F,)``.
    prediction, truth: metres, relative to the root, world axes turned about the vertical so that the camera looks along y
    (x right, y away from the camera, z up), ``(F, 17, 3)``. error_mm: MPJPE of each frame, ``(F,)``.
    """

    title: str
    experiment: str
    run: str
    s_in: int
    s_out: int
    frame_rate: float
    num_frames: int
    poses_2d: np.ndarray
    is_key: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    error_mm: np.ndarray
    note: str
    is_learned: bool

    def __len__(self) -> int:
        return len(self.is_key)


def clip(
    predictions: Predictions, table: FramesTable, sequence: str, seconds: float = 6.0, learned_upsampling: bool = True
) -> Clip:
    """The first seconds of a test sequence (``sequences.video_of`` knows its names), all of it where it is shorter.

    learned_upsampling: false, only the predictions at multiples of s_in are used, and interpolated between.
    Raises ``InputError`` for a sequence that was not predicted, and for predictions that do not belong to the table.
    """
    predictions = checked_predictions(predictions, table)
    if table.poses_2d is None:
        raise InputError(f"{table.metadata.get('dataset', 'data set')}: no 2D poses to draw")
    video = video_of(table, np.unique(predictions.video), sequence)
    rate = float(table.video_frame_rate[video])
    factor = int(frame_rate_factor(table.video_frame_rate[[video]])[0])
    length = int(table.video_length[video])
    frame = np.arange(min(length, max(1, round(seconds * rate))))
    videos = np.full(len(frame), video)
    s_in = predictions.metadata["s_in"]
    rows = np.flatnonzero(predictions.video == video)
    if not learned_upsampling:
        rows = rows[predictions.frame[rows] % (s_in * factor) == 0]
    poses = predictions.poses_3d[rows].astype(np.float64)
    predicted = root_relative(interpolated_at(poses, predictions.video[rows], predictions.frame[rows], videos, frame))
    truth = np.asarray(ground_truth(table, videos, frame), np.float64)
    camera = table.video_camera[video]
    turn = _upright(table.cameras.rotations[camera].astype(np.float64))
    start = table.video_start_2d[video]
    metadata = predictions.metadata
    return Clip(
        title=table.video_name(video),
        experiment=str(metadata.get("experiment", "")),
        run=_run(metadata),
        s_in=s_in,
        s_out=metadata["s_out"],
        frame_rate=rate,
        num_frames=length,
        poses_2d=np.asarray(table.poses_2d[start : start + len(frame)], np.float64),
        is_key=frame % (s_in * factor) == 0,
        prediction=predicted @ turn.T,
        truth=truth @ turn.T,
        error_mm=mpjpe(predicted, truth).mean(axis=1) * MM_PER_M,
        note=NOTE if table.metadata.get("input_2d") == SIMULATED else "",
        is_learned=learned_upsampling,
    )


def _run(metadata: Mapping[str, Any]) -> str:
    """Which weights predicted: published ones only where ``predict_poses.py`` found their checksum; others by their own."""
    if isinstance(metadata.get("seed"), int):
        return f"seed {metadata['seed']}"
    if metadata.get("weights") == "published":
        return "published weights"
    checksum = metadata.get("weights_sha256")
    return f"weights {checksum[:8]}" if isinstance(checksum, str) else "weights of unknown origin"


def _upright(rotation: np.ndarray) -> np.ndarray:
    """The rotation ``(3, 3)`` from camera axes to world axes that are turned about the vertical: y away from the camera, z up.

    rotation: world to camera. A camera that looks straight down has no direction to turn to, and takes its own right for x.
    """
    up = rotation[:, 2]  # the world's z in camera axes
    right = np.cross(np.array([0.0, 0.0, 1.0]), up)
    right = right if np.linalg.norm(right) > 1e-6 else np.array([1.0, 0.0, 0.0])
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(up, right), up])
