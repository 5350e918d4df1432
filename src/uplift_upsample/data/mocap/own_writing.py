"""Recordings of a person as one file in the layout of ``docs/own_motion_capture.md``, small enough for a repository."""

import os
from collections.abc import Sequence

import numpy as np

from uplift_upsample.base.files import replacing
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.mocap.clips import Clip
from uplift_upsample.plan.experiment import FRAME_RATE

# m. A joint is at most 0.42 mm off (half a step in each axis); with steps of 1 mm it could be 0.85, which shows in tables.
STEP = 2.0**-11


def write_recordings(path: str | os.PathLike[str], subject: str, clips: Sequence[Clip]) -> None:
    """Write clips of one person, each as a recording; equal clips give equal bytes.

    Positions are rounded to ``STEP``, and lie in the file joint by joint: both for the compression, which makes 80 bytes of a pose
    that has 204. A slash in the name of a clip becomes a hyphen.
    """
    poses = np.concatenate([clip.poses_3d for clip in clips])
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez_compressed(
            file,
            positions=np.asfortranarray(np.round(poses / STEP) * STEP, np.float32),
            joints=np.array(MODEL_17),
            frame_rate=np.array(FRAME_RATE),
            up_axis=np.array("z"),
            unit=np.array("m"),
            subject=np.array(subject),
            action=np.array([clip.action for clip in clips]),
            recordings=np.array([clip.name.replace("/", "-") for clip in clips]),
            lengths=np.array([len(clip.poses_3d) for clip in clips]),
        )
