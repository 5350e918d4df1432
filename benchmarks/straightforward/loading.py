"""Human3.6M as nested dictionaries: subject, recording, camera, each with arrays of its own."""

import os

import h5py
import numpy as np

from uplift_upsample.base.cameras import Cameras, world_to_camera

Video = dict[str, np.ndarray]


def loaded(path: str | os.PathLike[str], cameras: Cameras) -> dict[str, dict[str, list[Video]]]:
    """subject -> recording -> one ``{"poses_3d": (T, 17, 3), "poses_2d": (T, 17, 2)}`` for each camera, 3D in its axes.

    path: a frames table. It is read without decoding or decompressing anything, quicker than the public files would be.
    """
    data: dict[str, dict[str, list[Video]]] = {}
    rotations, translations = cameras.rotations, cameras.translation
    with h5py.File(path, "r") as file:
        subjects, names = (file[f"sequences/{column}"].asstr()[:] for column in ("subject", "name"))
        starts, lengths = (file[f"sequences/{column}"][:] for column in ("start", "length"))
        videos = zip(*(file[f"videos/{column}"][:] for column in ("sequence", "camera", "start_2d")), strict=True)
        for sequence, camera, start_2d in videos:
            world = file["poses_3d"][starts[sequence] : starts[sequence] + lengths[sequence]]
            video = {
                "poses_3d": world_to_camera(world[None], rotations[[camera]], translations[[camera]])[0],
                "poses_2d": file["poses_2d"][start_2d : start_2d + lengths[sequence]],
            }
            data.setdefault(subjects[sequence], {}).setdefault(names[sequence], []).append(video)
    return data
