"""BVH, what animation programs read: a skeleton with constant bones, and the rotations of its joints.

Networks put out joints, whose distances change a little from frame to frame. So bones get their median lengths, and each joint is
turned so that the next one comes as near as it can to where it was put out; how far joints then are from there is the cost of the
format. The hips turn the pelvis, the shoulders and the head the neck; of a bone with one end, nobody knows how it is turned about
itself, so it is turned by the shortest arc.
Centimetres, y up, the person's left at x when facing z; rotations in the order Z X Y, in degrees.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_text
from uplift_upsample.base.products import one_blas_thread
from uplift_upsample.base.skeleton import MODEL_17, PARENTS, ROOT
from uplift_upsample.lift.lifted import LiftedPoses

CM_PER_M, MM_PER_M = 100, 1000
Y_UP = np.array([1, -1, -1])  # from the axes of the camera, by half a turn about x
_TIP = 5.0  # cm, of the ends behind wrists, ankles and head top, which have no length of their own; some programs need one
_UP, _LEFT = np.array([0.0, 1, 0]), np.array([1.0, 0, 0])
# Where bones point in the pose without rotations, a person who stands with his arms stretched out.
_RESTING = {
    **dict.fromkeys(("torso", "neck", "head", "head_top"), _UP),
    **dict.fromkeys(("l_hip", "l_shoulder", "l_elbow", "l_wrist"), _LEFT),
    **dict.fromkeys(("r_hip", "r_shoulder", "r_elbow", "r_wrist"), -_LEFT),
    **dict.fromkeys(("l_knee", "l_ankle", "r_knee", "r_ankle"), -_UP),
}
_CHILDREN: list[list[int]] = [[child for child in range(len(PARENTS)) if PARENTS[child] == joint] for joint in range(len(PARENTS))]


def _downwards(joint: int = ROOT) -> Iterator[int]:
    """All joints, each one before its children, in the order of the file."""
    yield joint
    for child in _CHILDREN[joint]:
        yield from _downwards(child)


_ORDER = tuple(_downwards())


def write_bvh(path: Path, poses: LiftedPoses) -> str:
    """Write poses as BVH. Returns what constant bones cost.

    Raises ``InputError`` for joints of another layout, or where there is no pose at all.
    """
    poses.require_skeleton(f"{path}: BVH")
    positions, num_held = _evenly(poses)
    positions = positions * Y_UP
    offsets = resting_offsets(positions)
    rotations, reached = fitted(positions, offsets)
    lines = ["HIERARCHY", *_hierarchy(ROOT, offsets * CM_PER_M)]
    seconds = 1 / poses.frame_rate if len(poses) > 1 else 1 / 30
    lines += ["MOTION", f"Frames: {len(poses)}", f"Frame Time: {seconds:.8f}"]
    channels = np.concatenate([positions[:, ROOT] * CM_PER_M, zxy_degrees(rotations[:, _ORDER]).reshape(len(poses), -1)], axis=1)
    lines += [" ".join(f"{value:.5f}" for value in row) for row in channels]
    write_text(path, "\n".join(lines) + "\n")
    cost = np.linalg.norm(reached - positions, axis=-1).mean() * MM_PER_M
    held = f"; {num_held} frames without a pose hold the one before" if num_held else ""
    return f"constant bones move joints by {cost:.1f} mm in the mean{held}"


def _evenly(poses: LiftedPoses) -> tuple[np.ndarray, int]:
    """Positions ``(T, 17, 3)`` float64 at a constant frame rate, without NaN; and how many frames hold another one's pose."""
    flat = poses.positions.reshape(len(poses), -1).astype(np.float64)
    known = np.flatnonzero(np.isfinite(flat).all(axis=1))
    if not len(known):
        raise InputError("there is no pose in any frame; nothing to write")
    before = known[np.maximum(np.searchsorted(known, np.arange(len(poses)), side="right") - 1, 0)]
    held = flat[before]
    moments = np.linspace(0, poses.times[-1], len(poses))
    if len(poses) > 1 and np.abs(moments - poses.times).max() > 1e-3 * moments[1]:
        held = np.stack([np.interp(moments, poses.times, column) for column in held.T], axis=1)
    return held.reshape(poses.positions.shape), len(poses) - len(known)


def resting_offsets(positions: np.ndarray) -> np.ndarray:
    """Each joint from its parent in the pose without rotations ``(17, 3)``, with the median lengths of positions ``(T, 17, 3)``."""
    lengths = np.median(np.linalg.norm(positions - positions[:, PARENTS], axis=-1), axis=0)
    directions = np.stack([_RESTING.get(name, np.zeros(3)) for name in MODEL_17])
    return lengths[:, None] * directions


