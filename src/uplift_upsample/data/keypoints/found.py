"""What a detector found in a clip: people in frames, as they are collected from files of all formats."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import shown

MAX_FRAMES = 2_000_000  # of a clip, nine hours at 60 frames a second; more is a database's identifier, not a frame number
MAX_PIXELS = 1e6  # no picture is so large
NO_TRACK = -1  # number of a person whose file has no identities; theirs are not negative
# of pictures, videos and files of keypoints; what else stands behind a point may be a date, a version or part of a title
_SUFFIXES = re.compile(
    r"(\.(jpe?g|png|bmp|gif|webp|tiff?|p[bgp]m|heic|avif|mp4|m4v|mov|mkv|webm|avi|wmv|flv|3gp|mpe?g|m?ts|m2ts|vob|ogv|json|txt))+$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    """D people of a clip, frame by frame.

    frame: number of each one's frame, as the file counts, ``(D,)``. points: ``(D, K, 2)`` pixels, y downwards. confidence:
    ``(D, K)``; 1 where the file knows none. track: the file's identity of the person, ``(D,)``, ``NO_TRACK`` without.
    first, last: the frames that the file covers, with people or without. looked: at which of them a detector looked, as far as the
    file shows it, ascending; None, at all of them.
    layout, size, frame_rate, times: if the file contains them. is_normalised: points are shares of width and height.
    detector: what found them, in words, where that is known.
    """

    frame: np.ndarray
    points: np.ndarray
    confidence: np.ndarray
    track: np.ndarray
    first: int
    last: int
    layout: str | None = None
    size: tuple[float, float] | None = None
    frame_rate: float | None = None
    times: np.ndarray | None = None
    is_normalised: bool = False
    detector: str | None = None
    looked: np.ndarray | None = None

    @property
    def num_frames(self) -> int:
        return self.last - self.first + 1

    def in_pixels(self, size: Sequence[float]) -> np.ndarray:
        """The points in pixels of a picture of (width, height)."""
        return self.points * np.asarray(size, np.float64) if self.is_normalised else self.points


@dataclass
class Collection:
    """Takes people as a file is read, and refuses what cannot be. place: the file, for messages."""

    place: str
    frames: list[int] = field(default_factory=list)
    tracks: list[int] = field(default_factory=list)
    people: list[np.ndarray] = field(default_factory=list)  # (K, 3): x, y, confidence
    seen: set[int] = field(default_factory=set)  # frames, also those without people
    names: set[str] = field(default_factory=set)  # of the files or pictures, without their numbers: one, if they are of one clip

    def add(self, frame: int, person: np.ndarray, track: int, where: str) -> None:
        """One person of a frame ``(K, 3)``. Raises ``InputError`` for another number of joints than before and for huge numbers."""
        if self.people and len(person) != len(self.people[0]):
            raise self.error(where, f"{len(person)} joints, where those before have {len(self.people[0])}")
        if np.abs(np.nan_to_num(person[person[:, 2] > 0, :2], posinf=0, neginf=0)).max(initial=0) > MAX_PIXELS:
            raise self.error(where, f"a coordinate beyond {MAX_PIXELS:g} pixels")
        self.seen.add(frame)
        self.frames.append(frame)
        self.tracks.append(track)
        self.people.append(person)

    def numbered(self, name: Any) -> int | None:
        """The number of a frame that is named after a file, or is a number (``frame_number``)."""
        number = frame_number(name)
        if isinstance(name, str) and number is not None:
            self.names.add(re.sub(r"\d+(?=\D*$)", "", _SUFFIXES.sub("", name)))
        return number

    def error(self, where: str, what: str) -> InputError:
        return InputError(f"{self.place}: {where}: {what}" if where else f"{self.place}: {what}")

    def found(self, **facts: Any) -> Found:
        """All of it, in the order of the frames.

        Raises ``InputError`` where nobody is in it, for names of several clips, and for a person twice in a frame.
        """
        if len(self.names) > 1:
            some = " and ".join(map(shown, sorted(self.names)[:2]))
            raise self.error("", f"images of several clips, {some} without their numbers; keep those of one")
        if not self.people:
            raise self.error("", "there is nobody in any frame")
        order = np.argsort(self.frames, kind="stable")
        frame, track = np.array(self.frames, np.int64)[order], np.array(self.tracks, np.int64)[order]
        facts = {"first": min(self.seen), "last": max(self.seen), "looked": np.array(sorted(self.seen)), **facts}
        first, last = facts["first"], facts["last"]
        if last - first >= MAX_FRAMES:
            raise self.error("", f"its frames go from {first} to {last}; these are not frame numbers of one clip")
        if track.max() <= 0:  # AlphaPose without tracking writes 0 for everybody; its trackers count from 1
            track[:] = NO_TRACK
        known = track != NO_TRACK
        keys, counts = np.unique(np.stack([frame[known], track[known]]), axis=1, return_counts=True)
        if (counts > 1).any():
            twice = keys[:, np.argmax(counts > 1)]
            raise self.error("", f"frame {twice[0]} has person {twice[1]} twice; mend or leave out the identities of the people")
        values = np.stack(self.people)[order]
        return Found(frame, values[..., :2], values[..., 2], track, **facts)


def numbers(value: Any) -> np.ndarray | None:
    """Lists of numbers as float64, or None; null counts as NaN, texts and truths are not numbers."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(item is None or type(item) in (int, float) for item in array.reshape(-1).tolist()):
            array = array.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    return array.astype(np.float64) if array.dtype.kind in "fiu" else None


def person_of(points: Any, confidence: Any = None) -> np.ndarray | None:
    """A person ``(K, 3)`` of points as any format has them, or None if they are not one.

    points: ``(K, 3)`` or ``(K, 2)``, or the same in one row. confidence: ``(K,)`` beside points without; 1 where unknown. Three
    numbers with a confidence beside them are a 3D pose, which is not accepted.
    """
    array = numbers(points)
    if array is None:
        return None
    width = 3 if confidence is None else 2
    if array.ndim == 1 and len(array) % width == 0:
        array = array.reshape(-1, width)
    if array.ndim != 2 or array.shape[1] not in {2, width} or not len(array):
        return None
    if array.shape[1] == 2:
        beside = np.ones(len(array)) if confidence is None else numbers(confidence)
        if beside is None or beside.shape not in ((len(array),), (len(array), 1)):
            return None
        array = np.concatenate([array, beside.reshape(-1, 1)], axis=1)
    return array


def frame_number(value: Any) -> int | None:
    """The number of a frame: a whole number, or the last digits of a file's name; None without."""
    if isinstance(value, str):
        digits = re.findall(r"\d+", re.split(r"[/\\]", _SUFFIXES.sub("", value))[-1])
        return int(digits[-1]) if digits and len(digits[-1]) < 19 else None
    return whole_number(value)


def whole_number(value: Any) -> int | None:
    """A whole number from 0 on that can be computed with, or None."""
    is_whole = type(value) in (int, float) and math.isfinite(value) and value == int(value)
    return int(value) if is_whole and 0 <= value < 2**53 else None


def track_number(value: Any, where: str, collection: Collection) -> int:
    """The identity of a person, within lists or not; ``NO_TRACK`` for none or a negative one."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value == [] or (type(value) in (int, float) and value < 0):
        return NO_TRACK
    number = whole_number(value)
    if number is None:
        raise collection.error(where, f"the identity of a person is {shown(value)}; it must be a whole number")
    return number
