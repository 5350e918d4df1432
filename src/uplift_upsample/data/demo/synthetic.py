"""The demo's data: synthetic people in the public file formats.

No person was recorded. A seeded generator makes bodies (``body``) and lets them move (``motion``), and
writes what the paper's data look like: a miniature Human3.6M (7 subjects, 15 actions, the real cameras, exact and detected
2D poses) and two miniature AMASS subsets. The detections are made by ``detections.simulate_detections``. Results on these files
show that the workflow works, and say nothing about real people.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from uplift_upsample.cameras import h36m_cameras
from uplift_upsample.data.demo.actions import AMASS_MOTIONS, H36M_MOTIONS
from uplift_upsample.data.demo.body import draw_body
from uplift_upsample.data.demo.curves import FRAME_RATE
from uplift_upsample.data.demo.motion import synthetic_motion
from uplift_upsample.data.detections import simulate_detections
from uplift_upsample.data.h36m.projections import projections
from uplift_upsample.data.h36m.table import ACTIONS, SUBJECTS
from uplift_upsample.data.public_npz import AmassSequence, write_amass_subset, write_positions_2d, write_positions_3d
from uplift_upsample.files import write_text
from uplift_upsample.skeleton import AMASS_17, H36M_17, H36M_32, joint_map

_VARIANTS = ("", " 1", " 2")  # sub-sequences of an action, as Human3.6M names them
_PEOPLE = {"CMU": 14, "SFU": 3}
_SEQUENCES = {"CMU": 56, "SFU": 9}
_SURPLUS_RATE = 0.2  # of the detected videos that run on behind the 3D poses
_MARK = {"is_synthetic": True}  # in the 2D files' metadata; ``h36m.h36m_table`` heeds it
_STREAMS = {"h36m": 0, "CMU": 1, "SFU": 2, "detections": 3}

NOTICE = """SYNTHETIC DATA

No person was recorded for these files: a seeded generator made the bodies, their motions, and the errors of
the detector. They have the layout of Human3.6M (VideoPose3D's npz files) and AMASS so that the workflow can
run on them. Results on them say nothing about real people.
"""

Recordings = dict[str, dict[str, np.ndarray]]
Videos = dict[str, dict[str, list[np.ndarray]]]


def generate_demo(
    out_dir: str | os.PathLike[str],
    seed: int = 0,
    lengths: tuple[int, int] = (150, 330),
    subjects: Sequence[str] = SUBJECTS,
    amass_sequences: Mapping[str, int] = _SEQUENCES,
) -> None:
    """Write the demo's files; equal arguments give equal bytes (on one kind of machine).

    ``data_3d_h36m.npz``, ``data_2d_h36m_gt.npz``, ``data_2d_h36m_cpn_ft_h36m_dbb.npz`` (simulated detections under the name
    that the experiments ask for), ``amass/CMU.npz``, ``amass/SFU.npz``, and ``SYNTHETIC.txt``.
    lengths: fewest and most frames of a sequence. amass_sequences: sequences of each AMASS subset.
    """
    out_dir = Path(out_dir)
    positions_3d = h36m_recordings(seed, lengths, subjects)
    positions_2d = projections(positions_3d)
    write_positions_3d(out_dir / "data_3d_h36m.npz", positions_3d)
    write_positions_2d(out_dir / "data_2d_h36m_gt.npz", positions_2d, _MARK)
    write_positions_2d(out_dir / "data_2d_h36m_cpn_ft_h36m_dbb.npz", detections(positions_2d, seed), _MARK)
    for subset, num_sequences in amass_sequences.items():
        write_amass_subset(out_dir / "amass" / f"{subset}.npz", amass_subset(subset, num_sequences, seed, lengths))
    write_text(out_dir / "SYNTHETIC.txt", NOTICE)


def h36m_recordings(seed: int, lengths: tuple[int, int], subjects: Sequence[str] = SUBJECTS) -> Recordings:
    """Subject -> action -> ``(T, 32, 3)`` world metres. Each subject has every action, about one in seven of them twice."""
    recordings: Recordings = {}
    for subject in subjects:
        number = SUBJECTS.index(subject)
        body = draw_body(_stream(seed, "h36m", number))
        recordings[subject] = {}
        for index, action in enumerate(ACTIONS):
            # a stream for each sequence: one more sequence, or another length, leaves the others as they are
            rng = _stream(seed, "h36m", number, index)
            variants = rng.permutation(_VARIANTS)[: 2 if rng.random() < 0.15 else 1]
            for variant in variants.tolist():
                num_frames = int(rng.integers(*lengths, endpoint=True))
                recordings[subject][action + variant] = synthetic_motion(body, H36M_MOTIONS[action], num_frames, rng)
    return recordings


def amass_subset(subset: str, num_sequences: int, seed: int, lengths: tuple[int, int]) -> dict[str, dict[str, AmassSequence]]:
    """Person -> sequence -> motion in ``AMASS_17`` order: other motions than in Human3.6M, and the same by other people."""
    order = joint_map(H36M_32, AMASS_17)
    kinds = [*AMASS_MOTIONS.values(), *H36M_MOTIONS.values()]
    num_people = min(_PEOPLE.get(subset, 1), num_sequences)
    bodies = [draw_body(_stream(seed, subset, person)) for person in range(num_people)]
    sequences: dict[str, dict[str, AmassSequence]] = {f"{person + 1:02d}": {} for person in range(num_people)}
    offset = 0 if subset == "CMU" else 5
    for number in range(num_sequences):
        rng = _stream(seed, subset, num_people + number)
        person = number % num_people
        num_frames = int(rng.integers(*lengths, endpoint=True))
        poses = synthetic_motion(bodies[person], kinds[(number + offset) % len(kinds)], num_frames, rng)
        of_person = sequences[f"{person + 1:02d}"]
        name = f"{person + 1:02d}_{len(of_person) + 1:02d}_poses"
        of_person[name] = {"positions_3d": poses[:, order], "frame_rate": FRAME_RATE}
    return sequences


def detections(positions_2d: Videos, seed: int) -> Videos:
    """The same with the errors of a detector; some videos run on for 1 to 6 frames after the last 3D pose, as real ones do."""
    cameras = h36m_cameras()
    rng = _stream(seed, "detections")
    detected: Videos = {}
    for subject, actions in positions_2d.items():
        first = cameras.names.index(f"{subject}/{cameras.names[0].split('/')[1]}")
        detected[subject] = {}
        for action, views in actions.items():
            surplus = int(rng.integers(1, 7)) if rng.random() < _SURPLUS_RATE else 0
            detected[subject][action] = [
                simulate_detections(
                    np.concatenate([view, np.repeat(view[-1:], surplus, 0)]),
                    rng,
                    resolution=tuple(cameras.intrinsics[first + camera, :2].tolist()),
                    joints=H36M_17,
                )
                for camera, view in enumerate(views)
            ]
    return detected


def _stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAMS[purpose], *numbers)))
