"""A clip in time: where the tokens of the network lie, which frames it sees, and back to a pose for each frame.

Networks count frames at 50 Hz. So tokens are ``s_out / 50`` s apart, from the first frame on, and 2D poses belong to every
``s_in / 50`` s, whatever the frame rate of the clip: the frame nearest in time is the key frame. Its pose goes to the token nearest
to it, which usually is the one that asked for it. Where frames are farther apart than tokens, two tokens may ask for one frame; it
occurs once, at the token nearest to it.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import is_number, shown
from uplift_upsample.data.examples import Padding
from uplift_upsample.data.resample import rate_text
from uplift_upsample.plan.experiment import FRAME_RATE

LOWEST_RATE, HIGHEST_RATE = 5.0, 240.0  # frames a second; chosen: beyond are other numbers than rates, or slow motion
_ABOUT = 1e-3  # of a rate: cameras report 240.02, and time stamps are rounded
_LONGEST = 86_400.0  # seconds, a day; longer ones are time stamps of a clock that was set
_NEAR = 1e-6  # of the distance between two tokens: as good as nothing, so that a third of a second is ten frames of 30


def plain_number(value: Any) -> Any:
    """A number of NumPy, or a fraction such as 30000/1001, as Python's own; anything else as it is."""
    if isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0:
        return value.item()
    return float(value) if isinstance(value, Fraction) else value


def frame_times(num_frames: int, frame_rate: Any = None, times: Any = None, first: int = 0) -> np.ndarray:
    """Seconds of each frame since the first one ``(T,)``, of a constant frame rate (Hz) or as they are.

    first: the number of the first frame; times may be those of all frames from 0 on, too.
    Raises ``InputError`` for both or neither, for a rate below ``LOWEST_RATE`` or above ``HIGHEST_RATE``, and for times that do not
    grow, whose usual rate is beyond these bounds, or that are of more than a day.
    """
    if (frame_rate is None) == (times is None):
        what = "both frame_rate and times are given" if times is not None else "the frame rate of the clip is not known"
        raise InputError(f"{what}; give frame_rate in frames a second, or times in seconds where frames are not equally far apart")
    if times is None:
        frame_rate = plain_number(frame_rate)
        if not is_number(frame_rate) or not _is_usual(frame_rate):
            raise InputError(
                f"frame_rate is {shown(frame_rate)}; it must be a number from {LOWEST_RATE:g} to {HIGHEST_RATE:g} frames a second"
            )
        return np.arange(num_frames) / frame_rate
    try:
        seconds = np.asarray(times, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"times is {shown(times)}; it must be one number, in seconds, for each of {num_frames} frames") from None
    if seconds.shape == (first + num_frames,):
        seconds = seconds[first:]
    if seconds.shape == (num_frames,) and not np.isfinite(seconds).all():
        strange = int(np.flatnonzero(~np.isfinite(seconds))[0])
        raise InputError(f"times of frame {first + strange} is {seconds[strange]:g}; it must be a number of seconds")
    if seconds.shape != (num_frames,):
        raise InputError(f"times has the shape {seconds.shape}; it must be one number, in seconds, for each of {num_frames} frames")
    steps = np.diff(seconds)
    if (steps <= 0).any():
        later = int(np.argmax(steps <= 0)) + 1
        when = f"frame {first + later} is at {seconds[later]:g} s"
        raise InputError(f"times: {when} and not behind the frame before it; times must grow")
    # Stamps in whole milliseconds are 4 and 5 ms apart at 240 Hz: a mean, but not of the gaps where frames were lost.
    usual = steps[steps <= 1.5 * np.median(steps)].mean() if len(steps) else 0.0
    if len(steps) and not _is_usual(1 / usual):
        raise InputError(
            f"times: frames are {usual:g} s apart; there must be {LOWEST_RATE:g} to {HIGHEST_RATE:g} in a second, and times must "
            "be in seconds"
        )
    if seconds[-1] - seconds[0] > _LONGEST:
        raise InputError(
            f"times: the clip is {seconds[-1] - seconds[0]:g} s long, more than a day; frame "
            f"{first + int(np.argmax(steps)) + 1} is {steps.max():g} s behind the one before it"
        )
    return seconds - seconds[0]


def _is_usual(frame_rate: float) -> bool:
    return LOWEST_RATE * (1 - _ABOUT) <= frame_rate <= HIGHEST_RATE * (1 + _ABOUT)


