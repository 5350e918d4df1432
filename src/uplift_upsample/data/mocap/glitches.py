"""Frames of motion capture in which the skeleton jumps, and what is left when they are taken out.

No joint of a person moves faster than 20 m/s, yet some recordings hold jumps: the first frames show another pose than
the rest, a marker was confused, or the solver turns a leg about its axis for some frames so that the knee bends to
the wrong side (it can flicker between both solutions for half a second). A jump has a wrong side; where jumps follow
each other closely nothing in between can be trusted. So:

1. A step between two frames is *fast* when a joint moves at more than ``MAX_SPEED``. Fast steps divide a recording
   into runs.
2. A run that touches a fast step and is shorter than ``MIN_RUN`` is dropped.
3. Gaps of at most ``MAX_GAP`` between the runs that are left are filled by linear interpolation in time, unless that
   needs a fast movement. At any other gap, and at a fast step between two long runs, the recording is cut.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.resample import check_frame_rate

MAX_SPEED = 20.0  # m/s; no joint of a person is faster
MIN_RUN = 1 / 3  # s; chosen: a solver that flickers between two solutions leaves shorter runs
MAX_GAP = 0.1  # s; chosen: a gap that a straight line fills
_EPSILON = 1e-9  # of a frame, for durations that are whole numbers of frames


@dataclass(frozen=True)
class Glitch:
    """A frame that was dropped, or at which a recording was cut.

    frame: counted from 0 at the rate of the recording. joint, speed: the fastest joint (m/s) of the fast step that
    borders the frame's run. treatment: ``filled``, ``removed`` (at an end, or where the recording was cut), or
    ``cut`` (the frame is kept and starts a new clip).
    """

    frame: int
    joint: str
    speed: float
    treatment: str


def remove_glitches(poses: np.ndarray, frame_rate: float) -> tuple[list[np.ndarray], list[Glitch]]:
    """Poses ``(T, 17, 3)`` of one recording, metres, to clips ``(T_i, 17, 3)`` without jumps, and a list of what was
    done.

    Without a fast step the only clip is ``poses`` itself. There may be no clip left. Raises ``InputError`` for
    poses of another shape or that are not finite, and for a frame rate that is not a positive number.
    """
    check_frame_rate(frame_rate)
    if poses.ndim != 3 or poses.shape[1:] != (len(MODEL_17), 3) or not np.isfinite(poses).all():
        raise InputError(f"poses of shape {poses.shape} with finite values are needed, (frames, {len(MODEL_17)}, 3)")
    speeds = step_speeds(poses, frame_rate)
    borders = np.flatnonzero(speeds.max(1, initial=0) > MAX_SPEED) + 1  # the frames behind a fast step
    if not len(borders):
        return [poses], []
    runs = list(zip([0, *borders.tolist()], [*borders.tolist(), len(poses)], strict=True))
    kept = [run for run in runs if run[1] - run[0] >= MIN_RUN * frame_rate - _EPSILON]
    groups: list[list[tuple[int, int]]] = []
    for run in kept:
        if groups and _can_fill(poses, groups[-1][-1][1] - 1, run[0], frame_rate):
            groups[-1].append(run)
        else:
            groups.append([run])
    glitches = [glitch for run in runs for glitch in _glitches(run, runs, groups, speeds)]
    return [_filled(poses, group) for group in groups], glitches


def step_speeds(poses: np.ndarray, frame_rate: float) -> np.ndarray:
    """Speed of every joint between neighbouring frames, m/s: ``(T, J, 3)`` to ``(T - 1, J)``."""
    return np.linalg.norm(np.diff(poses, axis=0), axis=-1) * frame_rate


def _can_fill(poses: np.ndarray, before: int, after: int, frame_rate: float) -> bool:
    missing = after - before - 1
    distance = np.linalg.norm(poses[after] - poses[before], axis=-1).max()
    return 0 < missing <= MAX_GAP * frame_rate + _EPSILON and distance / (missing + 1) * frame_rate <= MAX_SPEED


def _filled(poses: np.ndarray, runs: list[tuple[int, int]]) -> np.ndarray:
    """The frames from the first run to the last one, those between runs interpolated."""
    clip = poses[runs[0][0] : runs[-1][1]].copy()
    for (_, end), (start, _) in pairwise(runs):
        weight = (np.arange(1, start - end + 1) / (start - end + 1))[:, None, None]
        clip[end - runs[0][0] : start - runs[0][0]] = poses[end - 1] * (1 - weight) + poses[start] * weight
    return clip


def _glitches(
    run: tuple[int, int], runs: list[tuple[int, int]], groups: list[list[tuple[int, int]]], speeds: np.ndarray
) -> list[Glitch]:
    """What is reported of one run: all frames of a dropped one, the first of one that starts a clip right behind
    another one.
    """
    steps = [step for step in (run[0] - 1, run[1] - 1) if 0 <= step < len(speeds)]
    is_kept = any(run in group for group in groups)
    if is_kept:
        starts_clip = any(group[0] == run for group in groups)
        follows_kept = any(group[-1][1] == run[0] for group in groups)
        if not (starts_clip and follows_kept):
            return []
        steps = steps[:1]
    step, joint = max(((step, int(speeds[step].argmax())) for step in steps), key=lambda item: speeds[item])
    is_inside = any(group[0][0] < run[0] and run[1] < group[-1][1] for group in groups)
    treatment = "cut" if is_kept else "filled" if is_inside else "removed"
    frames = run[:1] if is_kept else range(*run)
    return [Glitch(frame, MODEL_17[joint], float(speeds[step, joint]), treatment) for frame in frames]
