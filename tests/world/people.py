"""People for tests: the recorded ones that come with the project, in the public formats, at any length; and swinging joints."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from uplift_upsample.base.cameras import h36m_cameras, project, world_to_camera
from uplift_upsample.base.skeleton import AMASS_17, H36M_17, H36M_32, MODEL_17, joint_map
from uplift_upsample.data.detections import simulate_detections
from uplift_upsample.data.frames import SequenceRecord
from uplift_upsample.data.h36m.projections import projections
from uplift_upsample.data.public_npz import AmassSequence, write_amass_subset, write_positions_2d, write_positions_3d
from uplift_upsample.plan.h36m_subjects import ACTIONS, SUBJECTS

_PEOPLE = Path(__file__).parents[2] / "workflow/resources/people"
_SHORTEST = 100  # frames: shorter recordings would be seen again and again
# The joints of Human3.6M's files that no pose of the project has: on the joint that they lie next to.
_NEXT_TO = {
    "foot": "ankle",
    "toes": "ankle",
    "thumb": "wrist",
    "fingers": "wrist",
    "wrist": "wrist",
    "pelvis": "pelvis",
    "neck": "neck",
}


@cache
def _recordings() -> list[np.ndarray]:
    """Poses ``(T, 17, 3)``, metres, where the cameras of Human3.6M look."""
    found = []
    for path in sorted(_PEOPLE.glob("*.npz")):
        with np.load(path) as file:
            found += np.split(file["positions"], np.cumsum(file["lengths"])[:-1])
    return [poses for poses in found if len(poses) >= _SHORTEST]


@cache
def _joints_32() -> tuple[list[int], np.ndarray]:
    """For each of the 32 joints the one of ``MODEL_17`` that it lies on or next to, and how far from it, metres."""
    names = [name if name in MODEL_17 else re.sub(r"(_\d)$", "", name) for name in H36M_32]
    plain = [name if name in MODEL_17 else re.sub(r"[a-z]+$", lambda word: _NEXT_TO.get(word[0], word[0]), name) for name in names]
    offsets = np.array([[0.0, 0.0, 0.0] if name in MODEL_17 else [0.05, 0.05, -0.02] for name in H36M_32], np.float32)
    return [MODEL_17.index(name) for name in plain], offsets


def motion(num_frames: int, *seed: int) -> np.ndarray:
    """Somebody's motion ``(T, 32, 3)`` float32, world metres, 50 Hz; equal seeds give equal bytes.

    A recording, from a frame and of a person's size that are drawn, forwards and backwards until it is long enough.
    """
    rng = np.random.default_rng(seed)
    recordings = _recordings()
    poses = recordings[rng.integers(len(recordings))]
    there_and_back = np.concatenate([np.arange(len(poses)), np.arange(len(poses) - 2, 0, -1)])
    frames = there_and_back[(rng.integers(len(poses)) + np.arange(num_frames)) % len(there_and_back)]
    joints, offsets = _joints_32()
    return (poses[frames][:, joints] + offsets) * np.float32(rng.uniform(0.9, 1.1))


def swinging_record(subject: str, action: str, length: int, generator: np.random.Generator) -> SequenceRecord:
    """Somebody whose joints swing about a fixed pose, seen by the four cameras of S1."""
    pose = generator.normal(size=(17, 3)) * 0.3 + [0, 0, 1]
    phase = np.sin(np.arange(length)[:, None, None] / 15 + generator.random((17, 3)) * 6)
    poses = (pose + 0.1 * phase).astype(np.float32)
    cameras = h36m_cameras()
    views = []
    for camera in range(4):
        in_camera = world_to_camera(poses[None], cameras.rotations[[camera]], cameras.translation[[camera]])
        views.append(project(in_camera, cameras.intrinsics[[camera]])[0])
    return SequenceRecord(subject, action, action, poses, views, range(4))


def recordings_3d(lengths: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, np.ndarray]]:
    """People in the layout of ``data_3d_h36m.npz``: subject -> action -> ``(T, 32, 3)`` of T frames."""
    return {
        subject: {name: motion(length, int(subject[1:]), sum(name.encode())) for name, length in actions.items()}
        for subject, actions in lengths.items()
    }


def h36m_pair(lengths: Mapping[str, Mapping[str, int]]) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, list]]]:
    """The same with its exact 2D poses."""
    poses_3d = recordings_3d(lengths)
    return poses_3d, projections(poses_3d)


def write_h36m_files(folder: Path, subjects: Sequence[str] = SUBJECTS, lengths: tuple[int, int] = (150, 330)) -> None:
    """``data_3d_h36m.npz``, ``data_2d_h36m_gt.npz``, and simulated detections as ``data_2d_h36m_cpn_ft_h36m_dbb.npz``.

    lengths: fewest and most frames of a recording; each subject has one of each action, now and then two.
    """
    rng = np.random.default_rng(0)
    names = {
        subject: [action + take for action in ACTIONS for take in ("", " 1")[: 1 + (rng.random() < 0.15)]] for subject in subjects
    }
    drawn = {subject: {name: int(rng.integers(*lengths, endpoint=True)) for name in own} for subject, own in names.items()}
    poses_3d, poses_2d = h36m_pair(drawn)
    write_positions_3d(folder / "data_3d_h36m.npz", poses_3d)
    write_positions_2d(folder / "data_2d_h36m_gt.npz", poses_2d)
    write_positions_2d(folder / "data_2d_h36m_cpn_ft_h36m_dbb.npz", detected(poses_2d))


def write_amass_file(path: Path, num_sequences: int, lengths: tuple[int, int] = (150, 330)) -> None:
    """One subset, ``{subset}.npz``: three people."""
    rng, order = np.random.default_rng(1), joint_map(H36M_32, AMASS_17)
    people: dict[str, dict[str, AmassSequence]] = {}
    for number in range(num_sequences):
        poses = motion(int(rng.integers(*lengths, endpoint=True)), 1, number)[:, order]
        people.setdefault(f"{number % 3:02d}", {})[f"{number:02d}_poses"] = {"positions_3d": poses, "frame_rate": 50.0}
    write_amass_subset(path, people)


def detected(poses_2d: Mapping[str, Mapping[str, Sequence[np.ndarray]]]) -> dict[str, dict[str, list[np.ndarray]]]:
    """2D poses with the errors of a detector; some videos run on for 1 to 6 frames behind the last 3D pose, as real ones do."""
    cameras, rng = h36m_cameras(), np.random.default_rng(2)
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    for subject, actions in poses_2d.items():
        first = cameras.names.index(f"{subject}/{cameras.names[0].split('/')[1]}")
        for action, views in actions.items():
            surplus = int(rng.integers(1, 7)) if rng.random() < 0.2 else 0
            found.setdefault(subject, {})[action] = [
                simulate_detections(
                    np.concatenate([view, np.repeat(view[-1:], surplus, 0)]),
                    rng,
                    resolution=tuple(cameras.intrinsics[first + camera, :2].tolist()),
                    joints=H36M_17,
                )
                for camera, view in enumerate(views)
            ]
    return found
