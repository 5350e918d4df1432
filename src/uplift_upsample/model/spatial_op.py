"""The kernels of the spatial stage as an operation of TensorFlow, with its gradient."""

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from uplift_upsample.devices import usable_cores
from uplift_upsample.model.group_kernels import POSES, F, M, U
from uplift_upsample.model.layers import BLOCK_EPSILON, TransformerBlock, kept
from uplift_upsample.model.spatial_kernel import Sizes, backward, forward

NUM_PARTS = 8  # whose gradients are added in their order, whatever the number of threads: the sum must not depend on it


def through_blocks(blocks: Sequence[TransformerBlock], x: Any, training: bool) -> Any:
    """``(F, 17, C) -> (F, 17, C)`` through blocks that these kernels are for (``network.SpatialStage``)."""
    weights = tf.concat([tf.reshape(weight, [-1]) for block in blocks for weight in _weights(block)], axis=0)
    drops = [drop for block in blocks for drop in (block.attention_drop_path, block.mlp_drop_path)]
    every = tf.ones(tf.shape(x)[:1])
    scales = [every * tf.reshape(kept(drop, x, training), [-1]) for drop in drops]
    width = x.shape[2]
    sizes = Sizes(U(len(blocks)), U(width), U(int(width * blocks[0].mlp_ratio)), U(blocks[0].attention.num_heads))
    return _operation(sizes)(x, weights, tf.stack(scales))


def _weights(block: TransformerBlock) -> list[Any]:
    """Weights and biases in the order in which the kernels look for them; a layer without has biases of 0."""

    def dense(layer: Any) -> list[Any]:
        return [layer.kernel.value, tf.zeros(layer.kernel.shape[-1:]) if layer.bias is None else layer.bias.value]

    part = block.attention
    attention = [weight for layer in (part.query, part.key, part.value, part.projection) for weight in dense(layer)]
    norms = [[norm.gamma.value, norm.beta.value] for norm in (block.norm_1, block.norm_2)]
    return [*norms[0], *attention, *norms[1], *dense(block.mlp_1), *dense(block.mlp_2)]


@functools.cache
def _operation(sizes: Sizes) -> Callable[..., Any]:
    """(poses ``(F, 17, C)``, weights, scales ``(blocks * 2, F)``) -> poses."""

    @tf.custom_gradient
    def operation(poses: Any, weights: Any, scales: Any) -> Any:
        inputs = [poses, weights, scales]
        result, between = tf.numpy_function(functools.partial(_forward, sizes), inputs, [tf.float32] * 2, stateful=False)

        def gradient(upstream: Any) -> tuple[Any, Any, None]:
            known = [upstream, weights, scales, between]
            dposes, dweights = tf.numpy_function(functools.partial(_backward, sizes), known, [tf.float32] * 2, stateful=False)
            return tf.ensure_shape(dposes, poses.shape), tf.ensure_shape(dweights, weights.shape), None

        return tf.ensure_shape(result, poses.shape), gradient

    return operation


def _forward(sizes: Sizes, poses: np.ndarray, weights: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The result, and what the gradient needs: the input of every block, in groups."""
    grouped = _grouped(scales)
    result = np.empty_like(poses)
    between = np.empty((len(grouped), int(sizes.blocks), int(sizes.width * M)), F)
    _in_parts(len(grouped), lambda _, *groups: forward(sizes, F(BLOCK_EPSILON), weights, poses, grouped, between, result, *groups))
    return result, between


def _backward(
    sizes: Sizes, upstream: np.ndarray, weights: np.ndarray, scales: np.ndarray, between: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of the poses and of the weights."""
    grouped = _grouped(scales)
    dposes = np.empty_like(upstream)
    parts = np.zeros((NUM_PARTS, len(weights)), F)
    _in_parts(
        len(grouped),
        lambda part, *groups: backward(sizes, F(BLOCK_EPSILON), weights, upstream, grouped, between, dposes, parts[part], *groups),
    )
    return dposes, parts.sum(axis=0)


def _grouped(scales: np.ndarray) -> np.ndarray:
    """``(blocks * 2, F)`` as ``(groups, blocks, 2, 16)``."""
    rows, num_poses = scales.shape
    padded = np.zeros((rows, -(-num_poses // int(POSES)) * int(POSES)), F)
    padded[:, :num_poses] = scales
    return np.ascontiguousarray(padded.reshape(rows // 2, 2, -1, int(POSES)).transpose(2, 0, 1, 3))


def _in_parts(num_groups: int, work: Callable[[int, Any, Any], None]) -> None:
    """Call ``work(part, first group, last group)`` for all parts, in threads."""
    bounds = np.linspace(0, num_groups, NUM_PARTS + 1).astype(U)
    list(_threads(os.getpid()).map(lambda part: work(part, bounds[part], bounds[part + 1]), range(NUM_PARTS)))


@functools.cache
def _threads(_process: int) -> ThreadPoolExecutor:
    """Threads of this process; one forked from it has none of them."""
    return ThreadPoolExecutor(tf.config.threading.get_intra_op_parallelism_threads() or usable_cores(), "spatial")
