"""One recording of AMASS: the ``*_poses.npz`` of a sequence, checked.

Source: docs/method.md, "AMASS".
"""

import math
from dataclasses import dataclass

import numpy as np

from uplift_upsample.data.amass.body_archives import GENDERS, NUM_BETAS, NUM_BONES, NUM_DMPLS
from uplift_upsample.data.plain_npz import PlainNpz, UnreadableError, text_of
from uplift_upsample.data.resample import nominal_rate, official_count
from uplift_upsample.plan.experiment import FRAME_RATE

_RATE_FIELDS = ("mocap_framerate", "mocap_frame_rate")  # the second since 2021
_OTHER_MODELS = {72: "SMPL", 165: "SMPL-X"}  # by the width of their poses
_LARGEST = 1e4  # metres, radians or coefficients; more is damage, and would overflow later


@dataclass(frozen=True, eq=False)
class AmassRecording:
    """poses: ``(T, 156)`` radians. trans: ``(T, 3)`` metres. dmpls: ``(T, 8)``. betas: ``(16,)``. frame_rate: Hz."""

    gender: str
    frame_rate: float
    poses: np.ndarray
    trans: np.ndarray
    dmpls: np.ndarray
    betas: np.ndarray


class UnusableError(ValueError):
    """A recording that must be skipped. The message is the reason; frames and frame rate are known or ``None``."""

    def __init__(self, reason: str, frames: int | None = None, frame_rate: float | None = None) -> None:
        super().__init__(reason)
        self.frames = frames
        self.frame_rate = frame_rate


class WrongModelError(ValueError):
    """A recording for another body model. The message names which one: ``is for SMPL-X``."""


def read_recording(content: bytes) -> AmassRecording:
    """Read and check the bytes of a ``*_poses.npz``. Raises ``UnusableError`` or ``WrongModelError``."""
    frames = frame_rate = None
    try:
        npz = PlainNpz(content)
        _check_model(npz)
        poses = _poses(npz)
        frames = len(poses)
        frame_rate = _frame_rate(npz)
        recording = AmassRecording(
            gender=_gender(npz),
            frame_rate=frame_rate,
            poses=poses,
            trans=npz.numbers("trans", (frames, 3)),
            dmpls=npz.numbers("dmpls", (frames, NUM_DMPLS)),
            betas=_betas(npz),
        )
        _check_values(recording)
    except UnreadableError as error:
        raise UnusableError(str(error), frames, frame_rate) from None
    return recording


def _check_model(npz: PlainNpz) -> None:
    if "surface_model_type" in npz.fields:
        name = _text(npz, "surface_model_type").lower()
        if name != "smplh":
            raise WrongModelError(f"is for {name}")


def _poses(npz: PlainNpz) -> np.ndarray:
    poses = npz.numbers("poses", ("frames", "values"))
    if poses.shape[1] in _OTHER_MODELS:
        raise WrongModelError(f"is for {_OTHER_MODELS[poses.shape[1]]}")
    if poses.shape[1] != NUM_BONES * 3:
        raise UnreadableError(f"the field 'poses' has the shape {poses.shape}, not (frames, {NUM_BONES * 3})")
    return poses


def _frame_rate(npz: PlainNpz) -> float:
    name = next((name for name in _RATE_FIELDS if name in npz.fields), _RATE_FIELDS[0])
    rate = npz.read(name)
    if rate.size != 1 or rate.dtype.kind not in "fiu":
        raise UnreadableError(f"the field {name!r} is not one number")
    value = float(rate.reshape(()))
    if not math.isfinite(value):
        raise UnreadableError(f"the field {name!r} has values that are NaN or infinite")
    return nominal_rate(value)


def _gender(npz: PlainNpz) -> str:
    gender = _text(npz, "gender").lower()
    if gender not in GENDERS:
        raise UnreadableError(f"the field 'gender' is {gender!r}, not {', '.join(GENDERS)}")
    return gender


def _text(npz: PlainNpz, name: str) -> str:
    text = text_of(npz.read(name, 1 << 10))
    if text is None:
        raise UnreadableError(f"the field {name!r} is not one word")
    return text.strip()


def _betas(npz: PlainNpz) -> np.ndarray:
    betas = npz.numbers("betas", ("betas",))
    if len(betas) < NUM_BETAS:
        raise UnreadableError(f"the field 'betas' has {len(betas)} components, {NUM_BETAS} are needed")
    return betas[:NUM_BETAS]


def _check_values(recording: AmassRecording) -> None:
    for name in ("poses", "trans", "dmpls", "betas"):
        if np.abs(getattr(recording, name)).max(initial=0) > _LARGEST:
            raise UnreadableError(f"the field {name!r} has values beyond {_LARGEST:g}")
    if recording.frame_rate < FRAME_RATE:
        raise UnreadableError(f"its frame rate is below {FRAME_RATE:g} Hz")
    if official_count(len(recording.poses), recording.frame_rate) < 1:
        raise UnreadableError(f"it is too short for one frame at {FRAME_RATE:g} Hz")
