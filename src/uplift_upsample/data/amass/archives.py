"""One AMASS subset from its official archive: every recording posed, regressed to 17 joints and resampled to 50 Hz.

Nothing is unpacked to the disk; one recording after the other goes through memory, and only its joints stay.
Source: docs/method.md, "AMASS".
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_csv
from uplift_upsample.data.amass.body_model import BodyModel
from uplift_upsample.data.amass.body_pose import joints
from uplift_upsample.data.amass.recording import AmassRecording, UnusableError, WrongModelError, read_recording
from uplift_upsample.data.download.archives import read_members
from uplift_upsample.data.public_npz import AmassSequence
from uplift_upsample.data.resample import official_count, rate_text, resample
from uplift_upsample.plan.amass_subsets import SUBSETS, is_same_subset, subset_name
from uplift_upsample.plan.experiment import FRAME_RATE

_LOG = logging.getLogger(__name__)

_RECORDING = "_poses.npz"
_OTHER_RECORDINGS = ("_stageii.npz", "_stagei.npz")  # of the SMPL-X archives
_ONLY = 'only the archives under "SMPL+H G" of the download page fit'


@dataclass(frozen=True)
class ReportRow:
    """What became of one file. frames: of the recording, before resampling; frame_rate: Hz; reason: why it was skipped."""

    file: str
    frames: int | None
    frame_rate: float | None
    status: str
    reason: str


@dataclass(frozen=True)
class ConvertedSubset:
    """Person -> sequence -> joints, both sorted by name; and a row for each recording of the archive, sorted by file."""

    subset: str
    people: Mapping[str, Mapping[str, AmassSequence]]
    report: Sequence[ReportRow]


def convert_archive(
    path: str | os.PathLike[str], subset: str, model: BodyModel, progress: Callable[[int], object] = lambda frames: None
) -> ConvertedSubset:
    """Convert the archive of a subset.

    subset: any name of it. progress: called after each recording with its frames. Recordings that lack a field, hold
    values that are NaN or infinite, are slower than 50 Hz or too short for one frame are skipped, and listed with the reason.

    Raises ``InputError`` for a damaged archive, for one of another subset or another body model, and when no recording is usable.
    """
    subset = subset_name(subset)
    people: dict[str, dict[str, AmassSequence]] = {}
    report: list[ReportRow] = []
    for name, content in read_members(path, _is_recording):
        person, sequence = _place(path, name, subset)
        try:
            recording = read_recording(content)
        except WrongModelError as error:
            raise InputError(f"{path}: {name} {error}; {_ONLY}, those for SMPL+H") from None
        except UnusableError as error:
            report.append(ReportRow(name, error.frames, error.frame_rate, "skipped", str(error)))
            progress(0)
            continue
        sequences = people.setdefault(person, {})
        if sequence in sequences:
            raise InputError(f"{path}: it has two recordings {person}/{sequence}; get the archive from its publisher")
        sequences[sequence] = {"positions_3d": _joints_50_hz(model, recording), "frame_rate": FRAME_RATE}
        report.append(ReportRow(name, len(recording.poses), recording.frame_rate, "converted", ""))
        progress(len(recording.poses))
    # Archives are packed in the order of somebody's disk. The order of the sequences is that of the rows that training shuffles,
    # so it must not depend on when an archive was packed.
    in_order = {person: dict(sorted(sequences.items())) for person, sequences in sorted(people.items())}
    converted = ConvertedSubset(subset, in_order, sorted(report, key=lambda row: row.file))
    _check_and_log(path, converted)
    return converted


def write_report(path: str | os.PathLike[str], report: Sequence[ReportRow]) -> None:
    """A CSV file with a row for each recording: ``file,frames,frame_rate,status,reason``; unknown numbers are empty."""
    rows = [
        (row.file, row.frames, None if row.frame_rate is None else rate_text(row.frame_rate), row.status, row.reason)
        for row in report
    ]
    write_csv(path, ["file", "frames", "frame_rate", "status", "reason"], rows)


def _is_recording(name: str) -> bool:
    file = PurePosixPath(name).name
    return file.endswith((_RECORDING, *_OTHER_RECORDINGS)) and not file.startswith("._")  # what macOS adds to archives


def _place(path: str | os.PathLike[str], name: str, subset: str) -> tuple[str, str]:
    """Person and sequence of a member ``{folder}/{person}/{sequence}_poses.npz``; the folder must be one of the subset."""
    if name.endswith(_OTHER_RECORDINGS):
        raise InputError(f"{path}: {name} is a recording for SMPL-X; {_ONLY}, those for SMPL+H")
    *folders, file = PurePosixPath(name).parts
    # the last folder that bears the name, because some archives have it twice; a person's folder is below it
    place = max((index for index, folder in enumerate(folders[:-1]) if is_same_subset(folder, subset)), default=None)
    if place is None:
        if folders and is_same_subset(folders[-1], subset):
            usual = f"{subset}/{{person}}/{{sequence}}{_RECORDING}"
            raise InputError(f"{path}: {name} lies in the folder of no person; the archive of {subset} has {usual}")
        found = subset_name(folders[0]) if folders else name
        what = f"the subset {found}" if found in SUBSETS else f"a folder {found}"
        raise InputError(f"{path}: it holds {what} ({name}), not {subset}; give the archive of {subset}")
    return "/".join(folders[place + 1 :]), file.removesuffix(".npz")  # as the public conversion names it


def _joints_50_hz(model: BodyModel, recording: AmassRecording) -> np.ndarray:
    poses_3d = joints(model, recording.gender, recording.poses, recording.betas, recording.dmpls, recording.trans)
    return resample(poses_3d, recording.frame_rate, count=official_count)


def _check_and_log(path: str | os.PathLike[str], converted: ConvertedSubset) -> None:
    reasons = Counter(row.reason for row in converted.report if row.status == "skipped")
    often = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    skipped = "; ".join([f"{count} x {reason}" for reason, count in often[:3]] + ["..."] * (len(often) > 3))
    if not converted.people:
        why = f"all {len(converted.report)} are unusable ({skipped})" if converted.report else f"none is named *{_RECORDING}"
        raise InputError(f"{path}: no recording can be used, {why}; get the archive of {converted.subset}, {_ONLY}")
    sequences = [sequence for people in converted.people.values() for sequence in people.values()]
    frames = sum(len(sequence["positions_3d"]) for sequence in sequences)
    _LOG.info(
        "%s: %d recordings of %d people, %d frames at %g Hz; %d skipped%s",
        *(converted.subset, len(sequences), len(converted.people), frames, FRAME_RATE, reasons.total()),
        f" ({skipped})" if skipped else "",
    )
