"""Human3.6M from the official archives: one subject of ``Poses_D3_Positions_S{n}.tgz`` in a file of our own, and the files of
all subjects joined in the layout of the public ``data_3d_h36m.npz``.

Source: docs/method.md, "Human3.6M".
"""

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing
from uplift_upsample.base.skeleton import H36M_32
from uplift_upsample.data.download.archives import Limits, read_members
from uplift_upsample.data.h36m.cdf import read_poses
from uplift_upsample.data.h36m.table import canonical_action
from uplift_upsample.data.plain_npz import PlainNpz, UnreadableError
from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.plan.h36m_subjects import SUBJECTS

_LOG = logging.getLogger(__name__)
_FORMAT = "uplift_upsample Human3.6M subject, version 1"
_FOLDERS = ("MyPoseFeatures", "D3_Positions")
_MAX_POSES = 16 << 30  # bytes; chosen: more than any archive needs, so that a damaged one is refused
_NUM_FILES = 30  # two recordings of each of the fifteen actions
_CORRUPT = {"S11": "Directions.cdf"}
_PUBLIC_NAMES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}
_FILE_NAME = re.compile(r"(\w+)( \d+)?\.cdf")
_LIMITS = Limits(max_member_bytes=256 << 20, max_total_bytes=16 << 30, max_members=10_000)  # real ones have some MB


@dataclass(frozen=True)
class SubjectPoses:
    """All recordings of a subject.

    recordings: action -> ``(T, 32, 3)`` float32 world metres in ``H36M_32`` order, 50 Hz. left_out: files of the archive that
    are known to be corrupt. source: name and SHA-256 of the archive.
    """

    subject: str
    recordings: Mapping[str, np.ndarray]
    left_out: Sequence[str]
    source: Mapping[str, str]


def read_archive(path: str | os.PathLike[str], subject: str, sha256: str) -> SubjectPoses:
    """Read a subject's archive. sha256: of the archive, from its manifest.

    Raises ``InputError``, naming archive and file, for an archive of another subject or of other data, a wrong number of
    files, an unknown action, and files whose content is not what it should be (see ``h36m.cdf.read_poses``).
    """
    if subject not in SUBJECTS:
        raise InputError(f"unknown subject {subject!r}; the subjects are {', '.join(SUBJECTS)}")
    poses: dict[str, np.ndarray] = {}
    left_out = []
    for member, content in read_members(path, _is_cdf, _LIMITS):
        file = _file_name(path, member, subject)
        if file == _CORRUPT.get(subject):
            left_out.append(file)
        else:
            poses[file] = read_poses(content, f"{path}: {member}")
    expected = _NUM_FILES - (subject in _CORRUPT)
    if len(poses) != expected:
        usual = f"{expected} ({_CORRUPT[subject]}, which is corrupt, does not count)" if subject in _CORRUPT else str(expected)
        raise InputError(f"{path}: {len(poses)} CDF files of {subject} instead of {usual}; get the archive again")
    # In the order of the file names. The public files' conversion takes the order in which the disk lists them, so there is
    # no original order to keep; this one does not depend on how an archive was packed.
    recordings: dict[str, np.ndarray] = {}
    for file in sorted(poses):
        name = _public_name(path, file)
        if name in recordings:
            raise InputError(f"{path}: {subject} has two recordings that are called {name!r}, one of them in {file}")
        recordings[name] = poses[file]
    num_frames = sum(map(len, recordings.values()))
    _LOG.info("%s: %d recordings, %d frames, left out: %s", subject, len(recordings), num_frames, ", ".join(left_out) or "none")
    return SubjectPoses(subject, recordings, left_out, {"file": os.path.basename(path), "sha256": sha256})


def _is_cdf(member: str) -> bool:
    # macOS adds ._Directions.cdf, which is not a CDF file
    return member.endswith(".cdf") and not PurePosixPath(member).name.startswith("._")


