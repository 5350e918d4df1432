"""Put the beginnings of a few sequences, predictions and ground truth, into one small JSON file for a study's page."""

import argparse
import sys

from _command import run

from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.evaluate.predictions import read_predictions
from uplift_upsample.report.page.poses import SECONDS, planned_tracks, selected_poses, write_poses


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--plan",
        required=True,
        metavar="JSON",
        help="list of evaluations: experiment, run, s_in, paths of predictions and frames, names of sequences",
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of the beginnings (default: %(default)s)")
    parser.add_argument("--output", required=True, metavar="FILE", help="JSON file to write")
    options = parser.parse_args(argv)
    tracks = planned_tracks(options.plan)
    write_poses(options.output, selected_poses(tracks, read_frames_table, read_predictions, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
