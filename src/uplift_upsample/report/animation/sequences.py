"""Names of videos that can stand in a path, and the video behind such a name.

The name of a video is ``{subject}_{sequence}_cam{number}`` with the cameras of a sequence counted from 0: ``S9_Walking_1_cam2``.
Where the sequence's own name starts with the subject, as in motion capture, it is not repeated: ``35_01_cam0``. Where there is
no camera, the ending is missing. What is neither letter, digit nor hyphen becomes ``_``.

``{subject}_{action}_cam{number}`` (``35_Walk_cam0``) is a name too, of the first sequence of that action, unless a
sequence bears it.
"""

import difflib
import os
import re
from collections.abc import Iterable

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import FramesTable, read_frames_table, subjects_of


def sequence_names(table: FramesTable, videos: Iterable[int]) -> dict[str, int]:
    """The names of some videos, each with the index of its video, in the order of the videos.

    Videos whose names would be equal have their index at the end of the name.
    """
    names: dict[str, list[int]] = {}
    for video in videos:
        names.setdefault(_name(table, int(video), table.sequence_name), []).append(int(video))
    return {name if len(shared) == 1 else f"{name}_video{video}": video for name, shared in names.items() for video in shared}


def video_of(table: FramesTable, videos: Iterable[int], sequence: str) -> int:
    """The index of the video that a sequence names, among some videos.

    Raises ``InputError`` where there is none; the message has the nearest names and all subjects.
    """
    videos = list(videos)
    names = sequence_names(table, videos)
    by_action: dict[str, int] = {}
    for video in videos:
        by_action.setdefault(_name(table, int(video), table.sequence_action), int(video))
    found = names.get(sequence, by_action.get(sequence))
    if found is None:
        raise InputError(f"no sequence {sequence!r}; {_choices(sequence, names)}")
    return found


def table_sequences(path: str | os.PathLike[str], subset: str) -> list[str]:
    """All names of the sequences of a subset in a frames table; empty where they cannot be read."""
    try:
        table = read_frames_table(path)
        videos = [int(video) for video in table.videos_of(subjects_of(table, subset))]
    except InputError:  # the job that reads the table reports it
        return []
    return [*sequence_names(table, videos), *(_name(table, video, table.sequence_action) for video in videos)]


def _name(table: FramesTable, video: int, titles: np.ndarray) -> str:
    sequence = table.video_sequence[video]
    subject, title = _plain(table.sequence_subject[sequence]), _plain(titles[sequence])
    name = title if title.startswith(f"{subject}_") else f"{subject}_{title}"
    if table.video_camera[video] < 0:
        return name
    return f"{name}_cam{video - np.flatnonzero(table.video_sequence == sequence)[0]}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "_", str(text)).strip("_")


def _choices(sequence: str, names: Iterable[str]) -> str:
    """The nearest names, and the others by what they have in common: there may be hundreds."""
    names = list(names)
    close = difflib.get_close_matches(sequence, names, n=3, cutoff=0.5)
    near = f"did you mean {' or '.join(close)}? " if close else ""
    recordings: dict[str, list[str]] = {}
    for name in names:
        recording, _, camera = name.rpartition("_cam")
        recordings.setdefault(recording or name, []).append(camera)
    cameras = sorted({tuple(numbers) for numbers in recordings.values()})
    shared = f", each with _cam{cameras[0][0]} to _cam{cameras[0][-1]}" if len(cameras) == 1 and len(cameras[0]) > 1 else ""
    listed = ", ".join(recordings if shared else names)
    return f"{near}there are {listed}{shared}"
