"""Frames tables of recorded people in front of simulated cameras: motion capture with detections.

Each subject stands in front of the four cameras of one Human3.6M subject (there are seven such sets of calibrations).
The 2D poses are the projections with the noise of ``detections``. A video is left out, and counted, where too many
joints fall outside of the picture or a joint comes too near to the camera.
"""

import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from uplift_upsample.base.cameras import Cameras, h36m_cameras, intrinsics_px, normalise_points, project, world_to_camera
from uplift_upsample.base.errors import InputError
from uplift_upsample.data.detections import SIMULATED, DetectionNoise, simulate_detections
from uplift_upsample.data.frames import FramesTable, build_frames_table
from uplift_upsample.data.mocap.clips import MocapClip, SubjectClips
from uplift_upsample.data.recordings import SequenceRecord

_LOG = logging.getLogger(__name__)
VIEWS = 4  # cameras of a set: each subject of Human3.6M has four
MAX_OUTSIDE = 0.1  # of the joints of a video; chosen: twice the most that placed recordings have (5 %)
MIN_DEPTH = 0.5  # m; chosen: nearer joints are at the lens, where projections are meaningless


@dataclass
class _Tally:
    """What happened to the videos of a table. left_out: subject -> names of the dropped ones, as scores list them."""

    videos: int = 0
    joints: int = 0
    joints_outside: int = 0
    dropped: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)


def camera_set(subject: str) -> int:
    """Which of the seven camera sets, 0 to 6, a subject stands in front of; the same in every table.

    Subjects that are numbers, as in the CMU database, take turns; other names are spread by a checksum.
    """
    number = int(subject) if subject.isdecimal() else zlib.crc32(subject.encode())
    return number % (len(h36m_cameras()) // VIEWS)


def simulated_table(
    subjects: Sequence[SubjectClips],
    splits: Mapping[str, Sequence[str]],
    seed: int,
    noise: DetectionNoise | None,
    metadata: Mapping[str, Any],
    *,
    has_detections: bool = True,
) -> FramesTable:
    """A frames table of clips with simulated detections; without detections, one for pre-training, which draws its cameras.

    splits: name -> subjects; each subject in at most one. seed: of the noise, which is the same for a video whatever
    other subjects are in the table. metadata: what describes the data set; its ``dataset`` starts error messages,
    its ``actions`` give their order. Added are splits, original files, the parameters of the noise, and the recordings
    and videos that are left out.

    Raises ``InputError`` for splits that overlap or name a subject without clips, for a subject that is given twice,
    and where no camera sees anyone.
    """
    _check_subjects(metadata["dataset"], [subject.subject for subject in subjects], splits)
    cameras = h36m_cameras()
    if has_detections:
        noise, tally = noise or DetectionNoise(), _Tally()
        records = [
            record
            for subject in subjects
            for clip in subject.clips
            for record in _records(subject, clip, cameras, seed, noise, tally)
        ]
        if tally.dropped:
            _LOG.warning("%d of %d videos are left out: their projections are unusable", len(tally.dropped), tally.videos)
        if not records:
            raise InputError(f"{metadata['dataset']}: no camera sees any of the recordings; there is nothing to put into a table")
        seen = {
            "input_2d": SIMULATED,
            "dropped_videos": tally.dropped,
            "left_out": tally.left_out,
            "num_videos_projected": tally.videos,
            "share_of_joints_outside": tally.joints_outside / max(tally.joints, 1),
            "detection_noise": asdict(noise) | {"seed": seed},
            "camera_sets": {
                subject.subject: cameras.names[VIEWS * camera_set(subject.subject)].split("/")[0] for subject in subjects
            },
        }
    else:
        records = [
            SequenceRecord(subject.subject, clip.name, clip.action, clip.poses_3d) for subject in subjects for clip in subject.clips
        ]
        seen = {"input_2d": None}
    found = {record.action for record in records}
    contents = {
        "splits": {name: list(members) for name, members in splits.items()},
        "actions": [action for action in metadata["actions"] if action in found],
        "original_files": [dict(source) for subject in subjects for source in subject.sources],
        "dropped_trials": [dict(entry) for subject in subjects for entry in subject.dropped],
    }
    return build_frames_table(records, cameras, {**metadata, **seen, **contents})


def _check_subjects(dataset: str, subjects: Sequence[str], splits: Mapping[str, Sequence[str]]) -> None:
    faults = [f"subject {subject} is given twice" for subject in sorted({s for s in subjects if subjects.count(s) > 1})]
    owners: dict[str, str] = {}
    for split, members in splits.items():
        for subject in members:
            if subject in owners:
                faults.append(f"subject {subject} is in the splits {owners[subject]} and {split}; a subject belongs to one")
            owners[subject] = split
            if subject not in subjects:
                faults.append(f"subject {subject} of split {split} has no clips; given are {', '.join(subjects)}")
    if faults:
        raise InputError("\n".join(f"{dataset}: {fault}" for fault in faults))


def _records(
    subject: SubjectClips, clip: MocapClip, cameras: Cameras, seed: int, noise: DetectionNoise, tally: _Tally
) -> Iterator[SequenceRecord]:
    """The clip in its usable views; nothing if there is none."""
    first = VIEWS * camera_set(subject.subject)
    poses_2d, used = [], []
    for camera in range(first, first + VIEWS):
        poses_2d_px, depths = project_px(clip.poses_3d, cameras, camera)
        width, height = cameras.intrinsics[camera, :2]
        is_outside = ((poses_2d_px < 0) | (poses_2d_px > [width, height])).any(-1)
        tally.videos += 1
        tally.joints += is_outside.size
        tally.joints_outside += int(is_outside.sum())
        share, nearest = float(is_outside.mean()), float(depths.min())
        if share > MAX_OUTSIDE or nearest < MIN_DEPTH:
            entry = {"sequence": clip.name, "camera": cameras.names[camera], "share_outside": share, "nearest_m": nearest}
            tally.dropped.append(entry)
            name = f"{clip.name}, camera {cameras.names[camera].rpartition('/')[2]}"
            tally.left_out.setdefault(subject.subject, []).append(name)
            continue
        rng = np.random.default_rng([seed, zlib.crc32(clip.name.encode()), camera])
        detections = simulate_detections(poses_2d_px, rng, resolution=(width, height), noise=noise)
        poses_2d.append(normalise_points(detections, width, height).astype(np.float32))
        used.append(camera)
    if used:
        yield SequenceRecord(subject.subject, clip.name, clip.action, clip.poses_3d, poses_2d, used)


def project_px(poses_3d: np.ndarray, cameras: Cameras, camera: int) -> tuple[np.ndarray, np.ndarray]:
    """One camera's view of world poses ``(T, 17, 3)``: pixels ``(T, 17, 2)`` and depths ``(T, 17)`` in metres."""
    one = slice(camera, camera + 1)
    poses_cam = world_to_camera(poses_3d[None], cameras.rotations[one], cameras.translation[one])
    return project(poses_cam, intrinsics_px(cameras.intrinsics[one]))[0], poses_cam[0, ..., 2]
