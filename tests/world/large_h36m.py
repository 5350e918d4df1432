"""Human3.6M of any size, as public files or as a frames table, from recorded people of another database.

A few minutes of motion are projected once; every recording is a view into them with a start and a length of its own,
so that files of gigabytes are written as a stream, in the memory of those minutes.
"""

import zlib
from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import numpy as np
from world.people import motion

from uplift_upsample.base.cameras import h36m_cameras, normalise_points
from uplift_upsample.base.skeleton import H36M_17_TO_MODEL, H36M_32_TO_MODEL
from uplift_upsample.data.frames_stream import write_frames
from uplift_upsample.data.h36m.projections import projections
from uplift_upsample.data.public_npz import write_positions_2d, write_positions_3d
from uplift_upsample.data.recordings import SequenceRecord
from uplift_upsample.plan.h36m_subjects import ACTIONS, SPLITS, SUBJECTS

_TAKES = 2  # of each action and subject, as in the original
_FRAMES, _VARIATION = 2512, 300  # of a recording: with 7 subjects, 15 actions and 4 cameras 2.1 million camera frames
_MOTION = 800  # frames of each action

Recordings = dict[str, dict[str, list[np.ndarray]]]


def write_large_h36m(folder: Path, times: int) -> tuple[Path, Path]:
    """Write ``data_3d_h36m.npz`` and ``data_2d_h36m_gt.npz``, ``times`` as large as Human3.6M, in two processes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "data_3d_h36m.npz", folder / "data_2d_h36m_gt.npz"
    context = get_context("spawn")
    writers = [context.Process(target=write, args=(path, times)) for path, write in zip(paths, (_write_3d, _write_2d), strict=True)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    return paths


def write_large_table(path: Path, times: int) -> None:
    """Write the frames table that these files lead to, without the files (and without their names among its sources)."""
    splits = {name: list(subjects) for name, subjects in SPLITS.items()}
    metadata = {
        "dataset": "h36m",
        "input_2d": "gt",
        "splits": splits,
        "actions": list(ACTIONS),
        "sources": [],
    }
    write_frames(path, _records(times), h36m_cameras(), metadata)


def _records(times: int) -> Iterator[SequenceRecord]:
    whole, cameras = _motion(), h36m_cameras()
    for subject in SUBJECTS:
        views = [index for index, name in enumerate(cameras.names) if name.split("/")[0] == subject]
        arrays = [whole[:, H36M_32_TO_MODEL]]
        for view, poses_px in zip(views, projections({subject: {"": whole}})[subject][""], strict=True):
            width, height = cameras.intrinsics[view, :2].tolist()
            arrays.append(normalise_points(poses_px[:, H36M_17_TO_MODEL], width, height))
        # the draws of all subjects, so that this one has the lengths that it has in the files
        recordings = _recordings(dict.fromkeys(SUBJECTS, arrays), times)[subject]
        for name, (poses_3d, *poses_2d) in recordings.items():
            yield SequenceRecord(subject, name, name.split(" ")[0], poses_3d, poses_2d, views)


def _write_3d(path: Path, times: int) -> None:
    whole = _motion()
    recordings = _recordings({subject: [whole] for subject in SUBJECTS}, times)
    with _quick_deflate():
        write_positions_3d(path, {subject: {name: poses for name, [poses] in own.items()} for subject, own in recordings.items()})


def _write_2d(path: Path, times: int) -> None:
    views = projections({subject: {"": _motion()} for subject in SUBJECTS})
    with _quick_deflate():
        write_positions_2d(path, _recordings({subject: own[""] for subject, own in views.items()}, times))


def _motion() -> np.ndarray:
    rng = np.random.default_rng(0)
    whole = np.concatenate([motion(_MOTION, number) for number in range(len(ACTIONS))])
    return whole + rng.normal(scale=1e-3, size=whole.shape).astype(np.float32)  # as hard to compress as the real thing


def _recordings(motions: Mapping[str, list[np.ndarray]], times: int) -> Recordings:
    """Subject -> name -> views of the subject's arrays: the same rows in 3D and 2D."""
    rng = np.random.default_rng(1)
    found: Recordings = {}
    for subject, arrays in motions.items():
        found[subject] = {}
        for action in ACTIONS:
            for take in range(_TAKES * times):
                length = _FRAMES + int(rng.integers(-_VARIATION, _VARIATION))
                start = int(rng.integers(len(arrays[0]) - length))
                found[subject][f"{action} {take + 1}"] = [array[start : start + length] for array in arrays]
    return found


def _quick_deflate() -> mock._patch:
    """Files are read as quickly whatever they were compressed with; written they are three times as quickly like this."""
    compressor = zlib.compressobj
    return mock.patch("zipfile.zlib.compressobj", lambda level, *arguments: compressor(1, *arguments))
