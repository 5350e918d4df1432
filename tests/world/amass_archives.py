"""Miniature archives of AMASS and its body model in the true formats: names, fields, shapes and types.

The body has the true size but low entropy, so that packing it takes a second or two. Equal arguments give equal bytes.
"""

import contextlib
import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from uplift_upsample.base.skeleton import AMASS_17

GENDERS = ("male", "female", "neutral")
NUM_VERTICES, NUM_BONES = 6890, 52
ARCHIVES = {
    "MPILimits": "PosePrior",
    "TCDhandMocap": "TCDHands",
    "Transitionsmocap": "Transitions",
    "MPIHDM05": "HDM05",
    "MPImosh": "MoSh",
}  # where the archive of today is not called as the subset
FOLDERS = {
    "MPILimits": "MPI_Limits",
    "EyesJapanDataset": "Eyes_Japan_Dataset",
    "BMLrub": "BioMotionLab_NTroje",
    "TCDhandMocap": "TCD_handMocap",
    "Transitionsmocap": "Transitions_mocap",
    "MPIHDM05": "MPI_HDM05",
    "MPImosh": "MPI_mosh",
}  # inside the archives
RATES = (120.0, 60.0, 100.0, 59.94)
SKIPPED = 2  # recordings of each subset archive that no conversion can use

