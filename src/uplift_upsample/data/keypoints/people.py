"""Which of the people in a clip is lifted: one person over time, by the file's identities or else by place and size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.found import NO_TRACK, Found

# In sizes of the person (the longer side of the box), how far somebody may be from where he is expected: 0.5 at once, for the
# errors of the detector, and 2 sizes a second on top, which is running; never more than 2, since anybody may stand there.
_REACH, _SPEED, _FARTHEST = 0.5, 2.0, 2.0
# How many times as large or small somebody may have become since he was seen. On a real clip, the detector at times makes one
# person of 1.94 times the size of somebody who walks and somebody on a roof behind; at 2.0 that one was taken for the walker.
_GROWTH = 1.8
_JUMP = 1.3  # from here on the detector may have failed, so that neither speed nor size says where to expect somebody
# Seconds. Who walks is expected to walk on for a second, so that two who cross keep their names. Speeds are means of a third of
# one: from frame to frame, the errors of the detector are larger than the steps.
_WALKS_ON, _STEADY = 1.0, 0.3
_MEMORY = 10.0  # seconds; who comes back later counts as somebody else
_ANY_RATE = 30.0  # frames a second, if the file does not contain it; chosen: many cameras record that many


@dataclass(frozen=True)
class Person:
    """One person of a clip. number: its identity in the file, or its place among all, the largest first.

    rows: of ``Found``, ``(R,)``. size: median of the longer side of its box, in the unit of the points.
    """

    number: int
    rows: np.ndarray
    size: float


def people_of(found: Found, seconds: np.ndarray | None = None) -> list[Person]:
    """The people of a clip, those first that are large and there for long (their size times the frames that they are in).

    seconds: of each frame of the clip ``(T,)``; without, by the frame rate of the file, or as at ``_ANY_RATE``.
    Raises ``InputError`` where nobody has a joint that the detector found.
    """
    sizes = _sizes(found)
    has_identities = (found.track != NO_TRACK).mean() > 0.5
    moments = found.frame / (found.frame_rate or _ANY_RATE) if seconds is None else seconds[found.frame - found.first]
    labels = np.where(sizes > 0, found.track if has_identities else _followed(found, moments, sizes), NO_TRACK)
    rows = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels[labels != NO_TRACK])}
    order = sorted(rows, key=lambda label: -float(sizes[rows[label]].sum()))
    if not order:
        raise InputError("nobody in this clip has a joint that the detector found")
    return [
        Person(label if has_identities else place, rows[label], float(np.median(sizes[rows[label]])))
        for place, label in enumerate(order)
    ]


def chosen(people: Sequence[Person], number: int | None) -> Person:
    """The person with a number, the first one for None. Raises ``InputError`` that lists them for another number."""
    for person in people:
        if number is None or person.number == number:
            return person
    raise InputError(f"no person {number} in this clip; there are {', '.join(str(person.number) for person in people[:20])}")


def _joints(found: Found) -> np.ndarray:
    """The joints that were found ``(D, K, 2)``, NaN for the others."""
    is_there = np.isfinite(found.points).all(axis=-1) & (found.confidence > 0) & (found.points != 0).any(axis=-1)
    return np.where(is_there[..., None], found.points, np.nan)


def _sizes(found: Found) -> np.ndarray:
    """The longer side of each one's box ``(D,)``; 0 without joints."""
    joints = _joints(found)
    low, high = np.nan_to_num(joints, nan=np.inf).min(axis=1), np.nan_to_num(joints, nan=-np.inf).max(axis=1)
    return np.where(np.isfinite(low), high - low, 0.0).max(axis=1)


def _places(found: Found) -> np.ndarray:
    """Where each one is ``(D, 2)``: the median of the joints, which arms that swing move less than the middle of the box."""
    joints = np.sort(_joints(found), axis=1)  # NaN last
    count = np.isfinite(joints).sum(axis=1, keepdims=True)
    middle = [np.take_along_axis(joints, np.maximum(count + behind, 0) // 2, axis=1)[:, 0] for behind in (-1, 0)]
    return np.nan_to_num((middle[0] + middle[1]) / 2)


def _followed(found: Found, moments: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A label for each row ``(D,)``: whoever is nearest to where somebody is expected, in place and size, is the same one.

    moments: seconds of each row.
    """
    labels = np.full(len(sizes), NO_TRACK)
    centres, sizes = _places(found), np.maximum(sizes, 1e-9)
    before = np.zeros(0, np.int64)  # the row where each one was last
    speeds = np.zeros_like(centres)  # of each row, (D, 2), in the unit of the points a second
    starts = np.flatnonzero(np.diff(found.frame, prepend=found.frame[0] - 1))
    num_labels = 0
    for start, end in zip(starts, [*starts[1:], len(labels)], strict=True):
        rows = np.arange(start, end)
        before = before[moments[start] - moments[before] <= _MEMORY]
        seconds = (moments[start] - moments[before])[:, None]  # (before, 1)
        expected = centres[before] + speeds[before] * np.minimum(seconds, _WALKS_ON)  # (before, 2)
        distance = np.linalg.norm(expected[:, None] - centres[rows], axis=-1)  # (before, rows)
        distance /= np.sqrt(sizes[before][:, None] * sizes[rows])
        growth = np.abs(np.log(sizes[before][:, None] / sizes[rows]))
        fits = (distance <= np.minimum(_REACH + _SPEED * seconds, _FARTHEST)) & (growth <= np.log(_GROWTH))
        cost = np.where(fits, distance + growth + seconds / 10, np.inf)  # of two who fit, the one who was there just now
        is_last = np.ones(len(before), bool)
        while cost.size and np.isfinite(cost.min()):
            one, row = np.unravel_index(np.argmin(cost), cost.shape)
            labels[rows[row]] = labels[before[one]]
            speed, step = (centres[rows[row]] - centres[before[one]]) / seconds[one], min(1.0, seconds[one, 0] / _STEADY)
            if growth[one, row] > np.log(_JUMP):
                step, size = 0.0, sizes[before[one]]
                sizes[rows[row]] = np.clip(sizes[rows[row]], size / _JUMP, size * _JUMP)
            speeds[rows[row]] = (1 - step) * speeds[before[one]] + step * speed
            is_last[one] = False
            cost[one], cost[:, row] = np.inf, np.inf
        new = rows[labels[rows] == NO_TRACK]
        labels[new] = num_labels + np.arange(len(new))
        num_labels += len(new)
        before = np.concatenate([before[is_last], rows])
    return labels
