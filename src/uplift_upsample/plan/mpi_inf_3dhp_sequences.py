"""The people and sequences of MPI-INF-3DHP, their splits, and where the data set's own script puts their annotations.

Source: docs/method.md, "MPI-INF-3DHP"; rates and frames are those of the data set's ``mpii_get_sequence_info``.
"""

from typing import NamedTuple


class Recorded(NamedTuple):
    """Frames that have a picture, which annotations may go beyond; frames a second."""

    frames: int
    frame_rate: float


# fmt: off
TRAIN = {
    "S1 Seq1": Recorded(6416, 25), "S1 Seq2": Recorded(12430, 50), "S2 Seq1": Recorded(6502, 25), "S2 Seq2": Recorded(6081, 25),
    "S3 Seq1": Recorded(12488, 50), "S3 Seq2": Recorded(12283, 50), "S4 Seq1": Recorded(6171, 25), "S4 Seq2": Recorded(6675, 25),
    "S5 Seq1": Recorded(12820, 50), "S5 Seq2": Recorded(12312, 50), "S6 Seq1": Recorded(6188, 25), "S6 Seq2": Recorded(6145, 25),
    "S7 Seq1": Recorded(6239, 25), "S7 Seq2": Recorded(6320, 25), "S8 Seq1": Recorded(6468, 25), "S8 Seq2": Recorded(6054, 25),
}
# fmt: on
TEST = ("TS1", "TS2", "TS3", "TS4", "TS5", "TS6")
CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)  # of the 14 those that everybody trains with
SUBJECTS = tuple(dict.fromkeys(name.partition(" ")[0] for name in TRAIN))
SPLITS = {"train": SUBJECTS[:-1], "val": SUBJECTS[-1:], "trainval": SUBJECTS, "test": TEST}
ANNOTATIONS_OF_TRAIN = tuple(f"{name.replace(' ', '/')}/annot.mat" for name in TRAIN)
ANNOTATIONS_OF_TEST = tuple(f"mpi_inf_3dhp_test_set/{name}/annot_data.mat" for name in TEST)
