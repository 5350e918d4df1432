"""A folder of the user's own motion capture, ``{subject}/{recording}.npz`` or ``{subject}.npz``: a subset for pre-training, or a
data set of its own.

Recordings go the way of the CMU database: without jumps (``glitches``), at 50 Hz (``resample``), where the cameras of
Human3.6M look (``capture_space``).
"""

import glob
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.skeleton import AMASS_17, MODEL_17, joint_map
from uplift_upsample.data.detections import DetectionNoise
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.mocap.capture_space import place_in_capture_space
from uplift_upsample.data.mocap.clips import MocapClip, SubjectClips
from uplift_upsample.data.mocap.glitches import remove_glitches
from uplift_upsample.data.mocap.own import ANY_ACTION, LOWEST_RATE, Recording, Verdict, is_name, judge
from uplift_upsample.data.mocap.simulated_table import simulated_table
from uplift_upsample.data.plain_npz import PlainNpz, UnreadableError
from uplift_upsample.data.public_npz import AmassSequence
from uplift_upsample.data.resample import resample
from uplift_upsample.plan.experiment import FRAME_RATE

_LOG = logging.getLogger(__name__)
_TO_AMASS_17 = joint_map(MODEL_17, AMASS_17)
_MAX_TEXT = 1 << 20  # bytes of a list of names; chosen: thousands of lines


@dataclass(frozen=True)
class Judged:
    """A file of a folder with its subject and its name, each in a text, and what was found in it.

    file: its path in the folder, with slashes. subject: empty where neither folder nor file names one. name: of the recording
    in a file of one.
    """

    path: Path
    file: str
    subject: str
    name: str
    verdict: Verdict


def judge_folder(folder: str | os.PathLike[str]) -> Iterator[Judged]:
    """Check the recordings of a folder, one after the other, sorted by path.

    A file in a folder is of the subject that its folder names; a file beside the folders must name its subject itself.
    A file without frames has a warning instead of a fault, and no recording. Raises ``InputError`` for a folder that is missing or
    has no recordings; all other faults are in the verdicts.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; it should hold recordings, {{subject}}/{{recording}}.npz")
    paths = _files(folder)
    if not paths:
        raise InputError(f"{folder}: no recordings, {{subject}}/{{recording}}.npz, in it")
    seen: dict[str, tuple[str, str, str]] = {}  # trial -> file, subject and name of the first recording that becomes it
    for path in paths:
        verdict = judge(path)
        file, folders = path.relative_to(folder).as_posix(), path.relative_to(folder).parts[:-1]
        named = verdict.recordings[0].subject if verdict.recordings else None
        subject, name = folders[0] if folders else named or "", path.stem
        faults = list(verdict.faults)
        if len(folders) > 1:
            faults.append("its folder is too deep; recordings belong into the folder of their subject: {subject}/{recording}.npz")
        if not folders and verdict.recordings and not named:
            faults.append("it names no subject; put it into a folder with the name of its subject, or add 'subject'")
        if folders and named and named != folders[0]:
            faults.append(f"its 'subject' is {named!r}, but it is in the folder of {folders[0]!r}")
        if not all(is_name(text) for text in (*folders, name)):
            faults.append("folder and file must have short names of printable characters")
        for own_name in [recording.name or name for recording in verdict.recordings] or [name]:
            trial, own = _trial(subject, own_name), (file, subject, own_name)
            earlier = seen.setdefault(trial, own) if subject else own
            if earlier != own:
                faults.append(_same_name(trial, own, earlier))
        if verdict.is_empty and len(faults) == 1:  # a recorder that was stopped at once; the others are as good without it
            yield Judged(path, file, subject, name, Verdict((), [*verdict.warnings, "it has no frames and is left out"]))
            continue
        yield Judged(path, file, subject, name, Verdict(faults, verdict.warnings, () if faults else verdict.recordings))


def _files(folder: Path) -> list[Path]:
    """The recordings of a folder, sorted by path; hidden files are not among them."""
    found = (Path(name) for name in glob.glob(f"{glob.escape(str(folder))}/**/*.npz", recursive=True))  # through links, too
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def _trial(subject: str, name: str) -> str:
    """A recording under a name that no other subject's has: ``anna_walk``, and ``02_01`` as the CMU database writes it."""
    return name if name.startswith(f"{subject}_") else f"{subject}_{name}"


def _same_name(trial: str, own: tuple[str, str, str], earlier: tuple[str, str, str]) -> str:
    """What is wrong with a recording, by its file, subject and name, that becomes the same trial as an earlier one."""
    file, *named = earlier
    if list(own[1:]) == named:
        return f"{file} has a recording of {named[0]!r} with the same name, {named[1]}"
    return f"its recording {own[2]!r} and {named[1]!r} of {named[0]!r} in {file} would both be called {trial}; rename one of them"


