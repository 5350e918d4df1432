"""Join the subjects of Human3.6M in the public files: the 3D poses, and their projections as 2D ground truth."""

import argparse
import sys

from _command import run

from uplift_upsample.base.files import replacing
from uplift_upsample.data.h36m.archives import join_subjects
from uplift_upsample.data.h36m.projections import projections
from uplift_upsample.data.public_npz import write_positions_2d, write_positions_3d


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", required=True, nargs="+", help="files from convert_h36m_archive.py, one for each subject")
    parser.add_argument("--poses_3d", required=True, help="data_3d_h36m.npz to write")
    parser.add_argument("--poses_2d", required=True, help="data_2d_h36m_gt.npz to write")
    args = parser.parse_args(argv)
    positions_3d = join_subjects(args.subjects)
    # both appear at the end: files of different runs must not stand side by side
    with replacing(args.poses_3d) as poses_3d, replacing(args.poses_2d) as poses_2d:
        write_positions_3d(poses_3d, positions_3d)
        write_positions_2d(poses_2d, projections(positions_3d))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
