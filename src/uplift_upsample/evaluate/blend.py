"""The weight of the central head that a training chose. (No part of ``records``: predictions do not follow the code of scores.)"""

import os
from dataclasses import replace
from pathlib import Path

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.records import TrainingRecord, read_record
from uplift_upsample.plan.evaluation import EvaluateConfig


def with_chosen_blend(evaluate: EvaluateConfig, weights: str | os.PathLike[str]) -> EvaluateConfig:
    """An evaluation with the number in place of ``blend: auto``: the one that the training of a weight file chose.

    It stands in ``training.json`` beside the weights. Raises ``InputError`` where there is none, or it is about other weights.
    """
    if evaluate.readout != "both" or evaluate.blend != "auto":
        return evaluate
    place = Path(weights).with_name("training.json")
    record = read_record(place, TrainingRecord)
    if record is None:
        reason = f"there is no {place}"
    elif record.weights_sha256 != sha256_of_file(weights):
        reason = f"{place} is about other weights"
    elif record.readout_both is None or record.readout_both.blend is None:
        reason = f"{place} has none: nothing was validated, or an older version trained them"
    else:
        return replace(evaluate, blend=record.readout_both.blend)
    raise InputError(f"{weights}: blend is auto, and no training record has the best one ({reason}); give a number from 0 to 1")
