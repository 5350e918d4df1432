"""The frames table of the CMU motion capture database: real people, simulated cameras and detections (``simulated_table``)."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.detections import DetectionNoise
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.mocap.cmu import ACKNOWLEDGEMENT, LICENCE
from uplift_upsample.data.mocap.cmu_clips import read_clips
from uplift_upsample.data.mocap.cmu_trials import ACTIONS
from uplift_upsample.data.mocap.simulated_table import simulated_table


def cmu_table(
    paths: Sequence[str | os.PathLike[str]],
    splits: Mapping[str, Sequence[str]],
    seed: int = 0,
    noise: DetectionNoise | None = None,
) -> FramesTable:
    """Merge the clips of all subjects into a frames table with simulated detections.

    paths: files of ``cmu_clips.write_clips``; subjects are sorted by number. Other arguments and errors as in
    ``simulated_table``; unreadable files raise ``InputError`` too. The metadata also hold the acknowledgement that the
    database asks for.
    """
    subjects = sorted((read_clips(path) for path in paths), key=lambda subject: (len(subject.subject), subject.subject))
    metadata = {
        "dataset": "cmu",
        "actions": list(ACTIONS),
        "sources": [{"file": Path(path).name, "sha256": sha256_of_file(path)} for path in sorted(paths, key=os.fspath)],
        "licence": LICENCE,
        "acknowledgement": ACKNOWLEDGEMENT,
    }
    return simulated_table(subjects, splits, seed, noise, metadata)
