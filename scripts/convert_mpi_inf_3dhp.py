"""Convert the two public files of MPI-INF-3DHP into a frames table."""

import argparse
import sys

from _command import add_checks_flags, checks_of, run

from uplift_upsample.base.progress import ConversionProgress
from uplift_upsample.data.mpi_inf_3dhp.originals import FIELDS
from uplift_upsample.data.mpi_inf_3dhp.table import write_mpi_inf_3dhp_table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--train", required=True, metavar="NPZ", help="data_train_3dhp.npz, as P-STMO's converter writes it")
    add("--test", required=True, metavar="NPZ", help="data_test_3dhp.npz")
    add("--annotations", choices=FIELDS, default="universal", help="which 3D poses these are (%(default)s)")
    add("--test_frame_rate", type=int, choices=[25, 50], default=25, help="frames a second of the test videos (%(default)s)")
    add("--output", required=True, metavar="H5", help="frames table to write")
    add_checks_flags(parser)
    options = parser.parse_args(argv)
    with ConversionProgress("mpi_inf_3dhp") as progress:
        write_mpi_inf_3dhp_table(
            options.output,
            options.train,
            options.test,
            options.annotations,
            options.test_frame_rate,
            progress.step,
            checks_of(options),
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
