"""The 17 joints of a posed body: forward kinematics and skinning of AMASS's body model, without its mesh.

Arrays inside have the frames on their last axis, where NumPy is quick.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from uplift_upsample.base.products import one_blas_thread
from uplift_upsample.base.skeleton import NUM_JOINTS
from uplift_upsample.data.amass.body_archives import NUM_BETAS, NUM_BONES, NUM_POSE_FEATURES
from uplift_upsample.data.amass.body_model import Body, BodyModel

_BATCH = 1024  # frames at a time; the intermediate arrays, about 10 kB for each, stay in the cache


@one_blas_thread()
def joints(model: BodyModel, gender: str, poses: np.ndarray, betas: np.ndarray, dmpls: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """Joints of a recording: ``(T, 17, 3)`` float32 world metres in ``AMASS_17`` order.

    poses: ``(T, 156)`` rotation vectors of the 52 bones, radians. betas: ``(16,)``. dmpls: ``(T, 8)``. trans: ``(T, 3)`` metres.
    The joints are those of the regressor applied to the posed mesh, to about 1e-6 m.
    """
    person = _Person.of(model[gender], np.asarray(betas, np.float64))
    result = np.empty((len(poses), NUM_JOINTS, 3), np.float32)
    for start in range(0, len(poses), _BATCH):
        batch = slice(start, start + _BATCH)
        result[batch] = person.joints(_frames_last(poses[batch]), _frames_last(dmpls[batch]), _frames_last(trans[batch]))
    return result


def rotations_less_identity(vectors: np.ndarray) -> np.ndarray:
    """Rotation matrices minus the identity, ``(..., 3, 3, T)``, of rotation vectors ``(..., 3, T)`` in radians (Rodrigues).

    Accurate to rounding for every angle, zero and tiny ones included, since no difference of nearly equal numbers is taken.
    """
    x, y, z = np.moveaxis(vectors, -2, 0)
    half = np.sqrt(x * x + y * y + z * z) / 2
    ratio = np.divide(np.sin(half), half, out=np.ones_like(half), where=half > 0)
    first, second = ratio * np.cos(half), ratio * ratio / 2  # sin(a)/a and (1 - cos(a))/a^2
    ax, ay, az = first * x, first * y, first * z
    bx, by, bz = second * x, second * y, second * z
    matrices = np.empty((*vectors.shape[:-2], 3, 3, vectors.shape[-1]), vectors.dtype)
    matrices[..., 0, 0, :] = -(by * y + bz * z)
    matrices[..., 1, 1, :] = -(bx * x + bz * z)
    matrices[..., 2, 2, :] = -(bx * x + by * y)
    matrices[..., 0, 1, :] = bx * y - az
    matrices[..., 1, 0, :] = bx * y + az
    matrices[..., 0, 2, :] = bx * z + ay
    matrices[..., 2, 0, :] = bx * z - ay
    matrices[..., 1, 2, :] = by * z - ax
    matrices[..., 2, 1, :] = by * z + ax
    return matrices


@dataclass(frozen=True, eq=False)
class _Person:
    """A body with its betas put in. What is left of the linear functions has one matrix for each kind, float32.

    to_arms: ``(P * 3, 459 + 9)`` of (pose features, 1, 8 DMPLs). to_steps: ``(K * 3, 9)`` of (1, 8 DMPLs).
    to_joints: ``(17, K)`` shares.
    """

    body: Body
    to_arms: np.ndarray
    to_steps: np.ndarray
    to_joints: np.ndarray

    @classmethod
    def of(cls, body: Body, betas: np.ndarray) -> "_Person":
        to_joints = np.zeros((NUM_JOINTS, len(body.bones)), np.float32)
        to_joints[body.joints, body.carriers] = body.shares
        pose_arms = body.pose_arms.reshape(-1, NUM_POSE_FEATURES)
        to_arms = np.concatenate([pose_arms, _shaped(body.arms, betas)], 1).astype(np.float32)
        return cls(body, to_arms, _shaped(body.steps, betas).astype(np.float32), to_joints)

    def joints(self, poses: np.ndarray, dmpls: np.ndarray, trans: np.ndarray) -> np.ndarray:
        """``(T, 17, 3)`` of poses ``(156, T)``, dmpls ``(8, T)`` and trans ``(3, T)``, all float32."""
        num_frames = poses.shape[1]
        turns = rotations_less_identity(poses.reshape(NUM_BONES, 3, num_frames))
        features = np.concatenate([turns[1:].reshape(-1, num_frames), np.ones((1, num_frames), np.float32), dmpls])
        arms = (self.to_arms @ features).reshape(-1, 3, num_frames)
        steps = (self.to_steps @ features[NUM_POSE_FEATURES:]).reshape(-1, 3, num_frames)
        rotations, centres = self._kinematics(turns, steps)
        result = (self.to_joints @ centres.reshape(len(centres), -1)).reshape(NUM_JOINTS, 3, num_frames)
        for place, pairs in self._pairs_of_bones():
            result[self.body.joints[pairs]] += _turned(rotations[place], arms[pairs])
        result += self.body.totals.astype(np.float32)[:, None, None] * trans
        return result.transpose(2, 0, 1)

    def _kinematics(self, turns: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World rotations ``(K, 3, 3, T)`` and centres ``(K, 3, T)`` of the bones, before ``trans``."""
        rotations = np.empty((len(steps), *turns.shape[1:]), np.float32)
        centres = np.empty_like(steps)
        for place, (bone, parent) in enumerate(zip(self.body.bones, self.body.parents, strict=True)):
            if parent < 0:
                rotations[place], centres[place] = turns[bone] + np.eye(3, dtype=np.float32)[:, :, None], steps[place]
            else:  # the columns of a turn are turned like vectors
                columns = _turned(rotations[parent], turns[bone].swapaxes(0, 1))
                rotations[place] = rotations[parent] + columns.swapaxes(0, 1)
                centres[place] = centres[parent] + _turned(rotations[parent], steps[place, None])[0]
        return rotations, centres

    def _pairs_of_bones(self) -> Iterator[tuple[int, slice]]:
        ends = np.searchsorted(self.body.carriers, np.arange(len(self.body.bones)), side="right")
        start = 0
        for place, end in enumerate(ends.tolist()):
            if end > start:
                yield place, slice(start, end)
            start = end


def _shaped(linear: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """A linear function of (1, betas, DMPLs) ``(N, 3, 25)`` with its betas put in: ``(N * 3, 9)`` of (1, DMPLs)."""
    constant = linear[:, :, :1] + linear[:, :, 1 : 1 + NUM_BETAS] @ betas[:, None]
    return np.concatenate([constant, linear[:, :, 1 + NUM_BETAS :]], axis=2).reshape(len(linear) * 3, -1)


def _turned(rotation: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors ``(N, 3, T)`` turned by a rotation ``(3, 3, T)``; a sum of three products is quicker than ``einsum`` here."""
    x, y, z = vectors[:, 0, None], vectors[:, 1, None], vectors[:, 2, None]
    result = x * rotation[:, 0]
    result += y * rotation[:, 1]
    result += z * rotation[:, 2]
    return result


def _frames_last(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(array).T, np.float32)
