"""What a network sees of a clip: windows around its tokens, and the 2D poses that each token of them has."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from uplift_upsample.base.cameras import normalise_points
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17, NUM_JOINTS
from uplift_upsample.data.examples import Padding
from uplift_upsample.data.key_frames import poses_between
from uplift_upsample.data.keypoints.times import KeyFrames, window_poses
from uplift_upsample.plan.network_base import NetworkConfig


@dataclass(frozen=True)
class ClipWindows:
    """The windows of a clip, one around each of its tokens.

    poses_px: of the key frames, ``(M, 17, 2)`` pixels, NaN where a joint is missing. size: of the picture. padding: what stands
    outside of the clip.
    """

    model: NetworkConfig
    keys: KeyFrames
    poses_px: np.ndarray
    size: tuple[float, float]
    padding: Padding

    def seen(self, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The 2D poses that windows around some tokens ``(W,)`` see, normalised ``(U, 17, 2)``; which of them each token has, and
        which are visible, ``(W, N)``. Of a window without 2D poses within its reach none are.
        """
        has_pose, screen, keys = self._poses
        poses, visible = window_poses(keys, has_pose, centres, self.model.num_tokens, self.padding)
        if keys is not self.keys:  # interpolated 2D poses go on to the ends of the clip
            visible &= self.is_in_reach[centres, None]
        first, last = (poses[visible].min(), poses[visible].max()) if visible.any() else (0, 0)
        return screen[first : last + 1], np.clip(poses, first, last) - first, visible

    @cached_property
    def is_in_reach(self) -> np.ndarray:
        """Whether the window around each token of the clip reaches a 2D pose, ``(G,)``."""
        keys, (has_pose, _, used) = self.keys, self._poses
        places = keys.tokens[has_pose] if used is keys else keys.times[keys.frames] / keys.step
        own = np.arange(keys.num_tokens)
        behind = np.clip(np.searchsorted(places, own), 0, len(places) - 1)
        nearest = np.minimum(np.abs(own - places[behind]), np.abs(own - places[np.maximum(behind - 1, 0)]))
        return nearest <= self.model.num_tokens // 2

    @cached_property
    def _poses(self) -> tuple[np.ndarray, np.ndarray, KeyFrames]:
        """(has_pose (M,), normalised poses (M + 1, 17, 2) whose last row is the zero padding, the key frames they belong to)."""
        keys, has_pose = self.keys, np.isfinite(self.poses_px).all(axis=(1, 2))
        screen = normalise_points(np.nan_to_num(self.poses_px), *self.size)
        if num_between_frames(self.model, keys):
            screen, keys = _at_all_tokens(screen, keys)
            has_pose = np.ones(len(screen), bool)
        nobody = np.zeros((1, NUM_JOINTS, 2), np.float32)  # what zeros as padding takes
        return has_pose, np.concatenate([screen.astype(np.float32), nobody]), keys


def num_between_frames(model: NetworkConfig, keys: KeyFrames) -> int:
    """Tokens whose 2D pose has to be made of those of the frames around them: where there are more tokens than frames, and the
    network has no token for a missing pose.
    """
    return 0 if model.has_strided_input else keys.num_tokens - len(keys.frames)


def _at_all_tokens(poses: np.ndarray, keys: KeyFrames) -> tuple[np.ndarray, KeyFrames]:
    """Poses of all tokens ``(G, ...)``, linearly in time, from those of key frames ``(M, ...)``; and as if each had a frame."""
    moments = keys.times[keys.frames]
    place = np.interp(np.arange(keys.num_tokens) * keys.step, moments, np.arange(len(moments)))  # among the key frames
    between = poses_between(lambda key: poses[key.astype(int)], place, np.array(len(moments)), np.array(1), "linear")
    return between, replace(keys, frames=keys.frames[np.rint(place).astype(int)], tokens=np.arange(keys.num_tokens))


def check_poses(model: NetworkConfig, poses_px: np.ndarray) -> None:
    """Raise ``InputError`` where the network cannot do with the poses of the key frames ``(M, 17, 2)``."""
    has_pose = np.isfinite(poses_px).all(axis=(1, 2))
    if not has_pose.any():
        raise InputError(_why_nothing(poses_px))
    if not model.has_strided_input and not has_pose.all():
        raise InputError(
            f"{int((~has_pose).sum())} of {len(has_pose)} key frames lack a joint, and this network has no token for a missing "
            "pose; use weights that were trained with several s_in"
        )


def _why_nothing(poses_px: np.ndarray) -> str:
    """Why no key frame is of use, with the joints that are missing most."""
    is_missing = ~np.isfinite(poses_px).all(axis=-1)  # (M, 17)
    empty = int(is_missing.all(axis=1).sum())
    if empty == len(is_missing):
        return (
            f"nothing to lift: the person has no joint that is sure enough in any of {len(is_missing)} key frames; take another "
            "s_in, another person or a lower min_confidence"
        )
    share = 100 * is_missing[~is_missing.all(axis=1)].mean(axis=0)
    worst = [joint for joint in np.argsort(-share, kind="stable") if share[joint] > 0][:4]
    names = ", ".join(f"{MODEL_17[joint]} in {share[joint]:.0f} %" for joint in worst)
    return (
        f"nothing to lift: no key frame of {len(is_missing)} has all joints. Missing where the person is: {names}. A lower "
        "min_confidence takes joints that the detector is less sure of"
    )
