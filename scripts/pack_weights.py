"""Pack trained weights as those that come with the project: the file, and a card that describes them."""

import argparse
import json
import logging
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from _command import run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing, write_text
from uplift_upsample.base.strict import to_mapping
from uplift_upsample.data.keypoints.to_model import Skeleton
from uplift_upsample.lift.known_weights import PACKAGED, weights_named

_LOG = logging.getLogger(__name__)
# Of the record of a training: where the weights come from, and nothing about where on a disk it was.
KEPT = (
    "identity",
    "epochs",
    "steps",
    "best_epoch",
    "readout_both",
    "seconds",
    "backend",
    "code_fingerprint",
    "device",
    "environment",
)


def training_record(weights: Path) -> dict[str, Any]:
    """The record beside some weights. Raises ``InputError`` where there is none."""
    path = weights.with_name("training.json")
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no record of a training ({error}); only weights that were trained here can be packed") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: no record of a training; only weights that were trained here can be packed")
    return record


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--weights",
        required=True,
        help="of a run: results/STUDY/EXPERIMENT/seed_0/weights.h5, with its scores below and its run.yaml above",
    )
    add("--name", required=True, help="what Uplifter.load calls them")
    add("--trained_on", required=True, help="whom they were trained on, in words")
    add("--skeleton", choices=get_args(Skeleton), help="whose joints they put out, if their data set leaves it open")
    add("--licence", required=True, help="of the weights, and whose data they were trained on")
    add("--output", default=str(PACKAGED), metavar="DIR", help="folder for {name}.h5 and {name}.json (in the library)")
    args = parser.parse_args(argv)
    known = weights_named(args.weights, skeleton=args.skeleton)
    if not known.card.mpjpe_mm:
        raise InputError(f"{args.weights}: no scores in s_in_*/ beside it; evaluate them first, so that the card has their error")
    record = training_record(known.path)
    errors = {s_in: round(error, 2) for s_in, error in known.card.mpjpe_mm.items()}
    card = replace(
        known.card,
        trained_on=args.trained_on,
        licence=args.licence,
        mpjpe_mm=errors,
        provenance={key: record[key] for key in KEPT if key in record},
    )
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{args.name}.h5") as aside:
        shutil.copyfile(known.path, aside)
    write_text(folder / f"{args.name}.json", json.dumps(to_mapping(card), indent=1) + "\n")
    _LOG.info("%s: %s", folder / f"{args.name}.h5", card.described)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
