"""Examples: rows of the sampler become 2D poses of tokens, the mask of those that are visible, and 3D poses; whole batches at once.

``ExampleReader`` looks up what an example is made of, ``assembled`` makes it: of arrays for validation, of tensors within the
compiled step of training (``train.inputs``). Videos with 2D poses have them in the table; motion capture is seen by a drawn
camera and projected with distortion. Source: docs/method.md, "Training examples" and "AMASS".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from uplift_upsample.base.cameras import mirrored_intrinsics, project, world_to_camera
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import mirrored
from uplift_upsample.data import windows
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.frames_checks import check_finite
from uplift_upsample.data.sampler import Rows

Padding = Literal["copy", "zeros"]


@dataclass(frozen=True)
class Batch:
    """Arrays of B examples with N tokens.

    poses_2d: ``(B, N, 17, 2)`` float32, normalised screen coordinates, 0 where a token is not visible.
    visible: ``(B, N)`` bool, tokens that have a 2D pose. poses_3d: ``(B, N, 17, 3)`` float32, metres, camera axes,
    *not* root-relative.
    is_padded: ``(B, N)`` bool, tokens outside the video.
    """

    poses_2d: np.ndarray
    visible: np.ndarray
    poses_3d: np.ndarray
    is_padded: np.ndarray


class ExampleReader:
    """Reads examples of one data set with a fixed window.

    num_tokens, s_out: the window. padding: what stands outside a video; ``zeros`` are 2D and 3D poses of zeros, and for motion
    capture poses at the world's origin, which the camera sees. has_strided_input: false, every token is visible.
    aligned_with_video: the mask of the test protocol instead of one centred on the window and shifted. random_key_frames: tokens
    are visible at random, drawn by ``rows.shift``.
    """

    def __init__(
        self,
        table: FramesTable,
        num_tokens: int,
        s_out: int,
        *,
        padding: Padding = "copy",
        has_strided_input: bool = True,
        aligned_with_video: bool = False,
        random_key_frames: bool = False,
    ) -> None:
        self.table = table
        self.num_tokens = num_tokens
        self.s_out = s_out
        self.padding = padding
        self.has_strided_input = has_strided_input
        self.aligned_with_video = aligned_with_video
        self.random_key_frames = random_key_frames
        self._factor = _frame_rate_factors(table)
        self._rotations = table.cameras.rotations
        # Memory maps are contiguous; another table is copied once, here, and not with each batch.
        self._poses = {"poses_3d": np.ascontiguousarray(table.poses_3d)}
        if table.poses_2d is not None:
            self._poses["poses_2d"] = np.ascontiguousarray(table.poses_2d)

    def frames(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames to read ``(B, N)``, visible ``(B, N)``, is_padded ``(B, N)``."""
        factor = self._factor[rows.video]
        step = self.s_out * factor
        positions = windows.token_positions(rows.centre, self.num_tokens, step)
        frames, is_padded = windows.frame_indices(positions, self.table.video_length[rows.video], step)
        if not self.has_strided_input:
            return frames, np.ones(frames.shape, bool), is_padded
        if self.random_key_frames:
            return frames, windows.random_visibility(rows.shift, self.num_tokens, self.s_out / rows.s_in), is_padded
        origin = np.zeros_like(rows.centre) if self.aligned_with_video else windows.mask_origin(rows.centre, rows.shift, step)
        return frames, windows.visibility(positions, rows.s_in * factor, origin), is_padded

    def places(self, rows: Rows, frames: np.ndarray) -> dict[str, np.ndarray]:
        """Where the poses of frames ``(B, N)`` lie in the table: rows of ``poses_3d``, and of ``poses_2d`` where it has some."""
        starts = {"poses_3d": self.table.video_start_3d, "poses_2d": self.table.video_start_2d}
        return {name: starts[name][rows.video][:, None] + frames for name in self._poses}

    def poses(self, name: str, places: np.ndarray | None = None) -> np.ndarray:
        """Poses of the table by their rows, or all of them. Raises ``InputError`` for NaN and infinities."""
        poses = self._poses[name] if places is None else np.take(self._poses[name], places, axis=0)
        check_finite(self.table.metadata.get("dataset", "data set"), name.removeprefix("poses_").upper() + " poses", poses)
        return poses

    def views(self, rows: Rows, is_padded: np.ndarray) -> dict[str, np.ndarray]:
        """What stands between the poses of the table and the examples, ``(B, ...)``: the views of ``assembled``."""
        views = {
            "mirrored": rows.mirrored,
            "rotation": self._rotations[rows.camera],
            "translation": self.table.cameras.translation[rows.camera],
        }
        if self.table.poses_2d is None:
            views["intrinsics"] = self.intrinsics(rows).astype(np.float32)
        if self.padding == "zeros":
            views["is_padded"] = is_padded
        return views

    def read(self, rows: Rows) -> Batch:
        """The examples of some rows. Raises ``InputError`` for poses that are NaN or infinite."""
        frames, visible, is_padded = self.frames(rows)
        poses = {name: self.poses(name, places) for name, places in self.places(rows, frames).items()}
        poses_2d, poses_3d = assembled(poses["poses_3d"], poses.get("poses_2d"), self.views(rows, is_padded))
        return Batch(np.where(visible[..., None, None], poses_2d, 0), visible, poses_3d, is_padded)

    def intrinsics(self, rows: Rows) -> np.ndarray:
        """Camera vectors ``(B, 11)`` float64 that go with the examples (see ``cameras``)."""
        vectors = self.table.cameras.intrinsics[rows.camera]
        if self.table.poses_2d is None:  # mirrored in the world, seen by the camera as it is
            return vectors
        return np.where(rows.mirrored[:, None], mirrored_intrinsics(vectors), vectors)


def assembled(world: Any, seen: Any, views: Mapping[str, Any], xp: Any = np) -> tuple[Any, Any]:
    """2D poses ``(B, N, J, 2)`` and 3D poses ``(B, N, J, 3)``, metres, camera axes, of whole examples.

    world: poses of the table ``(B, N, J, 3)``. seen: its 2D poses ``(B, N, J, 2)``; None for motion capture, which is projected.
    views: ``mirrored`` ``(B,)``; the cameras' ``rotation`` ``(B, 3, 3)``, ``translation`` ``(B, 3)`` and, for motion capture,
    ``intrinsics`` ``(B, 11)``; ``is_padded`` ``(B, N)`` where padding is zeros. xp: ``numpy`` or, for tensors, ``keras.ops``.
    """

    def padded(poses: Any) -> Any:
        return xp.where(views["is_padded"][..., None, None], 0.0, poses) if "is_padded" in views else poses

    def flipped(poses: Any) -> Any:
        return xp.where(views["mirrored"][:, None, None, None], mirrored(poses, xp), poses)

    if seen is None:  # padded and mirrored in the world, before a camera sees it
        poses_3d = world_to_camera(flipped(padded(world)), views["rotation"], views["translation"], xp)
        return project(poses_3d, views["intrinsics"], xp), poses_3d
    poses_3d = world_to_camera(world, views["rotation"], views["translation"], xp)
    return padded(flipped(seen)), padded(flipped(poses_3d))


def _frame_rate_factors(table: FramesTable) -> np.ndarray:
    try:
        return windows.frame_rate_factor(table.video_frame_rate)
    except InputError as error:
        raise InputError(f"{table.metadata.get('dataset', 'data set')}: {error}") from None
