"""Human3.6M: the public 3D and 2D files into one frames table.

Source: docs/method.md, "Human3.6M".
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base import strict
from uplift_upsample.base.cameras import Cameras, h36m_cameras, normalise_points
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.skeleton import H36M_17_TO_MODEL, H36M_32_TO_MODEL
from uplift_upsample.data.frames import FramesTable, build_frames_table
from uplift_upsample.data.frames_stream import write_frames
from uplift_upsample.data.h36m.reprojection import H36mPair, check_reprojection
from uplift_upsample.data.public_npz import read_positions_2d, read_positions_3d
from uplift_upsample.data.recordings import SequenceRecord, pose_fault
from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.plan.h36m_subjects import ACTIONS, SPLITS, SUBJECTS, TEST_FRAMES
from uplift_upsample.plan.thresholds import DEFAULT_CHECKS, Checks

logger = logging.getLogger(__name__)

_MOST_THINNED = 10  # 5 Hz; from there on, any number of frames would be near a fraction of the whole
_OTHER_RATE = 1.5  # times as many 3D as 2D frames: more than a video that ends early
EXACT = "gt"  # the name of the 2D source that holds projections of the 3D poses
CORRUPT = ("S11", "Directions")  # subject and name of a recording that is damaged in the original: published results leave it out


def h36m_table(
    poses_3d_path: str | os.PathLike[str],
    poses_2d_path: str | os.PathLike[str],
    input_2d: str,
    checks: Checks = DEFAULT_CHECKS,
) -> FramesTable:
    """Read ``data_3d_h36m.npz`` and a ``data_2d_h36m_*.npz`` into a frames table.

    Subjects and actions stay in file order, each sequence has a video for each of the subject's four cameras. 2D poses
    become normalised screen coordinates; 2D frames behind the end of the 3D sequence are cut. Subjects without public
    3D poses (S2, S3, S4) are ignored; ``CORRUPT`` is left out with a warning, and ``left_out`` of the metadata names its videos.
    input_2d: the name of the 2D source, for the metadata. checks: from where on the poses contradict each other.

    Raises ``InputError``, naming file, subject and action, when a 2D video is missing or shorter than the 3D sequence, when
    there is not one for each camera, for an unknown action, for shapes that do not fit, for values that are not finite, and for 2D
    and 3D poses that do not mean the same (``check_reprojection``).
    """
    return build_frames_table(*_table_parts(poses_3d_path, poses_2d_path, input_2d, checks))


def write_h36m_table(
    path: str | os.PathLike[str],
    poses_3d_path: str | os.PathLike[str],
    poses_2d_path: str | os.PathLike[str],
    input_2d: str,
    progress: Callable[[int], object] = lambda frames: None,
    checks: Checks = DEFAULT_CHECKS,
) -> None:
    """Write ``h36m_table`` to a file without ever having it in memory: only the two public files are. progress: gets the frames of
    each recording."""
    write_frames(path, *_table_parts(poses_3d_path, poses_2d_path, input_2d, checks), progress)


def _table_parts(
    poses_3d_path: str | os.PathLike[str],
    poses_2d_path: str | os.PathLike[str],
    input_2d: str,
    checks: Checks,
) -> tuple[Iterator[SequenceRecord], Cameras, dict[str, Any]]:
    """Recordings, cameras and metadata of the table."""
    positions_3d = read_positions_3d(poses_3d_path, SUBJECTS)
    positions_2d, metadata_2d = read_positions_2d(poses_2d_path, SUBJECTS)
    if not positions_3d:
        raise InputError(f"{poses_3d_path}: none of the subjects {', '.join(SUBJECTS)} is in it")
    absent = [subject for subject in SUBJECTS if subject not in positions_3d]
    if absent:
        logger.warning("%s has no %s", poses_3d_path, ", ".join(absent))
    cameras = h36m_cameras()
    _check_video_metadata(poses_2d_path, metadata_2d, cameras)
    left_out = _without_corrupt(poses_3d_path, positions_3d, cameras)
    pair = H36mPair(poses_3d_path, positions_3d, poses_2d_path, positions_2d, cameras, checks, is_exact=input_2d == EXACT)
    _check_belonging(pair)
    check_reprojection(pair)
    _check_rate(poses_3d_path, positions_3d, cameras)
    metadata = {
        "dataset": "h36m",
        "input_2d": input_2d,
        "splits": {name: list(subjects) for name, subjects in SPLITS.items()},
        "actions": list(ACTIONS),
        "left_out": left_out,
        "sources": [{"file": Path(path).name, "sha256": sha256_of_file(path)} for path in (poses_3d_path, poses_2d_path)],
    }
    return _records(pair), cameras, metadata


def is_corrupt(video: str) -> bool:
    """Whether a video, by its name such as ``S9 Walking 1, camera 0``, is of the corrupt recording."""
    return video.partition(",")[0] == " ".join(CORRUPT)


def canonical_action(name: str) -> str:
    """``Walking`` of ``Walking 1``. Raises ``InputError`` for an action outside of the fifteen."""
    action = name.split(" ")[0]
    if action not in ACTIONS:
        raise InputError(f"unknown action {name!r}{strict.suggestion(action, ACTIONS)}; the actions are {', '.join(ACTIONS)}")
    return action


def _without_corrupt(
    path: str | os.PathLike[str], positions_3d: dict[str, dict[str, np.ndarray]], cameras: Cameras
) -> dict[str, list[str]]:
    """Take out ``CORRUPT`` where a file has it: subject -> names of the videos that are left out with it."""
    subject, name = CORRUPT
    if name not in positions_3d.get(subject, {}):
        return {}
    del positions_3d[subject][name]
    logger.warning("%s: %s %s is left out: its 3D poses are corrupt, and published results leave it out", path, subject, name)
    return {subject: [f"{subject} {name}, camera {number}" for number in range(len(cameras.of_subject(subject)))]}


def _check_rate(path: str | os.PathLike[str], positions_3d: Mapping[str, Mapping[str, np.ndarray]], cameras: Cameras) -> None:
    """Raise ``InputError`` where 2D and 3D poses are both thinned out: they fit, and all of time is wrong."""
    test = {subject: positions_3d.get(subject, {}) for subject in SPLITS["test"]}
    if not all(len(actions) >= len(ACTIONS) for actions in test.values()):  # a part of the test set does not show its rate
        return
    frames = sum(len(cameras.of_subject(subject)) * len(poses) for subject, actions in test.items() for poses in actions.values())
    times = round(TEST_FRAMES / frames)
    if 1 < times <= _MOST_THINNED and abs(times * frames - TEST_FRAMES) < 0.01 * TEST_FRAMES:
        raise InputError(
            f"{path}: {frames} frames of {' and '.join(test)} in all cameras, 1/{times} of the {TEST_FRAMES} that there are: these "
            f"are poses at {FRAME_RATE / times:g} Hz, and {FRAME_RATE:g} Hz are needed"
        )


def _check_video_metadata(path: str | os.PathLike[str], metadata: Mapping[str, Any], cameras: Cameras) -> None:
    """Raise ``InputError`` where the metadata of a 2D file name another frame rate or size of pictures than Human3.6M has.

    Public files of Human3.6M name neither; VideoPose3D's of other videos have w and h of each, by its name.
    """
    videos = metadata.get("video_metadata")
    places = [("metadata", metadata)]
    places += [(f"video_metadata of {name}", video) for name, video in videos.items()] if isinstance(videos, Mapping) else []
    sizes = {"w": cameras.intrinsics[:, 0], "h": cameras.intrinsics[:, 1]}
    for where, fields in places:
        if not isinstance(fields, Mapping):
            continue
        rate = fields.get("fps", FRAME_RATE)
        if not _is_near(rate, FRAME_RATE, FRAME_RATE):
            raise InputError(f"{path}: {where}: fps is {strict.shown(rate)}; Human3.6M has {FRAME_RATE:g} frames a second")
        for key, of_cameras in sizes.items():
            size, smallest, largest = fields.get(key), float(of_cameras.min()), float(of_cameras.max())
            if size is not None and not _is_near(size, smallest, largest):
                raise InputError(
                    f"{path}: {where}: {key} is {strict.shown(size)}; the pictures of Human3.6M are {smallest:g} to {largest:g} px "
                    f"{'wide' if key == 'w' else 'high'}"
                )


def _is_near(value: object, smallest: float, largest: float) -> bool:
    """Whether a value is a number in a range, or rounded to one that is."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    return isinstance(value, int | float | np.number) and bool(smallest * 0.999 <= value <= largest * 1.001)


