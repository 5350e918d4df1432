"""Records of how a result came about: one JSON file beside it, made of the records of the steps that led there.

=====================================  =====================================================================================
``seed_{seed}/training.json``          configuration, sums of the data, code, seed, machine, time (``train.records`` writes it)
``published/weights.json``             the same place for weights that others published: where they are from, what is in them
``s_in_{s_in}/prediction.json``        network and protocol, sums of weights, data and predictions, code, machine, time
``s_in_{s_in}/provenance.json``        all of that and the scoring: what a row of a table leads to
=====================================  =====================================================================================

They hold times and machines, so only the page that shows them has them among its inputs: a commit or another machine makes no
result again.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uplift_upsample.errors import InputError
from uplift_upsample.files import sha256_of_file, write_text

logger = logging.getLogger(__name__)
SUM_OF_WEIGHTS = ("weights_sha256", "sha256")  # in a record of a training, and in one of published weights


def write_record(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Write a record as JSON, whole or not at all."""
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def read_record(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """A record, or None where there is no such file. Raises ``InputError`` for a file that is none."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a record of a run ({error}); delete it and make its result again") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: not a record of a run; delete it and make its result again")
    return record


def described_data(sha256: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of a frames table: the sum of its content, and the files that it was made from."""
    keys = ("dataset", "input_2d", "is_synthetic", "sources")
    return {"sha256": sha256, **{key: metadata[key] for key in keys if key in metadata}}


def result_record(
    scores: str | os.PathLike[str],
    scoring: Mapping[str, Any],
    protocol: Mapping[str, Any],
    prediction: Mapping[str, Any] | None = None,
    weights: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The record of a scores file: what it is about, then each step that led to it.

    scoring: how it was scored (``provenance.describe_run`` and what was measured). protocol: of the scores. prediction, weights:
    the records of these steps, None where there is none. A record that is about other weights than the scores is left out.
    """
    told = ("study", "experiment", "weights", "seed", "s_in", "is_synthetic", "weights_sha256", "frames_sha256")
    wanted = protocol.get("weights_sha256")
    return {
        "result": Path(scores).name,
        "sha256": sha256_of_file(scores),
        **{key: protocol.get(key) for key in told},
        "scoring": dict(scoring),
        "prediction": _about(prediction, wanted, "prediction"),
        "training": _about(weights, wanted, "weights"),
    }


def _about(record: Mapping[str, Any] | None, weights_sha256: Any, what: str) -> dict[str, Any] | None:
    if record is None:
        return None
    found = next((record[key] for key in SUM_OF_WEIGHTS if key in record), None)
    if found != weights_sha256:
        logger.warning("the record of the %s is about other weights than the scores, and left out of their provenance", what)
        return None
    return dict(record)
