"""MPI-INF-3DHP: its two public files into one frames table. Source: docs/method.md, "MPI-INF-3DHP"."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from uplift_upsample.base.cameras import normalise_points
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.frames_stream import write_frames
from uplift_upsample.data.mpi_inf_3dhp.meaning import check_meaning
from uplift_upsample.data.mpi_inf_3dhp.public_files import read_test, read_train
from uplift_upsample.data.mpi_inf_3dhp.views import View, cameras_of
from uplift_upsample.data.recordings import SequenceRecord
from uplift_upsample.data.resample import resample
from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.plan.mpi_inf_3dhp_sequences import CAMERAS, SPLITS, SUBJECTS, TEST
from uplift_upsample.plan.thresholds import DEFAULT_CHECKS, Checks

logger = logging.getLogger(__name__)
CAMERA_NAMES = [*((subject, str(camera)) for subject in SUBJECTS for camera in CAMERAS), *((subject, "0") for subject in TEST)]


def write_mpi_inf_3dhp_table(
    path: str | os.PathLike[str],
    train: str | os.PathLike[str],
    test: str | os.PathLike[str],
    annotations: str,
    test_frame_rate: float,
    progress: Callable[[int], object] = lambda frames: None,
    checks: Checks = DEFAULT_CHECKS,
) -> None:
    """Write the frames table of ``data_train_3dhp.npz`` and ``data_test_3dhp.npz``.

    Each view is a sequence of its own, since its 3D poses are in the axes of its camera. Sequences of 25 frames a second become
    such of 50, by poses in between, which are not scored; neither are test frames that the data set calls invalid.
    annotations: ``universal`` or ``metric``. test_frame_rate: Hz. Raises ``InputError`` naming file, sequence and camera, for what
    is otherwise than it should be or cannot mean what it should (``meaning``).
    """
    metadata = {
        "dataset": "mpi_inf_3dhp",
        "input_2d": "gt",
        "annotations": annotations,
        "test_frame_rate": test_frame_rate,
        "splits": {name: list(subjects) for name, subjects in SPLITS.items()},
        "actions": [*dict.fromkeys(f"Seq{number}" for number in (1, 2)), *TEST],
        "sources": [{"file": Path(file).name, "sha256": sha256_of_file(file)} for file in (train, test)],
    }
    records = _records(train, test, annotations, test_frame_rate, checks)
    write_frames(path, records, cameras_of(CAMERA_NAMES), metadata, progress)


def _records(
    train: str | os.PathLike[str], test: str | os.PathLike[str], annotations: str, test_frame_rate: float, checks: Checks
) -> Iterator[SequenceRecord]:
    offs = []
    for file, views in ((train, read_train(train, annotations)), (test, read_test(test, annotations, test_frame_rate))):
        for view in views:
            offs.append((check_meaning(os.fspath(file), view, annotations, checks), view.title))
            yield _record(view)
    worst, title = max(offs)
    logger.info("projected 3D poses are %.2f px away from the 2D poses (median of %d views; at most %.2f px, %s)",
                float(np.median([off for off, _ in offs])), len(offs), worst, title)  # fmt: skip


def _record(view: View) -> SequenceRecord:
    x, y, z = np.moveaxis(view.poses_3d, -1, 0)
    world = np.stack([x, z, -y], axis=-1)  # z up: the camera stands in the origin and looks along y
    screen = normalise_points(view.poses_2d, view.optics.width, view.optics.height)
    poses_3d, poses_2d = (resample(poses, view.frame_rate, lowest=0.0) for poses in (world, screen))
    return SequenceRecord(
        subject=view.subject,
        name=f"{view.name} view {view.camera}" if view.subject in SUBJECTS else view.name,
        action=view.name if view.subject in SUBJECTS else view.subject,  # scores of each test sequence are those of an action
        poses_3d=poses_3d,
        poses_2d=[poses_2d],
        cameras=[CAMERA_NAMES.index((view.subject, view.camera))],
        frame_rate=FRAME_RATE,
        is_scored=_scored(view, len(poses_3d)),
    )


def _scored(view: View, num_frames: int) -> np.ndarray:
    """Which of the frames at 50 Hz were recorded, and are valid ``(T,)``."""
    at = np.arange(num_frames) * view.frame_rate / FRAME_RATE
    recorded = np.minimum(np.rint(at).astype(int), len(view.poses_3d) - 1)
    is_valid = np.ones(len(view.poses_3d), bool) if view.is_valid is None else view.is_valid > 0
    return (np.abs(at - recorded) < 1e-9) & is_valid[recorded]
