"""Training input: the host picks poses, the compiled step makes examples of them.

What crosses from one to the other for each example is small: which frames its tokens stand for, and its camera. The poses of the
whole data set lie on a GPU that has the room. Where there is none, the host gathers the poses of each batch from the memory map of
the frames table, whose pages belong to the system. Camera geometry, mirroring, projection and roots are computed in the
step, for all examples at once.

2D poses are made for visible tokens only, and so is the spatial stage: in the published mix of s_in those are 58% of all. Their
number differs from batch to batch; it is rounded up to few different ones, so that little has to be compiled again.

Shapes: B examples of N tokens, J = 17 joints. A batch is made of G equal groups, one for each device that trains; K is the number
of visible tokens of the group that has most of them, rounded up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from uplift_upsample.cameras import NUM_INTRINSICS, seen_in_direction
from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.frames_checks import check_finite
from uplift_upsample.data.sampler import Rows
from uplift_upsample.model.backend import keras, ops
from uplift_upsample.skeleton import MIRROR, ROOT

NUM_SIZES = 16  # of K, up to all tokens of a group
OF_ANY_SIZE = {"frames", "poses_2d", "places_2d", "visible_index"}  # inputs whose second size is K
RESIDENT_BYTES = 8 << 30  # of poses; larger data sets stay with the host
Inputs = dict[str, Any]


class Examples(NamedTuple):
    """What the network is trained on.

    frames: 2D poses of visible tokens ``(G * K, J, 2)``; those behind the last one of a group belong to no token.
    token_pose: which of them each token has ``(B, N)``; any number where ``visible`` ``(B, N)`` is false.
    targets: ``(B, N, J, 3)`` metres, camera axes, root-relative.
    """

    frames: Any
    token_pose: Any
    visible: Any
    targets: Any


@dataclass(frozen=True)
class Visible:
    """Visible tokens of a batch, group by group.

    index: their places among the tokens of their group, example by example, ``(G, K)``, filled up with 0. count: ``(G,)``.
    token_pose: ``(B, N)`` places in ``index``; 0 where a token is not visible.
    """

    index: np.ndarray
    count: np.ndarray
    token_pose: np.ndarray


def visible_tokens(visible: np.ndarray, num_groups: int = 1) -> Visible:
    """Number the visible tokens of a batch ``(B, N)``. num_groups: a divisor of B."""
    groups = visible.reshape(num_groups, -1)
    count = groups.sum(axis=1)
    unit = -(-groups.shape[1] // NUM_SIZES)
    size = min(max(-(-count.max() // unit), 1) * unit, groups.shape[1])
    index = np.zeros((num_groups, size), np.int32)
    for group, places in enumerate(groups):
        index[group, : count[group]] = np.flatnonzero(places)
    token_pose = np.where(groups, np.cumsum(groups, axis=1, dtype=np.int32) - 1, 0)
    return Visible(index, count, token_pose.astype(np.int32).reshape(visible.shape))


def packed(poses_2d: np.ndarray, visible: np.ndarray, targets: np.ndarray, num_groups: int = 1) -> Inputs:
    """Inputs of a step from whole examples: ``(B, N, J, 2)``, ``(B, N)``, and root-relative ``(B, N, J, 3)`` metres."""
    tokens = visible_tokens(visible, num_groups)
    poses = poses_2d.reshape(num_groups, -1, *poses_2d.shape[2:])
    frames = np.take_along_axis(poses, tokens.index[..., None, None], axis=1)
    return {"frames": frames, "token_pose": tokens.token_pose, "visible": visible, "targets": targets}


class InputReader:
    """Makes the inputs of a step from rows.

    reader: of the training examples. num_groups: devices that share a batch. has_twins: whether every row
    is followed by its mirrored twin, which is then made in the step. is_resident: whether the poses go to the device once, here,
    instead of with each batch; for one device. Raises ``InputError`` for poses that are NaN or infinite.
    """

    def __init__(
        self,
        reader: ExampleReader,
        num_groups: int = 1,
        *,
        has_twins: bool = False,
        is_resident: bool = False,
    ) -> None:
        self._reader = reader
        self._num_groups = num_groups
        self._has_twins = has_twins
        self._rotations = reader.table.cameras.rotations
        table = reader.table  # whose memory maps are contiguous; another table is copied once, here, and not with each batch
        self._poses = {"3d": np.ascontiguousarray(table.poses_3d)}
        if table.poses_2d is not None:
            self._poses["2d"] = np.ascontiguousarray(table.poses_2d)
        self._tables: Inputs = {}
        if is_resident:
            self._tables = {
                f"table_{name}": ops.convert_to_tensor(self._checked(name, poses)) for name, poses in self._poses.items()
            }

    def read(self, rows: Rows) -> Inputs:
        """The inputs for some rows: on their way to the device already, where there is one alone, else arrays."""
        if self._has_twins:
            rows = rows.take(slice(0, None, 2))
        reader, table = self._reader, self._reader.table
        frames, visible, is_padded = reader.frames(rows)
        tokens = visible_tokens(visible, self._num_groups)
        inputs: Inputs = {
            **self._tables,
            "visible": visible,
            "visible_index": tokens.index,
            "token_pose": tokens.token_pose,
            "rotation": self._rotations[rows.camera],
        }
        if self._has_twins:
            inputs["has_twin"] = np.ones(len(rows), bool)
        else:
            inputs["mirrored"] = rows.mirrored
        if reader.padding == "zeros":
            inputs["is_padded"] = is_padded
        inputs |= self._picked("3d", table.video_start_3d[rows.video][:, None] + frames)
        if table.poses_2d is None:
            inputs["translation"] = table.cameras.translation[rows.camera]
            inputs["intrinsics"] = table.cameras.intrinsics[rows.camera].astype(np.float32)
        else:
            places = (table.video_start_2d[rows.video][:, None] + frames).reshape(self._num_groups, -1)
            inputs |= self._picked("2d", np.take_along_axis(places, tokens.index, axis=1))
        return inputs if self._num_groups > 1 else {name: ops.convert_to_tensor(array) for name, array in inputs.items()}

    def _picked(self, name: str, places: np.ndarray) -> Inputs:
        """Some poses of a table, or where they are in it."""
        if self._tables:
            return {f"places_{name}": places.astype(np.int32)}
        return {f"poses_{name}": self._checked(name, np.take(self._poses[name], places, axis=0))}

    def _checked(self, name: str, poses: np.ndarray) -> np.ndarray:
        check_finite(self._reader.table.metadata.get("dataset", "data set"), f"{name.upper()} poses", poses)
        return poses


def examples(inputs: Mapping[str, Any]) -> Examples:
    """The examples that inputs stand for; tensors in, tensors out, in any backend."""
    token_pose, visible = inputs["token_pose"], inputs["visible"]
    if "targets" in inputs:  # packed
        frames, targets = inputs["frames"], inputs["targets"]
    else:
        frames, targets = _computed(dict(inputs))
        if "has_twin" in inputs:  # the poses of twins lie behind all others of their group
            token_pose = _in_turns(token_pose, token_pose + ops.shape(frames)[1] // 2)
            visible = _in_turns(visible, visible)
    num_groups = frames.shape[0]
    if num_groups > 1:
        group = ops.arange(token_pose.shape[0], dtype="int32") // (token_pose.shape[0] // num_groups)
        token_pose = token_pose + group[:, None] * ops.shape(frames)[1]
    return Examples(ops.reshape(frames, (-1, *frames.shape[2:])), token_pose, visible, targets)


def _computed(inputs: Inputs) -> tuple[Any, Any]:
    """2D poses of the visible tokens ``(G, K, J, 2)``, and targets ``(B, N, J, 3)``; twice as many of both with twins."""
    world = _gathered(inputs, "3d")
    seen = None if "intrinsics" in inputs else _gathered(inputs, "2d")
    mirrored = inputs.get("mirrored", False)
    frames, targets = _seen(inputs, world, seen, mirrored)
    if "has_twin" in inputs:
        twin_frames, twin_targets = _seen(inputs, world, seen, ops.logical_not(mirrored))
        frames, targets = ops.concatenate([frames, twin_frames], axis=1), _in_turns(targets, twin_targets)
    return frames, targets


def _seen(inputs: Inputs, world: Any, seen: Any, mirrored: Any) -> tuple[Any, Any]:
    """2D poses ``(G, K, J, 2)`` and targets ``(B, N, J, 3)`` from poses of the world and what detectors saw of them, if anything.

    mirrored: for each example ``(B,)``, or for all.
    """
    rotation, index = inputs["rotation"], inputs["visible_index"]  # (B, 3, 3), (G, K)
    num_groups, num_examples, num_tokens = index.shape[0], rotation.shape[0], world.shape[1]
    first = ops.expand_dims(ops.arange(num_groups, dtype="int32"), 1) * (num_examples // num_groups)
    example, token = first + index // num_tokens, first * num_tokens + index  # (G, K)
    mirrored = ops.broadcast_to(ops.convert_to_tensor(mirrored, "bool"), (num_examples,))
    if seen is None:  # motion capture is padded and mirrored in the world, before a camera sees it
        if "is_padded" in inputs:
            world = ops.where(inputs["is_padded"][..., None, None], 0.0, world)
        world = _mirrored(world, mirrored[:, None])
        points = ops.take(ops.reshape(world, (-1, *world.shape[2:])), token, axis=0)
        translation, intrinsics = (ops.take(inputs[name], example, axis=0) for name in ("translation", "intrinsics"))
        points = _rotated(points - translation[:, :, None], ops.take(rotation, example, axis=0))
        frames = _projected(points, intrinsics)
    else:
        frames = _mirrored(seen, ops.take(mirrored, example, axis=0))
    targets = _rotated(world - world[..., ROOT : ROOT + 1, :], rotation[:, None])
    if seen is not None:
        targets = _mirrored(targets, mirrored[:, None])
        if "is_padded" in inputs:
            is_padded = inputs["is_padded"]
            targets = ops.where(is_padded[..., None, None], 0.0, targets)
            frames = ops.where(ops.take(ops.reshape(is_padded, (-1,)), token, axis=0)[..., None, None], 0.0, frames)
    return frames, targets


def _gathered(inputs: Inputs, name: str) -> Any:
    if f"poses_{name}" in inputs:
        return inputs[f"poses_{name}"]
    return ops.take(inputs[f"table_{name}"], inputs[f"places_{name}"], axis=0)


def _in_turns(first: Any, second: Any) -> Any:
    """Rows of two tensors ``(B, ...)``, one of each in turn, ``(2 B, ...)``."""
    return ops.reshape(ops.stack([first, second], axis=1), (-1, *first.shape[1:]))


def _mirrored(poses: Any, is_mirrored: Any) -> Any:
    """Some of the poses ``(..., J, D)`` mirrored: left and right exchanged, x negated. is_mirrored: ``(...)`` or what fits it."""
    sign = np.array([-1.0, 1.0, 1.0][: poses.shape[-1]], np.float32)
    return ops.where(is_mirrored[..., None, None], ops.take(poses, MIRROR, axis=-2) * sign, poses)


def _rotated(points: Any, rotation: Any) -> Any:
    """Points ``(..., J, 3)`` by matrices ``(..., 3, 3)``: three products for each coordinate, too few for a matrix product."""
    columns = [points[..., axis : axis + 1] * rotation[..., None, :, axis] for axis in range(3)]
    return columns[0] + columns[1] + columns[2]


def _projected(points: Any, intrinsics: Any) -> Any:
    """``cameras.project`` for points ``(G, K, J, 3)`` with cameras ``(G, K, 11)``."""
    columns = (intrinsics[..., None, i] for i in range(NUM_INTRINSICS))
    x = ops.clip(points[..., 0] / points[..., 2], -1, 1)
    y = ops.clip(points[..., 1] / points[..., 2], -1, 1)
    return ops.stack(seen_in_direction(x, y, columns), axis=-1)


def is_resident(table: FramesTable) -> bool:
    """Whether the poses of a data set should lie on the device that trains: a GPU that has the room."""
    size = sum(poses.nbytes for poses in (table.poses_3d, table.poses_2d) if poses is not None)
    has_gpu = any("cpu" not in name.lower() for name in map(str, keras.distribution.list_devices()))
    return has_gpu and size <= RESIDENT_BYTES
