"""Attention among the 17 joints of each pose of a group, compiled by Numba, forward and backward.

Shapes as in ``group_kernels``: ``(C, M)``, M = 17 joints times 16 poses, flat.
"""

from uplift_upsample.model.group_kernels import (
    JOINTS,
    M1,
    M2,
    M3,
    M4,
    M6,
    M8,
    POSES,
    UNIT,
    ZERO,
    Array,
    F,
    Index,
    M,
    U,
    compiled,
    exponential,
)

HEAD_DIM = U(4)  # channels of a head in all published networks
# The scratch of attention: one head, its keys and values twice in a row.
QUERY, KEY, VALUE, GRADIENT = ZERO, M4, U(12) * M, U(20) * M
WEIGHT, HIGHEST, TOTAL = U(24) * M, U(41) * M, U(42) * M
KEY_GRADIENT, VALUE_GRADIENT, WEIGHT_GRADIENT = U(43) * M, U(51) * M, U(59) * M
HEAD_SIZE = U(76) * M
SCALE = F(0.5)  # HEAD_DIM ** -0.5


@compiled
def _load_head(h: Index, q: Array, k: Array, v: Array, head: Array) -> None:
    at = h * HEAD_DIM * M
    for c in range(HEAD_DIM):
        for m in range(M):
            i = c * M + m
            head[QUERY + i] = q[at + i] * SCALE
            head[KEY + c * M2 + m] = k[at + i]
            head[KEY + c * M2 + M + m] = k[at + i]
            head[VALUE + c * M2 + m] = v[at + i]
            head[VALUE + c * M2 + M + m] = v[at + i]


@compiled
def _attend(head: Array) -> None:
    """Attention weights of all queries for the joint ``d`` places on, d = 0 to 16: as long loops as there can be.

    Joints follow one another in a row, so the key d joints on, or around the end, is d * 16 numbers on.
    """
    for m in range(M):
        head[HIGHEST + m] = F(-3e38)
        head[TOTAL + m] = F(0)
    for d in range(JOINTS):
        row = WEIGHT + d * M
        key = KEY + d * POSES
        for m in range(M):
            k = key + m
            logit = (
                head[QUERY + m] * head[k]
                + head[QUERY + M1 + m] * head[k + M2]
                + head[QUERY + M2 + m] * head[k + M4]
                + head[QUERY + M3 + m] * head[k + M6]
            )
            head[row + m] = logit
            head[HIGHEST + m] = max(head[HIGHEST + m], logit)
    for d in range(JOINTS):
        row = WEIGHT + d * M
        for m in range(M):
            weight = exponential(head[row + m] - head[HIGHEST + m])
            head[row + m] = weight
            head[TOTAL + m] += weight
    for m in range(M):
        head[TOTAL + m] = UNIT / head[TOTAL + m]
    for d in range(JOINTS):
        row = WEIGHT + d * M
        for m in range(M):
            head[row + m] *= head[TOTAL + m]


@compiled
def attention(q: Array, k: Array, v: Array, num_heads: Index, head: Array, out: Array) -> None:
    """Each head's queries among all joints of their pose; all ``(C, M)``. head: scratch of ``HEAD_SIZE``."""
    for h in range(num_heads):
        _load_head(h, q, k, v, head)
        _attend(head)
        at = h * HEAD_DIM * M
        for i in range(M4):
            out[at + i] = F(0)
        for d in range(JOINTS):
            row = WEIGHT + d * M
            value = VALUE + d * POSES
            for m in range(M):
                weight = head[row + m]
                out[at + m] += weight * head[value + m]
                out[at + M1 + m] += weight * head[value + M2 + m]
                out[at + M2 + m] += weight * head[value + M4 + m]
                out[at + M3 + m] += weight * head[value + M6 + m]


@compiled
def attention_gradient(
    q: Array, k: Array, v: Array, gradient: Array, num_heads: Index, head: Array, dq: Array, dk: Array, dv: Array
) -> None:
    """The gradients of ``attention`` by its queries, keys and values."""
    for h in range(num_heads):
        _load_head(h, q, k, v, head)
        _attend(head)
        at = h * HEAD_DIM * M
        for i in range(M4):
            head[GRADIENT + i] = gradient[at + i]
            dq[at + i] = F(0)
        for i in range(M8):
            head[KEY_GRADIENT + i] = F(0)
            head[VALUE_GRADIENT + i] = F(0)
        _weight_gradients(head)
        for d in range(JOINTS):
            row, weights = WEIGHT_GRADIENT + d * M, WEIGHT + d * M
            for m in range(M):
                slope = head[weights + m] * (head[row + m] - head[TOTAL + m])
                t = d * POSES + m
                dq[at + m] += slope * head[KEY + t]
                dq[at + M1 + m] += slope * head[KEY + M2 + t]
                dq[at + M2 + m] += slope * head[KEY + M4 + t]
                dq[at + M3 + m] += slope * head[KEY + M6 + t]
                head[KEY_GRADIENT + t] += slope * head[QUERY + m]
                head[KEY_GRADIENT + M2 + t] += slope * head[QUERY + M1 + m]
                head[KEY_GRADIENT + M4 + t] += slope * head[QUERY + M2 + m]
                head[KEY_GRADIENT + M6 + t] += slope * head[QUERY + M3 + m]
        for i in range(M4):
            dq[at + i] *= SCALE
        for c in range(HEAD_DIM):
            for m in range(M):
                t = c * M2 + m
                dk[at + c * M + m] = head[KEY_GRADIENT + t] + head[KEY_GRADIENT + M + t]
                dv[at + c * M + m] = head[VALUE_GRADIENT + t] + head[VALUE_GRADIENT + M + t]


@compiled
def _weight_gradients(head: Array) -> None:
    """The gradients of the attention weights, their weighted sums in TOTAL, and the gradients of the values."""
    for m in range(M):
        head[TOTAL + m] = F(0)
    for d in range(JOINTS):
        row, weights = WEIGHT_GRADIENT + d * M, WEIGHT + d * M
        value = d * POSES
        for m in range(M):
            d0, d1 = head[GRADIENT + m], head[GRADIENT + M1 + m]
            d2, d3 = head[GRADIENT + M2 + m], head[GRADIENT + M3 + m]
            i = value + m
            weight = head[weights + m]
            slope = d0 * head[VALUE + i] + d1 * head[VALUE + M2 + i] + d2 * head[VALUE + M4 + i] + d3 * head[VALUE + M6 + i]
            head[row + m] = slope
            head[TOTAL + m] += slope * weight
            head[VALUE_GRADIENT + i] += weight * d0
            head[VALUE_GRADIENT + M2 + i] += weight * d1
            head[VALUE_GRADIENT + M4 + i] += weight * d2
            head[VALUE_GRADIENT + M6 + i] += weight * d3