def _file_name(path: str | os.PathLike[str], member: str, subject: str) -> str:
    """``Walking 1.cdf`` of ``S1/MyPoseFeatures/D3_Positions/Walking 1.cdf``."""
    *folders, file = member.split("/")
    if folders[1:] == list(_FOLDERS) and folders[0] != subject:
        raise InputError(
            f"{path}: it holds {folders[0]} ({member}) in place of {subject}; the site's file numbers are not those "
            "of the subjects; the table of sources lists which file is whose"
        )
    expected = "/".join((subject, *_FOLDERS))
    if folders != [subject, *_FOLDERS]:
        raise InputError(f"{path}: {member} is not in {expected}; this is another archive, get Poses_D3_Positions_{subject}.tgz")
    return file


def _public_name(path: str | os.PathLike[str], file: str) -> str:
    """``Photo 1`` of ``TakingPhoto 1.cdf``."""
    match = _FILE_NAME.fullmatch(file)
    name = file.removesuffix(".cdf")
    if match:
        name = _PUBLIC_NAMES.get(match[1], match[1]) + (match[2] or "")
    try:
        canonical_action(name)
    except InputError as error:
        raise InputError(f"{path}: {file}: {error}") from None
    if not match:
        raise InputError(f"{path}: {file}: expected the name of an action and a number at most, such as 'Walking 1.cdf'")
    return name


def write_subject(path: str | os.PathLike[str], subject: SubjectPoses) -> None:
    """Write a subject to an ``.npz`` file without pickled objects; equal poses give equal bytes."""
    header = {
        "format": _FORMAT,
        "subject": subject.subject,
        "joints": H36M_32,
        "unit": "m",
        "axes": "world, z up",
        "frame_rate": FRAME_RATE,
        "recordings": [{"name": name, "frames": len(poses)} for name, poses in subject.recordings.items()],
        "left_out": list(subject.left_out),
        "source": dict(subject.source),
    }
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez(file, poses_3d=np.concatenate(list(subject.recordings.values())), header=np.array(json.dumps(header)))


def read_subject(path: str | os.PathLike[str]) -> SubjectPoses:
    """Read what ``write_subject`` wrote. Raises ``InputError`` for any other file."""
    try:
        file = PlainNpz(path)
        header = file.header("header", "recordings")
        poses_3d = file.numbers("poses_3d", ("frames", len(H36M_32), 3), _MAX_POSES)
        entries = [(entry.get("name"), entry.get("frames")) for entry in header["recordings"]]
        lengths = [length for _, length in entries if type(length) is int and length > 0]
        if header.get("format") != _FORMAT or sum(lengths) != len(poses_3d) or poses_3d.dtype != np.float32:
            raise UnreadableError("another format")
        names = {name for name, _ in entries if isinstance(name, str)}
        texts = [header.get("subject"), *header.get("left_out", [None])]
        if not len(names) == len(lengths) == len(entries) or not all(isinstance(text, str) for text in texts):
            raise UnreadableError("its header is not complete")
        starts = np.cumsum(lengths) - lengths
        parts = zip(entries, starts.tolist(), strict=True)
        recordings = {name: poses_3d[start : start + length] for (name, length), start in parts}
        return SubjectPoses(header["subject"], recordings, header["left_out"], header["source"])
    except (UnreadableError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a converted subject of Human3.6M ({error}); convert its archive again") from None


def join_subjects(paths: Sequence[str | os.PathLike[str]]) -> dict[str, dict[str, np.ndarray]]:
    """Subject -> action -> ``(T, 32, 3)`` float32 world metres, all seven subjects in the usual order, from files in any order.

    Raises ``InputError`` where one is missing or there twice.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for path in paths:
        subject = read_subject(path)
        if subject.subject not in SUBJECTS or subject.subject in found:
            problem = "occurs twice" if subject.subject in found else "is not a subject of Human3.6M"
            raise InputError(f"{path}: subject {subject.subject} {problem}; give one file for each of {', '.join(SUBJECTS)}")
        found[subject.subject] = dict(subject.recordings)
    missing = [subject for subject in SUBJECTS if subject not in found]
    if missing:
        raise InputError(f"no file of {', '.join(missing)} among {', '.join(map(str, paths)) or 'none'}; convert the archive first")
    return {subject: found[subject] for subject in SUBJECTS}
