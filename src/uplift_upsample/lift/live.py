"""Live: 2D poses come in one after the other, and a 3D pose goes out for each frame, a chosen look-ahead behind the newest one.

At each moment the network sees what it would see of a clip that ends with the newest 2D pose: 2D poses still to come are like what
is behind the end of a clip. A 2D pose goes through the spatial stage once, when it comes in; a token of the output goes through the
temporal stage once, and again only where a 2D pose that came in since changes what its window sees. Nothing older than a window is
kept. Source: docs/method.md, "Live".
"""

import logging
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from uplift_upsample.base.cameras import normalise_points
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import NUM_JOINTS, root_relative
from uplift_upsample.base.strict import is_number, shown
from uplift_upsample.data.keypoints.clip import check_numbers, least_confidence, picture_size
from uplift_upsample.data.keypoints.found import MAX_PIXELS
from uplift_upsample.data.keypoints.layouts import layout_named
from uplift_upsample.data.keypoints.roll import rolled, upright
from uplift_upsample.data.keypoints.times import KeyFrames, key_frames, plain_number, window_poses
from uplift_upsample.data.keypoints.to_model import model_poses, sure_points
from uplift_upsample.lift.camera import check_camera
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.plan.experiment import FRAME_RATE

logger = logging.getLogger(__name__)
_NEAR = 1e-6  # s: two times that are as good as equal
_JUMP = 10.0  # s: no detector is so late; such a step of time is a clock that was set, or another stream


@dataclass(frozen=True)
class LivePose:
    """The pose of a frame. time: of the frame, as it came in. position: ``(17, 3)`` float32 metres, camera axes, relative to the
    pelvis; None where the last 2D pose is out of the network's reach.
    """

    time: float
    position: np.ndarray | None


