"""Recordings on their way into a frames table: one at a time, so that a data set need not be in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import NUM_JOINTS

FARTHEST = 1e5  # metres in the world, or half widths of a picture: more is damage, and would overflow later


@dataclass(frozen=True)
class SequenceRecord:
    """One recording on its way into a frames table.

    poses_3d: ``(T, 17, 3)`` world metres, ``MODEL_17``. poses_2d: for each camera ``(T, 17, 2)`` normalised screen
    coordinates, ``MODEL_17``; empty for motion capture. cameras: the index of the camera of each. is_scored: the frames that scores
    are made of ``(T,)``; None, all.
    """

    subject: str
    name: str
    action: str
    poses_3d: np.ndarray
    poses_2d: Sequence[np.ndarray] = ()
    cameras: Sequence[int] = ()
    frame_rate: float = 50.0
    is_scored: np.ndarray | None = None


class FramesIndex:
    """Everything of a frames table but its poses, gathered from one recording after the other.

    num_frames, num_frames_2d: rows of the two pose arrays so far.
    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self.metadata = dict(metadata)
        self.num_frames = self.num_frames_2d = 0
        self._sequences: list[tuple[str, str, str, int, int, float]] = []  # subject, name, action, start, length, frame rate
        self._videos: list[tuple[int, int, int]] = []  # sequence, camera, first row of the 2D poses
        self._scored: list[np.ndarray | None] = []

    @property
    def has_2d(self) -> bool:
        """Whether the data set has 2D poses, as its first recording has."""
        return bool(self._videos) and self._videos[0][1] >= 0

    def add(self, record: SequenceRecord) -> None:
        """Take up a recording. Raises ``InputError`` for shapes that do not fit or values that are not finite."""
        _check(record, self.metadata)
        if self._videos and bool(record.cameras) != self.has_2d:
            where = f"{self.metadata.get('dataset', 'data set')}, {record.subject} {record.name}"
            raise InputError(f"{where}: either all recordings have 2D poses or none; the first one of the data set is otherwise")
        length = len(record.poses_3d)
        for camera in record.cameras or (-1,):
            self._videos.append((len(self._sequences), camera, self.num_frames_2d if camera >= 0 else -1))
            self.num_frames_2d += length if camera >= 0 else 0
        self._sequences.append((record.subject, record.name, record.action, self.num_frames, length, record.frame_rate))
        self.num_frames += length
        self._scored.append(record.is_scored)

    def columns(self) -> dict[str, Any]:
        """The arrays of a ``FramesTable`` beside its poses. Raises ``InputError`` where there was no recording."""
        if not self._sequences:
            raise InputError(f"{self.metadata.get('dataset', 'data set')}: there is not one usable sequence")
        subject, name, action, start, length, frame_rate = zip(*self._sequences, strict=True)
        sequence, camera, start_2d = zip(*self._videos, strict=True)
        has_unscored = any(scored is not None for scored in self._scored)
        scored = [np.ones(rows, bool) if own is None else own for own, rows in zip(self._scored, length, strict=True)]
        return {
            "sequence_start": np.array(start, np.int64),
            "sequence_length": np.array(length, np.int64),
            "sequence_frame_rate": np.array(frame_rate, np.float64),
            "sequence_subject": np.array(subject),
            "sequence_name": np.array(name),
            "sequence_action": np.array(action),
            "video_sequence": np.array(sequence, np.int64),
            "video_camera": np.array(camera, np.int64),
            "video_start_2d": np.array(start_2d, np.int64),
            "is_scored": np.concatenate(scored).astype(np.int32) if has_unscored else None,
        }


def _check(record: SequenceRecord, metadata: Mapping[str, Any]) -> None:
    where = f"{metadata.get('dataset', 'data set')}, {record.subject} {record.name}"
    num_frames = len(record.poses_3d)
    if record.poses_3d.shape != (num_frames, NUM_JOINTS, 3) or num_frames == 0:
        raise InputError(f"{where}: 3D poses have shape {record.poses_3d.shape}, not (frames, {NUM_JOINTS}, 3)")
    if record.is_scored is not None and record.is_scored.shape != (num_frames,):
        raise InputError(f"{where}: is_scored has the shape {record.is_scored.shape}, not ({num_frames},)")
    if len(record.poses_2d) != len(record.cameras):
        raise InputError(f"{where}: {len(record.poses_2d)} 2D videos for {len(record.cameras)} cameras")
    for view in record.poses_2d:
        if view.shape != (num_frames, NUM_JOINTS, 2):
            raise InputError(f"{where}: 2D poses have shape {view.shape}, not ({num_frames}, {NUM_JOINTS}, 2)")
    for array in (record.poses_3d, *record.poses_2d):
        if fault := pose_fault(array):
            raise InputError(f"{where}: {fault}")


def pose_fault(poses: np.ndarray) -> str | None:
    """The first frame of poses ``(T, ...)`` with a coordinate that is not finite, or else where nobody can be; None without one."""
    if not np.isfinite(poses).all():
        return f"frame {np.argwhere(~np.isfinite(poses))[0][0]} has a coordinate that is NaN or infinite"
    if max(poses.max(), -poses.min()) <= FARTHEST:
        return None
    frame = np.argwhere(np.abs(poses) > FARTHEST)[0][0]
    return f"frame {frame} has the coordinate {np.abs(poses[frame]).max():.3g}, where no person is"
