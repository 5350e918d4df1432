"""The official archives of AMASS's body model: SMPL+H, DMPLs, and the regressor of the Human3.6M joints.

Source: docs/method.md, "AMASS".
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.data.download.archives import read_members
from uplift_upsample.data.plain_npz import PlainNpz, UnreadableError, npy_numbers

T = TypeVar("T")

GENDERS = ("male", "female", "neutral")
NUM_VERTICES = 6890  # of the mesh of SMPL and SMPL+H
NUM_BONES = 52  # 22 of the body, 30 of the hands
NUM_BETAS = 16  # shape components that AMASS has of each person
NUM_DMPLS = 8  # components of soft tissue that AMASS has of each frame
NUM_POSE_FEATURES = (NUM_BONES - 1) * 9  # rotation matrices of all bones but the root
REGRESSOR = "J_regressor_h36m.npy"

_ROOT_MARKS = (-1, 4294967295)  # the second is the first as an unsigned number
_SUM_TOLERANCE = {"weights": 1e-3, "J_regressor": 0.05, REGRESSOR: 0.05}  # of rows that sum to 1


@dataclass(frozen=True, eq=False)
class Mesh:
    """What a model file holds, in float64 and metres.

    v_template: ``(6890, 3)``. shapedirs: ``(6890, 3, 16)``. posedirs: ``(6890, 3, 459)``. joint_regressor: ``(52, 6890)``.
    weights: ``(6890, 52)``. parents: ``(52,)`` bones, -1 for the root.
    """

    v_template: np.ndarray
    shapedirs: np.ndarray
    posedirs: np.ndarray
    joint_regressor: np.ndarray
    weights: np.ndarray
    parents: np.ndarray


def meshes(path: str | os.PathLike[str]) -> Iterator[tuple[str, Mesh]]:
    """Gender and mesh of each ``{gender}/model.npz`` of an SMPL+H archive; fields other than those of ``Mesh`` are not looked at.

    Raises ``InputError`` that names archive, member and field for anything missing, damaged, of another shape or implausible.
    """
    return _models(path, _mesh)


def dmpl_shapes(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Gender -> ``(6890, 3, 8)`` float64 metres from a DMPL archive. Raises ``InputError`` as ``meshes``."""
    return dict(_models(path, lambda npz: _leading(npz, "eigvec", NUM_DMPLS)))


def read_regressor(path: str | os.PathLike[str]) -> np.ndarray:
    """The regressor ``(17, 6890)`` float64 in ``AMASS_17`` order, a member of an archive. Raises ``InputError`` as ``meshes``."""
    found = list(read_members(path, lambda name: PurePosixPath(name).name == REGRESSOR))
    if len(found) != 1:
        raise InputError(f"{path}: {len(found)} members are named {REGRESSOR}, there must be one; this is another archive")
    member, content = found[0]
    try:
        regressor = npy_numbers(content, (NUM_JOINTS, NUM_VERTICES)).astype(np.float64)
        _check_sums(REGRESSOR, regressor)
    except UnreadableError as error:
        raise InputError(f"{path}: {member}: {error}; get the archive from its publisher") from None
    return regressor


_ADVICE = "get the archive of the body model from its publisher"


def _models(path: str | os.PathLike[str], read: Callable[[PlainNpz], T]) -> Iterator[tuple[str, T]]:
    """Gender and what is read of each model file; at the end all genders must have come."""
    seen: dict[str, str] = {}
    for member, content in read_members(path, lambda name: _gender_of(name) is not None):
        gender = _gender_of(member)
        assert gender is not None
        if gender in seen:
            raise InputError(f"{path}: it has two models of a {gender} body, {seen[gender]} and {member}; {_ADVICE}")
        seen[gender] = member
        try:
            found = read(PlainNpz(content))
        except UnreadableError as error:
            raise InputError(f"{path}: {member}: {error}; {_ADVICE}") from None
        yield gender, found
    missing = [f"{gender}/model.npz" for gender in GENDERS if gender not in seen]
    if missing:
        raise InputError(f"{path}: it has no {', '.join(missing)}; this is another archive, {_ADVICE}")


def _gender_of(member: str) -> str | None:
    parts = PurePosixPath(member).parts
    is_model = len(parts) >= 2 and parts[-1] == "model.npz" and parts[-2] in GENDERS
    return parts[-2] if is_model else None


def _mesh(npz: PlainNpz) -> Mesh:
    mesh = Mesh(
        v_template=npz.numbers("v_template", (NUM_VERTICES, 3)).astype(np.float64),
        shapedirs=_leading(npz, "shapedirs", NUM_BETAS),
        posedirs=npz.numbers("posedirs", (NUM_VERTICES, 3, NUM_POSE_FEATURES)).astype(np.float64),
        joint_regressor=npz.numbers("J_regressor", (NUM_BONES, NUM_VERTICES)).astype(np.float64),
        weights=npz.numbers("weights", (NUM_VERTICES, NUM_BONES)).astype(np.float64),
        parents=_parents(npz.numbers("kintree_table", (2, NUM_BONES)).astype(np.int64)),
    )
    _check_sums("weights", mesh.weights)
    _check_sums("J_regressor", mesh.joint_regressor)
    return mesh


def _leading(npz: PlainNpz, field: str, count: int) -> np.ndarray:
    """The first components of a field ``(6890, 3, components)``."""
    array = npz.numbers(field, (NUM_VERTICES, 3, "components"))
    if array.shape[2] < count:
        raise UnreadableError(f"the field {field!r} has {array.shape[2]} components, {count} are needed")
    return array[:, :, :count].astype(np.float64)


def _parents(kintree: np.ndarray) -> np.ndarray:
    parents, bones = kintree
    if parents[0] not in _ROOT_MARKS or not np.array_equal(bones, np.arange(NUM_BONES)):
        raise UnreadableError("the field 'kintree_table' does not list the bones from the root on")
    if not ((parents[1:] >= 0) & (parents[1:] < bones[1:])).all():
        raise UnreadableError("the field 'kintree_table' has a bone before its parent")
    return np.array([-1, *parents[1:]])


def _check_sums(field: str, rows: np.ndarray) -> None:
    off = np.abs(rows.sum(1) - 1)
    if off.max() > _SUM_TOLERANCE[field]:
        row = int(off.argmax())
        raise UnreadableError(f"row {row} of {field!r} sums to {rows[row].sum():.3g}, not to 1")
