"""Central 3D poses of many windows, with the spatial stage computed once per 2D pose instead of once per window."""

from typing import Any

import keras
import numpy as np

from uplift_upsample.model.network import UpliftUpsampleNetwork
from uplift_upsample.skeleton import MIRROR, NUM_JOINTS


class Lifter:
    """A network compiled for prediction.

    batch_size: windows at once; every call runs with this size, so that nothing is compiled twice.
    mirror: average with the prediction for the mirrored input, mirrored back (test-time augmentation).
    """

    def __init__(self, network: UpliftUpsampleNetwork, batch_size: int, *, mirror: bool, jit_compile: bool | str = "auto") -> None:
        config = network.config
        self.network = network
        self.batch_size = batch_size
        self.mirror = mirror
        self._num_frames = batch_size * 4  # a 2D pose costs a fraction of a window
        poses = keras.Input((config.num_joints, 2), name="poses_2d")
        tokens = keras.Input((config.num_tokens, config.temporal_dim), name="tokens")
        visible = keras.Input((config.num_tokens,), dtype="bool", name="visible")
        inputs = [tokens, visible] if config.has_strided_input else [tokens]
        self._spatial = keras.Model(poses, network.spatial(poses))
        self._temporal = keras.Model(inputs, network.temporal(*inputs, central_only=True))
        for model in (self._spatial, self._temporal):
            model.compile(jit_compile=jit_compile)

    def lift(self, poses_2d: np.ndarray, token_pose: np.ndarray, visible: np.ndarray) -> np.ndarray:
        """Predict the central poses of W windows.

        poses_2d: the U distinct 2D poses that the windows see, ``(U, 17, 2)`` normalised screen coordinates.
        token_pose: which of them each token has, ``(W, N)``; any number where ``visible`` ``(W, N)`` is false.
        Returns ``(W, 17, 3)`` float32 metres, camera axes.
        """
        result = self._lift(poses_2d, token_pose, visible)
        if self.mirror:
            mirrored = self._lift(_mirrored(poses_2d), token_pose, visible)
            result = (result + _mirrored(mirrored)) / 2
        return result

    def _lift(self, poses_2d: np.ndarray, token_pose: np.ndarray, visible: np.ndarray) -> np.ndarray:
        tokens = _in_batches(self._spatial, self._num_frames, poses_2d)  # (U, C_t)
        central = np.empty((len(token_pose), NUM_JOINTS, 3), np.float32)
        for start in range(0, len(token_pose), self.batch_size):
            part = slice(start, start + self.batch_size)
            inputs = [tokens[token_pose[part]], visible[part]]  # (B, N, C_t), (B, N)
            central[part] = _in_batches(self._temporal, self.batch_size, *inputs[: len(self._temporal.inputs)])
        return central


def _mirrored(poses: np.ndarray) -> np.ndarray:
    """Left and right exchanged, x negated: ``(..., 17, D)``."""
    result = poses[..., MIRROR, :].copy()
    result[..., 0] *= -1
    return result


def _in_batches(model: keras.Model, batch_size: int, *inputs: np.ndarray) -> np.ndarray:
    """Run a model over arrays in batches of exactly one size; the last one is filled up and cut again."""
    outputs: list[Any] = []
    for start in range(0, len(inputs[0]), batch_size):
        parts = [array[start : start + batch_size] for array in inputs]
        num_missing = batch_size - len(parts[0])
        if num_missing:
            parts = [np.concatenate([part, np.zeros((num_missing, *part.shape[1:]), part.dtype)]) for part in parts]
        outputs.append(model.predict_on_batch(parts if len(parts) > 1 else parts[0])[: batch_size - num_missing])
    return np.concatenate(outputs)
