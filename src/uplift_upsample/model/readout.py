"""Read-outs: how the outputs of overlapping windows become one 3D pose for each token of a video.

The central head gives one pose a window, the sequence head one a token, so that windows ``hop`` tokens apart reach every token of a
video several times: about N / hop times. Their mean, weighted by ``middle_weights``, is the read-out ``sequence``; ``both`` moves
it towards what the central head gives. Source: docs/method.md, "Read-outs".
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.plan.evaluation import EvaluateConfig

if TYPE_CHECKING:
    from uplift_upsample.model.lifter import Lifter

# (tokens, among those of all videos, around which windows lie) -> the 2D poses that these windows see, which of them each token
# has, and the visibility mask, as ``Lifter.lift_heads`` takes them
Seen = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]

FADE = 3  # tokens; farther away, the errors of both heads are unrelated (measured at hop 3 and 9).


def middle_weights(num_tokens: int, hop: int = 1) -> np.ndarray:
    """Weight of each token of a window in the mean over the windows that reach it, ``(N,)``, largest in the middle.

    The token in the middle sees as much past as future; those at the edges see one side only, and their poses are worse. So a pose
    is made of the two windows between whose middles it lies, fading from one to the other; with hop 1, of its own window and half
    of its neighbours. On validation people that is better than the mean of all windows up to a hop of a third of the window, by 0.3
    to 0.6 mm at hop 1 to 5, and equal beyond (study open, s_in 5 and 20).
    """
    distance = np.abs(np.arange(num_tokens) - num_tokens // 2)
    return np.maximum(0.0, 1.0 - distance / max(hop, 2))


def window_middles(num_tokens: np.ndarray, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows that reach every token of videos with some numbers of tokens ``(V,)``, for a hop up to the length of a window.

    Each window lies around the middle of ``hop`` tokens, or of what is left of them at the end of a video. Returns the number of
    the video ``(W,)`` and the token in the middle of the window ``(W,)``, both in ascending order.
    """
    counts = -(-num_tokens // hop)
    video = np.repeat(np.arange(len(counts)), counts)
    start = (np.arange(len(video)) - np.repeat(np.cumsum(counts) - counts, counts)) * hop
    return video, start + np.minimum(num_tokens[video] - start, hop) // 2


def faded(values: np.ndarray, centre: np.ndarray, begins: np.ndarray, num_tokens: int) -> np.ndarray:
    """Values ``(W, 17, 3)`` of some tokens, and what becomes of them in between: ``(P, 17, 3)``, for ``num_tokens`` of all videos.

    From one such token to the next one they go over linearly, and to 0 within ``FADE`` tokens where the next one is further away or
    in another video. centre: these tokens, ``(W,)`` ascending. begins: the first token of each video, ``(V,)``.
    """
    token = np.arange(num_tokens)
    video, own = (np.searchsorted(begins, place, side="right") for place in (token, centre))
    left = np.searchsorted(centre, token, side="right") - 1
    right = np.searchsorted(centre, token)
    sides = [np.clip(side, 0, len(centre) - 1) for side in (left, right)]
    is_own = [(own[sides[0]] == video) & (left >= 0), (own[sides[1]] == video) & (right < len(centre))]
    gap = np.where(is_own[0] & is_own[1], centre[sides[1]] - centre[sides[0]], FADE)
    reach = np.clip(gap, 1, FADE)
    result = np.zeros((num_tokens, *values.shape[1:]), values.dtype)
    for side, is_inside in zip(sides, (is_own[0], is_own[1] & (left != right)), strict=True):
        weight = np.where(is_inside, np.clip(1 - np.abs(token - centre[side]) / reach, 0, 1), 0)
        result += weight.astype(values.dtype)[:, None, None] * values[side]
    return result


class Overlap:
    """Weighted means of poses that overlap. Only those that another window may reach are kept, however long a video is.

    weights: of the tokens of a window, ``(N,)``.
    """

    def __init__(self, weights: np.ndarray) -> None:
        self._weights = weights
        self._start = 0
        self._sums, self._total = np.zeros((0, NUM_JOINTS, 3)), np.zeros(0)

    def add(self, place: np.ndarray, poses: np.ndarray) -> None:
        """Add the poses ``(W, N, 17, 3)`` of windows. place: the number of each token, ``(W, N)``; -1 outside of a video."""
        self._grow(int(place.max(initial=-1)) + 1 - self._start)
        for token in np.flatnonzero(self._weights):  # no two windows have the same token at the same place
            weight = self._weights[token]
            is_real = place[:, token] >= 0
            rows = place[is_real, token] - self._start
            self._sums[rows] += weight * poses[is_real, token]
            self._total[rows] += weight

    def _grow(self, count: int) -> None:
        grown = max(0, count - len(self._total))
        self._sums = np.pad(self._sums, ((0, grown), (0, 0), (0, 0)))
        self._total = np.pad(self._total, (0, grown))

    def take(self, end: int) -> np.ndarray:
        """The means of all tokens before ``end`` that were not taken yet, in their order; NaN where no window reached one.

        No window may reach them any more.
        """
        count = end - self._start
        self._grow(count)
        total = self._total[:count, None, None]
        means = np.divide(self._sums[:count], total, out=np.full_like(self._sums[:count], np.nan), where=total > 0)
        self._start, self._sums, self._total = end, self._sums[count:], self._total[count:]
        return means


def averaged(
    lifter: "Lifter",
    evaluate: EvaluateConfig,
    lengths: np.ndarray,
    seen: Seen,
    on_windows: Callable[[int, int], None],
    *,
    block: int,
    only_sighted: bool = False,
) -> np.ndarray:
    """Poses ``(P, 17, 3)`` of all tokens of some videos, of the windows that overlap there.

    evaluate: has the read-out, ``sequence`` or ``both``, the latter with a number as blend. lengths: tokens of each video ``(V,)``.
    block: windows whose 2D poses are in memory at once with hop 1; with others fewer, for as many poses come out. on_windows: gets
    the number of windows done and their total.
    only_sighted: windows that see no 2D pose do not count, and tokens that are reached by no others are NaN.
    """
    num_tokens, hop, heads = lifter.network.config.num_tokens, evaluate.hop, evaluate.readout
    has_central = heads == "both"
    block = max(1, block // hop // lifter.batch_size) * lifter.batch_size
    begins = np.cumsum(lengths) - lengths
    video, middle = window_middles(lengths, hop)
    centre, total = begins[video] + middle, int(lengths.sum())
    poses, overlap = np.empty((total, NUM_JOINTS, 3), np.float32), Overlap(middle_weights(num_tokens, hop))
    central = np.empty((len(centre) if has_central else 0, NUM_JOINTS, 3), np.float32)
    done = 0
    for start in range(0, len(centre), block):
        part = slice(start, start + block)
        poses_2d, token_pose, visible = seen(centre[part])
        lifted = lifter.lift_heads(heads, poses_2d, token_pose, visible)
        place = centre[part, None] + np.arange(num_tokens) - num_tokens // 2  # (W, N)
        first = begins[video[part], None]
        is_outside = (place < first) | (place >= first + lengths[video[part], None])
        is_blind = ~visible.any(axis=1) & np.array(only_sighted)
        overlap.add(np.where(is_outside | is_blind[:, None], -1, place), lifted.sequence)
        if has_central:
            central[part] = lifted.central
            central[part][is_blind] = np.nan
        following = start + block
        is_last = following >= len(centre)
        end = total if is_last else max(centre[following] - num_tokens // 2, begins[video[following]])
        poses[done:end], done = overlap.take(end), end
        on_windows(min(following, len(centre)), len(centre))
    if has_central:
        difference = evaluate.blend * (central - poses[centre])
        poses += faded(np.nan_to_num(difference) if only_sighted else difference, centre, begins, total)
    return poses
