"""Loops over groups of poses, compiled by Numba: what the blocks of the spatial stage are made of.

17 tokens of 32 channels are far too few for general products and softmaxes, most of whose time goes into calls and into memory. A
group is 16 poses side by side, one in each lane of a vector register, and small enough to stay in the cache through all blocks.

Shapes: a group is ``(C, M)``, one row for each channel, M = 17 joints times 16 poses, stored flat. Weights are one flat vector for
all layers; ``at`` is the place of a layer's weights in it. All numbers are float32. Indices are unsigned: Numba lets signed ones
count from the end, and LLVM cannot make vectors of such loops.
"""

import math
from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray
Index = Any  # a U; to type checkers, a range of them is one of int

U = np.uint64
F = np.float32
POSES = U(16)
JOINTS = U(17)
M = POSES * JOINTS
# everything that lets loops become vectors, but no leave to forget what is no number
FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
compiled = njit(nogil=True, fastmath=FAST, error_model="numpy")
inlined = njit(nogil=True, fastmath=FAST, error_model="numpy", inline="always")

ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT = (U(i) for i in range(9))
M1, M2, M3, M4, M5, M6, M7, M8 = (U(i) * M for i in range(1, 9))

LOWEST = F(-87.0)  # exp of less is no normal number
LOG2_E, LN_2 = F(1 / math.log(2)), F(math.log(2))
HALF, UNIT = F(0.5), F(1)


@inlined
def exponential(x: np.float32) -> np.float32:
    """exp(x): a power of two, put into the exponent's bits, and six terms of the series for the rest."""
    y = (LOWEST if x < LOWEST else x) * LOG2_E
    whole = np.floor(y + HALF)
    r = (y - whole) * LN_2
    p = ((((F(1 / 720) * r + F(1 / 120)) * r + F(1 / 24)) * r + F(1 / 6)) * r + HALF) * r + UNIT
    p = p * r + UNIT
    return p * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
def set_rows(out: Array, num_rows: Index, w: Array, at: Index) -> None:
    """Every row of ``(num_rows, M)`` to its number of a bias at ``at``."""
    for c in range(ZERO, num_rows):
        value = w[at + c]
        for m in range(M):
            out[c * M + m] = value


@compiled
def set_zero(out: Array, num_rows: Index) -> None:
    """All of ``(num_rows, M)``."""
    for i in range(num_rows * M):
        out[i] = F(0)


@compiled
def add_product(
    x: Array, num_in: Index, w: Array, at: Index, in_stride: Index, out_stride: Index, num_out: Index, out: Array
) -> None:
    """``out[o] += sum over c of w[at + c * in_stride + o * out_stride] * x[c]``; num_in in eights, num_out even."""
    for o in range(ZERO, num_out, TWO):
        first, second = o * M, o * M + M
        for c in range(ZERO, num_in, EIGHT):
            i = at + c * in_stride + o * out_stride
            k = i + out_stride
            a0, b0 = w[i], w[k]
            a1, b1 = w[i + in_stride], w[k + in_stride]
            a2, b2 = w[i + TWO * in_stride], w[k + TWO * in_stride]
            a3, b3 = w[i + THREE * in_stride], w[k + THREE * in_stride]
            a4, b4 = w[i + FOUR * in_stride], w[k + FOUR * in_stride]
            a5, b5 = w[i + FIVE * in_stride], w[k + FIVE * in_stride]
            a6, b6 = w[i + SIX * in_stride], w[k + SIX * in_stride]
            a7, b7 = w[i + SEVEN * in_stride], w[k + SEVEN * in_stride]
            row = c * M
            for m in range(M):
                t = row + m
                x0, x1, x2, x3 = x[t], x[t + M1], x[t + M2], x[t + M3]
                x4, x5, x6, x7 = x[t + M4], x[t + M5], x[t + M6], x[t + M7]
                out[first + m] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3 + a4 * x4 + a5 * x5 + a6 * x6 + a7 * x7
                out[second + m] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3 + b4 * x4 + b5 * x5 + b6 * x6 + b7 * x7


