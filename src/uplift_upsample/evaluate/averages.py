"""Averages of errors: frame-wise, per action, action-wise; sums grow chunk by chunk, so that memory stays constant.

Source: docs/method.md, "Averages". *Frame-wise* is the mean over all frames and joints; *per action* the mean over the
frames and joints of an action; *action-wise* the mean of those. Two cases that the reference leaves open are defined here:

- An action without a scored joint is NaN in ``per_action`` and no part of the action-wise mean.
- Errors that are NaN (N-MPJPE of degenerate predictions) drop out, as in the reference; the averages must come with
  their number.
"""

import math
from collections.abc import Sequence

import numpy as np

from uplift_upsample.evaluate.metrics import INVALID, METRICS, quotient
from uplift_upsample.evaluate.score_file import ALL_ACTIONS, PER_ACTION


class Averages:
    """Sums of the errors (metres) or shares of some metrics by action; the averages are millimetres, or per cent."""

    def __init__(self, metrics: Sequence[str], actions: Sequence[str]) -> None:
        self._metrics, self._actions = list(metrics), list(actions)
        self._sums = np.zeros((len(actions), len(metrics)))
        self._counts = np.zeros((len(actions), len(metrics)), np.int64)

    def add(self, metric: str, errors: np.ndarray, action: np.ndarray) -> None:
        """Add errors ``(F, J)`` as the metrics give them (-1 where invalid) of frames of some actions ``(F,)``, indices."""
        column, num_actions = self._metrics.index(metric), len(self._actions)
        counts = (errors != INVALID) & ~np.isnan(errors)
        self._sums[:, column] += np.bincount(action, np.where(counts, errors, 0).sum(axis=1), num_actions)
        self._counts[:, column] += np.bincount(action, counts.sum(axis=1), num_actions).astype(np.int64)

    def rows(self) -> list[tuple[str, str, str, float]]:
        """(average, action, metric, millimetres or per cent) of all averages; NaN where nothing was counted."""
        per_action = quotient(self._sums, self._counts)
        groups = [
            ("frame_wise", ALL_ACTIONS, quotient(self._sums.sum(axis=0), self._counts.sum(axis=0))),
            ("action_wise", ALL_ACTIONS, quotient(np.nansum(per_action, axis=0), (self._counts > 0).sum(axis=0))),
            *((PER_ACTION, action, errors) for action, errors in zip(self._actions, per_action, strict=True)),
        ]
        return [
            (average, action, metric, value * METRICS[metric].factor if math.isfinite(value) else math.nan)
            for average, action, errors in groups
            for metric, value in zip(self._metrics, errors.tolist(), strict=True)
        ]
