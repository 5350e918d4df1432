"""Miniatures of MPI-INF-3DHP in the true formats: the public files of P-STMO's converter, and the original annotations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import savemat
from world.people import motion

from uplift_upsample.base.skeleton import H36M_32
from uplift_upsample.data.mpi_inf_3dhp.views import MPI_17, OF_28, optics_of
from uplift_upsample.plan.mpi_inf_3dhp_sequences import CAMERAS, TEST, TRAIN

UNIVERSAL = 1.1  # times as large as the people here
OFF_CENTRE = np.array([20.0, -15.0])  # px: where the axis of a camera meets the picture, beside its middle
_JOINTS = [H36M_32.index(name) for name in MPI_17]
_PELVIS = MPI_17.index("pelvis")


def person(num_frames: int, subject: str, *seed: int) -> dict[str, np.ndarray]:
    """Metric and universal poses ``(T, 17, 3)``, millimetres in the axes of a camera, and exact 2D poses ``(T, 17, 2)``."""
    world = motion(num_frames, *seed)[:, _JOINTS].astype(np.float64)
    world -= world[:1, _PELVIS : _PELVIS + 1]
    place = np.array([0.2, 0.1, 4.0])
    metric = 1000 * (place + np.stack([world[..., 0], -world[..., 2], world[..., 1]], axis=-1))
    optics = optics_of(subject)
    seen = metric[..., :2] / metric[..., 2:] * optics.focal + np.array([optics.width, optics.height]) / 2 + OFF_CENTRE
    pelvis = metric[:, _PELVIS : _PELVIS + 1]
    universal = pelvis + UNIVERSAL * (metric - pelvis)
    return {"annot3": metric, "univ_annot3": universal, "annot2": seen}


def public_files(lengths: tuple[int, int] = (24, 30), cameras: Sequence[int] = (0, 4)) -> tuple[dict, dict]:
    """What both public files hold, with universal poses. lengths: frames of training and test sequences."""
    train: dict[str, Any] = {}
    for index, name in enumerate(TRAIN):
        people = {camera: person(lengths[0], name.split()[0], 1, index, camera) for camera in cameras}
        views = {str(camera): {"data_3d": one["univ_annot3"], "data_2d": one["annot2"]} for camera, one in people.items()}
        train[name] = [views, int(TRAIN[name].frame_rate)]
    test: dict[str, Any] = {}
    for index, name in enumerate(TEST):
        one = person(lengths[1], name, 2, index)
        valid = (np.arange(lengths[1]) % 5 != 4).astype(np.float64)
        test[name] = {"data_2d": one["annot2"], "data_3d": one["univ_annot3"], "valid": valid}
    return train, test


def write_public(folder: Path, train: Any, test: Any) -> tuple[Path, Path]:
    """The two files as NumPy writes them."""
    paths = folder / "data_train_3dhp.npz", folder / "data_test_3dhp.npz"
    for path, data in zip(paths, (train, test), strict=True):
        np.savez_compressed(path, data=data)
    return paths


def write_originals(folder: Path, num_frames: int = 20, surplus: int = 0) -> None:
    """All 22 files of annotations. surplus: frames of the longest training sequence that have no picture."""
    for index, name in enumerate(TRAIN):
        cells = {field: np.empty((14, 1), object) for field in ("annot2", "annot3", "univ_annot3")}
        for camera in range(14):
            one = person(num_frames, name.split()[0], 1, index, camera) if camera in CAMERAS else None
            for field, column in cells.items():
                size = 2 if field == "annot2" else 3
                all_joints = np.zeros((num_frames, 28, size))
                if one is not None:
                    all_joints[:, OF_28] = one[field]
                column[camera, 0] = all_joints.reshape(num_frames, -1)
        path = folder / name.replace(" ", "/") / "annot.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {**cells, "cameras": np.arange(14)[None], "frames": np.arange(num_frames)[:, None]}, do_compression=True)
    for index, name in enumerate(TEST):
        path = folder / "mpi_inf_3dhp_test_set" / name / "annot_data.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        one = person(num_frames, name, 2, index)
        with h5py.File(path, "w") as file:  # as MATLAB 7.3 writes it, axes reversed
            for field, poses in one.items():
                file[field] = poses[:, None]
            file["valid_frame"] = (np.arange(num_frames) % 5 != 4).astype(np.float64)[:, None]
