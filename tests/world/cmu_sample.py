"""The sample of the CMU database, converted with everything that tests look at."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from uplift_upsample.data.mocap import cmu_clips
from uplift_upsample.data.mocap.clips import SubjectClips
from uplift_upsample.data.mocap.cmu_clips import convert_subject, write_clips
from uplift_upsample.data.mocap.cmu_trials import Trial, fetch_subject, read_manifest, read_trials, trials_of, write_manifest
from uplift_upsample.data.mocap.glitches import Glitch


@dataclass(frozen=True)
class CmuSample:
    """The trials of the sample.

    poses: of each trial at its own rate with its glitches, ``(T, 17, 3)`` metres. subjects, glitches, paths: what the
    conversion makes of each subject; of each trial; the files of clips.
    """

    folder: Path
    trials: dict[str, Trial]
    poses: dict[str, np.ndarray]
    subjects: dict[str, SubjectClips]
    glitches: dict[str, list[Glitch]]
    paths: list[Path]


def convert_sample(source: Path, list_of_trials: Path, folder: Path) -> CmuSample:
    """Convert all trials whose original files lie in ``source``; results go to ``folder``."""
    trials = read_trials(list_of_trials)
    sample = CmuSample(source, {trial.trial: trial for trial in trials}, {}, {}, {}, [])
    with pytest.MonkeyPatch.context() as patch:
        read, poses = cmu_clips.read_trial, sample.poses
        patch.setattr(cmu_clips, "read_trial", lambda path, skeleton: poses.setdefault(path.stem, read(path, skeleton)))
        for name in dict.fromkeys(trial.subject for trial in trials):
            chosen = trials_of(trials, name)
            write_manifest(folder / "manifest.csv", fetch_subject(str(source), chosen, "unused"))
            rows = read_manifest(folder / "manifest.csv")
            files = {file: replace(row, path=str(source / file)) for file, row in rows.items()}
            sample.subjects[name], found = convert_subject(chosen, files)
            sample.glitches.update(found)
            sample.paths.append(folder / f"{name}.npz")
            write_clips(sample.paths[-1], sample.subjects[name])
    return sample