def _check_belonging(pair: H36mPair) -> None:
    """Raise ``InputError`` where a 3D recording is of no known action, or has not one long enough 2D video for each camera."""
    for subject, actions in pair.positions_3d.items():
        num_cameras = len(pair.cameras.of_subject(subject))
        for name, poses_3d in actions.items():
            where = f"{subject} {name}"
            try:
                canonical_action(name)
            except InputError as error:
                raise InputError(f"{pair.poses_3d_path}: {subject}: {error}") from None
            if name not in pair.positions_2d.get(subject, {}):
                missing = f"subject {subject}" if subject not in pair.positions_2d else where
                raise InputError(
                    f"{pair.poses_2d_path}: no 2D poses of {missing}, which {pair.poses_3d_path} has; the files do not belong "
                    "together"
                )
            views = pair.positions_2d[subject][name]
            if len(views) != num_cameras:
                raise InputError(f"{pair.poses_2d_path}: {where} has 2D poses of {len(views)} cameras instead of {num_cameras}")
            for number, view in enumerate(views):
                if len(view) < len(poses_3d):
                    times = len(poses_3d) / len(view)
                    rate = f"; is there a 2D pose for one frame in {times:.0f} only?" if times > _OTHER_RATE else ""
                    raise InputError(
                        f"{pair.poses_2d_path}: {where}, camera {number} has {len(view)} frames, fewer than the {len(poses_3d)} of "
                        f"the 3D poses{rate}"
                    )


