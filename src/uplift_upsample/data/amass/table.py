"""AMASS: the converted subsets (17 joints of the SMPL regressor) into one frames table.

Source: docs/method.md, "AMASS".
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.cameras import Cameras, h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.skeleton import AMASS_17, AMASS_17_TO_MODEL, H36M_17, MODEL_17, joint_map
from uplift_upsample.data.checks import check_body_size, is_relative_to_pelvis
from uplift_upsample.data.frames import FramesTable, build_frames_table
from uplift_upsample.data.frames_stream import write_frames
from uplift_upsample.data.mocap.own_checks import is_plausible, stature, swapped_sides, uneven_limbs, wrong_axis
from uplift_upsample.data.public_npz import read_amass_subset
from uplift_upsample.data.recordings import FARTHEST, SequenceRecord
from uplift_upsample.data.resample import nominal_rate, rate_text
from uplift_upsample.data.windows import MAX_FRAME_RATE
from uplift_upsample.plan.amass_subsets import SPLITS, SUBSETS, meant_for_validation, subset_name
from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.plan.thresholds import DEFAULT_CHECKS, Checks

_LOG = logging.getLogger(__name__)
_SHOWN = 3  # sequences that a warning names; chosen, it must fit a few lines
_LOOKS = 5.0  # poses a second that are looked at; chosen: people change little in a fifth of a second


def amass_table(files: Sequence[str | os.PathLike[str]], checks: Checks = DEFAULT_CHECKS) -> FramesTable:
    """Read files ``{subset}.npz``, each one subset under any of its names (``amass_subsets``), into a frames table.

    The subsets are the table's subjects. They come in alphabetical order whatever the order of the argument, because the
    published sampler shuffles rows that lie in that order; the sequences of a subset, named ``person/sequence``, stay in
    file order. A subset that does not come from AMASS, such as the user's own motion capture, belongs to the training split; a
    warning names such subsets, and those of AMASS that are missing. Another one names sequences without frames, which are left out.
    There are no 2D poses: the table has the 28 cameras of Human3.6M for projecting, and one video for each sequence, without a
    camera.

    Raises ``InputError`` that names all files that are missing, two files of one subset, and an unknown one that may be meant for
    validation; for a frame rate that is not a multiple of 50 Hz, values that are not finite, and people of an impossible size, it
    names file and sequence.
    """
    return build_frames_table(*_table_parts(files, checks))


def write_amass_table(
    path: str | os.PathLike[str],
    files: Sequence[str | os.PathLike[str]],
    progress: Callable[[int], object] = lambda frames: None,
    checks: Checks = DEFAULT_CHECKS,
) -> None:
    """Write ``amass_table`` to a file without ever having it in memory: only one subset is. progress: gets the frames of each
    recording."""
    write_frames(path, *_table_parts(files, checks), progress)


def _table_parts(
    files: Sequence[str | os.PathLike[str]], checks: Checks
) -> tuple[Iterator[SequenceRecord], Cameras, dict[str, Any]]:
    """Recordings, cameras and metadata of the table."""
    paths = _by_subset(files)
    subsets = list(paths)
    _warn_about(subsets)
    metadata = {
        "dataset": "amass",
        "input_2d": None,
        "splits": {
            "train": [subset for subset in subsets if subset not in SPLITS["val"]],
            "val": [subset for subset in subsets if subset in SPLITS["val"]],
        },
        "actions": subsets,
        "sources": [{"file": path.name, "sha256": sha256_of_file(path)} for path in paths.values()],
    }
    records = (record for subset, path in paths.items() for record in _records(subset, path, checks))
    return records, h36m_cameras(), metadata


def _by_subset(files: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for path in sorted({Path(file) for file in files}, key=lambda path: (subset_name(path.stem), str(path))):
        subset = subset_name(path.stem)
        if subset in paths:
            is_one_name = paths[subset].stem == path.stem
            what = f"named {subset}; name each file as its subset" if is_one_name else f"the subset {subset}; leave out one of them"
            raise InputError(f"AMASS: {paths[subset]} and {path} are both {what}")
        if likely := meant_for_validation(path.stem):
            raise InputError(
                f"AMASS: {path}: no subset has this name, and unknown subsets are trained on; rename it to {likely} if it is that "
                "validation subset, otherwise to something less similar"
            )
        paths[subset] = path
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise InputError(f"AMASS: no such file: {', '.join(missing)}; convert these subsets, or take them out of the list of files")
    if not paths:
        raise InputError("AMASS: the list of files is empty")
    return paths


def _warn_about(subsets: Sequence[str]) -> None:
    """One line about subsets that may be missing, or be there, by mistake."""
    missing = [subset for subset in SUBSETS if subset not in subsets]
    unknown = [subset for subset in subsets if subset not in SUBSETS]
    remarks = [f"without {', '.join(missing)}"] if missing else []
    remarks += [f"trained on as unknown subsets: {', '.join(unknown)}"] if unknown else []
    if remarks:
        _LOG.warning("AMASS: %d of the %d published subsets; %s", len(subsets) - len(unknown), len(SUBSETS), "; ".join(remarks))


def _records(subset: str, path: Path, checks: Checks) -> Iterator[SequenceRecord]:
    empty: list[str] = []
    sizes: list[float] = []
    doubts: list[str] = []
    for person, sequences in read_amass_subset(path).items():
        for name, sequence in sequences.items():
            where, rate = f"{path}: {person}/{name}", nominal_rate(sequence["frame_rate"])
            poses_3d = sequence["positions_3d"]
            if not len(poses_3d):
                empty.append(f"{person}/{name}")
                continue
            if not FRAME_RATE <= rate <= MAX_FRAME_RATE or rate % FRAME_RATE != 0:
                raise InputError(
                    f"{where} has {rate_text(rate)} Hz, which is not a multiple of {FRAME_RATE:g} Hz; "
                    f"resample it to {FRAME_RATE:g} Hz first"
                )
            is_finite = np.isfinite(poses_3d).all((1, 2))
            if not is_finite.all():
                raise InputError(f"{where}, frame {int(np.argmin(is_finite))} has a coordinate that is NaN or infinite")
            if max(poses_3d.max(), -poses_3d.min()) > FARTHEST:
                raise InputError(f"{where} has a coordinate beyond {FARTHEST:g} m, where no person is; convert the subset again")
            sizes.append(check_body_size(where, poses_3d, checks))
            poses_3d = poses_3d[:, AMASS_17_TO_MODEL]
            if is_relative_to_pelvis(poses_3d):
                raise InputError(f"{where}: the pelvis is (0, 0, 0) in all frames; positions must be those in the room")
            if doubt := _doubt(poses_3d, rate):
                doubts.append(f"{where}: {doubt}")
            yield SequenceRecord(
                subject=subset,
                name=f"{person}/{name}",
                action=subset,
                poses_3d=poses_3d,
                frame_rate=rate,
            )
    if len(doubts) > len(sizes) / 2:  # somebody may lie down or stand on his hands, but not most of the time
        raise InputError(f"{len(doubts)} of {len(sizes)} sequences cannot be people in the room: {doubts[0]}")
    if not sizes:
        raise InputError(f"{path}: there are no frames in any of its {len(empty)} sequences; convert the subset again")
    if empty:
        named = ", ".join(empty[:_SHOWN]) + (", ..." if len(empty) > _SHOWN else "")
        _LOG.warning("%s: %d of %d sequences have no frames and are left out: %s", path, len(empty), len(empty) + len(sizes), named)
    _LOG.info("%s: people measure %.2f to %.2f m", path, min(sizes), max(sizes))


def _doubt(poses_3d: np.ndarray, frame_rate: float) -> str | None:
    """What speaks against poses ``(T, 17, 3)`` being those of a person, z up, in the order of AMASS_17; None where nothing does."""
    few = poses_3d[:: max(1, round(frame_rate / _LOOKS))].astype(np.float64)
    if uneven := uneven_limbs(few):
        for name, order in (("Human3.6M's 17", H36M_17), ("the published weights'", MODEL_17)):
            otherwise = few[:, joint_map(MODEL_17, AMASS_17)][:, joint_map(order, MODEL_17)]
            if uneven_limbs(otherwise) is None:
                return f"{uneven}; the joints are likely in {name} order"
        return None  # nobody's numbers, in whatever order
    if not is_plausible(stature(few)):
        return None
    turned = wrong_axis(few, "z")
    return f"{turned.partition(' if ')[0]}: z must be up" if turned else swapped_sides(few, _LOOKS)
