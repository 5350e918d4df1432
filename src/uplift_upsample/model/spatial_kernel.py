"""The blocks of the spatial stage on a CPU, forward and backward, a group of 16 poses at a time through all of them.

The same as ``layers.TransformerBlock`` for 17 joints and heads of 4 channels, to rounding. Between the blocks of a group nothing
leaves the processor's cache but the input of each block, from which the backward pass computes the rest again.
"""

from typing import NamedTuple

import numpy as np

from uplift_upsample.model.attention_kernels import HEAD_SIZE, attention, attention_gradient
from uplift_upsample.model.group_kernels import (
    JOINTS,
    M2,
    ONE,
    POSES,
    ZERO,
    Array,
    F,
    Index,
    M,
    U,
    add_norm_gradient,
    add_outer_product,
    add_product,
    compiled,
    gelu_and_slope,
    normalise,
    set_rows,
    set_zero,
)


class Sizes(NamedTuple):
    """Widths of the blocks, as the unsigned numbers that the kernels count with."""

    blocks: Index
    width: Index
    hidden: Index
    heads: Index


class Scratch(NamedTuple):
    """What a block computes on its way for one group, ``(C, M)`` each, stored flat."""

    x: Array
    normed: Array
    query: Array
    key: Array
    value: Array
    mixed: Array
    middle: Array
    middle_normed: Array
    hidden: Array
    activated: Array
    slope: Array
    branch: Array
    gradient: Array
    statistics_1: Array
    statistics_2: Array
    head: Array


@compiled
def _scratch(sizes: Sizes) -> Scratch:
    rows, wide = sizes.width * M, sizes.hidden * M
    return Scratch(
        np.empty(rows, F),
        np.empty(rows, F),
        np.empty(rows, F),
        np.empty(rows, F),
        np.empty(rows, F),
        np.empty(rows, F),
        np.empty(rows, F),
        np.empty(rows, F),
        np.empty(wide, F),
        np.empty(wide, F),
        np.empty(wide, F),
        np.empty(rows, F),
        np.empty(rows, F),
        np.empty(M2, F),
        np.empty(M2, F),
        np.empty(HEAD_SIZE, F),
    )


@compiled
def _dense(x: Array, num_in: Index, w: Array, at: Index, num_out: Index, out: Array) -> None:
    """A dense layer with its bias behind its weights."""
    set_rows(out, num_out, w, at + num_in * num_out)
    add_product(x, num_in, w, at, num_out, ONE, num_out, out)


@compiled
def _add_back(dy: Array, num_out: Index, w: Array, at: Index, num_in: Index, dx: Array) -> None:
    """Adds the gradient of a dense layer's input."""
    add_product(dy, num_out, w, at, ONE, num_out, num_in, dx)


@compiled
def _add_outer(x: Array, num_in: Index, dy: Array, num_out: Index, dw: Array, at: Index) -> None:
    add_outer_product(x, num_in, dy, num_out, dw, at, at + num_in * num_out)


@compiled
def _add_scaled(x: Array, branch: Array, num_rows: Index, scale: Array, out: Array) -> None:
    """``out = x + branch * scale``, a factor for each pose."""
    for i in range(num_rows * JOINTS):
        for p in range(POSES):
            out[i * POSES + p] = x[i * POSES + p] + branch[i * POSES + p] * scale[p]


@compiled
def _scaled(x: Array, num_rows: Index, scale: Array, out: Array) -> None:
    for i in range(num_rows * JOINTS):
        for p in range(POSES):
            out[i * POSES + p] = x[i * POSES + p] * scale[p]


@compiled
def _block(sizes: Sizes, epsilon: np.float32, w: Array, at: Index, scales: Array, s: Scratch) -> None:
    """One block, from ``s.x`` to ``s.middle`` and on to ``s.branch``, which is then to be scaled and added to it."""
    width, hidden = sizes.width, sizes.hidden
    square = width * width + width
    normalise(s.x, width, w, at, at + width, epsilon, s.normed, s.statistics_1)
    at += width + width
    _dense(s.normed, width, w, at, width, s.query)
    _dense(s.normed, width, w, at + square, width, s.key)
    _dense(s.normed, width, w, at + square + square, width, s.value)
    at += square + square + square
    attention(s.query, s.key, s.value, sizes.heads, s.head, s.mixed)
    _dense(s.mixed, width, w, at, width, s.branch)
    at += square
    _add_scaled(s.x, s.branch, width, scales[ZERO], s.middle)
    normalise(s.middle, width, w, at, at + width, epsilon, s.middle_normed, s.statistics_2)
    at += width + width
    _dense(s.middle_normed, width, w, at, hidden, s.hidden)
    gelu_and_slope(s.hidden, hidden, s.activated, s.slope)
    _dense(s.activated, hidden, w, at + width * hidden + hidden, width, s.branch)


