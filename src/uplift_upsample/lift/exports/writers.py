"""Which file formats lifted poses can be written in."""

from collections.abc import Callable, Mapping
from pathlib import Path

from uplift_upsample.lift.exports.bvh import write_bvh
from uplift_upsample.lift.exports.plain import write_csv, write_json, write_npz
from uplift_upsample.lift.exports.trc import write_trc
from uplift_upsample.lift.lifted import LiftedPoses

# A writer returns what is to be known of its file, or "".
WRITERS: Mapping[str, Callable[[Path, LiftedPoses], str]] = {
    ".npz": write_npz,
    ".csv": write_csv,
    ".json": write_json,
    ".bvh": write_bvh,
    ".trc": write_trc,
}
