"""The user's own motion capture: ``.npz`` files of one or several recordings of a person, read strictly and judged in full;
and written, small enough for a repository.

``docs/own_motion_capture.md`` explains the fields to users. ``own_axes`` has the units and axes, ``own_checks`` looks at what
the numbers mean, ``own_folder`` at a whole folder.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.base.strict import suggestion
from uplift_upsample.data.checks import UNITS
from uplift_upsample.data.mocap.clips import MocapClip
from uplift_upsample.data.mocap.own_axes import TO_Z_UP, to_world
from uplift_upsample.data.mocap.own_checks import Findings, examine, unsound_numbers
from uplift_upsample.data.mocap.own_joints import joint_faults, joint_warnings, spelled
from uplift_upsample.data.plain_npz import PlainNpz, UnreadableError, text_of
from uplift_upsample.data.resample import check_frame_rate, nominal_rate, rate_text
from uplift_upsample.plan.experiment import FRAME_RATE

REQUIRED = ("positions", "joints", "frame_rate", "up_axis", "unit")
OPTIONAL = ("subject", "action", "recordings", "lengths")
ANY_ACTION = "motion"
# Hz. Recordings of the CMU sample, thinned and interpolated: at 30 Hz a joint is 0.9 mm off in the mean, and the worst of a frame
# 14 mm in one frame of a hundred; at 20 Hz it is 1.4 and 23 mm, at 15 Hz 2.1 and 36 mm, which is what networks are off by.
LOWEST_RATE = 20.0
_MAX_BYTES = 2 << 30  # of the file, and of a field, unpacked: hours of motion
_LONGEST_NAME = 100  # letters of a subject, recording or action; chosen: they become names of files and cells of tables
# m. A joint is at most 0.42 mm off (half a step in each axis); with steps of 1 mm it could be 0.85, which shows in tables.
_STEP = 2.0**-11


@dataclass(frozen=True)
class Recording:
    """poses: ``(T, 17, 3)`` float64, metres, z up, ``MODEL_17``. frame_rate: Hz. subject: None if the file does not name one.

    name: within a file of several recordings; None in a file of one, which is named by the file.
    """

    poses: np.ndarray
    frame_rate: float
    subject: str | None
    action: str
    name: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a file, each fault in a line; what may be; and its recordings, if there is no fault.

    is_empty: whether the one fault is that there are no frames.
    """

    faults: Sequence[str]
    warnings: Sequence[str]
    recordings: Sequence[Recording] = ()
    is_empty: bool = False


@dataclass(frozen=True)
class _Part:
    """One recording of a file: its frames, action and, among several, its name."""

    frames: slice
    action: str
    name: str | None

    def placed(self, lines: Sequence[str]) -> list[str]:
        return [f"recording {self.name!r}: {line}" if self.name else line for line in lines]


def judge(path: str | os.PathLike[str]) -> Verdict:
    """Read and check one file. Never raises for what is in the file, or for there being none."""
    faults: list[str] = []
    fields = _load(path, faults)
    if not fields:
        return Verdict(faults, ())
    _check_keys(fields, faults)
    names = _joint_names(fields, faults)
    positions = _positions(fields, faults)
    warnings: list[str] = []
    frame_rate = _frame_rate(fields, faults, warnings)
    unit = _choice(fields, "unit", UNITS, faults)
    up_axis = _choice(fields, "up_axis", TO_Z_UP, faults)
    subject = _name(fields, "subject", faults)
    parts = _parts(fields, positions, faults)
    columns = _columns(names, positions, faults, warnings)
    if columns is None or positions is None:
        positions = fields.get("positions", np.zeros(1))
        is_empty = len(faults) == 1 and positions.ndim == 3 and len(positions) == 0
        return Verdict(faults, warnings, is_empty=is_empty)
    chosen = positions[:, columns].astype(np.float64)
    for part in parts:
        findings = Findings([], [])
        unsound = unsound_numbers(chosen[part.frames])
        if unsound:
            findings.faults.append(unsound)
        elif unit is not None and up_axis is not None:
            examine(chosen[part.frames], frame_rate, unit, up_axis, findings)
        faults += part.placed(findings.faults)
        warnings += part.placed(findings.warnings)
    if faults or unit is None or up_axis is None or frame_rate is None:
        return Verdict(faults, warnings)
    poses = to_world(chosen, unit, up_axis)
    return Verdict((), warnings, [Recording(poses[part.frames], frame_rate, subject, part.action, part.name) for part in parts])