class LiveUplifter:
    """Lifts one person while the frames come in.

    uplifter: the weights; loaded with ``batch_size=1``, so that one window does not wait for others. s_in: the network sees the 2D
    pose nearest to every ``s_in``-th frame at 50 Hz; None, the smallest that it was trained for. look_ahead: seconds that a pose
    waits for later 2D poses. layout, size, min_confidence, roll: as ``Uplifter`` takes them.

    Poses go out in the order of time. A frame that comes in when a later one has its pose gets none; ``num_frames_too_late``
    counts, or ``num_too_late``, where it brings a 2D pose of which no window will know.
    Where time jumps by more than 10 s (or a window), forwards or backwards, the stream starts anew; ``num_starts`` counts.
    Raises ``InputError`` for an impossible s_in, layout or size, for a look-ahead beyond what a window reaches, and for a network
    that has no token for a missing 2D pose.
    """

    def __init__(
        self,
        uplifter: Uplifter,
        *,
        layout: str,
        size: Sequence[float],
        s_in: int | None = None,
        look_ahead: float = 0.0,
        min_confidence: float | None = None,
        roll: float = 0.0,
    ) -> None:
        look_ahead, min_confidence, roll = map(plain_number, (look_ahead, min_confidence, roll))
        check_camera(roll, None)
        if not uplifter.model.has_strided_input:
            raise InputError(
                f"{uplifter.known.name}: this network needs a 2D pose at every token, and live some are always missing; take "
                "weights that were trained with several s_in"
            )
        self.s_in, self.model = uplifter.stride(s_in), uplifter.model
        self._lifter, self._card = uplifter.lifter, uplifter.known.card
        self._layout, self._size = layout_named(layout), picture_size(size)
        self._least, self._roll = least_confidence(min_confidence, self._layout), roll
        self._step = self.model.s_out / FRAME_RATE
        self._ratio = self.s_in // self.model.s_out
        reach = self.model.num_tokens // 2 * self._step
        if not is_number(look_ahead) or not 0 <= look_ahead <= reach:
            raise InputError(f"look_ahead is {shown(look_ahead)}; it must be from 0 to {reach:g} seconds, which a window reaches")
        self.look_ahead, self._reach = look_ahead, reach
        self._longest_step = max(_JUMP, 2 * reach)
        self._start()
        self._nowhere = self._lifter.tokens_of(np.zeros((1, NUM_JOINTS, 2), np.float32))  # compiles, so that no frame waits for it
        empty = np.zeros((1, self.model.num_tokens), np.int64)
        self._lifter.lift_tokens("central", self._nowhere, empty, empty == 0)
        self.num_too_late, self.num_frames_too_late, self.num_starts = 0, 0, 1

    def _start(self) -> None:
        """Nothing has come in."""
        self._origin: float | None = None
        self._newest = self._last_out = -np.inf  # seconds since the first frame, as everything below
        self._waiting: list[float] = []  # frames that have no 3D pose yet
        self._gone: list[float] = []  # frames whose pose went out, or which get none, as long as a window may reach them
        self._is_late = False  # whether it was said that frames are behind those
        self._seen = _Seen()
        self._has_pose = np.zeros(0, bool)  # of the key frames

    def wants(self, time: float, frame_rate: float) -> bool:
        """Whether a detector should look at a frame: whether it is the one nearest to a moment of which the network sees a pose.

        frame_rate: of the frames that come in. Frames of other times may have poses, too; the nearest ones count.
        """
        asked = self.s_in / FRAME_RATE
        seconds = 0.0 if self._origin is None else time - self._origin
        return abs(seconds - round(seconds / asked) * asked) <= 0.5 / frame_rate + _NEAR

    def push(self, time: float, keypoints: Any = None, confidence: Any = None) -> list[LivePose]:
        """A frame, and what the detector found in it, or what it found by now in a former one. Returns the poses that are due.

        time: of the frame, in seconds. keypoints: pixels ``(K, 2)``, or ``(K, 3)`` with confidence, NaN where a joint is missing;
        None, no detector looked at the frame (where it found nobody, all are NaN). 2D poses that come too late for every window to
        come are counted in ``num_too_late``. Raises ``InputError`` for invalid times or keypoints; nothing is changed then.
        """
        time = plain_number(time)
        if not is_number(time):
            raise InputError(f"time is {shown(time)}; it must be a number of seconds")
        has_pose = keypoints is not None
        pose = self._normalised(keypoints, confidence) if has_pose else None
        before: list[LivePose] = []
        if self._origin is not None and abs(time - self._origin - self._newest) > self._longest_step:
            logger.warning("time jumps from %g to %g s; the stream starts anew", self._origin + self._newest, time)
            before = self.finish()
            self._start()
            self.num_starts += 1
        self._origin = float(time) if self._origin is None else self._origin
        seconds = float(time) - self._origin
        is_in_reach = not has_pose or self._seen.add(seconds, pose)
        self.num_too_late += not is_in_reach
        if seconds > self._last_out + _NEAR:
            if not _is_among(self._waiting, seconds):
                insort(self._waiting, seconds)
        elif not is_in_reach or not _is_among(self._gone, seconds):
            self.num_frames_too_late += is_in_reach
            insort(self._gone, seconds)
            if not self._is_late:
                last = self._last_out + self._origin
                text = "the frame at %.3f s is earlier than the one at %.3f s, whose pose went out; it gets none"
                logger.warning(text, time, last)
            self._is_late = True
        self._newest = max(self._newest, seconds)
        return [*before, *self._due(self._newest - self.look_ahead)]

    def finish(self) -> list[LivePose]:
        """The end of the stream: the poses that still wait for later frames, which do not come."""
        return list(self._due(np.inf))

    def _normalised(self, keypoints: Any, confidence: Any) -> np.ndarray | None:
        """The 2D pose ``(17, 2)`` that the network sees; None where a joint is missing."""
        try:
            points = np.asarray(keypoints, np.float64)
            sure = None if confidence is None else np.asarray(confidence, np.float64)
        except (TypeError, ValueError, OverflowError):
            raise InputError("keypoints: no rows of numbers, [x, y] or [x, y, confidence] for each joint") from None
        count = self._layout.num_joints
        if not points.size:  # what some detectors give where nobody is
            return None
        if points.shape not in ((count, 2), (count, 3)):
            raise InputError(
                f"keypoints has the shape {points.shape}; the layout {self._layout.name} has ({count}, 2) or ({count}, 3)"
            )
        if points.shape[1] == 3 and sure is None:
            sure = points[:, 2]
        if sure is not None and sure.shape != (count,):
            raise InputError(f"confidence has the shape {sure.shape}; it must be one number for each of {count} joints")
        found = points[:, :2] if sure is None else points[sure > 0, :2]  # anything stands where nothing was found
        if np.abs(np.nan_to_num(found, posinf=0, neginf=0)).max(initial=0) > MAX_PIXELS:
            raise InputError(f"keypoints: a coordinate beyond {MAX_PIXELS:g} pixels")
        check_numbers(points[:, :2], np.ones(count) if sure is None else sure, self._size)
        level = upright(sure_points(points[:, :2], sure, self._least), self._size, self._roll)
        pose = model_poses(level, self._layout, self._card.skeleton)
        return normalise_points(pose, *self._size).astype(np.float32) if np.isfinite(pose).all() else None

    def _due(self, until: float) -> Iterator[LivePose]:
        """The poses of the frames up to some time."""
        count = bisect_left(self._waiting, until + _NEAR)
        frames, self._waiting = self._waiting[:count], self._waiting[count:]
        if not frames:
            return
        self._look()
        self._is_late = False
        for seconds in frames:
            self._last_out = seconds
            self._gone.append(seconds)
            position = self._pose_at(seconds) if seconds - self._seen.last_pose <= self._reach else None
            yield LivePose(seconds + (self._origin or 0.0), position)
        self._forget(min(self._last_out, self._newest))  # frames behind the last one that went out may still come

    def _look(self) -> None:
        """What the network sees now; poses of tokens are forgotten where that has changed."""
        seen = self._seen
        self._base = seen.base * 2 * self._ratio
        start = self._base * self._step
        if not seen.times or seen.times[-1] < start:
            self._has_pose = np.zeros(0, bool)
            return
        keys = key_frames(np.array(seen.times) - start, self.s_in, self.model.s_out)
        is_kept = keys.tokens >= 0
        keys = replace(keys, frames=keys.frames[is_kept], tokens=keys.tokens[is_kept])
        moments = [seen.times[frame] for frame in keys.frames]
        poses = [seen.poses[moment] for moment in moments]
        state = (seen.base, (keys.num_tokens - 1) // self._ratio, *moments, *(pose is None for pose in poses))
        if state == seen.state:
            return
        seen.state, seen.lifted = state, {}
        self._keys, self._has_pose = keys, np.array([pose is not None for pose in poses], bool)
        for moment, pose in zip(moments, poses, strict=True):
            if pose is not None and moment not in seen.tokens:
                seen.tokens[moment] = self._lifter.tokens_of(pose[None])
        rows = [seen.tokens.get(moment, self._nowhere) for moment in moments] + [self._nowhere]  # (1 or 2, C), mirrored second
        self._tokens = np.stack(rows, axis=1).reshape(-1, self._nowhere.shape[-1])

    def _pose_at(self, seconds: float) -> np.ndarray | None:
        """The pose of a moment: of the token there, or linearly between the two around it."""
        place = round(seconds / self._step, 6)
        before = int(np.floor(place))
        share = place - before
        first = self._pose_of(before)
        second = self._pose_of(before + 1) if share > 0 else first
        if first is None or second is None:
            return None
        pose = root_relative(first + share * (second - first))
        return rolled(pose, self._roll).astype(np.float32)

    def _pose_of(self, token: int) -> np.ndarray | None:
        lifted = self._seen.lifted
        if token not in lifted:
            lifted[token] = self._lift(token - self._base) if self._has_pose.any() else None
        return lifted[token]

    def _lift(self, centre: int) -> np.ndarray | None:
        keys: KeyFrames = self._keys
        poses, visible = window_poses(keys, self._has_pose, np.array([centre]), self.model.num_tokens, self._card.padding)
        if not visible.any():
            return None
        central = self._lifter.lift_tokens("central", self._tokens, poses, visible).central
        assert central is not None
        return central[0]

    def _forget(self, oldest: float) -> None:
        """Drop what no window of a frame from ``oldest`` on reaches."""
        period = 2 * self._ratio
        first = int(oldest / self._step) - self.model.num_tokens // 2 - period
        self._seen.forget(max(self._seen.base, first // period), period * self._step)
        del self._gone[: bisect_left(self._gone, self._seen.oldest)]


def _is_among(times: list[float], seconds: float) -> bool:
    """Whether there is such a time, among times in order."""
    place = bisect_left(times, seconds - _NEAR)
    return place < len(times) and times[place] <= seconds + _NEAR


class _Seen:
    """The frames that a detector looked at, as long as a window may reach them.

    times: in order. poses: of each, normalised ``(17, 2)``, None where nobody was found. tokens: what the spatial stage made of
    them. lifted: poses of tokens for ``state``, which holds what the network sees. base: where times are counted from, in periods.
    oldest: the time from which on windows may reach them.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.poses: dict[float, np.ndarray | None] = {}
        self.tokens: dict[float, np.ndarray] = {}
        self.lifted: dict[int, np.ndarray | None] = {}
        self.state: tuple = ()
        self.base = 0
        self.last_pose = -np.inf
        self.oldest = -_NEAR

    def add(self, seconds: float, pose: np.ndarray | None) -> bool:
        """Whether a window may still reach the pose; one of a moment that has one already takes its place."""
        if seconds < self.oldest:
            return False
        if _is_among(self.times, seconds):
            seconds = self.times[bisect_left(self.times, seconds - _NEAR)]
            self.tokens.pop(seconds, None)
            self.state = ()
        else:
            insort(self.times, seconds)
        self.poses[seconds] = pose
        if pose is not None:
            self.last_pose = max(self.last_pose, seconds)
        return True

    def forget(self, base: int, period: float) -> None:
        self.base = base
        self.oldest = (base - 1) * period - _NEAR  # a key frame may lie before the moment that asked for it
        count = bisect_left(self.times, self.oldest)
        for seconds in self.times[:count]:
            del self.poses[seconds]
            self.tokens.pop(seconds, None)
        self.times = self.times[count:]
