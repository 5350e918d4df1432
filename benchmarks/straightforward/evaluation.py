"""Evaluation word by word: every frame's window through the whole network, as it is and mirrored."""

from collections.abc import Sequence

import keras
import numpy as np

from uplift_upsample.base.skeleton import MIRROR
from uplift_upsample.plan.experiment import ModelConfig


def window(poses_2d: np.ndarray, frame: int, model: ModelConfig, s_in: int) -> tuple[np.ndarray, np.ndarray]:
    """One window of the test protocol out of a video ``(T, J, 2)``: poses ``(N, J, 2)``, and for
    which tokens there is one, ``(N,)``."""
    positions = frame + (np.arange(model.num_tokens) - model.num_tokens // 2) * model.s_out
    last = len(poses_2d) - 1
    nearest = np.clip(positions, frame % model.s_out, last - (last - frame) % model.s_out)
    mask = positions % s_in == 0
    return poses_2d[nearest] * mask[:, None, None], mask


def lifted_frames(network: keras.Model, poses_2d: np.ndarray, frames: Sequence[int], model: ModelConfig, s_in: int) -> np.ndarray:
    """3D poses ``(B, J, 3)`` of one batch of frames. network: windows and masks to central poses."""
    windows = [window(poses_2d, frame, model, s_in) for frame in frames]
    inputs, masks = (np.stack(parts) for parts in zip(*windows, strict=True))
    central = network.predict_on_batch([inputs, masks])
    mirrored = network.predict_on_batch([_mirrored(inputs), masks])
    return (central + _mirrored(mirrored)) / 2


def _mirrored(poses: np.ndarray) -> np.ndarray:
    flipped = poses[..., MIRROR, :].copy()
    flipped[..., 0] *= -1
    return flipped
