"""Read-outs: how the outputs of overlapping windows become one 3D pose for each token of a video.

The central head gives one pose a window, the sequence head one a token, so that windows ``hop`` tokens apart reach every token of a
video several times: about N / hop times. Their mean, weighted by ``middle_weights``, is the read-out ``sequence``; ``both`` moves
it towards what the central head gives. Source: docs/method.md, "Read-outs".
"""

import numpy as np

from uplift_upsample.base.skeleton import NUM_JOINTS

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
        grown = max(0, int(place.max(initial=-1)) + 1 - self._start - len(self._total))
        self._sums = np.pad(self._sums, ((0, grown), (0, 0), (0, 0)))
        self._total = np.pad(self._total, (0, grown))
        for token in np.flatnonzero(self._weights):  # no two windows have the same token at the same place
            weight = self._weights[token]
            is_real = place[:, token] >= 0
            rows = place[is_real, token] - self._start
            self._sums[rows] += weight * poses[is_real, token]
            self._total[rows] += weight

    def take(self, end: int) -> np.ndarray:
        """The means of all tokens before ``end`` that were not taken yet, in their order; no window may reach them any more."""
        count = end - self._start
        means = self._sums[:count] / self._total[:count, None, None]
        self._start, self._sums, self._total = end, self._sums[count:], self._total[count:]
        return means
