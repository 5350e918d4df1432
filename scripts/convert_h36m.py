"""Convert the public Human3.6M files into a frames table."""

import argparse
import sys

from _command import add_checks_flags, checks_of, run

from uplift_upsample.base.progress import ConversionProgress
from uplift_upsample.data.download.source_files import read_source
from uplift_upsample.data.h36m.table import write_h36m_table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses_3d", required=True, metavar="NPZ", help="data_3d_h36m.npz, 3D poses in VideoPose3D's layout")
    parser.add_argument(
        "--poses_2d",
        required=True,
        metavar="NPZ",
        help="data_2d_h36m_*.npz, 2D poses of the four cameras in pixels, or the manifest of a fetched one (.json)",
    )
    parser.add_argument("--input_2d", required=True, metavar="NAME", help="name of the 2D source, such as cpn_ft_h36m_dbb or gt")
    parser.add_argument("--output", required=True, metavar="H5", help="frames table to write")
    add_checks_flags(parser)
    options = parser.parse_args(argv)
    checks = checks_of(options)
    poses_2d = read_source(options.poses_2d).path if options.poses_2d.endswith(".json") else options.poses_2d
    with ConversionProgress("h36m") as progress:
        write_h36m_table(options.output, options.poses_3d, poses_2d, options.input_2d, progress.step, checks)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
