"""The record of a scores file: the steps that led to it, in one file beside it (``uplift_upsample.base.records`` has the types)."""

import logging
import os
from dataclasses import replace
from pathlib import Path

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.records import (
    PredictionRecord,
    PublishedWeights,
    ResultRecord,
    ScoringRecord,
    TrainingRecord,
)
from uplift_upsample.evaluate.score_file import Protocol

logger = logging.getLogger(__name__)


def result_record(
    scores: str | os.PathLike[str],
    scoring: ScoringRecord,
    protocol: Protocol,
    prediction: PredictionRecord | None = None,
    weights: TrainingRecord | PublishedWeights | None = None,
) -> ResultRecord:
    """The record of a scores file: what it is about, then each step that led to it.

    protocol: of the scores. prediction, weights: the records of these steps, None where there is none. A record that is about other
    weights than the scores is left out.
    """
    copied = ("study", "experiment", "weights", "seed", "s_in", "weights_sha256", "frames_sha256")
    record = ResultRecord(
        result=Path(scores).name,
        sha256=sha256_of_file(scores),
        scoring=scoring,
        **{key: getattr(protocol, key) for key in copied},
    )
    wanted = record.weights_sha256
    is_left_out = prediction is not None and prediction.weights_sha256 != wanted, weights is not None and _sum_of(weights) != wanted
    for what, is_out in zip(("prediction", "weights"), is_left_out, strict=True):
        if is_out:
            logger.warning("the record of the %s is about other weights than the scores; their provenance leaves it out", what)
    return replace(record, prediction=None if is_left_out[0] else prediction, training=None if is_left_out[1] else weights)


def _sum_of(weights: TrainingRecord | PublishedWeights) -> str | None:
    return weights.weights_sha256 if isinstance(weights, TrainingRecord) else weights.sha256
