"""Score saved predictions against the ground truth: all frames, key frames, and without learned upsampling."""

import argparse
import sys

from _command import run

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.records import (
    PredictionRecord,
    ScoringRecord,
    described_data,
    read_record,
    read_weights_record,
    write_record,
)
from uplift_upsample.base.strict import from_mapping
from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.evaluate.predictions import read_predictions
from uplift_upsample.evaluate.records import result_record
from uplift_upsample.evaluate.score_file import write_scores
from uplift_upsample.evaluate.scores import scores
from uplift_upsample.machine.meter import Meter
from uplift_upsample.machine.provenance import code_fingerprint, describe_run


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", required=True, metavar="H5", help="predictions of predict_poses.py")
    parser.add_argument("--frames", required=True, metavar="H5", help="the frames table that was predicted from")
    parser.add_argument(
        "--no_learned_upsampling",
        action="store_true",
        help="report as the result what interpolation between the predictions at multiples of s_in alone gives",
    )
    parser.add_argument("--output", required=True, metavar="JSON", help="scores and their protocol, millimetres")
    parser.add_argument("--provenance", metavar="JSON", help="record to write: how the scores came about, step by step")
    parser.add_argument("--prediction_record", metavar="JSON", help="record of the prediction, if there is one")
    parser.add_argument("--weights_record", metavar="JSON", help="record of the weights, if there is one")
    options = parser.parse_args(argv)
    meter = Meter()
    predictions = read_predictions(options.predictions)
    table = read_frames_table(options.frames)
    scored = scores(predictions, table, learned_upsampling=not options.no_learned_upsampling)
    write_scores(options.output, scored.document())
    if options.provenance:
        scoring = {
            "predictions_sha256": sha256_of_file(options.predictions),
            "data": described_data(table.sha256, table.metadata),
            "code_fingerprint": code_fingerprint(__file__),
            "environment": describe_run(),
            "measured": meter.read(),
        }
        prediction = read_record(options.prediction_record, PredictionRecord) if options.prediction_record else None
        weights = read_weights_record(options.weights_record) if options.weights_record else None
        step = from_mapping(ScoringRecord, scoring, "record of the scoring")
        write_record(options.provenance, result_record(options.output, step, scored.protocol, prediction, weights))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
