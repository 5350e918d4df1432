"""Whether the numbers of a recording can be a person: units, axes, sides, gaps and jumps.

What cannot be is a fault. What may be, but seldom is, is a warning. The limits leave room for dancers, cartwheels and
children; on 161 trials of the CMU database nothing is found but the jumps that are known.
"""

from dataclasses import dataclass

import numpy as np

from uplift_upsample.base.skeleton import MODEL_17, ROOT
from uplift_upsample.data.checks import UNITS, likely_units
from uplift_upsample.data.mocap.glitches import MAX_SPEED, remove_glitches
from uplift_upsample.data.mocap.own_axes import TO_Z_UP, to_world
from uplift_upsample.data.resample import exact_count
from uplift_upsample.plan.experiment import FRAME_RATE

MIN_STATURE, MAX_STATURE = 1.0, 2.3  # m; from children to the tallest people
MAX_DISTANCE = 1000.0  # m from the origin: farther away, float32 is too coarse
MAX_NUMBER = 1e9  # any large number does: beyond are damaged files, and squares of it do not overflow
MIN_STILL = 1.0  # s; chosen: living joints tremble within a second
_STATURE_PER_CHAIN = 1.08  # from ankle to the top of the head along the joints misses the foot
_UPRIGHT = 0.5  # of the stature: how far the head is above the ankles of a person who stands or sits
_BENT = 0.04  # m between a knee and the line from hip to ankle, from which on the side of the bend is sure
_JOINT = {name: index for index, name in enumerate(MODEL_17)}
_TRUNK = [("head_top", "head"), ("head", "neck"), ("neck", "torso"), ("torso", "pelvis")]
_LEG = [("hip", "knee"), ("knee", "ankle")]
_ARM = [("shoulder", "elbow"), ("elbow", "wrist")]
_UNEVEN = 1.25  # of people, limbs differ by some per cent, and by ten where markers are placed badly


@dataclass(frozen=True)
class Findings:
    """Collected while looking: what is wrong, and what may be."""

    faults: list[str]
    warnings: list[str]


def unsound_numbers(positions: np.ndarray) -> str | None:
    """What is wrong with the numbers of ``(T, 17, 3)``, whatever they mean; None if nothing is."""
    is_sound = np.abs(positions) <= MAX_NUMBER  # no NaN is
    if is_sound.all():
        return None
    frames, joints = np.nonzero(~is_sound.all(-1))
    value = positions[frames[0], joints[0]][~is_sound[frames[0], joints[0]]][0]
    return (
        f"{len(np.unique(frames))} of {len(positions)} frames hold numbers that are not finite or too large; the first is "
        f"{value:g} in frame {frames[0]}, joint {MODEL_17[joints[0]]}; fill the gaps, or cut the recording at them"
    )


def examine(positions: np.ndarray, frame_rate: float | None, unit: str, up_axis: str, findings: Findings) -> None:
    """Look at sound numbers ``(T, 17, 3)`` in the file's unit and axes. What needs the frame rate is left out without one."""
    zeros = _zeros(positions)
    findings.faults.extend(zeros)
    if zeros:
        return  # everything else would follow from it
    poses = to_world(positions, unit, up_axis)
    for fault in (_wrong_unit(poses, unit), wrong_axis(positions, up_axis), swapped_sides(poses, frame_rate)):
        if fault:
            findings.faults.append(fault)
    distance = float(np.abs(poses).max())
    if distance > MAX_DISTANCE and is_plausible(stature(poses)):
        findings.faults.append(f"a joint is {distance:.0f} m away from the origin; move the recording nearer to it")
    if frame_rate is not None and not findings.faults:
        _motion(poses, frame_rate, findings)


def _lengths(poses: np.ndarray, one: str, other: str) -> float:
    return float(np.median(np.linalg.norm(poses[:, _JOINT[one]] - poses[:, _JOINT[other]], axis=-1)))


def stature(poses: np.ndarray) -> float:
    """About how tall the person is, from the lengths of the bones, so in any posture."""
    legs = [_lengths(poses, f"{side}_{one}", f"{side}_{other}") for side in "lr" for one, other in _LEG]
    return _STATURE_PER_CHAIN * (sum(_lengths(poses, one, other) for one, other in _TRUNK) + sum(legs) / 2)


def uneven_limbs(poses: np.ndarray) -> str | None:
    """Limbs that are much longer on one side than on the other one: nobody's, so the joints are other ones."""
    for one, other in (*_LEG, *_ARM):
        left, right = (_lengths(poses, f"{side}_{one}", f"{side}_{other}") for side in "lr")
        if not max(left, right) <= _UNEVEN * min(left, right):
            return f"from {one} to {other} it is {100 * left:.0f} cm on the left and {100 * right:.0f} cm on the right"
    return None


def is_plausible(tall: float) -> bool:
    return MIN_STATURE <= tall <= MAX_STATURE


def _wrong_unit(poses: np.ndarray, unit: str) -> str | None:
    tall = stature(poses)
    if is_plausible(tall):
        return None
    units = likely_units(tall / UNITS[unit], MIN_STATURE, MAX_STATURE)
    likely = [f"{other!r}, which makes {metres:.2f} m" for other, metres in units]
    hint = (
        f"the unit is likely {' or '.join(likely)}"
        if likely
        else "no unit gives the size of a person; are the joints named correctly?"
    )
    return f"the person is {tall:.4g} m tall, not {MIN_STATURE} to {MAX_STATURE} m, if 'unit' is {unit!r}; {hint}"