@one_blas_thread()
def fitted(positions: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations of the joints against their parents ``(T, 17, 3, 3)``, and the positions that they lead to ``(T, 17, 3)``."""
    num_frames = len(positions)
    turned = np.broadcast_to(np.eye(3), (num_frames, len(PARENTS), 3, 3)).copy()  # against the world
    local = turned.copy()
    reached = np.repeat(positions[:, ROOT : ROOT + 1], len(PARENTS), axis=1)
    for joint in _ORDER:
        children, parent = _CHILDREN[joint], PARENTS[joint]
        before = turned[:, parent] if parent >= 0 else np.broadcast_to(np.eye(3), (num_frames, 3, 3))
        if not children:
            turned[:, joint] = before
            continue
        wished = positions[:, children] - reached[:, joint, None]  # from where the joint is, not from where it was put out
        if len(children) == 1:
            start = before @ offsets[children[0]]
            turned[:, joint] = _shortest_arc(start, wished[:, 0]) @ before
        else:
            turned[:, joint] = _best_rotation(offsets[children], wished)
        local[:, joint] = np.swapaxes(before, 1, 2) @ turned[:, joint]
        for child in children:
            reached[:, child] = reached[:, joint] + turned[:, joint] @ offsets[child]
    return local, reached


def _best_rotation(resting: np.ndarray, wished: np.ndarray) -> np.ndarray:
    """The rotations ``(T, 3, 3)`` that take vectors ``(C, 3)`` nearest to others ``(T, C, 3)``, by least squares (Kabsch)."""
    left, _, right = np.linalg.svd(np.swapaxes(wished, 1, 2) @ resting)
    sign = np.linalg.det(left @ right)
    left[..., -1] *= np.where(sign < 0, -1.0, 1.0)[:, None]
    return left @ right


def _shortest_arc(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotations ``(T, 3, 3)`` from directions to others, ``(T, 3)`` each; none where one of them has no length."""
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    cos = np.where(lengths > 0, (start * end).sum(axis=1) / np.maximum(lengths, 1e-30), 1.0)
    axis = np.cross(start, end) / np.maximum(lengths, 1e-30)[:, None]
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.stack([np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2)
    arc = np.eye(3) + cross + cross @ cross / np.maximum(1 + cos, 1e-9)[:, None, None]
    # straight back, any axis across will do: half a turn about it
    across = np.cross(
        start, np.where(np.abs(start[:, :1]) < np.abs(start).max(axis=1, keepdims=True) / 2, [[1.0, 0, 0]], [[0.0, 0, 1]])
    )
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)
    back = 2 * across[:, :, None] * across[:, None] - np.eye(3)
    return np.where((cos < -1 + 1e-8)[:, None, None], back, arc)


def zxy_degrees(rotations: np.ndarray) -> np.ndarray:
    """Angles ``(T, J, 3)`` about z, x and y of rotations ``(T, J, 3, 3)`` = Rz Rx Ry, without jumps over time."""
    x = np.arcsin(np.clip(rotations[..., 2, 1], -1, 1))
    is_locked = np.abs(rotations[..., 2, 1]) > 1 - 1e-9  # z and y turn about the same axis; all of it is given to z
    z = np.where(
        is_locked,
        np.arctan2(rotations[..., 1, 0], rotations[..., 0, 0]),
        np.arctan2(-rotations[..., 0, 1], rotations[..., 1, 1]),
    )
    y = np.where(is_locked, 0.0, np.arctan2(-rotations[..., 2, 0], rotations[..., 2, 2]))
    return np.degrees(np.unwrap(np.stack([z, x, y], axis=-1), axis=0))


def _hierarchy(joint: int, offsets_cm: np.ndarray, depth: int = 0) -> list[str]:
    pad = "  " * depth
    kind, channels = ("ROOT", "6 Xposition Yposition Zposition") if joint == ROOT else ("JOINT", "3")
    lines = [
        f"{pad}{kind} {MODEL_17[joint]}",
        f"{pad}{{",
        f"{pad}  OFFSET {_numbers(offsets_cm[joint])}",
        f"{pad}  CHANNELS {channels} Zrotation Xrotation Yrotation",
    ]
    for child in _CHILDREN[joint]:
        lines += _hierarchy(child, offsets_cm, depth + 1)
    if not _CHILDREN[joint]:
        tip = _numbers(_RESTING[MODEL_17[joint]] * _TIP)
        lines += [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET {tip}", f"{pad}  }}"]
    return [*lines, f"{pad}}}"]


def _numbers(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{value:.5f}" for value in values)