@dataclass(frozen=True)
class KeyFrames:
    """The frames of a clip of which the network sees the 2D pose, M of them.

    times: of all frames, seconds since the first one ``(T,)``. s_in, s_out: of the network, in frames at 50 Hz.
    frames: the key frames ``(M,)``, ascending. tokens: the token of each ``(M,)``. num_tokens: of the clip.
    """

    times: np.ndarray
    s_in: int
    s_out: int
    frames: np.ndarray
    tokens: np.ndarray
    num_tokens: int

    @property
    def step(self) -> float:
        """Seconds between two tokens."""
        return self.s_out / FRAME_RATE

    def described(self, first: int = 0) -> str:
        """Which frames these are: ``one frame in 12, 20 of 230``, or the first ones where they are not equally far apart.

        first: the number that the file gives its first frame.
        """
        count = f"{len(self.frames)} of {len(self.times)}"
        apart = np.unique(np.diff(self.frames))
        if len(apart) == 1:
            return f"one frame in {apart[0]}, {count}" if apart[0] > 1 else f"every frame, {count}"
        shown = ", ".join(map(str, (self.frames[:6] + first).tolist()))
        return f"{count} frames: {shown}{', ...' if len(self.frames) > 6 else ''}"


def key_frames(times: np.ndarray, s_in: int, s_out: int, looked: np.ndarray | None = None) -> KeyFrames:
    """The key frames of a clip for one s_in, a multiple of s_out.

    times: ``(T,)`` of ``frame_times``. looked: the frames at which a detector looked, ascending; None, all of them.
    """
    step, ratio = s_out / FRAME_RATE, s_in // s_out
    num_tokens = int(times[-1] / step + _NEAR) + 1
    asked = np.arange(0, num_tokens, ratio) * step
    looked = np.arange(len(times)) if looked is None else looked
    moments = times[looked]
    behind = np.clip(np.searchsorted(moments, asked), 1, max(len(moments) - 1, 1))
    before = behind - 1
    behind = np.minimum(behind, len(moments) - 1)
    nearest = np.where(asked - moments[before] <= moments[behind] - asked + _NEAR * step, before, behind)
    frames = looked[np.unique(nearest)]
    tokens = np.minimum(np.rint(times[frames] / step), num_tokens - 1).astype(np.int64)
    order = np.argsort(np.abs(times[frames] - tokens * step), kind="stable")  # of two frames at a token, the nearer one
    chosen = np.sort(order[np.unique(tokens[order], return_index=True)[1]])
    return KeyFrames(times, s_in, s_out, frames[chosen], tokens[chosen], num_tokens)


def window_poses(
    keys: KeyFrames, has_pose: np.ndarray, centres: np.ndarray, length: int, padding: Padding
) -> tuple[np.ndarray, np.ndarray]:
    """Which key frame's pose each token has, of W windows around some tokens of the clip ``(W, N)``, and which are visible.

    has_pose: ``(M,)``, whether the detector found the person in a key frame; elsewhere the token is masked. centres: ``(W,)``.
    length: N. Tokens outside of the clip have a pose on every s_in-th frame, too, the first or the last one that there is: nothing
    is known of other frames. With zero padding they have the index M, one behind the M poses: a pose of
    zeros. A window that sees none of the clip's own poses sees nothing: what stands outside of the clip says nothing of what is in
    it.
    """
    of_token = np.full(keys.num_tokens, -1)
    of_token[keys.tokens[has_pose]] = np.flatnonzero(has_pose)
    first, last = np.flatnonzero(has_pose)[[0, -1]] if padding == "copy" else (len(has_pose), len(has_pose))
    positions = centres[:, None] + np.arange(length) - length // 2
    is_inside = (positions >= 0) & (positions < keys.num_tokens)
    outside = np.where(positions % (keys.s_in // keys.s_out) == 0, np.where(positions < 0, first, last), -1)
    poses = np.where(is_inside, of_token[np.clip(positions, 0, keys.num_tokens - 1)], outside)
    visible = poses >= 0
    return np.maximum(poses, 0), visible & (visible & is_inside).any(axis=1, keepdims=True)


def at_frames(poses: np.ndarray, keys: KeyFrames) -> np.ndarray:
    """Poses of all frames ``(T, ...)`` from those of all tokens ``(G, ...)``, linearly in time; behind the last token its pose."""
    position = np.minimum(np.round(keys.times / keys.step, 6), keys.num_tokens - 1)
    before = np.floor(position).astype(np.int64)
    behind = np.minimum(before + 1, keys.num_tokens - 1)
    weight = (position - before).reshape(-1, *[1] * (poses.ndim - 1))
    # a frame that lies on a token is that token, also beside one that is not known
    return np.where(weight > 0, poses[before] + weight * (poses[behind] - poses[before]), poses[before])


def rate_of(times: np.ndarray) -> float:
    """Frames a second, the mean over a clip; 0 of a single frame."""
    return (len(times) - 1) / float(times[-1]) if len(times) > 1 else 0.0


def rate_described(times: np.ndarray, frame_rate: float) -> str:
    """The frame rate in words: ``29.97 Hz``, ``about 23.7 Hz (variable)``."""
    steps = np.diff(times)
    if len(steps) and steps.max() - steps.min() > 1e-3 * steps.mean():
        return f"about {frame_rate:.3g} Hz (variable)"
    return f"{rate_text(round(frame_rate, 6))} Hz"
