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
    return replace(
        record,
        prediction=prediction if _is_of(record, prediction, "prediction") else None,
        training=weights if _is_of(record, weights, "weights") else None,
    )


def _is_of(result: ResultRecord, step: PredictionRecord | TrainingRecord | PublishedWeights | None, what: str) -> bool:
    """Whether a step is about the weights of a result; a warning where it is about others. what: the step."""
    if step is None:
        return False
    about = step.sha256 if isinstance(step, PublishedWeights) else step.weights_sha256
    if about != result.weights_sha256:
        logger.warning("the record of the %s is about other weights than the scores; their provenance leaves it out", what)
    return about == result.weights_sha256