@compiled
def add_outer_product(x: Array, num_in: Index, dy: Array, num_out: Index, dw: Array, at: Index, bias_at: Index) -> None:
    """The gradients of a dense layer's weights, ``(num_in, num_out)`` at ``at``, and bias: num_in even, num_out in fours."""
    for o in range(ZERO, num_out, FOUR):
        row = o * M
        t0, t1, t2, t3 = F(0), F(0), F(0), F(0)
        for m in range(M):
            t = row + m
            t0 += dy[t]
            t1 += dy[t + M1]
            t2 += dy[t + M2]
            t3 += dy[t + M3]
        dw[bias_at + o] += t0
        dw[bias_at + o + ONE] += t1
        dw[bias_at + o + TWO] += t2
        dw[bias_at + o + THREE] += t3
        for c in range(ZERO, num_in, TWO):
            a0, a1, a2, a3, b0, b1, b2, b3 = F(0), F(0), F(0), F(0), F(0), F(0), F(0), F(0)
            source = c * M
            for m in range(M):
                t = row + m
                y0, y1, y2, y3 = dy[t], dy[t + M1], dy[t + M2], dy[t + M3]
                x0, x1 = x[source + m], x[source + M + m]
                a0 += x0 * y0
                a1 += x0 * y1
                a2 += x0 * y2
                a3 += x0 * y3
                b0 += x1 * y0
                b1 += x1 * y1
                b2 += x1 * y2
                b3 += x1 * y3
            i = at + c * num_out + o
            k = i + num_out
            dw[i] += a0
            dw[i + ONE] += a1
            dw[i + TWO] += a2
            dw[i + THREE] += a3
            dw[k] += b0
            dw[k + ONE] += b1
            dw[k + TWO] += b2
            dw[k + THREE] += b3


@compiled
def normalise(
    x: Array, num_rows: Index, w: Array, gamma: Index, beta: Index, epsilon: np.float32, out: Array, statistics: Array
) -> None:
    """Layer norm over the rows. statistics: ``(2, M)``, receives the means and the inverse deviations."""
    share = UNIT / F(num_rows)
    for m in range(M2):
        statistics[m] = F(0)
    for c in range(ZERO, num_rows):
        for m in range(M):
            statistics[m] += x[c * M + m] * share
    for c in range(ZERO, num_rows):
        for m in range(M):
            centred = x[c * M + m] - statistics[m]
            statistics[M + m] += centred * centred * share
    for m in range(M):
        statistics[M + m] = UNIT / np.sqrt(statistics[M + m] + epsilon)
    for c in range(ZERO, num_rows):
        factor, shift = w[gamma + c], w[beta + c]
        for m in range(M):
            out[c * M + m] = (x[c * M + m] - statistics[m]) * statistics[M + m] * factor + shift


@compiled
def add_norm_gradient(
    dy: Array, x: Array, num_rows: Index, w: Array, gamma: Index, beta: Index, statistics: Array, sums: Array, dx: Array, dw: Array
) -> None:
    """Adds the gradients of ``normalise`` to those of its input and its weights. sums: ``(2, M)`` scratch."""
    share = UNIT / F(num_rows)
    for m in range(M2):
        sums[m] = F(0)
    for c in range(ZERO, num_rows):
        factor = w[gamma + c]
        total, product = F(0), F(0)
        for m in range(M):
            d = dy[c * M + m]
            normed = (x[c * M + m] - statistics[m]) * statistics[M + m]
            total += d
            product += d * normed
            sums[m] += d * factor
            sums[M + m] += d * factor * normed
        dw[beta + c] += total
        dw[gamma + c] += product
    for c in range(ZERO, num_rows):
        factor = w[gamma + c]
        for m in range(M):
            normed = (x[c * M + m] - statistics[m]) * statistics[M + m]
            dx[c * M + m] += statistics[M + m] * (dy[c * M + m] * factor - share * (sums[m] + normed * sums[M + m]))


@compiled
def gelu_and_slope(x: Array, num_rows: Index, out: Array, slope: Array) -> None:
    """GELU and its derivative. The normal distribution by formula 7.1.26 of Abramowitz and Stegun, error 1e-7."""
    for i in range(num_rows * M):
        z = x[i]
        bell = exponential(F(-0.5) * z * z)
        t = UNIT / (UNIT + F(0.3275911 / math.sqrt(2)) * abs(z))
        poly = ((((F(1.061405429) * t + F(-1.453152027)) * t + F(1.421413741)) * t + F(-0.284496736)) * t + F(0.254829592)) * t
        tail = HALF * poly * bell  # of the side that z is on
        below = UNIT - tail if z > 0 else tail
        out[i] = z * below
        slope[i] = below + z * bell * F(1 / math.sqrt(2 * math.pi))
