"""From the original files of one CMU subject to clips of 17 joints at 50 Hz, where the Human3.6M cameras see them, in
one ``.npz`` file.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing, sha256_of_file, write_csv
from uplift_upsample.base.skeleton import MODEL_17, NUM_JOINTS
from uplift_upsample.data.mocap.asf import read_asf
from uplift_upsample.data.mocap.capture_space import place_in_capture_space
from uplift_upsample.data.mocap.clips import MocapClip, SubjectClips
from uplift_upsample.data.mocap.cmu import read_trial
from uplift_upsample.data.mocap.cmu_trials import ManifestRow, Trial
from uplift_upsample.data.mocap.glitches import Glitch, remove_glitches
from uplift_upsample.data.mocap.own_checks import MAX_STATURE, MIN_STATURE, is_plausible, stature
from uplift_upsample.data.plain_npz import PlainNpz, UnreadableError
from uplift_upsample.data.resample import resample
from uplift_upsample.plan.experiment import FRAME_RATE

_LOG = logging.getLogger(__name__)
_FORMAT = "uplift_upsample CMU clips, version 1"
_MAX_POSES = 16 << 30  # bytes; chosen: more than any subject needs, so that a damaged file is refused


def convert_subject(trials: Sequence[Trial], files: Mapping[str, ManifestRow]) -> tuple[SubjectClips, dict[str, list[Glitch]]]:
    """Convert the trials of one subject. Also returns the glitches of each trial.

    A trial with the content of an earlier one is left out. Raises ``InputError`` for a file that is missing, has
    changed since it was fetched or is damaged, and for a trial that has not as many frames as the list has, if it has a number.
    """
    skeleton = read_asf(_checked(trials[0].asf, files))
    clips: list[MocapClip] = []
    dropped: list[Mapping[str, str]] = []
    glitches: dict[str, list[Glitch]] = {}
    seen: dict[str, str] = {}
    for trial in trials:
        path = _checked(trial.amc, files)
        earlier = seen.setdefault(files[trial.amc].sha256, trial.trial)
        if earlier != trial.trial:
            dropped.append({"trial": trial.trial, "reason": f"the same recording as {earlier}"})
            continue
        poses = read_trial(path, skeleton)
        if not is_plausible(tall := stature(poses)):
            raise InputError(
                f"{path}: the person is {tall:.2f} m tall, not {MIN_STATURE:g} to {MAX_STATURE:g} m; is ':units length' of "
                f"{Path(trial.asf).name} right?"
            )
        if trial.frames is None:
            _LOG.info("%s: %d frames, %.1f s", trial.trial, len(poses), len(poses) / trial.fps)
        elif len(poses) != trial.frames:
            raise InputError(f"{path}: {len(poses)} frames where the list of trials has {trial.frames}; mend the list or the file")
        parts, glitches[trial.trial] = remove_glitches(poses, trial.fps)
        poses_3d = [clip for part in parts for clip in _at_50_hz(part, trial)]
        if not poses_3d:
            dropped.append({"trial": trial.trial, "reason": "no part of it is without glitches and long enough"})
        names = [trial.trial] if len(poses_3d) == 1 else [f"{trial.trial}/{part}" for part in range(1, len(poses_3d) + 1)]
        clips += [MocapClip(trial.trial, name, trial.action, clip) for name, clip in zip(names, poses_3d, strict=True)]
    for entry in dropped:
        _LOG.warning("%s is left out: %s", entry["trial"], entry["reason"])
    used = [trials[0].asf, *(trial.amc for trial in trials)]
    sources = [{"file": Path(name).name, "sha256": files[name].sha256} for name in used]
    return SubjectClips(trials[0].subject, clips, dropped, sources), glitches


def _at_50_hz(part: np.ndarray, trial: Trial) -> list[np.ndarray]:
    try:
        poses = resample(part, trial.fps)
    except InputError as error:
        raise InputError(f"{trial.trial}: {error}") from None
    return [clip.astype(np.float32) for clip in place_in_capture_space(poses)] if len(poses) else []


def _checked(name: str, files: Mapping[str, ManifestRow]) -> Path:
    if name not in files:
        raise InputError(f"the manifest does not list {name}; fetch the subject again with the same list of trials")
    path = Path(files[name].path)
    if not path.is_file() or sha256_of_file(path) != files[name].sha256:
        raise InputError(f"{path}: gone or changed since it was fetched; fetch the subject again")
    return path


def write_clips(path: str | os.PathLike[str], subject: SubjectClips) -> None:
    """Write the clips of a subject to an ``.npz`` file without pickled objects; equal clips give equal bytes."""
    header = {
        "format": _FORMAT,
        "subject": subject.subject,
        "joints": MODEL_17,
        "unit": "m",
        "axes": "world, z up",
        "frame_rate": FRAME_RATE,
        "clips": [
            {"trial": clip.trial, "name": clip.name, "action": clip.action, "frames": len(clip.poses_3d)} for clip in subject.clips
        ],
        "dropped": list(subject.dropped),
        "sources": list(subject.sources),
    }
    empty = np.zeros((0, NUM_JOINTS, 3), np.float32)
    poses_3d = np.concatenate([empty, *(clip.poses_3d for clip in subject.clips)])
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez(file, poses_3d=poses_3d, header=np.array(json.dumps(header)))


def read_clips(path: str | os.PathLike[str]) -> SubjectClips:
    """Read what ``write_clips`` wrote. Raises ``InputError`` for any other file."""
    try:
        file = PlainNpz(path)
        header = file.header("header", "clips")
        poses_3d = file.numbers("poses_3d", ("frames", NUM_JOINTS, 3), _MAX_POSES)
        lengths = [clip["frames"] for clip in header["clips"] if type(clip["frames"]) is int and clip["frames"] > 0]
        if header["format"] != _FORMAT or sum(lengths) != len(poses_3d) or poses_3d.dtype != np.float32:
            raise UnreadableError("another format")
        texts = [header["subject"], *(clip[key] for clip in header["clips"] for key in ("trial", "name", "action"))]
        notes = [header["dropped"], header["sources"]]
        if len(lengths) != len(header["clips"]) or not all(isinstance(text, str) for text in texts) or not _are_notes(notes):
            raise UnreadableError("its header is not complete")
    except (UnreadableError, KeyError) as error:
        raise InputError(f"{path}: not the clips of a CMU subject ({error}); convert the subject again") from None
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    clips = [
        MocapClip(clip["trial"], clip["name"], clip["action"], poses_3d[end - clip["frames"] : end])
        for clip, end in zip(header["clips"], ends, strict=True)
    ]
    return SubjectClips(header["subject"], clips, header["dropped"], header["sources"])


def _are_notes(lists: Sequence[Any]) -> bool:
    """Whether these are lists of dictionaries."""
    return all(isinstance(notes, list) and all(isinstance(note, dict) for note in notes) for notes in lists)


def write_glitches(path: str | os.PathLike[str], glitches: Mapping[str, Sequence[Glitch]]) -> None:
    """A CSV file with a row for each dropped frame, and for each frame at which a recording was cut.

    ``frame`` counts from 0 at the rate of the recording; ``speed`` is in m/s; see ``glitches.Glitch``.
    """
    rows = [
        (trial, glitch.frame, glitch.joint, f"{glitch.speed:.1f}", glitch.treatment)
        for trial, found in glitches.items()
        for glitch in found
    ]
    write_csv(path, ["trial", "frame", "joint", "speed_m_per_s", "treatment"], rows)
