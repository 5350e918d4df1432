"""Raw 3D predictions of the frames that count, and their file: what scoring, drawing and exports start from.

Layout of the file (HDF5):

======================  ================  ================================================================
``poses_3d``            (P, 17, 3) f4     output of the network, averaged with its mirror image where the
                                          evaluation mirrors; metres, camera axes, ``MODEL_17`` order; the
                                          network is trained on poses relative to the root, but its root is
                                          not exactly 0
``video``               (P,) i8           index into the videos of the frames table
``frame``               (P,) i8           frame in the video
attribute ``metadata``  JSON              protocol: experiment, s_in, s_out, mirror, subjects, ...
======================  ================  ================================================================
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17, NUM_JOINTS
from uplift_upsample.data.hdf5_writing import writing_hdf5
from uplift_upsample.data.plain_hdf5 import plain_hdf5
from uplift_upsample.data.plain_npz import UnreadableError

FORMAT = "uplift_upsample predictions, version 1"


@dataclass(frozen=True)
class Predictions:
    """Predicted poses and the frames they belong to; the arrays of the module's table. ``metadata`` holds plain JSON values.

    Raises ``InputError`` where the shapes do not fit together.
    """

    poses_3d: np.ndarray
    video: np.ndarray
    frame: np.ndarray
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.poses_3d.shape[1:] != (NUM_JOINTS, 3) or not self.video.shape == self.frame.shape == self.poses_3d.shape[:1]:
            raise InputError(
                f"predictions: poses {self.poses_3d.shape}, videos {self.video.shape} and frames {self.frame.shape} do not fit; "
                f"their shapes must be (P, {NUM_JOINTS}, 3), (P,) and (P,)"
            )


def frames_between(metadata: Mapping[str, Any], factor: np.ndarray) -> np.ndarray:
    """Frames between two predictions of videos whose fiftieth of a second has ``factor`` frames; arrays of one shape.

    metadata: ``s_out``, and ``test_step`` and ``interpolate`` where they are not 1 and true (``EvaluateConfig``).
    """
    own = metadata["s_out"] * factor if metadata.get("interpolate", True) else np.ones_like(factor)
    return np.lcm(own, metadata.get("test_step", 1))


def write_predictions(path: str | os.PathLike[str], predictions: Predictions) -> None:
    """Write predictions to an HDF5 file, whole or not at all; equal predictions give equal bytes."""
    metadata = {"joints": MODEL_17, "unit": "m", "axes": "camera: x right, y down, z forward"} | dict(predictions.metadata)
    with writing_hdf5(path) as file:
        file.create_dataset("poses_3d", data=np.asarray(predictions.poses_3d, np.float32), track_times=False)
        file.create_dataset("video", data=np.asarray(predictions.video, np.int64), track_times=False)
        file.create_dataset("frame", data=np.asarray(predictions.frame, np.int64), track_times=False)
        file.attrs["format"] = FORMAT
        file.attrs["metadata"] = json.dumps(metadata)


def read_predictions(path: str | os.PathLike[str]) -> Predictions:
    """Read what ``write_predictions`` wrote. Raises ``InputError`` when the file is missing, damaged, or something else."""
    path = Path(path)
    try:
        with plain_hdf5(path, ("poses_3d",)) as file:
            if file.text_attribute("format") != FORMAT:
                raise InputError(f"{path}: not a file of predictions of this version; make it again with predict_poses.py")
            arrays = {"poses_3d": file.numbers("poses_3d", "f", ("poses", NUM_JOINTS, 3))}
            arrays |= {name: file.numbers(name, "i", (len(arrays["poses_3d"]),)) for name in ("video", "frame")}
            metadata = file.json_attribute("metadata")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file of predictions; predict_poses.py makes it") from None
    except UnreadableError as error:
        raise InputError(f"{path}: not a complete file of predictions ({error}); delete it and predict again") from None
    return Predictions(**arrays, metadata=metadata)