@compiled
def _block_gradient(sizes: Sizes, w: Array, at: Index, scales: Array, s: Scratch, dx: Array, dw: Array) -> None:
    """From the gradient ``dx`` of a block's output to that of its input, in place; adds those of its weights to ``dw``."""
    width, hidden = sizes.width, sizes.hidden
    square = width * width + width
    qkv = at + width + width
    projection = qkv + square + square + square
    norm_2 = projection + square
    mlp_1 = norm_2 + width + width
    mlp_2 = mlp_1 + width * hidden + hidden
    _scaled(dx, width, scales[ONE], s.branch)
    _add_outer(s.activated, hidden, s.branch, width, dw, mlp_2)
    set_zero(s.hidden, hidden)
    _add_back(s.branch, width, w, mlp_2, hidden, s.hidden)
    for i in range(hidden * M):
        s.hidden[i] *= s.slope[i]
    _add_outer(s.middle_normed, width, s.hidden, hidden, dw, mlp_1)
    set_zero(s.gradient, width)
    _add_back(s.hidden, hidden, w, mlp_1, width, s.gradient)
    add_norm_gradient(s.gradient, s.middle, width, w, norm_2, norm_2 + width, s.statistics_2, s.head, dx, dw)
    _scaled(dx, width, scales[ZERO], s.branch)
    _add_outer(s.mixed, width, s.branch, width, dw, projection)
    set_zero(s.gradient, width)
    _add_back(s.branch, width, w, projection, width, s.gradient)
    # of queries, keys and values, where nothing needs the middle any more
    attention_gradient(s.query, s.key, s.value, s.gradient, sizes.heads, s.head, s.middle, s.middle_normed, s.mixed)
    _add_outer(s.normed, width, s.middle, width, dw, qkv)
    _add_outer(s.normed, width, s.middle_normed, width, dw, qkv + square)
    _add_outer(s.normed, width, s.mixed, width, dw, qkv + square + square)
    set_zero(s.gradient, width)
    _add_back(s.middle, width, w, qkv, width, s.gradient)
    _add_back(s.middle_normed, width, w, qkv + square, width, s.gradient)
    _add_back(s.mixed, width, w, qkv + square + square, width, s.gradient)
    add_norm_gradient(s.gradient, s.x, width, w, at, at + width, s.statistics_1, s.head, dx, dw)


@compiled
def _weights_per_block(sizes: Sizes) -> Index:
    width, hidden = sizes.width, sizes.hidden
    return U(4) * (width * width + width) + U(4) * width + width * hidden + hidden + hidden * width + width


@compiled
def _load(poses: Array, first: Index, count: Index, width: Index, group: Array) -> None:
    """Poses ``(F, 17, C)`` from ``first`` into the lanes of a group; lanes behind the last one are 0."""
    for p in range(POSES):
        for j in range(JOINTS):
            for c in range(width):
                group[c * M + j * POSES + p] = poses[first + p, j, c] if p < count else F(0)


@compiled
def _store(group: Array, first: Index, count: Index, width: Index, poses: Array) -> None:
    for p in range(count):
        for j in range(JOINTS):
            for c in range(width):
                poses[first + p, j, c] = group[c * M + j * POSES + p]


@compiled
def forward(
    sizes: Sizes,
    epsilon: np.float32,
    w: Array,
    poses: Array,
    scales: Array,
    inputs: Array,
    out: Array,
    first_group: Index,
    last_group: Index,
) -> None:
    s = _scratch(sizes)
    num_poses = U(poses.shape[0])
    for g in range(first_group, last_group):
        first = g * POSES
        count = min(POSES, num_poses - first)
        _load(poses, first, count, sizes.width, s.x)
        for b in range(sizes.blocks):
            kept = inputs[g, b]
            for i in range(sizes.width * M):
                kept[i] = s.x[i]
            _block(sizes, epsilon, w, b * _weights_per_block(sizes), scales[g, b], s)
            _add_scaled(s.middle, s.branch, sizes.width, scales[g, b, ONE], s.x)
        _store(s.x, first, count, sizes.width, out)


@compiled
def backward(
    sizes: Sizes,
    epsilon: np.float32,
    w: Array,
    gradient: Array,
    scales: Array,
    inputs: Array,
    dposes: Array,
    dw: Array,
    first_group: Index,
    last_group: Index,
) -> None:
    s = _scratch(sizes)
    dx = np.empty(sizes.width * M, F)
    num_poses = U(gradient.shape[0])
    for g in range(first_group, last_group):
        first = g * POSES
        count = min(POSES, num_poses - first)
        _load(gradient, first, count, sizes.width, dx)
        for back in range(sizes.blocks):
            b = sizes.blocks - ONE - back
            kept = inputs[g, b]
            for i in range(sizes.width * M):
                s.x[i] = kept[i]
            at = b * _weights_per_block(sizes)
            _block(sizes, epsilon, w, at, scales[g, b], s)
            _block_gradient(sizes, w, at, scales[g, b], s, dx, dw)
        _store(dx, first, count, sizes.width, dposes)
