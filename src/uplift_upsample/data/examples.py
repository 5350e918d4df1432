"""Examples: the gather that turns rows into arrays, for whole batches at once.

Videos with 2D poses read them from the table; motion capture is seen by a drawn camera and projected with
distortion. Source: docs/method.md, "Training examples" and "AMASS".
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from uplift_upsample.cameras import mirrored_intrinsics, project, world_to_camera
from uplift_upsample.data import windows
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.frames_checks import check_finite
from uplift_upsample.data.sampler import Rows
from uplift_upsample.errors import InputError
from uplift_upsample.skeleton import MIRROR

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
    capture poses at the world's origin, which the camera sees. has_strided_input: without, every token is visible.
    aligned_with_video: the mask of the test protocol instead of one centred on the window and shifted.
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
    ) -> None:
        self.table = table
        self.num_tokens = num_tokens
        self.s_out = s_out
        self.padding = padding
        self.has_strided_input = has_strided_input
        self.aligned_with_video = aligned_with_video
        self._factor = _frame_rate_factors(table)
        self._rotations = table.cameras.rotations

    def frames(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames to read ``(B, N)``, visible ``(B, N)``, is_padded ``(B, N)``."""
        factor = self._factor[rows.video]
        step = self.s_out * factor
        positions = windows.token_positions(rows.centre, self.num_tokens, step)
        frames, is_padded = windows.frame_indices(positions, self.table.video_length[rows.video], step)
        if not self.has_strided_input:
            return frames, np.ones(frames.shape, bool), is_padded
        origin = np.zeros_like(rows.centre) if self.aligned_with_video else windows.mask_origin(rows.centre, rows.shift, step)
        return frames, windows.visibility(positions, rows.s_in * factor, origin), is_padded

    def read(self, rows: Rows) -> Batch:
        """Gather the examples of some rows."""
        frames, visible, is_padded = self.frames(rows)
        table = self.table
        poses_3d = table.poses_3d[table.video_start_3d[rows.video][:, None] + frames]  # (B, N, J, 3) world
        check_finite(table.metadata.get("dataset", "data set"), "3D poses", poses_3d)
        if table.poses_2d is None:
            if self.padding == "zeros":  # in the world, and seen by the camera like all others
                poses_3d[is_padded] = 0
            poses_3d, poses_2d = self._projected(rows, poses_3d)
        else:
            poses_3d = world_to_camera(poses_3d, self._rotations[rows.camera], table.cameras.translation[rows.camera])
            poses_2d = table.poses_2d[table.video_start_2d[rows.video][:, None] + frames]
            check_finite(table.metadata.get("dataset", "data set"), "2D poses", poses_2d)
            _mirror(poses_3d, rows.mirrored)
            _mirror(poses_2d, rows.mirrored)
            if self.padding == "zeros":
                poses_3d[is_padded] = 0
                poses_2d[is_padded] = 0
        poses_2d[~visible] = 0
        return Batch(poses_2d, visible, poses_3d, is_padded)

    def intrinsics(self, rows: Rows) -> np.ndarray:
        """Camera vectors ``(B, 11)`` float64 that go with the examples (see ``cameras``)."""
        vectors = self.table.cameras.intrinsics[rows.camera]
        if self.table.poses_2d is None:  # mirrored in the world, seen by the camera as it is
            return vectors
        return np.where(rows.mirrored[:, None], mirrored_intrinsics(vectors), vectors)

    def _projected(self, rows: Rows, poses_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Motion capture, mirrored in the world, seen by the drawn cameras."""
        _mirror(poses_world, rows.mirrored)
        cameras = self.table.cameras
        poses_3d = world_to_camera(poses_world, self._rotations[rows.camera], cameras.translation[rows.camera])
        return poses_3d, project(poses_3d, cameras.intrinsics[rows.camera])


def _mirror(poses: np.ndarray, mirrored: np.ndarray) -> None:
    """Mirror some examples of a batch ``(B, N, J, D)`` in place: left and right exchanged, x negated."""
    if mirrored.any():
        twins = poses[mirrored][:, :, MIRROR]
        twins[..., 0] *= -1
        poses[mirrored] = twins


def _frame_rate_factors(table: FramesTable) -> np.ndarray:
    try:
        return windows.frame_rate_factor(table.video_frame_rate)
    except InputError as error:
        raise InputError(f"{table.metadata.get('dataset', 'data set')}: {error}") from None
