"""One person's 2D poses in a clip, ready for a network: from what a detector found, in pixels, or NaN."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17, PARENTS
from uplift_upsample.base.strict import is_number, shown
from uplift_upsample.data.keypoints.found import Found
from uplift_upsample.data.keypoints.layouts import LAYOUTS, Layout, layout_named, layouts_of
from uplift_upsample.data.keypoints.people import chosen, people_of
from uplift_upsample.data.keypoints.roll import upright
from uplift_upsample.data.keypoints.to_model import Skeleton, model_poses, sure_points

# The bones of a person who is read in another layout of as many joints lead across the body: they are far longer.
_SUSPICIOUS = 0.75


@dataclass(frozen=True)
class Clip:
    """poses: ``(T, 17, 2)`` pixels of an upright picture, NaN where a joint is missing. frames: their numbers in the file ``(T,)``.

    size: width and height of the picture. others: numbers of the other people. min_confidence: joints below it are missing.
    detector: what found the joints, in words, where that is known.
    """

    poses: np.ndarray
    frames: np.ndarray
    layout: Layout
    size: tuple[float, float]
    person: int
    others: tuple[int, ...]
    min_confidence: float
    detector: str | None = None


def clip_of(
    found: Found,
    skeleton: Skeleton,
    *,
    layout: str | None = None,
    size: Sequence[float] | None = None,
    person: int | None = None,
    min_confidence: float | None = None,
    roll: float = 0.0,
) -> Clip:
    """One person of a clip. layout, size: where the file does not say, or says something else. roll: see ``upright``.
    min_confidence: None, that of the layout.

    Raises ``InputError`` for a person, layout or size that is not known or does not fit the numbers.
    """
    if min_confidence is not None and not (is_number(min_confidence) and 0 <= min_confidence <= 1):
        raise InputError(f"min_confidence is {shown(min_confidence)}; it must be a number from 0 to 1")
    picture = picture_size(size if size is not None else found.size)
    people = people_of(found)
    someone = chosen(people, person)
    points, confidence = found.in_pixels(picture)[someone.rows], found.confidence[someone.rows]
    every = sure_points(points, confidence, 0)
    _check_pixels(every, picture)
    read_in = read_layout(every, layout if layout is not None else found.layout)
    least = read_in.min_confidence if min_confidence is None else min_confidence
    points = sure_points(points, confidence, least)
    poses = np.full((found.num_frames, len(MODEL_17), 2), np.nan)
    level = upright(points, picture, roll)  # before the head is made, in which up and down count
    poses[found.frame[someone.rows] - found.first] = model_poses(level, read_in, skeleton)
    numbers = np.arange(found.first, found.last + 1)
    others = tuple(each.number for each in people if each is not someone)
    return Clip(poses, numbers, read_in, picture, someone.number, others, least, found.detector)


def picture_size(size: Any) -> tuple[float, float]:
    """Width and height in pixels. Raises ``InputError`` where they are not known or none."""
    if size is None:
        raise InputError("the size of the picture is not known; give size, its width and height in pixels")
    pair = tuple(size) if isinstance(size, Sequence | np.ndarray) else ()
    if len(pair) != 2 or not all(is_number(float(side)) and side > 0 for side in pair):
        raise InputError(f"size is {shown(size)}; it must be the width and the height of the picture in pixels")
    return float(pair[0]), float(pair[1])


def read_layout(points: np.ndarray, name: str | None) -> Layout:
    """The layout of points ``(R, K, 2)``: the named one, or without a name the one in which they are a person.

    Raises ``InputError`` where the points have no such layout, or are a person in another one of as many joints.
    """
    num_joints = points.shape[-2]
    named = None if name is None else layout_named(name)
    if named is not None and named.num_joints != num_joints:
        raise InputError(f"{num_joints} joints, where the layout {named.name} has {named.num_joints}")
    candidates = {layout.name: _length(points, layout) for layout in layouts_of(num_joints)}
    if not candidates:
        known = ", ".join(f"{layout.name} ({layout.num_joints})" for layout in LAYOUTS.values())
        raise InputError(f"{num_joints} joints, which no known layout has; known are {known}")
    best, *others = sorted(candidates, key=lambda each: candidates[each])
    is_clear = all(candidates[best] < _SUSPICIOUS * candidates[other] for other in others)
    if named is not None:
        if best != named.name and candidates[best] < _SUSPICIOUS * candidates[named.name]:
            raise InputError(f"the keypoints are no person in the layout {named.name}, but in {best}; give that layout")
        return named
    if not is_clear:
        raise InputError(f"{num_joints} joints may be {' or '.join(candidates)}; give the layout")
    return LAYOUTS[best]


def _length(points: np.ndarray, layout: Layout) -> float:
    """How long a bone is: the mean of those that are there, in all frames; infinite where there is none."""
    poses = model_poses(points, layout, "cmu")
    children = np.flatnonzero(PARENTS >= 0)
    lengths = np.linalg.norm(poses[:, children] - poses[:, PARENTS[children]], axis=-1)
    known = lengths[np.isfinite(lengths)]
    return float(known.mean()) if len(known) else np.inf


def _check_pixels(points: np.ndarray, size: tuple[float, float]) -> None:
    """Raise ``InputError`` for points in another unit than pixels, or of a picture of another size."""
    places = points[np.isfinite(points).all(axis=-1)]
    if not len(places):
        return
    if np.abs(places).max() <= 2 < min(size):
        raise InputError(
            "the keypoints are shares of the picture, up to 2; multiply them by its width and height: pixels are needed"
        )
    is_outside = (places < 0).any(axis=1) | (places > size).any(axis=1)
    if is_outside.mean() > 0.5:
        raise InputError(
            f"{100 * is_outside.mean():.0f} % of the keypoints lie outside of a picture of {size[0]:g} by {size[1]:g}; they reach "
            f"({places[:, 0].max():.0f}, {places[:, 1].max():.0f}). Give its true width and height"
        )
