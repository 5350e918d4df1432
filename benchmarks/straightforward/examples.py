"""Training examples from Python generators, one example after the other, batched by ``tf.data``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from uplift_upsample.base.cameras import Cameras
from uplift_upsample.base.skeleton import MIRROR, ROOT
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.plan.experiment import ModelConfig

Example = tuple[np.ndarray, np.ndarray, np.ndarray]  # poses (N, J, 2), mask (N,), root-relative targets (N, J, 3)


@dataclass(frozen=True)
class Video:
    """Whole videos in memory: poses_3d ``(T, J, 3)``, in camera axes where there are poses_2d ``(T, J, 2)``, else in the world."""

    poses_3d: np.ndarray
    poses_2d: np.ndarray | None


def loaded_videos(table: FramesTable) -> list[Video]:
    """Each video with arrays of its own."""
    videos = []
    for video in range(table.num_videos):
        rows = slice(table.video_start_3d[video], table.video_start_3d[video] + table.video_length[video])
        poses_3d, poses_2d = np.array(table.poses_3d[rows]), None
        if table.poses_2d is not None:
            poses_3d = in_camera(poses_3d, table.cameras, table.video_camera[video])
            start = table.video_start_2d[video]
            poses_2d = np.array(table.poses_2d[start : start + table.video_length[video]])
        videos.append(Video(poses_3d, poses_2d))
    return videos


class Draw(NamedTuple):
    """What is drawn for an example. video: its number. shift: of the mask, in tokens. camera: index, for motion capture."""

    video: int
    frame: int
    s_in: int
    shift: int
    camera: int


def h36m_examples(videos: list[Video], model: ModelConfig) -> Iterator[Example]:
    """Endless examples of videos with 2D poses, each followed by its mirrored twin."""
    for draw in _draws(videos, model, 1):
        yield from h36m_twins(videos, draw, model)


def h36m_twins(videos: list[Video], draw: Draw, model: ModelConfig) -> Iterator[Example]:
    video = videos[draw.video]
    frames, mask = _window(len(video.poses_3d), draw, model)
    assert video.poses_2d is not None
    poses_2d, poses_3d = video.poses_2d[frames], video.poses_3d[frames]
    yield _example(poses_2d, poses_3d, mask)
    yield _example(_mirrored(poses_2d), _mirrored(poses_3d), mask)


def amass_examples(videos: list[Video], cameras: Cameras, model: ModelConfig) -> Iterator[Example]:
    """The same of motion capture: a drawn camera sees the window, and the window of the mirrored world."""
    for draw in _draws(videos, model, len(cameras)):
        yield from amass_twins(videos, cameras, draw, model)


def amass_twins(videos: list[Video], cameras: Cameras, draw: Draw, model: ModelConfig) -> Iterator[Example]:
    video = videos[draw.video]
    frames, mask = _window(len(video.poses_3d), draw, model)
    poses_world, intrinsics = video.poses_3d[frames], cameras.intrinsics[draw.camera].astype(np.float32)
    for poses in (poses_world, _mirrored(poses_world)):
        poses_3d = in_camera(poses, cameras, draw.camera)
        yield _example(projected(poses_3d, intrinsics), poses_3d, mask)


def _draws(videos: list[Video], model: ModelConfig, num_cameras: int) -> Iterator[Draw]:
    """Every frame once a pass, in another order each time."""
    rng = np.random.default_rng(0)
    rows = [(number, frame) for number, video in enumerate(videos) for frame in range(len(video.poses_3d))]
    while True:
        for index in rng.permutation(len(rows)):
            s_in = model.s_in[rng.integers(len(model.s_in))]
            num_tokens = s_in // model.s_out
            half = num_tokens // 2
            shift = rng.integers(-half, half, endpoint=num_tokens % 2 == 1) if half else 0
            number, frame = rows[index]
            yield Draw(number, frame, s_in, int(shift), int(rng.integers(num_cameras)))


def _window(length: int, draw: Draw, model: ModelConfig) -> tuple[np.ndarray, np.ndarray]:
    """Frames and mask, ``(N,)``."""
    frame, step = draw.frame, model.s_out
    offsets = (np.arange(model.num_tokens) - model.num_tokens // 2) * step
    nearest = np.clip(frame + offsets, frame % step, length - 1 - (length - 1 - frame) % step)
    return nearest, (offsets + draw.shift * step) % draw.s_in == 0


def _example(poses_2d: np.ndarray, poses_3d: np.ndarray, mask: np.ndarray) -> Example:
    return poses_2d * mask[:, None, None], mask, poses_3d - poses_3d[:, ROOT : ROOT + 1]


def _mirrored(poses: np.ndarray) -> np.ndarray:
    flipped = poses[:, MIRROR]
    flipped[..., 0] *= -1
    return flipped


def in_camera(poses_world: np.ndarray, cameras: Cameras, camera: int) -> np.ndarray:
    """``(T, J, 3)`` in the axes of one camera."""
    w, x, y, z = cameras.orientation[camera]
    to_world = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ],
        np.float32,
    )
    return (poses_world - cameras.translation[camera]) @ to_world


def projected(poses_3d: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """``(T, J, 3)`` in camera axes -> ``(T, J, 2)`` normalised screen coordinates, with distortion."""
    _, _, fx, fy, cx, cy, k1, k2, k3, p1, p2 = intrinsics
    x, y = np.moveaxis(np.clip(poses_3d[..., :2] / poses_3d[..., 2:], -1, 1), -1, 0)
    r2 = x * x + y * y
    scale = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y
    return np.stack([fx * (x * scale + p1 * r2) + cx, fy * (y * scale + p2 * r2) + cy], -1)
