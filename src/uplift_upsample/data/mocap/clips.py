"""Parts of recordings that are ready for the cameras: what the conversions of motion capture hand on to a frames table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MocapClip:
    """A recording or a part of it: ``(T, 17, 3)`` float32, metres, z up, 50 Hz, in ``MODEL_17`` order.

    trial: the recording, ``01_01``. name: ``01_01``, or ``01_01/2`` for the second part.
    """

    trial: str
    name: str
    action: str
    poses_3d: np.ndarray


@dataclass(frozen=True)
class SubjectClips:
    """All clips of a subject, the recordings that gave none and why, and the original files with their checksums."""

    subject: str
    clips: Sequence[MocapClip]
    dropped: Sequence[Mapping[str, str]]
    sources: Sequence[Mapping[str, str]]
