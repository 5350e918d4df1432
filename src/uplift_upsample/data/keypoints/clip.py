"""One person's 2D poses in a clip, ready for a network: from what a detector found, in pixels, or NaN."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.base.strict import is_number, shown
from uplift_upsample.data.keypoints.found import Found
from uplift_upsample.data.keypoints.layouts import LAYOUTS, MIN_CONFIDENCE, Layout, layout_named, layouts_of
from uplift_upsample.data.keypoints.people import chosen, people_of
from uplift_upsample.data.keypoints.roll import upright
from uplift_upsample.data.keypoints.times import plain_number
from uplift_upsample.data.keypoints.to_model import Skeleton, model_poses, sure_points

logger = logging.getLogger(__name__)

# The bones of a person who is read in another layout of as many joints lead across the body: they are longer. In random postures,
# those of the right layout were 0.3 to 0.9 times as long, frame by frame.
_SUSPICIOUS = 0.85
_MOST_CONFIDENCE = 20.0  # networks that give no share give up to about 10; per cent and z go beyond
_LARGEST_SHARE = 2.0  # of points that are no pixels: outside of the picture by as much as it is wide
_FEW_OUTSIDE = 0.05  # share of the keypoints; detectors place feet a little below the picture, too
_PER_CENT = 100.0
_LARGE = 500.0  # pixels: in a picture this large nobody fits into the upper left 100 by 100
_UPSIDE_DOWN = tuple(map(MODEL_17.index, ("head_top", "neck", "pelvis", "l_knee", "l_ankle")))


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
    seconds: np.ndarray | None = None,
) -> Clip:
    """One person of a clip. layout, size: if the file does not contain them, or something else. roll: see ``upright``.
    min_confidence: None, that of the layout. seconds: of each frame ``(T,)``, where they are known.

    Raises ``InputError`` for a person, layout or size that is not known or does not fit the numbers.
    """
    picture = picture_size(size if size is not None else found.size)
    people = people_of(found, seconds)
    someone = chosen(people, person)
    points, confidence = found.in_pixels(picture)[someone.rows], found.confidence[someone.rows]
    check_numbers(points, confidence, picture)
    every = sure_points(points, confidence, 0)
    if size is not None or found.detector is None:  # who looked at the video knows its size
        # some detectors place hidden joints too, and those of somebody whose feet are not in the picture lie below it
        sure = sure_points(points, confidence, MIN_CONFIDENCE)
        _check_pixels(sure, picture)
        if not found.is_normalised:
            _warn_of_per_cent(sure, picture)
    read_in = read_layout(every, layout if layout is not None else found.layout)
    least = least_confidence(min_confidence, read_in)
    points = sure_points(points, confidence, least)
    poses = np.full((found.num_frames, len(MODEL_17), 2), np.nan)
    level = upright(points, picture, roll)  # before the head is made, in which up and down count
    poses[found.frame[someone.rows] - found.first] = model_poses(level, read_in, skeleton)
    _check_upright(poses)
    numbers = np.arange(found.first, found.last + 1)
    others = tuple(each.number for each in people if each is not someone)
    return Clip(poses, numbers, read_in, picture, someone.number, others, least, found.detector)


def least_confidence(given: float | None, layout: Layout) -> float:
    """From where on a joint counts: a given number from 0 to 1, or that of the layout. Raises ``InputError`` for another one."""
    check_confidence(given)
    return layout.min_confidence if given is None else given


def check_confidence(least: float | None) -> None:
    """Raise ``InputError`` for a confidence that is neither None nor a number from 0 to 1."""
    if least is not None and not (is_number(least) and 0 <= least <= 1):
        raise InputError(f"min_confidence is {shown(least)}; it must be a number from 0 to 1")


def picture_size(size: Any) -> tuple[float, float]:
    """Width and height in pixels. Raises ``InputError`` where they are not known or none."""
    if size is None:
        raise InputError("the size of the picture is not known; give size, its width and height in pixels")
    sides = size.tolist() if isinstance(size, np.ndarray) else size
    pair = tuple(map(plain_number, sides)) if isinstance(sides, Sequence) else ()
    if len(pair) != 2 or not all(is_number(side) and side > 0 for side in pair):
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
    num_there = np.isfinite(points).all(axis=-1).sum(axis=-1)
    whole = points[num_there >= np.quantile(num_there, 0.9)]  # where half a person is missing, short bones may be all that is left
    candidates = {layout.name: _length(whole, layout) for layout in layouts_of(num_joints)}
    if not candidates:
        known = ", ".join(f"{layout.name} ({layout.num_joints})" for layout in LAYOUTS.values())
        raise InputError(f"{num_joints} joints, which no known layout has; known are {known}")
    best, *others = sorted(candidates, key=lambda each: candidates[each])
    is_clear = all(candidates[best] < _SUSPICIOUS * candidates[other] for other in others)
    if named is not None:
        if best != named.name and candidates[best] < _SUSPICIOUS * candidates[named.name]:
            raise InputError(f"the keypoints do not form a person in the layout {named.name}, but do in {best}; give that layout")
        return named
    if not is_clear:
        raise InputError(f"{num_joints} joints may be {' or '.join(candidates)}; give the layout")
    return LAYOUTS[best]


def _length(points: np.ndarray, layout: Layout) -> float:
    """How long a bone is: the mean of those that are there, in all frames; infinite where there is none."""
    ends = np.array([(layout.joints.index(one), layout.joints.index(other)) for one, other in layout.bones])
    lengths = np.linalg.norm(points[:, ends[:, 0]] - points[:, ends[:, 1]], axis=-1)
    known = lengths[np.isfinite(lengths)]
    return float(known.mean()) if len(known) else np.inf


def _check_pixels(points: np.ndarray, size: tuple[float, float]) -> None:
    """Raise ``InputError`` for points of a picture of another size, where many lie outside of this one; warn of some."""
    places = points[np.isfinite(points).all(axis=-1)]
    if not len(places):
        return
    is_outside = (places < 0).any(axis=1) | (places > size).any(axis=1)
    is_outside_turned = (places < 0).any(axis=1) | (places > size[::-1]).any(axis=1)
    if is_outside.mean() > _FEW_OUTSIDE and is_outside_turned.mean() < is_outside.mean() / 4:
        raise InputError(
            f"{100 * is_outside.mean():.0f} % of the keypoints lie outside of a picture of {size[0]:g} by {size[1]:g}, but few "
            "outside of one that is turned; width comes first"
        )
    if is_outside.mean() > 0.5:
        raise InputError(
            f"{100 * is_outside.mean():.0f} % of the keypoints lie outside of a picture of {size[0]:g} by {size[1]:g}; they reach "
            f"({places[:, 0].max():.0f}, {places[:, 1].max():.0f}). Give its true width and height"
        )
    if is_outside.mean() > _FEW_OUTSIDE:
        logger.warning(
            "%.0f %% of the keypoints lie outside of a picture of %g by %g; poses are wrong if that is not its size",
            100 * is_outside.mean(),
            *size,
        )


def _warn_of_per_cent(points: np.ndarray, size: tuple[float, float]) -> None:
    """Somebody small may stand in the corner of a picture, so this is no error."""
    places = points[np.isfinite(points).all(axis=-1)]
    if len(places) and min(size) >= _LARGE and np.quantile(places, 0.99) <= _PER_CENT:
        logger.warning(
            "all keypoints lie in the upper left corner of a picture of %g by %g, below %g; if they are per cent of it, poses are "
            "wrong: pixels are needed",
            *size,
            _PER_CENT,
        )


def check_numbers(points: np.ndarray, confidence: np.ndarray, size: tuple[float, float]) -> None:
    """Raise ``InputError`` where the points are shares of the picture, or the third number of the joints is not a confidence."""
    places = np.abs(sure_points(points, confidence, 0))
    # of a person in pixels not even half of the numbers are so small; of shares, a leg far outside of the picture is larger
    if np.isfinite(places).any() and np.nanquantile(places, 0.8) <= _LARGEST_SHARE < min(size):
        raise InputError(
            f"the keypoints are shares of the picture, nearly all up to {_LARGEST_SHARE:g}; multiply them by its width and height: "
            "pixels are needed"
        )
    numbers = confidence[np.isfinite(points).all(axis=-1) & ~np.isnan(confidence)]
    is_strange = (numbers < 0) | (numbers > _MOST_CONFIDENCE)
    if len(numbers) and is_strange.mean() > 0.1:
        raise InputError(
            f"the confidence of the keypoints goes from {numbers.min():.3g} to {numbers.max():.3g}; it must be a share, 0 to 1. "
            "Leave it out if it is something else, such as z"
        )


def _check_upright(poses: np.ndarray) -> None:
    """Raise ``InputError`` where the person stands on his head almost always: networks have not seen this."""
    heights = poses[np.isfinite(poses).all(axis=(1, 2))][:, _UPSIDE_DOWN, 1]
    is_upside_down = (np.diff(heights, axis=1) < 0).all(axis=1)
    if len(heights) and is_upside_down.mean() > 0.9:
        raise InputError(
            f"the person is upside down in {100 * is_upside_down.mean():.0f} % of the frames; y must point downwards. Give "
            "roll 180 if the camera, or the person, truly is upside down"
        )
