"""The two ``.npz`` files of MPI-INF-3DHP that everybody uses, as the converter of P-STMO writes them: pickled, millimetres.

``data_train_3dhp.npz``: ``data`` is {"S1 Seq1": [{camera: {"data_3d": (T, 17, 3), "data_2d": (T, 17, 2)}}, frames a second]}.
``data_test_3dhp.npz``: ``data`` is {"TS1": {"data_3d", "data_2d", "valid": (T,)}}. Joints are ``MPI_17``.
Files of our own name under ``annotations`` which 3D poses these are; those of P-STMO hold universal ones.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import is_number, shown, suggestion
from uplift_upsample.data.mpi_inf_3dhp.views import MM_PER_M, MPI_17, MPI_17_TO_MODEL, View, optics_of
from uplift_upsample.data.plain_pickle_writer import write_objects
from uplift_upsample.data.public_npz import checked_poses, described, is_list, read_object
from uplift_upsample.data.recordings import FARTHEST
from uplift_upsample.plan.mpi_inf_3dhp_sequences import CAMERAS, TEST, TRAIN

Entry = Mapping[str, Any]


def read_train(path: str | os.PathLike[str], annotations: str) -> Iterator[View]:
    """The views of the training file, each taken out of memory behind it. Raises ``InputError`` for whatever is otherwise there."""
    for name, content in _sequences(path, annotations, TRAIN):
        if not is_list(content) or len(content) < 1 or not isinstance(content[0], Mapping):
            raise InputError(f"{path}: {name} holds {described(content)}, not a list of its cameras and its frame rate")
        views, rate = content[0], content[1] if len(content) > 1 else TRAIN[name].frame_rate  # some converters leave it out
        rate = rate.item() if isinstance(rate, np.generic | np.ndarray) and np.ndim(rate) == 0 else rate
        if not is_number(rate) or rate != TRAIN[name].frame_rate:
            raise InputError(
                f"{path}: {name} has {shown(rate)} frames a second; it was recorded with {TRAIN[name].frame_rate:g}. A file with "
                "another rate has other frames; get the one of P-STMO's converter"
            )
        subject, _, sequence = name.partition(" ")
        for camera in views:
            if str(camera) not in map(str, CAMERAS):
                known = ", ".join(map(str, CAMERAS))
                raise InputError(
                    f"{path}: {name} has the camera {shown(camera)}; the cameras that networks are trained with are {known}"
                )
            where = f"{name}, camera {camera}"
            poses_3d, poses_2d, _ = _arrays(path, where, views[camera])
            yield View(subject, sequence, str(camera), float(rate), optics_of(subject), poses_3d, poses_2d)


def read_test(path: str | os.PathLike[str], annotations: str, frame_rate: float) -> Iterator[View]:
    """The same of the test file, which does not contain its frames a second."""
    for name, content in _sequences(path, annotations, TEST):
        poses_3d, poses_2d, is_valid = _arrays(path, name, content)
        if is_valid is None:
            raise InputError(f"{path}: {name} has no 'valid', which lists the frames that are scored; is it the training file?")
        yield View(name, "video", "0", frame_rate, optics_of(name), poses_3d, poses_2d, is_valid)


def write_public_file(path: str | os.PathLike[str], data: dict[str, Any], annotations: str) -> None:
    """Write one of the files; equal content gives equal bytes."""
    write_objects(path, {"data": data, "annotations": annotations})


def _sequences(
    path: str | os.PathLike[str], annotations: str, known: Sequence[str] | Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    held = read_object(path, "annotations", default="universal")
    if held != annotations:
        raise InputError(
            f"{path}: it holds {shown(held)} annotations, and the data set is to have {annotations} ones (annotations)"
        )
    data = read_object(path, "data")
    if not isinstance(data, Mapping) or not data:
        raise InputError(f"{path}: expected a dictionary of sequences, found {described(data)}")
    data = dict(data)
    for name in list(data):
        if name not in known:
            near = suggestion(name, known) if isinstance(name, str) else ""
            raise InputError(f"{path}: no sequence {shown(name)} in this part of MPI-INF-3DHP{near}; it has {', '.join(known)}")
        yield name, data.pop(name)


def _arrays(path: str | os.PathLike[str], where: str, entry: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """3D poses in metres, 2D poses, and which frames are scored, if the file lists them."""
    if not isinstance(entry, Mapping) or not {"data_3d", "data_2d"} <= set(entry):
        found = f"the keys {', '.join(map(str, entry))}" if isinstance(entry, Mapping) else described(entry)
        raise InputError(f"{path}: {where} holds {found}, not 'data_3d' and 'data_2d'")
    poses_3d = checked_poses(path, f"{where}, data_3d,", entry["data_3d"], len(MPI_17), 3)
    poses_2d = checked_poses(path, f"{where}, data_2d,", entry["data_2d"], len(MPI_17), 2)
    if len(poses_3d) != len(poses_2d):
        raise InputError(f"{path}: {where} has {len(poses_3d)} 3D and {len(poses_2d)} 2D poses; there must be one for each frame")
    for what, poses in (("3D", poses_3d), ("2D", poses_2d)):
        is_sound = (np.abs(poses) < FARTHEST * MM_PER_M).all(axis=(1, 2))  # NaN is not
        if not is_sound.all():
            frame = int(np.argmin(is_sound))
            raise InputError(f"{path}: {where}, frame {frame}: its {what} pose has a number that is NaN, infinite or too large")
    is_valid = None
    if "valid" in entry:
        try:
            is_valid = np.squeeze(np.asarray(entry["valid"]))
        except ValueError:  # lists of different lengths
            is_valid = np.empty(0)
        if is_valid.shape != (len(poses_3d),) or is_valid.dtype.kind not in "biuf" or not np.isin(is_valid, (0, 1)).all():
            raise InputError(
                f"{path}: {where} has {described(entry['valid'])} as 'valid', not a 0 or 1 for each of {len(poses_3d)} frames"
            )
        if not is_valid.any():
            raise InputError(f"{path}: {where} has no valid frame at all; get the file again")
    return poses_3d[:, MPI_17_TO_MODEL] / np.float32(MM_PER_M), poses_2d[:, MPI_17_TO_MODEL], is_valid