def _records(pair: H36mPair) -> Iterator[SequenceRecord]:
    """The recordings in file order, each taken out of the dictionaries, so that its memory is free again behind it."""
    for subject, actions in pair.positions_3d.items():
        cameras = pair.cameras.of_subject(subject)
        for name in list(actions):
            poses_3d = actions.pop(name)
            where = f"{subject} {name}"
            _check_finite(pair.poses_3d_path, where, poses_3d)
            yield SequenceRecord(
                subject=subject,
                name=name,
                action=canonical_action(name),
                poses_3d=poses_3d[:, H36M_32_TO_MODEL],
                poses_2d=_normalised_views(pair, where, pair.positions_2d[subject].pop(name), len(poses_3d), cameras),
                cameras=cameras,
                frame_rate=FRAME_RATE,
            )


def _normalised_views(
    pair: H36mPair, where: str, views: Sequence[np.ndarray], num_frames: int, cameras: Sequence[int]
) -> list[np.ndarray]:
    """The 2D poses of one sequence, ``(T, 17, 2)`` for each camera, in ``MODEL_17`` order and cut to the 3D poses."""
    normalised = []
    for number, (view, camera) in enumerate(zip(views, cameras, strict=True)):
        poses_px = view[:num_frames, H36M_17_TO_MODEL]
        _check_finite(pair.poses_2d_path, f"{where}, camera {number}", poses_px)
        width, height = pair.cameras.intrinsics[camera, :2].tolist()
        normalised.append(normalise_points(poses_px, width, height))
    return normalised


def _check_finite(path: str | os.PathLike[str], where: str, poses: np.ndarray) -> None:
    if fault := pose_fault(poses):
        raise InputError(f"{path}: {where}, {fault}")
