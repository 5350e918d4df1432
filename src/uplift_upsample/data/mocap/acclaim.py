"""Acclaim motion capture: the skeleton and the kinematics that moves it. ``asf`` and ``amc`` read the files.

Source: http://research.cs.wisc.edu/graphics/Courses/cs-838-1999/Jeff/ASF-AMC.html. A bone starts where its parent ends. Its
axis frame C is fixed by the ASF; the AMC gives a rotation R in that frame, so that its rotation relative to the parent is
``C R C^-1``. Lengths in the files are in units of ``1 / length`` inches, where ``length`` is declared by the ASF.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from uplift_upsample.base.errors import InputError

ROOT_BONE = "root"
ROTATIONS = ("rx", "ry", "rz")
TRANSLATIONS = ("tx", "ty", "tz")
_COMMENT = re.compile(rb"#[^\r\n]*")
MAX_VALUE = 1e6  # of any number in a file; people and their turns stay far below, damaged digits do not
MAX_BYTES = 256 << 20  # the largest file of the CMU database has 20 MB
_SHOWN = 60  # characters of a line that an error quotes; chosen: fits a line
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PADDING = b"\x1a\x00"  # DOS ends text with ^Z, tapes and block devices fill up with NUL


@dataclass(frozen=True)
class AcclaimSkeleton:
    """The B bones of an ASF file; ``root`` is the first, every other one follows its parent.

    names: ``(B,)``. parents: ``(B,)`` indices, -1 for the root. offsets: from start to end of a bone in the rest
    pose, metres, ``(B, 3)``; for the root its position. axes: the axis frames C, ``(B, 3, 3)``. channels: for each
    bone the degrees of freedom that an AMC line gives, in that order: of ``tx ty tz rx ry rz`` for the root, of ``rx
    ry rz`` for others, none for a rigid bone. metres_per_unit: of lengths in the AMC. is_degrees: unit of angles,
    unless the AMC names another.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    offsets: np.ndarray
    axes: np.ndarray
    channels: tuple[tuple[str, ...], ...]
    metres_per_unit: float
    is_degrees: bool

    @cached_property
    def columns(self) -> dict[str, slice]:
        """The columns of a motion array that belong to each bone that moves."""
        ends = np.cumsum([len(channels) for channels in self.channels]).tolist()
        moving = zip(self.names, self.channels, ends, strict=True)
        return {name: slice(end - len(channels), end) for name, channels, end in moving if channels}

    @property
    def num_channels(self) -> int:
        return sum(len(channels) for channels in self.channels)

    def indices(self, names: Sequence[str]) -> np.ndarray:
        """Indices of bones. Raises ``InputError`` that names the missing ones."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise InputError(f"the skeleton has no bones {', '.join(missing)}; it has {', '.join(self.names)}")
        return np.array([self.names.index(name) for name in names], np.int64)


def bone_ends(skeleton: AcclaimSkeleton, motion: np.ndarray) -> np.ndarray:
    """Forward kinematics: where every bone ends, ``(T, B, 3)`` float64, metres, in the axes of the file.

    motion: ``(T, num_channels)`` from ``read_amc``. The entry of the root is its position.
    """
    num_frames = len(motion)
    ends = np.empty((num_frames, len(skeleton.names), 3))
    rotations: list[np.ndarray] = []  # of each bone, (T, 3, 3), or (3, 3) while nothing has moved
    for index, (parent, channels) in enumerate(zip(skeleton.parents, skeleton.channels, strict=True)):
        rotation = np.eye(3) if parent < 0 else rotations[parent]
        turns = [(channel, column) for column, channel in enumerate(channels) if channel in ROTATIONS]
        values = motion[:, skeleton.columns[skeleton.names[index]]] if channels else None
        if turns and values is not None:
            axes = skeleton.axes[index]
            local = rotation_about_axes("".join(channel[1] for channel, _ in turns), values[:, [column for _, column in turns]])
            rotation = rotation @ (axes @ local @ axes.T)
        rotations.append(rotation)
        if parent < 0:
            ends[:, index] = skeleton.offsets[index]
            for column, channel in enumerate(channels):
                if channel in TRANSLATIONS and values is not None:
                    ends[:, index, TRANSLATIONS.index(channel)] += values[:, column]
        else:
            ends[:, index] = ends[:, parent] + rotation @ skeleton.offsets[index]
    return ends


def rotation_about_axes(order: str, angles: np.ndarray) -> np.ndarray:
    """Turns about fixed axes, the first of ``order`` first: ``(T, len(order))`` radians to matrices ``(T, 3, 3)``."""
    result: np.ndarray | None = None
    for axis, angle in zip(order, angles.T, strict=True):
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        turn = np.zeros((len(angle), 3, 3))
        turn[:, 3 - i - j, 3 - i - j] = 1
        turn[:, i, i] = turn[:, j, j] = np.cos(angle)
        turn[:, j, i] = np.sin(angle)
        turn[:, i, j] = -turn[:, j, i]
        result = turn if result is None else turn @ result
    assert result is not None
    return result


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, without a byte order mark, comments, and what pads its end; lines stay where they are.

    Raises ``InputError`` where it cannot be read or is far too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES >> 20} MiB, which no recording is; use the original file")
    text = data.rstrip(_PADDING + b" \t\r\n")
    ends = data[len(text) :].strip(_PADDING + b" \t")[:1]  # a last line without an end is a trace of files that are cut off
    return _COMMENT.sub(b"", text.removeprefix(_BYTE_ORDER_MARK)) + ends


def finite_floats(words: Sequence[str]) -> list[float] | None:
    """The numbers that words spell, or None if one of them is NaN, infinite or above ``MAX_VALUE``."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    is_sound = all(abs(value) <= MAX_VALUE for value in values)  # no NaN is
    return values if is_sound and not any("_" in word for word in words) else None  # Python reads 1_0 as ten


def shortened(words: Sequence[str]) -> str:
    """Words of a file for an error message, not more of them than a reader needs."""
    text = " ".join(words)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