def _load(path: str | os.PathLike[str], faults: list[str]) -> dict[str, np.ndarray]:
    """The arrays of a file; nothing is unpickled."""
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            raise UnreadableError(f"it has more than {_MAX_BYTES >> 30} GiB; cut the recording into several")
        with Path(path).open("rb") as file:
            archive = PlainNpz(file.read())
    except OSError as error:
        faults.append(f"cannot be read ({error.strerror})")
        return {}
    except UnreadableError as error:
        faults.append(f"{error}; write it with np.savez or np.savez_compressed")
        return {}
    fields: dict[str, np.ndarray] = {}
    for key in sorted(archive.fields):
        try:
            fields[key] = archive.read(key, _MAX_BYTES)
        except UnreadableError as error:
            faults.append(f"{error}; text is stored as np.array([...], dtype=str)" if "pickled" in str(error) else str(error))
    if not archive.fields:
        faults.append(f"there are no arrays in it; needed are {', '.join(REQUIRED)}")
    return fields


def _check_keys(fields: Mapping[str, np.ndarray], faults: list[str]) -> None:
    known = (*REQUIRED, *OPTIONAL)
    named = "".join(faults)
    faults += [f"there is no {key!r}" for key in REQUIRED if key not in fields and repr(key) not in named]
    faults += [f"unknown key {key!r}{suggestion(key, known)}; known are {', '.join(known)}" for key in fields if key not in known]


def _choice(fields: Mapping[str, np.ndarray], key: str, known: Mapping[str, Any], faults: list[str]) -> str | None:
    if key not in fields:
        return None
    text = text_of(fields[key])
    choice = (text or "").strip().lower().removeprefix("+")
    if choice in known:
        return choice
    found = _described(fields[key]) if text is None else repr(text[:40])
    faults.append(f"{key!r} is {found}; it must be one of {', '.join(known)}")
    return None


def _parts(fields: Mapping[str, np.ndarray], positions: np.ndarray | None, faults: list[str]) -> list[_Part]:
    """The recordings of a file: one, or those that ``recordings`` and ``lengths`` name; the whole where these are wrong."""
    num_frames = 0 if positions is None else len(positions)
    if "recordings" not in fields and "lengths" not in fields:
        return [_Part(slice(0, num_frames), _name(fields, "action", faults) or ANY_ACTION, None)]
    before = len(faults)
    names = _names(fields, "recordings", faults)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"'recordings' names {repeated[0]!r} twice; each recording needs a name of its own")
    lengths = fields.get("lengths", np.zeros(0))
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1 or len(lengths) != len(names) or (lengths < 1).any():
        found = _described(lengths) if "lengths" in fields else "missing"
        faults.append(f"'lengths' is {found}; it must be the number of frames, at least 1, of each of 'recordings'")
    elif positions is not None and (total := sum(lengths.tolist())) != num_frames:  # NumPy's sum may wrap around
        faults.append(f"'lengths' adds up to {total} frames where 'positions' has {num_frames}")
    actions = [ANY_ACTION]
    if "action" in fields:
        is_one = fields["action"].size == 1
        actions = [_name(fields, "action", faults) or ANY_ACTION] if is_one else _names(fields, "action", faults)
    if len(actions) not in (1, len(names)) and len(faults) == before:
        faults.append(
            f"'action' has {len(actions)} texts for {len(names)} recordings; it must be one text, or one for each of them"
        )
    if len(faults) > before:
        return [_Part(slice(0, num_frames), ANY_ACTION, None)]
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    actions *= len(names) // len(actions)
    return [
        _Part(slice(end - int(length), end), action, name)
        for end, length, action, name in zip(ends, lengths, actions, names, strict=True)
    ]


def _names(fields: Mapping[str, np.ndarray], key: str, faults: list[str]) -> list[str]:
    """A list of names; empty where it is not one."""
    value = fields.get(key, np.zeros(0))
    texts = [text_of(item) for item in value] if value.ndim == 1 and value.dtype.kind in "US" else []
    names = [text for text in texts if text is not None and is_name(text)]
    if names and len(names) == len(texts):
        return names
    wrong = next((repr(text) for text in texts if text is None or not is_name(text)), _described(value))
    faults.append(f"{key!r} is {wrong if key in fields else 'missing'}; it must be a list of short texts without slashes")
    return []