def listed_recordings(folder: str | os.PathLike[str]) -> list[dict[str, str]]:
    """File, subject, trial and action of the recordings in a folder, without a look at their poses.

    Files that cannot be read are left out; subject is empty where nothing names one.
    """
    rows = []
    for path in _files(Path(folder)):
        folders = path.relative_to(folder).parts[:-1]
        try:
            file = PlainNpz(path)
            texts = {
                key: np.atleast_1d(file.read(key, _MAX_TEXT)).astype(str).ravel().tolist()
                for key in ("subject", "action", "recordings")
                if key in file.fields
            }
        except (OSError, UnreadableError, ValueError):
            continue
        names = texts.get("recordings", [path.stem])
        actions = texts.get("action", [ANY_ACTION])
        subject = folders[0] if folders else next(iter(texts.get("subject", ())), "")  # an array may be empty; ``judge`` says so
        rows += [
            {"file": str(path), "subject": subject, "trial": _trial(subject, name), "action": action}
            for name, action in zip(names, actions * len(names) if len(actions) == 1 else actions, strict=False)
        ]
    return rows


def read_folder(folder: str | os.PathLike[str]) -> list[SubjectClips]:
    """The clips of all recordings in a folder, by subject, sorted.

    Raises ``InputError`` that lists all that is wrong with any of the files.
    """
    faults: list[str] = []
    clips: dict[str, list[MocapClip]] = {}
    sources: dict[str, list[Mapping[str, str]]] = {}
    for judged in judge_folder(folder):
        faults += [f"{judged.path}: {fault}" for fault in judged.verdict.faults]
        for warning in judged.verdict.warnings:
            _LOG.warning("%s: %s", judged.path, warning)
        for recording in judged.verdict.recordings:
            clips.setdefault(judged.subject, []).extend(_clips(judged.subject, recording.name or judged.name, recording))
        if judged.verdict.recordings:
            sources.setdefault(judged.subject, []).append({"file": judged.file, "sha256": sha256_of_file(judged.path)})
    if faults:
        raise InputError("\n".join(faults))
    if not clips:
        raise InputError(f"{folder}: none of its recordings has a frame")
    return [SubjectClips(subject, clips[subject], [], sources[subject]) for subject in sorted(clips)]


def _clips(subject: str, name: str, recording: Recording) -> list[MocapClip]:
    parts, _ = remove_glitches(recording.poses, recording.frame_rate)
    resampled = [resample(part, recording.frame_rate, lowest=LOWEST_RATE) for part in parts]
    poses_3d = [clip.astype(np.float32) for part in resampled if len(part) for clip in place_in_capture_space(part)]
    whole = _trial(subject, name)
    names = [whole] if len(poses_3d) == 1 else [f"{whole}/{part}" for part in range(1, len(poses_3d) + 1)]
    return [MocapClip(whole, clip_name, recording.action, clip) for clip_name, clip in zip(names, poses_3d, strict=True)]


def mocap_subset(folder: str | os.PathLike[str]) -> dict[str, dict[str, AmassSequence]]:
    """A folder as a subset for pre-training, to be written by ``public_npz.write_amass_subset``. Errors as ``read_folder``."""
    return {
        subject.subject: {
            clip.name: {"positions_3d": clip.poses_3d[:, _TO_AMASS_17], "frame_rate": FRAME_RATE} for clip in subject.clips
        }
        for subject in read_folder(folder)
    }


def mocap_table(
    folder: str | os.PathLike[str],
    splits: Mapping[str, Sequence[str]],
    seed: int = 0,
    noise: DetectionNoise | None = None,
    *,
    has_detections: bool = True,
) -> FramesTable:
    """A folder as a data set of its own, with simulated detections, or without any for pre-training.

    Subjects that are in no split are left out, if there are any splits. Splits, seed and errors as in ``simulated_table``, errors
    also as in ``read_folder``. Actions come in alphabetical order.
    """
    subjects = read_folder(folder)
    used = {subject for members in splits.values() for subject in members}
    if used and used <= {subject.subject for subject in subjects}:  # else the table reports which have no clips
        subjects = [subject for subject in subjects if subject.subject in used]
    metadata = {
        "dataset": "mocap",
        "actions": sorted({clip.action for subject in subjects for clip in subject.clips}),
        "sources": [dict(source) for subject in subjects for source in subject.sources],
    }
    return simulated_table(subjects, splits, seed, noise, metadata, has_detections=has_detections)
