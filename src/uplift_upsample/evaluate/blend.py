"""What a training chose for read-outs of its weights.

Apart from ``evaluate/records.py``, so that a change of the scoring code does not make predictions run again.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.records import ChosenBlend, TrainingRecord, read_record
from uplift_upsample.base.strict import fitting
from uplift_upsample.plan.evaluation import EvaluateConfig

HOP_TOLERANCE_MM = 0.3  # what the hop that is chosen may cost beyond the central read-out
CENTRAL = "1.0"  # the key in ``mpjpe_mm`` under which the central read-out stands: that of blend 1


def with_chosen_blend(
    evaluate: EvaluateConfig, weights: str | os.PathLike[str], packed: Mapping[str, Any] | None = None
) -> EvaluateConfig:
    """An evaluation with the number in place of ``blend: auto``: the one that the training of a weight file chose.

    It stands in ``training.json`` beside the weights. packed: what stands there of weights that come with the project. Raises
    ``InputError`` where there is none, or it is about other weights.
    """
    if evaluate.readout != "both" or evaluate.blend != "auto":
        return evaluate
    blend = _chosen(weights, packed, "blend").blend
    assert blend is not None
    return replace(evaluate, blend=blend)


def chosen_hop(weights: str | os.PathLike[str], packed: Mapping[str, Any] | None = None) -> int | None:
    """The largest hop with which the readout ``sequence`` is at most ``HOP_TOLERANCE_MM`` worse than the readout ``central``.

    None where there is none. Measured on the validation people of the training; the rest as ``with_chosen_blend``.
    """
    chosen = _chosen(weights, packed, "hop")
    most = chosen.mpjpe_mm[CENTRAL] + HOP_TOLERANCE_MM
    return max((int(hop) for hop, error in chosen.hops_mpjpe_mm.items() if error <= most), default=None)


def _chosen(weights: str | os.PathLike[str], packed: Mapping[str, Any] | None, what: str) -> ChosenBlend:
    """The record of the training. what: is to be chosen, ``blend`` or ``hop``."""
    place = Path(weights).with_name("training.json")
    record = read_record(place, TrainingRecord) if packed is None else None
    chosen = record.readout_both if record else fitting(ChosenBlend, packed or {})
    if record is None and packed is None:
        reason = f"there is no {place}"
    elif record is not None and record.weights_sha256 != sha256_of_file(weights):
        reason = f"{place} is about other weights"
    elif chosen is None or chosen.blend is None or (what == "hop" and not (chosen.hops_mpjpe_mm and CENTRAL in chosen.mpjpe_mm)):
        holder = place if packed is None else "their card"
        reason = f"{holder} has none: nothing was validated, or an older version trained them"
    else:
        return chosen
    number = "a number from 0 to 1" if what == "blend" else "a number of tokens"
    raise InputError(f"{weights}: {what} is auto, and no training record has the best one ({reason}); give {number}")
