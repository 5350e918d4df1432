"""Training input: the host looks up the poses, the compiled step makes examples of them.

What crosses from one to the other for each example is small: its frames, its camera and, where the data set does not lie on the
device, its poses, once for both mirrored twins. A data set lies on a GPU that has the room. Where there is none, the host gathers
the poses of each batch from the memory map of the frames table, whose pages belong to the system.

The spatial stage takes the 2D poses of visible tokens only: in the published mix of s_in those are 58% of all. Their number differs
from batch to batch; it is rounded up to few different ones, so that little has to be compiled again.

Shapes: B examples of N tokens, J = 17 joints. A batch is made of G equal groups, one for each device that trains; K is the number
of visible tokens of the group that has most of them, rounded up.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.examples import ExampleReader, assembled
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.sampler import Rows
from uplift_upsample.model.backend import keras, ops

NUM_SIZES = 16  # of K, up to all tokens of a group; each is compiled once, so few, and each rounds up, so not too few
OF_ANY_SIZE = {"visible_index"}  # inputs whose second size is K
RESIDENT_BYTES = 8 << 30  # of poses, chosen: leaves most of a GPU to the training; larger data sets stay with the host
Inputs = dict[str, Any]


class Examples(NamedTuple):
    """What the network is trained on.

    frames: 2D poses of visible tokens ``(G * K, J, 2)``, filled up with any others.
    token_pose: which of them each token has ``(B, N)``; any number where ``visible`` ``(B, N)`` is false.
    targets: ``(B, N, J, 3)`` metres, camera axes, root-relative.
    """

    frames: Any
    token_pose: Any
    visible: Any
    targets: Any


def visible_tokens(visible: np.ndarray, num_groups: int = 1) -> Inputs:
    """Number the visible tokens of a batch ``(B, N)``, group by group. num_groups: a divisor of B.

    visible_index: their places among the B * N tokens ``(G, K)``, filled up with other tokens of the group.
    token_pose: which of these each token is ``(B, N)``; any where it is not visible.
    """
    groups = visible.reshape(num_groups, -1)
    size = groups.shape[1]
    unit = -(-size // NUM_SIZES)
    most = min(max(-(-int(groups.sum(axis=1).max()) // unit), 1) * unit, size)
    group = np.arange(num_groups, dtype=np.int32)[:, None]
    index = np.argsort(~groups, axis=1, kind="stable")[:, :most].astype(np.int32)  # the visible ones come first
    pose = np.maximum(np.cumsum(groups, axis=1, dtype=np.int32) - 1, 0)
    return {
        "visible": visible,
        "visible_index": group * size + index,
        "token_pose": (group * most + pose).reshape(visible.shape),
    }


def packed(poses_2d: np.ndarray, visible: np.ndarray, targets: np.ndarray, num_groups: int = 1) -> Inputs:
    """Inputs of a step from whole examples: ``(B, N, J, 2)``, ``(B, N)``, and root-relative ``(B, N, J, 3)`` metres."""
    return {"poses_2d": poses_2d, "targets": targets, **visible_tokens(visible, num_groups)}


class InputReader:
    """Makes the inputs of a step from rows.

    reader: of the training examples. num_groups: devices that share a batch. has_twins: whether every row is followed by its
    mirrored twin, which has the same poses. is_resident: whether the poses go to the device once, here, instead of with each
    batch; for one device. Raises ``InputError`` for poses that are NaN or infinite.
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
        self._originals = slice(None, None, 2 if has_twins else 1)
        names = ("poses_3d", "poses_2d") if reader.table.poses_2d is not None else ("poses_3d",)
        self._tables = {f"table_{name}": ops.convert_to_tensor(reader.poses(name)) for name in names if is_resident}

    def read(self, rows: Rows) -> Inputs:
        """The inputs for some rows: on their way to the device already, where there is one alone, else arrays."""
        reader = self._reader
        frames, visible, is_padded = reader.frames(rows)
        inputs = {**self._tables, **visible_tokens(visible, self._num_groups), **reader.views(rows, is_padded)}
        for name, places in reader.places(rows.take(self._originals), frames[self._originals]).items():
            if self._tables:
                inputs[f"places_{name}"] = places.astype(np.int32)
            else:
                inputs[name] = reader.poses(name, places)
        return inputs if self._num_groups > 1 else {name: ops.convert_to_tensor(array) for name, array in inputs.items()}


def examples(inputs: Mapping[str, Any]) -> Examples:
    """The examples that inputs stand for; tensors in, tensors out, in any backend."""
    if "targets" in inputs:  # whole examples
        poses_2d, targets = inputs["poses_2d"], inputs["targets"]
    else:
        poses_2d, poses_3d = assembled(_poses(inputs, "poses_3d"), _poses(inputs, "poses_2d"), inputs, ops)
        targets = root_relative(poses_3d)
    poses_2d = ops.reshape(poses_2d, (-1, *poses_2d.shape[2:]))  # (B * N, J, 2)
    # Numbers count from the start of the batch; a device that has one of its groups alone counts from the start of that.
    index = ops.reshape(inputs["visible_index"], (-1,)) % poses_2d.shape[0]
    frames = ops.take(poses_2d, index, axis=0)
    return Examples(frames, inputs["token_pose"] % ops.shape(frames)[0], inputs["visible"], targets)


def _poses(inputs: Mapping[str, Any], name: str) -> Any:
    """Poses of the table for each token ``(B, N, J, D)``; None where it has none of this name."""
    if f"table_{name}" in inputs:
        poses = ops.take(inputs[f"table_{name}"], inputs[f"places_{name}"], axis=0)
    elif name in inputs:
        poses = inputs[name]
    else:
        return None
    num_twins = inputs["visible"].shape[0] // poses.shape[0]
    return ops.repeat(poses, num_twins, axis=0) if num_twins > 1 else poses


def is_resident(table: FramesTable) -> bool:
    """Whether the poses of a data set should lie on the device that trains: a GPU that has the room."""
    size = sum(poses.nbytes for poses in (table.poses_3d, table.poses_2d) if poses is not None)
    has_gpu = any("cpu" not in name.lower() for name in map(str, keras.distribution.list_devices()))
    return has_gpu and size <= RESIDENT_BYTES
