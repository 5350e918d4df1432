"""What makes a pose of a clip: the read-outs of an evaluation, and what the training of the weights chose for them."""

import logging
from dataclasses import replace
from typing import Any, Literal

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import from_mapping, raise_all
from uplift_upsample.data.keypoints.times import plain_number
from uplift_upsample.evaluate.blend import HOP_TOLERANCE_MM, chosen_hop, with_chosen_blend
from uplift_upsample.lift.known_weights import KnownWeights
from uplift_upsample.plan.evaluation import EvaluateConfig, Readout
from uplift_upsample.plan.experiment import readout_faults

logger = logging.getLogger(__name__)
PAPER = EvaluateConfig()


def chosen_readout(
    known: KnownWeights, readout: Readout, hop: int | Literal["auto"], blend: float | Literal["auto"]
) -> EvaluateConfig:
    """The read-out of an evaluation. auto: what the training of the weights chose, on its validation people; of hops the largest
    that costs little beside the central head, which is taken where none does.

    Raises ``InputError`` for one that does not exist or that the network does not have, and where nothing was chosen.
    """
    packed = known.card.provenance.get("readout_both")
    is_auto = hop == "auto"
    if is_auto and readout != "sequence":
        raise InputError(
            f"hop is auto with the readout {readout}; trainings measure the hops of the readout sequence: take that one"
        )
    values = {"readout": readout, "hop": 1 if is_auto else plain_number(hop), "blend": plain_number(blend)}
    evaluate = from_mapping(EvaluateConfig, values, "read-out")
    raise_all(readout_faults(known.card.model, evaluate))
    if not is_auto:
        return with_chosen_blend(evaluate, known.path, packed)
    chosen = chosen_hop(known.path, packed)
    if chosen is None:
        logger.warning("no hop of the readout sequence is within %g mm of the readout central, which is taken", HOP_TOLERANCE_MM)
        return PAPER
    return replace(evaluate, hop=chosen)


def readout_metadata(evaluate: EvaluateConfig) -> dict[str, Any]:
    """The read-out of a result; nothing of what is the paper's, as with evaluations."""
    values = {name: getattr(evaluate, name) for name in ("readout", "hop", "blend")}
    return {name: value for name, value in values.items() if value != getattr(PAPER, name)}


def readout_described(evaluate: EvaluateConfig) -> list[str]:
    """The same in a line, where there is something to say."""
    words = [f"{name} {value}" for name, value in readout_metadata(evaluate).items()]
    return [f"{', '.join(words)}; errors of weights are those of the readout central"] if words else []
