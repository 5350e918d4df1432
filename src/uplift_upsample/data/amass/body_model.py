"""The body model of AMASS (SMPL+H with DMPLs), reduced to what 17 regressed joints need.

A joint is a weighted sum of skinned vertices, and everything in that sum but the rotations of the bones is linear. So the sums
over the vertices are made once, here: for each pair of a joint and a bone that carries some of its vertices there is
one vector, the *arm*, that is linear in the betas, the DMPLs and the pose features. The mesh is never posed (``body_pose``).

Source: docs/method.md, "AMASS".
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing
from uplift_upsample.base.products import one_blas_thread
from uplift_upsample.base.skeleton import AMASS_17, NUM_JOINTS
from uplift_upsample.data.amass.body_archives import (
    GENDERS,
    NUM_BETAS,
    NUM_BONES,
    NUM_DMPLS,
    NUM_POSE_FEATURES,
    Mesh,
    dmpl_shapes,
    meshes,
    read_regressor,
)
from uplift_upsample.data.plain_npz import PlainNpz, Shape, UnreadableError

NUM_SHAPES = 1 + NUM_BETAS + NUM_DMPLS  # the mean body and its components
_LARGEST = 1e3  # metres for each unit of a coefficient; real ones are below 10

# What a person in the rest pose (upright, the left side at positive x, y up) must look like.
_UPWARDS = (("l_ankle", "l_knee", "pelvis", "neck", "head_top"), ("r_ankle", "r_knee", "pelvis", "neck", "head_top"))
_SIDES = ("ankle", "knee", "hip", "shoulder", "elbow", "wrist")


@dataclass(frozen=True, eq=False)
class Body:
    """One gender. Linear functions of the shape have their 25 coefficients, of (1, 16 betas, 8 DMPLs), on the last axis.

    bones: ``(K,)`` numbers in SMPL+H of the bones that are needed, parents first. parents: ``(K,)`` the parent of each, as a
    place in ``bones``, -1 for the root. steps: ``(K, 3, 25)`` metres from the centre of the parent to that of the bone in the
    rest pose; from the origin for the root. joints, carriers: ``(P,)`` joint and bone (a place in ``bones``) of each pair, sorted
    by bone. shares: ``(P,)`` weight of the bone in the joint. arms: ``(P, 3, 25)``, and for each pose feature
    pose_arms: ``(P, 3, 459)``: metres from the centre of the bone to the joint's vertices that it carries, weighted and summed.
    totals: ``(17,)`` sums of the regressor's rows, about 1.
    """

    bones: np.ndarray
    parents: np.ndarray
    steps: np.ndarray
    joints: np.ndarray
    carriers: np.ndarray
    shares: np.ndarray
    arms: np.ndarray
    pose_arms: np.ndarray
    totals: np.ndarray


BodyModel = Mapping[str, Body]

_SHAPES: dict[str, Shape] = {
    "bones": ("bones",),
    "parents": ("bones",),
    "steps": ("bones", 3, NUM_SHAPES),
    "joints": ("pairs",),
    "carriers": ("pairs",),
    "shares": ("pairs",),
    "arms": ("pairs", 3, NUM_SHAPES),
    "pose_arms": ("pairs", 3, NUM_POSE_FEATURES),
    "totals": (NUM_JOINTS,),
}


def prepare_body_model(
    smplh: str | os.PathLike[str], dmpls: str | os.PathLike[str], regressor: str | os.PathLike[str]
) -> dict[str, Body]:
    """Read and reduce the official archives (``smplh.tar.xz``, ``dmpls.tar.xz``, ``data.tar.gz``): gender -> ``Body``.

    Raises ``InputError`` that names archive, member and field for anything missing, damaged, of another shape or implausible.
    """
    to_joints = read_regressor(regressor)
    eigvecs = dmpl_shapes(dmpls)
    bodies = {gender: reduced_body(mesh, eigvecs[gender], to_joints) for gender, mesh in meshes(smplh)}
    for gender, body in bodies.items():
        if not _looks_like_a_person(body):
            raise InputError(
                f"{regressor}: with the {gender} body of {smplh} the regressed joints are not those of a standing person, "
                "in the order from pelvis to right wrist; get both archives from their publishers"
            )
    return {gender: bodies[gender] for gender in GENDERS}


@one_blas_thread()
def reduced_body(mesh: Mesh, eigvec: np.ndarray, to_joints: np.ndarray) -> Body:
    """Sum a mesh over its vertices. eigvec: ``(6890, 3, 8)`` DMPLs; to_joints: the regressor ``(17, 6890)``."""
    shapes = np.concatenate([mesh.v_template[:, :, None], mesh.shapedirs, eigvec], axis=2)  # (V, 3, 25)
    centres = np.tensordot(mesh.joint_regressor, shapes, 1)  # (52, 3, 25)
    used = np.flatnonzero(to_joints.any(0))
    skinning = to_joints[:, None, used] * mesh.weights[used].T  # (17, 52, used vertices)
    carriers, joints = np.nonzero(skinning.any(2).T)
    skinning = skinning[joints, carriers]  # (P, used vertices)
    shares = skinning.sum(1)
    needed = {0, *carriers.tolist()}
    for bone in range(NUM_BONES - 1, 0, -1):  # children lie behind their parents
        if bone in needed:
            needed.add(int(mesh.parents[bone]))
    bones = np.array(sorted(needed))
    parents = mesh.parents[bones]
    steps = centres[bones] - np.where(parents < 0, 0, centres[parents].T).T
    return Body(
        bones=bones,
        parents=np.where(parents < 0, -1, np.searchsorted(bones, parents)),
        steps=steps,
        joints=joints,
        carriers=np.searchsorted(bones, carriers),
        shares=shares,
        arms=np.tensordot(skinning, shapes[used], 1) - shares[:, None, None] * centres[carriers],
        pose_arms=np.tensordot(skinning, mesh.posedirs[used], 1).astype(np.float32),
        totals=to_joints.sum(1),
    )


def rest_joints(body: Body) -> np.ndarray:
    """The joints ``(17, 3)`` of the mean shape in the rest pose, in ``AMASS_17`` order, metres, float64."""
    centres = np.zeros((len(body.bones), 3))
    for place, parent in enumerate(body.parents):
        centres[place] = body.steps[place, :, 0] + (centres[parent] if parent >= 0 else 0)
    joints = np.zeros((NUM_JOINTS, 3))
    np.add.at(joints, body.joints, body.arms[:, :, 0] + body.shares[:, None] * centres[body.carriers])
    return joints


def write_body_model(path: str | os.PathLike[str], model: BodyModel) -> None:
    """Write the reduced model to an ``.npz`` file without pickles; equal models give equal bytes."""
    arrays = {f"{gender}_{field.name}": getattr(model[gender], field.name) for gender in GENDERS for field in fields(Body)}
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_body_model(path: str | os.PathLike[str]) -> dict[str, Body]:
    """Read what ``write_body_model`` wrote. Raises ``InputError`` for any other file."""
    try:
        with open(path, "rb") as file:
            npz = PlainNpz(file.read())
        model = {
            gender: Body(**{name: npz.numbers(f"{gender}_{name}", shape) for name, shape in _SHAPES.items()}) for gender in GENDERS
        }
        for gender, body in model.items():
            if fault := _body_fault(body):
                raise UnreadableError(f"the {gender} body: {fault}")
        return model
    except (OSError, UnreadableError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: not a prepared body model ({reason}); prepare it again") from None


def _body_fault(body: Body) -> str | None:
    """Why the arrays of a body do not belong together, None where they do."""
    num_bones, num_pairs = len(body.bones), len(body.joints)
    if any(len(array) != num_bones for array in (body.parents, body.steps)) or not num_bones:
        return "there are not as many parents and steps as bones"
    if any(len(getattr(body, name)) != num_pairs for name in ("carriers", "shares", "arms", "pose_arms")) or not num_pairs:
        return "there are not as many bones, shares and arms as joints"
    within = {"bones": (0, NUM_BONES), "parents": (-1, num_bones), "joints": (0, NUM_JOINTS), "carriers": (0, num_bones)}
    for name, (least, end) in within.items():
        array = getattr(body, name)
        if array.dtype.kind not in "iu" or array.min() < least or array.max() >= end:
            return "a bone or joint number is out of range"
    is_sorted = (np.diff(body.bones) > 0).all() and (np.diff(body.carriers.astype(np.int64)) >= 0).all()
    if not is_sorted or body.parents[0] != -1 or (body.parents[1:] < 0).any() or (body.parents >= np.arange(num_bones)).any():
        return "its bones are not in the order from the root on"
    largest = max(float(np.abs(getattr(body, name)).max()) for name in ("steps", "shares", "arms", "pose_arms", "totals"))
    return f"it has the number {largest:.3g}, which no body has" if largest > _LARGEST else None


def _looks_like_a_person(body: Body) -> bool:
    joints = dict(zip(AMASS_17, rest_joints(body), strict=True))
    is_upright = all((np.diff([joints[name][1] for name in names]) > 0).all() for names in _UPWARDS)
    return is_upright and all(joints[f"l_{name}"][0] > joints[f"r_{name}"][0] for name in _SIDES)