# Bones of SMPL+H with a rest pose: x to the left, y up, z forward, metres; the right side is mirrored.
_LEFT_AND_MIDDLE = {
    0: (0, -0.22, 0),
    1: (0.07, -0.31, 0),
    3: (0, -0.10, -0.02),
    4: (0.10, -0.69, 0),
    6: (0, 0.03, -0.01),
    7: (0.09, -1.10, -0.03),
    9: (0, 0.09, 0),
    10: (0.11, -1.16, 0.09),
    12: (0, 0.28, -0.03),
    13: (0.08, 0.21, -0.02),
    15: (0, 0.37, 0.02),
    16: (0.19, 0.23, -0.02),
    18: (0.45, 0.22, -0.03),
    20: (0.70, 0.23, -0.03),
}
_RIGHT_OF = {1: 2, 4: 5, 7: 8, 10: 11, 13: 14, 16: 17, 18: 19, 20: 21}
PARENTS = np.array([-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19] + [0] * 30)
for _finger in range(10):
    PARENTS[22 + 3 * _finger : 25 + 3 * _finger] = [20 + _finger // 5, 22 + 3 * _finger, 23 + 3 * _finger]
_TARGETS = {
    "pelvis": (0, -0.24, 0),
    "hip": (0.12, -0.29, 0),
    "knee": (0.10, -0.69, 0.01),
    "ankle": (0.09, -1.09, -0.02),
    "torso": (0, 0.02, 0),
    "neck": (0, 0.26, 0),
    "head": (0, 0.38, 0.06),
    "head_top": (0, 0.51, 0.03),
    "shoulder": (0.17, 0.23, -0.01),
    "elbow": (0.44, 0.22, -0.03),
    "wrist": (0.69, 0.23, -0.03),
}
_PER_TARGET, _PER_BONE = 20, 10  # vertices around each


def rest_bones() -> np.ndarray:
    """Centres ``(52, 3)`` of the bones in the rest pose."""
    places = np.zeros((NUM_BONES, 3))
    for bone, place in _LEFT_AND_MIDDLE.items():
        places[bone] = place
        if bone in _RIGHT_OF:
            places[_RIGHT_OF[bone]] = np.multiply(place, (-1, 1, 1))
    for number in range(30):
        side, finger, segment = number // 15, number % 15 // 3, number % 3
        places[22 + number] = places[20 + side] + np.array([0.07 + 0.025 * segment, -0.01, 0.03 * finger - 0.06]) * (
            1 - 2 * side,
            1,
            1,
        )
    return places


def rest_targets() -> np.ndarray:
    """The 17 joints ``(17, 3)`` that the regressor finds in the rest pose of the mean shape."""
    signs = [-1 if name.startswith("r_") else 1 for name in AMASS_17]
    return np.array(
        [
            np.multiply(_TARGETS[name.split("_", 1)[-1] if name[1] == "_" else name], (sign, 1, 1))
            for name, sign in zip(AMASS_17, signs, strict=True)
        ]
    )


def body_fields(gender: str, seed: int = 0) -> dict[str, np.ndarray]:
    """The fields of an SMPL+H ``model.npz`` that matter, and ``eigvec`` of the DMPL ``model.npz``."""
    rng = np.random.default_rng([seed, GENDERS.index(gender)])
    bones = rest_bones()
    ends = np.array([bones[bone == PARENTS].mean(0) if (bone == PARENTS).any() else bones[bone] for bone in range(NUM_BONES)])
    num_regressed = 17 * _PER_TARGET + NUM_BONES * _PER_BONE
    owners = rng.integers(0, NUM_BONES, NUM_VERTICES - num_regressed)
    along = rng.random((len(owners), 1))
    scattered = bones[owners] * (1 - along) + ends[owners] * along + rng.normal(0, 0.03, (len(owners), 3))
    around = [*_around(rest_targets(), _PER_TARGET, rng), *_around(bones, _PER_BONE, rng)]
    vertices = np.concatenate([*around, scattered])
    middles = (bones + ends) / 2
    nearest = np.argmin(((vertices[:, None] - middles) ** 2).sum(-1), 1)
    weights = np.zeros((NUM_VERTICES, NUM_BONES))
    weights[np.arange(NUM_VERTICES), nearest] = 0.75
    weights[np.arange(NUM_VERTICES), np.maximum(PARENTS[nearest], 0)] += 0.25
    posedirs = np.zeros((NUM_VERTICES, 3, NUM_BONES, 9), np.float32)  # the root has none, its place is cut off
    posedirs[np.arange(NUM_VERTICES), :, nearest] = rng.integers(-2, 3, (NUM_VERTICES, 3, 9)) * 1e-3
    shapedirs = rng.integers(-2, 3, (NUM_VERTICES, 3, 16)) * 5e-4
    scale = {"male": 1.02, "female": 0.95, "neutral": 1.0}[gender]
    shapedirs[:, :, 0] += 0.03 * vertices  # tall or short
    regressor = np.zeros((NUM_BONES, NUM_VERTICES))
    first = 17 * _PER_TARGET
    for bone in range(NUM_BONES):
        regressor[bone, first + bone * _PER_BONE : first + (bone + 1) * _PER_BONE] = 1 / _PER_BONE
    return {
        "v_template": vertices * scale,
        "shapedirs": shapedirs,
        "posedirs": posedirs[:, :, 1:].reshape(NUM_VERTICES, 3, -1),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([np.where(PARENTS < 0, 4294967295, PARENTS), np.arange(NUM_BONES)], np.uint32),
        "f": np.arange(30, dtype=np.uint32).reshape(-1, 3),
        "eigvec": rng.integers(-2, 3, (NUM_VERTICES, 3, 10)) * 1e-4,
    }


def h36m_regressor() -> np.ndarray:
    """The regressor ``(17, 6890)`` of the made-up body."""
    regressor = np.zeros((17, NUM_VERTICES))
    for joint in range(17):
        regressor[joint, joint * _PER_TARGET : (joint + 1) * _PER_TARGET] = 1 / _PER_TARGET
    return regressor


def body_model_archives(folder: Path, seed: int = 0) -> dict[str, Path]:
    """``smplh.tar.xz``, ``dmpls.tar.xz`` and ``data.tar.gz`` in a folder, by the names of their sources."""
    folder.mkdir(parents=True, exist_ok=True)
    models, dmpls = {"LICENSE.txt": b"made up\n"}, {"LICENSE.txt": b"made up\n"}
    for gender in GENDERS:
        fields = body_fields(gender, seed)
        dmpls[f"{gender}/model.npz"] = npz_bytes({"eigvec": fields.pop("eigvec"), "eigval": np.ones(10)})
        models[f"{gender}/model.npz"] = npz_bytes({**fields, "bs_style": np.array("lbs", object)})  # one that needs a pickle
    data = {
        "data/J_regressor_extra.npy": _npy_bytes(np.zeros((9, NUM_VERTICES))),
        "data/J_regressor_h36m.npy": _npy_bytes(h36m_regressor()),
        "data/static_fits/readme.txt": b"made up\n",
    }
    sources = {"smplh": "smplh.tar.xz", "dmpls": "dmpls.tar.xz", "h36m_regressor": "data.tar.gz"}
    for file, members in zip(sources.values(), (models, dmpls, data), strict=True):
        write_tar(folder / file, members)
    return {name: folder / file for name, file in sources.items()}


def recording(num_frames: int, rate: float, rng: np.random.Generator, gender: str | bytes = "male") -> dict[str, np.ndarray]:
    """The fields of a ``*_poses.npz``: somebody walks in a circle."""
    time = np.arange(num_frames) / rate
    step = 2 * np.pi * rng.uniform(0.7, 1.1) * time + rng.uniform(0, 2 * np.pi)
    circle = rng.uniform(0.2, 0.4) * time + rng.uniform(0, 2 * np.pi)
    poses = np.zeros((num_frames, NUM_BONES, 3))
    poses[:, 0] = _upright(circle + np.pi)
    poses[:, 1, 0], poses[:, 2, 0] = -0.1 - 0.4 * np.sin(step), -0.1 + 0.4 * np.sin(step)
    poses[:, 4, 0], poses[:, 5, 0] = 0.4 + 0.35 * np.cos(step), 0.4 - 0.35 * np.cos(step)
    poses[:, 16, 2], poses[:, 17, 2] = -1.25 + 0.1 * np.sin(step), 1.25 + 0.1 * np.sin(step)
    poses[:, 16, 1], poses[:, 17, 1] = -0.3 * np.sin(step), -0.3 * np.sin(step)
    poses[:, 18, 1], poses[:, 19, 1] = -0.5, 0.5
    poses[:, 12, 0] = 0.15 * np.sin(step / 2)
    poses[:, 22:] = rng.normal(0, 0.2, (1, 30, 3))
    radius = 2.0
    trans = np.stack([radius * np.cos(circle), radius * np.sin(circle), 0.97 + 0.02 * np.cos(2 * step)], 1)
    return {
        "trans": trans,
        "gender": np.array(gender),
        "mocap_framerate": np.array(rate),
        "betas": rng.normal(0, 0.5, 16),
        "dmpls": 0.5 * np.sin(step[:, None] + np.arange(8)),
        "poses": poses.reshape(num_frames, NUM_BONES * 3),
    }


def subset_archive(folder: Path, subset: str, seed: int = 0, lengths: Sequence[int] = (150, 120, 200, 130)) -> Path:
    """A subset as the site packs it: ``{archive}.tar.bz2`` with ``{folder}/{person}/{sequence}_poses.npz``.

    lengths: frames at 50 Hz that the usable recordings come to, at rates of 120, 60, 100, 59.94 Hz in turn, of two people in turn.
    Besides there are ``SKIPPED`` that lack ``dmpls`` or are too short, and the ``shape.npz`` of each person.
    """
    rng = np.random.default_rng([seed, *subset.encode()])
    members: dict[str, bytes] = {}
    inside = FOLDERS.get(subset, subset)
    for number, length in enumerate(lengths):
        person, rate = f"{number % 2 + 1:02d}", RATES[number % len(RATES)]
        gender: str | bytes = ("male", b"female", "neutral")[number % 3]
        fields = recording(int(np.ceil(length * rate / 50)), rate, rng, gender)
        members[f"{inside}/{person}/{person}_{number + 1:02d}_poses.npz"] = npz_bytes(fields)
    incomplete = recording(60, 120.0, rng)
    del incomplete["dmpls"]
    members[f"{inside}/01/incomplete_poses.npz"] = npz_bytes(incomplete)
    members[f"{inside}/02/short_poses.npz"] = npz_bytes(recording(2, 120.0, rng))
    for person in ("01", "02"):
        members[f"{inside}/{person}/shape.npz"] = npz_bytes({"betas": np.zeros(16)})
    members[f"{inside}/LICENSE.txt"] = b"made up\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ARCHIVES.get(subset, subset)}.tar.bz2"
    write_tar(path, dict(reversed(members.items())))  # no sorted order
    return path


def amass_archives(
    folder: Path, subsets: Sequence[str], seed: int = 0, lengths: Sequence[int] = (150, 120, 200, 130)
) -> dict[str, Path]:
    """The archives of several subsets, by the names of their sources: ``amass_CMU``."""
    return {f"amass_{subset}": subset_archive(folder, subset, seed, lengths) for subset in subsets}


def npz_bytes(fields: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **fields)
    return buffer.getvalue()


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    """A tar packed as its name says: ``.tar.bz2``, ``.tar.xz`` or ``.tar.gz``; without times."""
    with contextlib.ExitStack() as stack:
        if path.suffix == ".gz":  # tarfile would write the time of day
            raw = stack.enter_context(path.open("wb"))
            packed = stack.enter_context(gzip.GzipFile("", "wb", 1, raw, mtime=0))
            archive = stack.enter_context(tarfile.open(fileobj=packed, mode="w"))
        elif path.suffix == ".xz":
            archive = stack.enter_context(tarfile.open(path, "w:xz", preset=0))
        else:
            archive = stack.enter_context(tarfile.open(path, "w:bz2"))
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def _around(places: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """For each place vertices in opposite pairs, so that their mean is the place."""
    offsets = rng.normal(0, 0.02, (len(places), count // 2, 3))
    return [place + np.concatenate([offset, -offset]) for place, offset in zip(places, offsets, strict=True)]


def _upright(heading: np.ndarray) -> np.ndarray:
    """Rotation vectors ``(T, 3)`` that raise the body's y to the world's z, and then turn it about the vertical."""
    half = np.pi / 4
    quaternion = np.stack(
        [
            np.cos(heading / 2) * np.cos(half),
            np.cos(heading / 2) * np.sin(half),
            np.sin(heading / 2) * np.sin(half),
            np.sin(heading / 2) * np.cos(half),
        ],
        1,
    )
    axis = quaternion[:, 1:]
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    return 2 * np.arctan2(length, quaternion[:, :1]) * axis / length


def _npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
