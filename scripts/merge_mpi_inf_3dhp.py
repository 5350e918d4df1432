"""Make the two public files of MPI-INF-3DHP out of its original annotations."""

import argparse
import sys

from _command import run

from uplift_upsample.base.files import replacing
from uplift_upsample.data.mpi_inf_3dhp.originals import FIELDS, test_data, train_data
from uplift_upsample.data.mpi_inf_3dhp.public_files import write_public_file


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", required=True, metavar="DIR", help="of S1/Seq1/annot.mat, mpi_inf_3dhp_test_set/TS1/annot_data.mat"
    )
    parser.add_argument(
        "--annotations", choices=FIELDS, default="universal", help="bodies of one size, or people's own (%(default)s)"
    )
    parser.add_argument("--train", required=True, metavar="NPZ", help="data_train_3dhp.npz to write")
    parser.add_argument("--test", required=True, metavar="NPZ", help="data_test_3dhp.npz to write")
    options = parser.parse_args(argv)
    test = test_data(options.folder, options.annotations)  # the small part first: what is missing there shows at once
    # both appear at the end: files of different runs must not stand side by side
    with replacing(options.test) as aside_test, replacing(options.train) as aside_train:
        write_public_file(aside_test, test, options.annotations)
        write_public_file(aside_train, train_data(options.folder, options.annotations), options.annotations)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
