"""Score the baseline that knows nothing: the mean training pose, predicted for every test frame."""

import argparse
import sys

from _command import run

from uplift_upsample.base.records import ScoringRecord, described_data, write_record
from uplift_upsample.base.strict import from_mapping
from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.evaluate.records import result_record
from uplift_upsample.evaluate.score_file import write_scores
from uplift_upsample.evaluate.scores import mean_pose_scores
from uplift_upsample.machine.meter import Meter
from uplift_upsample.machine.provenance import code_fingerprint, describe_run


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", required=True, metavar="H5", help="frames table with ground truth and cameras")
    parser.add_argument("--train_subset", required=True, help="split or subjects whose poses are averaged, such as trainval")
    parser.add_argument("--test_subset", required=True, help="split or subjects to score on, such as test or S9,S11")
    parser.add_argument("--output", required=True, metavar="JSON", help="scores and their protocol, millimetres")
    parser.add_argument("--provenance", metavar="JSON", help="record to write: how the scores came about")
    options = parser.parse_args(argv)
    meter = Meter()
    table = read_frames_table(options.frames)
    scored = mean_pose_scores(table, options.train_subset, options.test_subset)
    write_scores(options.output, scored.document())
    if options.provenance:
        scoring = {
            "data": described_data(table.sha256, table.metadata),
            "code_fingerprint": code_fingerprint(__file__),
            "environment": describe_run(),
            "measured": meter.read(),
        }
        step = from_mapping(ScoringRecord, scoring, "record of the scoring")
        write_record(options.provenance, result_record(options.output, step, scored.protocol))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