def wrong_axis(positions: np.ndarray, up_axis: str) -> str | None:
    """Head below the ankles most of the time; or upright along another axis nearly all the time, and never along this one."""
    ankles = (positions[:, _JOINT["l_ankle"]] + positions[:, _JOINT["r_ankle"]]) / 2
    upward = {axis: (positions[:, _JOINT["head_top"]] - ankles) @ turn[2] for axis, turn in TO_Z_UP.items()}
    tall = stature(positions)
    upright = {axis: float((heights > _UPRIGHT * tall).mean()) for axis, heights in upward.items()}
    likely = max(upright, key=lambda axis: upright[axis])
    is_upside_down = (upward[up_axis] < 0).mean() > 0.5
    is_lying = upright[up_axis] < 0.1 and upright[likely] > 0.9
    if not (is_upside_down or is_lying):
        return None
    what = "the head is below the ankles in most frames" if is_upside_down else "the person lies in all frames"
    hint = f"'up_axis' is likely {likely!r}" if upright[likely] > 0.5 else "look at the axes"
    return f"{what} if 'up_axis' is {up_axis!r}; {hint}"


def swapped_sides(poses: np.ndarray, frame_rate: float | None) -> str | None:
    """Knees bend forward; where they bend backwards left is right. Judged in the frame of the body, so in any posture."""
    left = poses[:, _JOINT["l_hip"]] - poses[:, _JOINT["r_hip"]]
    forward = np.cross(left, poses[:, _JOINT["neck"]] - poses[:, ROOT])
    bends = []
    for side in "lr":
        hip, knee, ankle = (poses[:, _JOINT[f"{side}_{name}"]] for name in ("hip", "knee", "ankle"))
        offset = knee - (hip + ankle) / 2
        is_bent = np.linalg.norm(offset, axis=-1) > _BENT
        bends.append((offset * forward).sum(-1)[is_bent] > 0)
    bent = np.concatenate(bends)
    if len(bent) < (frame_rate or FRAME_RATE) or bent.mean() > 0.2:
        return None
    return (
        f"the knees bend backwards in {1 - bent.mean():.0%} of the frames with bent knees: the axes are left-handed, or left and "
        "right are exchanged; negate one horizontal axis, or rename the joints"
    )


def _zeros(positions: np.ndarray) -> list[str]:
    """Missing markers written as zeros, and poses relative to the pelvis."""
    is_zero = (positions == 0).all(-1)
    if len(positions) > 1 and is_zero[:, ROOT].all():
        return ["the pelvis is (0, 0, 0) in all frames: the positions are relative to it; store positions in the room"]
    is_zero[:, ROOT] &= is_zero[:, ROOT].sum() > 1  # one frame may well be the origin
    if not is_zero.any():
        return []
    frames, joints = np.nonzero(is_zero)
    return [
        f"{len(np.unique(frames))} frames have a joint at exactly (0, 0, 0), the first {MODEL_17[joints[0]]} in frame {frames[0]}; "
        "missing markers must not be written as zeros: fill the gaps, or cut the recording at them"
    ]


def _motion(poses: np.ndarray, frame_rate: float, findings: Findings) -> None:
    """Jumps, what would be left without them, and joints that stand still as no living joint does."""
    clips, glitches = remove_glitches(poses, frame_rate)
    if not any(exact_count(len(clip), frame_rate) for clip in clips):
        reason = "without the jumps there is no frame left" if glitches else "it is shorter than one frame"
        findings.faults.append(f"{reason} at {FRAME_RATE:g} Hz")
        return
    if glitches:
        findings.warnings.append(
            f"jumps: {len(glitches)} frames are left out, filled or cut at, the first {glitches[0].frame}, where "
            f"{glitches[0].joint} moves at {glitches[0].speed:.0f} m/s (more than {MAX_SPEED:g})"
        )
    still = {joint: _longest_still(poses[:, index]) for index, joint in enumerate(MODEL_17)}
    long = {joint: run for joint, run in still.items() if run[1] >= MIN_STILL * frame_rate}
    if len(long) == len(MODEL_17):
        start, length = min(still.values(), key=lambda run: run[1])
        findings.warnings.append(f"nothing moves at all for {length / frame_rate:.1f} s from frame {start} on; is it padding?")
        return
    findings.warnings.extend(
        f"{joint} does not move at all for {length / frame_rate:.1f} s from frame {start} on; was its marker lost?"
        for joint, (start, length) in long.items()
    )


def _longest_still(path: np.ndarray) -> tuple[int, int]:
    """First frame and number of steps of the longest time in which ``(T, 3)`` stays exactly the same."""
    is_still = np.r_[False, (np.diff(path, axis=0) == 0).all(-1), False]
    starts, ends = np.flatnonzero(np.diff(is_still.astype(np.int8)) == 1), np.flatnonzero(np.diff(is_still.astype(np.int8)) == -1)
    if not len(starts):
        return 0, 0
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(ends[longest] - starts[longest])
