"""Archives like the official ones of Human3.6M, with recorded people of another database: real CDF files under the true names.

30 files a subject, two takes of each action, world millimetres; one file of S11 is corrupt, as in the
original. Equal arguments give equal bytes.
"""

import gzip
import io
import re
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cdflib.cdfwrite import CDF
from world.people import motion

from uplift_upsample.plan.h36m_subjects import ACTIONS, SUBJECTS

CORRUPT = ("S11", "Directions")
_OLD_NAMES = {"Photo": "TakingPhoto", "WalkDog": "WalkingDog"}
_OLD_SUBJECTS = ("S1", "S7")  # whose files bear the old names
_TAKES = (("", " 1"), (" 1", " 2"), ("", " 2"), (" 2", " 3"))  # as the actions of the originals are numbered
_FLOAT, _DOUBLE = 44, 45  # of CDF

Recordings = dict[str, np.ndarray]
Member = tuple[str | tarfile.TarInfo, bytes | None]


@cache
def recordings(subject: str, seed: int, lengths: tuple[int, int]) -> Recordings:
    """Original file name without suffix -> ``(T, 32, 3)`` float32 world millimetres, for the 30 files of a subject."""
    number = SUBJECTS.index(subject)
    poses: Recordings = {}
    for index, action in enumerate(ACTIONS):
        name = _OLD_NAMES.get(action, action) if subject in _OLD_SUBJECTS else action
        # S11 has a file of the bare name Directions, the corrupt one
        takes = _TAKES[(number + index) % len(_TAKES)] if (subject, action) != CORRUPT else _TAKES[0]
        for take_number, take in enumerate(takes):
            rng = np.random.default_rng([seed, number, index, take_number])
            num_frames = int(rng.integers(*lengths, endpoint=True))
            poses[name + take] = motion(num_frames, seed, number, index, take_number) * np.float32(1000)
    return poses


def public_recordings(subject: str, poses: Mapping[str, np.ndarray]) -> Recordings:
    """What the conversion has to make of ``recordings``: public names, metres, without the corrupt one, in order of the files."""
    kept = sorted(f"{name}.cdf" for name in poses if (subject, name) != CORRUPT)
    names = {name: re.sub("^TakingPhoto", "Photo", re.sub("^WalkingDog", "WalkDog", name)) for name in poses}
    return {names[file[:-4]]: poses[file[:-4]] / np.float32(1000) for file in kept}


def h36m_archives(
    folder: Path, seed: int = 0, lengths: tuple[int, int] = (30, 60), subjects: Sequence[str] = SUBJECTS
) -> dict[str, Path]:
    """Write the archives of some subjects under their true names: name of the source (``h36m_S1``) -> path."""
    paths = {}
    for subject in subjects:
        path = folder / f"Poses_D3_Positions_{subject}.tgz"
        write_archive(path, subject, recordings(subject, seed, lengths))
        paths[f"h36m_{subject}"] = path
    return paths


def write_archive(
    path: Path,
    subject: str,
    poses: Mapping[str, np.ndarray],
    level: int = 6,
    prefix: str = "",
    extra: Iterable[Member] = (),
    **cdf: Any,
) -> None:
    """Write one archive. prefix: before each name, such as ``./``. extra: more members. cdf: arguments of ``cdf_bytes``."""
    folder = f"{prefix}{subject}/MyPoseFeatures/D3_Positions"
    members: list[Member] = []
    for name, values in poses.items():
        content = cdf_bytes(values, **cdf)
        members.append((f"{folder}/{name}.cdf", content[: len(content) // 2] if (subject, name) == CORRUPT else content))
    write_members(path, [*members, *extra], level)


def write_members(path: Path, members: Iterable[Member], level: int = 6) -> None:
    """Write a ``.tgz`` file without times and owners."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", level, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for entry, content in members:
            info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))


def cdf_bytes(
    values: np.ndarray,
    variable: str = "Pose",
    kind: str = "zVariable",
    compressed_file: bool = False,
    compressed_variable: bool = False,
    column_major: bool = False,
    frame_records: bool = False,
) -> bytes:
    """A CDF file with one variable ``(1, T, 96)``, float32 or float64 as the values are. frame_records: ``(T, 96)``."""
    data = values.reshape(len(values), -1) if frame_records else values.reshape(1, len(values), -1)
    sizes = list(data.shape[1:])
    if column_major:
        data = np.ascontiguousarray(np.moveaxis(data, 1, -1)).reshape(data.shape)
    layout: dict[str, Any] = {
        "Majority": "column_major" if column_major else "row_major",
        "Compressed": 6 if compressed_file else 0,
    }
    if kind == "rVariable":
        layout["rDim_sizes"] = sizes
    described = {
        "Variable": variable,
        "Data_Type": _DOUBLE if values.dtype == np.float64 else _FLOAT,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": sizes,
        "Dim_Vary": [True] * len(sizes),
        "Var_Type": kind,
        "Compress": 6 if compressed_variable else 0,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poses.cdf"
        with CDF(path, layout) as file:
            file.write_var(described, var_data=data)
        return path.read_bytes()