def _name(fields: Mapping[str, np.ndarray], key: str, faults: list[str]) -> str | None:
    if key not in fields:
        return None
    text = text_of(fields[key])
    if text is not None and is_name(text):
        return text
    found = _described(fields[key]) if text is None else repr(text[:40])
    faults.append(f"{key!r} is {found}; it must be a short text without slashes, such as {'anna' if key == 'subject' else 'walk'}")
    return None


def is_name(text: str) -> bool:
    """Whether a text can name a subject, a recording or an action."""
    return bool(text.strip()) and text == text.strip() and text.isprintable() and "/" not in text and len(text) <= _LONGEST_NAME


def _frame_rate(fields: Mapping[str, np.ndarray], faults: list[str], warnings: list[str]) -> float | None:
    if "frame_rate" not in fields:
        return None
    value = fields["frame_rate"]
    if value.size != 1 or value.dtype.kind not in "fiu":
        faults.append(f"'frame_rate' is {_described(value)}; it must be one number, in Hz")
        return None
    rate = float(value.reshape(()))
    try:
        check_frame_rate(rate, LOWEST_RATE)
    except InputError as error:
        faults.append(str(error))
        return None
    if (rate := nominal_rate(rate)) < FRAME_RATE:
        warnings.append(
            f"{rate_text(rate)} Hz is below the {FRAME_RATE:g} Hz of the project: motion between recorded frames is interpolated, "
            f"so fast movements are cut short; s_in and s_out count frames at {FRAME_RATE:g} Hz, and only {rate_text(rate)} poses "
            "a second were recorded"
        )
    return rate


def _positions(fields: Mapping[str, np.ndarray], faults: list[str]) -> np.ndarray | None:
    if "positions" not in fields:
        return None
    positions = fields["positions"]
    is_numeric = positions.dtype.kind in "iu" or (positions.dtype.kind == "f" and positions.dtype.itemsize >= 4)
    if not is_numeric or positions.ndim != 3 or positions.shape[2] != 3 or len(positions) == 0:
        faults.append(f"'positions' is {_described(positions)}; it must be numbers (frames, joints, 3), float32 or float64")
        return None
    return positions


def _joint_names(fields: Mapping[str, np.ndarray], faults: list[str]) -> list[str] | None:
    """The joints of a file, as it spells them."""
    if "joints" not in fields:
        return None
    joints = fields["joints"]
    if joints.dtype.kind not in "US" or joints.ndim != 1:
        faults.append(f"'joints' is {_described(joints)}; it must be a list of names, such as np.array(['pelvis', 'l_hip'])")
        return None
    return [joint.decode("utf-8", "replace") if isinstance(joint, bytes) else joint for joint in joints.tolist()]


def _columns(names: list[str] | None, positions: np.ndarray | None, faults: list[str], warnings: list[str]) -> list[int] | None:
    """Where the 17 joints are in the file."""
    if names is None:
        return None
    before = len(faults)
    faults += joint_faults(names)
    if positions is not None and len(names) != positions.shape[1]:
        faults.append(f"'joints' names {len(names)} joints where 'positions' has {positions.shape[1]}")
    if len(faults) > before:
        return None
    warnings += joint_warnings(names)
    ours = [spelled(name) for name in names]
    return [ours.index(joint) for joint in MODEL_17]


def _described(value: np.ndarray) -> str:
    return f"an array of {value.dtype} with the shape {value.shape}"


def write_recordings(path: str | os.PathLike[str], subject: str, clips: Sequence[MocapClip]) -> None:
    """Write clips of one person, each as a recording; equal clips give equal bytes.

    Positions are rounded to ``_STEP``, and lie in the file joint by joint: both for the compression, which makes 80 bytes of a pose
    that has 204. A slash in the name of a clip becomes a hyphen.
    """
    poses = np.concatenate([clip.poses_3d for clip in clips])
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez_compressed(
            file,
            positions=np.asfortranarray(np.round(poses / _STEP) * _STEP, np.float32),
            joints=np.array(MODEL_17),
            frame_rate=np.array(FRAME_RATE),
            up_axis=np.array("z"),
            unit=np.array("m"),
            subject=np.array(subject),
            action=np.array([clip.action for clip in clips]),
            recordings=np.array([clip.name.replace("/", "-") for clip in clips]),
            lengths=np.array([len(clip.poses_3d) for clip in clips]),
        )
