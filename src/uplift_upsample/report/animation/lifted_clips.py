"""The pictures of somebody's clip: the 2D poses that the network saw, the lifted ones, and the key frames on a time line below.

Left limbs are blue, right ones vermilion. Between two key frames the last pose that the network saw is faint. Where there is
a video, its frames are behind the 2D poses; those that are shown are decoded one after the other.
"""

import math
import os
from collections.abc import Iterator

import numpy as np
from PIL import Image

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.roll import rolled
from uplift_upsample.lift.lifted import LiftedPoses
from uplift_upsample.lift.video.video_file import VideoFile
from uplift_upsample.report.animation.canvas import (
    COLOURS,
    HELD,
    SCALE,
    WHITE,
    Canvas,
    faded,
    shortened,
)
from uplift_upsample.report.animation.encode import write_animation
from uplift_upsample.report.animation.frames import SHOWN_RATE
from uplift_upsample.report.animation.view import Box, floor_below, image_view, space_view
from uplift_upsample.report.figures.style import GREY, INK, VERMILION

WIDTH, HEIGHT = 720, 480  # pixels; chosen: two panels side by side, and a strip below them
# Pixels (left, top, right, bottom), chosen by eye: below the title, two panels, and a strip with the time.
_TOP, _BOTTOM = 60, 408
_PANELS: tuple[Box, Box] = ((12, _TOP, 352, _BOTTOM), (368, _TOP, 708, _BOTTOM))
_STRIP: Box = (12, 430, 708, 452)
_MARGIN = 14  # pixels between a drawing and its frame; chosen by eye
_PHOTOGRAPHS_RATE = 12.5  # pictures a second with a video: a photograph takes ten times the bytes of lines; GIF keeps it exactly
_NUM_SAMPLES = 8  # photographs whose colours stand for those of all


class LiftedScene:
    """The first seconds of a clip, all of it where it is shorter; where there is no pose in them, those from the first pose on.

    video: that the poses are of. start: where the pictures begin, seconds.
    Raises ``InputError`` for another video, and for joints of another layout.
    """

    def __init__(self, poses: LiftedPoses, title: str, seconds: float, video: VideoFile | None = None) -> None:
        if video is not None and (video.size, len(video.times)) != (poses.size, len(poses)):
            given = f"{len(video.times)} frames of {video.size[0]:g} by {video.size[1]:g}"
            lifted = f"{len(poses)} frames of {poses.size[0]:g} by {poses.size[1]:g}"
            raise InputError(f"{video.path}: {given}, but the poses are of {lifted}; give the video that was lifted")
        poses.require_skeleton("an animation")
        self._video = video
        first_known = int(np.argmax(np.isfinite(poses.positions).all(axis=(1, 2))))
        self._first = first_known if poses.times[first_known] > seconds else 0  # frame of the first picture
        self.start = float(poses.times[self._first])
        num_frames = int(np.searchsorted(poses.times, self.start + seconds, side="right")) - self._first
        part = slice(self._first, self._first + num_frames)
        self._times, self._is_key = poses.times[part] - self.start, poses.is_key[part]
        self._flat, self._numbers = poses.poses_2d[part], poses.frames[part]
        level = rolled(poses.positions[part].astype(np.float64), -float(poses.metadata.get("roll", 0)))
        self._space = level[..., [0, 2, 1]] * [1, 1, -1]  # x right, y away from the camera, z up
        known = self._space[np.isfinite(self._space).all(axis=(1, 2))]
        if not len(known):
            raise InputError("there is no pose in the clip; nothing to draw")
        middle = known.mean(axis=(0, 1)) * [1, 1, 0]  # whoever walks stays in the middle of his way
        known, self._space = known - middle, self._space - middle
        self._floor = floor_below(known)
        inner = [(left + _MARGIN, top + _MARGIN, right - _MARGIN, bottom - _MARGIN) for left, top, right, bottom in _PANELS]
        corners = np.array([[0.0, 0.0], poses.size])
        self._image = image_view(np.concatenate([self._flat.reshape(-1, 2), corners]), inner[0])
        self._corners = self._image.places(corners)
        width, height = np.maximum(1, np.round(SCALE * (self._corners[1] - self._corners[0]))).astype(int).tolist()
        self._photograph_size = (width, height)
        self._view = space_view(known, self._floor, inner[1])
        most = SHOWN_RATE if video is None else _PHOTOGRAPHS_RATE
        # pictures a second, each for whole hundredths: a GIF has no others; hardly more than frames, so that none is shown twice
        self.rate = 100 / math.ceil(100 / min(most, max(poses.frame_rate, 1.0)) - 0.01)
        moments = np.arange(0, self._times[-1] + 1e-9, 1 / self.rate)
        # the first frame at or after the moment of each picture
        self._shown = np.minimum(np.searchsorted(self._times, moments - 1e-9), num_frames - 1)
        self._base = self._static(title, poses).large

    def pictures(self) -> Iterator[Image.Image]:
        """RGB pictures of ``WIDTH`` by ``HEIGHT``, ``rate`` of them a second."""
        before = -1
        keys = np.flatnonzero(self._is_key)
        last = np.concatenate([[-1], keys])[np.searchsorted(keys, self._shown, side="right")]
        # a 2D pose is on the very frame that it is of
        pictured = np.where(last > np.concatenate([[-1], self._shown[:-1]]), last, self._shown)
        for frame, photograph in zip(self._shown.tolist(), self._photographs(pictured), strict=True):
            yield self._picture(before, frame, photograph)
            before = frame

    def samples(self) -> list[Image.Image]:
        """Some of the photographs in the pictures; none without a video."""
        frames = self._shown[np.linspace(0, len(self._shown) - 1, _NUM_SAMPLES).astype(int)]
        return [photograph for photograph in self._photographs(frames) if photograph is not None]

    def _photographs(self, frames: np.ndarray) -> Iterator[Image.Image | None]:
        """The video at each of some ascending frames; where one cannot be decoded, the one before it."""
        frames = frames + self._first
        decoded = iter(()) if self._video is None else self._video.pictures(np.unique(frames))
        coming, photograph = next(decoded, None), None
        for frame in frames.tolist():
            while coming is not None and coming[0] <= frame:
                photograph = Image.fromarray(coming[1]).resize(self._photograph_size, Image.Resampling.BILINEAR, reducing_gap=2)
                coming = next(decoded, None)
            yield photograph

    def _static(self, title: str, poses: LiftedPoses) -> Canvas:
        canvas = Canvas(WIDTH, HEIGHT)
        text = f"{title} · s_in = {poses.metadata.get('s_in')} · {poses.metadata.get('weights')}"
        canvas.text((12, 10), shortened(text, WIDTH - 24.0, 15, is_bold=True), 15, is_bold=True)
        canvas.panels(_PANELS, ("2D input", "3D"))
        (left, top), (end, bottom) = self._corners.tolist()
        canvas.box((left, top, end, bottom), "#f7f7f7")  # the picture of the camera
        canvas.floor(self._floor, self._view, _PANELS[1])
        strip_left, strip_top, strip_right, strip_bottom = _STRIP
        canvas.box(_STRIP, "#f7f7f7")
        text = f"marks: the {int(self._is_key.sum())} of {len(self._is_key)} frames whose 2D pose the network saw"
        canvas.text((strip_right, strip_top - 5), text, 11, GREY, "rs")
        for frame in np.flatnonzero(self._is_key).tolist():
            canvas.line([(self._x(frame), strip_top), (self._x(frame), strip_bottom)], INK, 1.5)
        for second in range(int(self._times[-1]) + 1):
            share = second / max(float(self._times[-1]), 1e-9)
            canvas.text(
                (strip_left + 3 + (strip_right - strip_left - 6) * min(share, 1), strip_bottom + 6),
                f"{self.start + second:.3g} s",
                10,
                GREY,
                "la",
            )
        return canvas

    def _picture(self, before: int, frame: int, photograph: Image.Image | None) -> Image.Image:
        """before: the frame of the picture before; a 2D pose of the frames that are passed over belongs to this one."""
        canvas = Canvas(WIDTH, HEIGHT, self._base)
        if photograph is not None:
            canvas.photograph(self._corners[0], photograph)
        seen = np.flatnonzero(self._is_key[: frame + 1])
        is_now = bool(len(seen)) and seen[-1] > before
        if len(seen):
            colours = COLOURS if is_now else [faded(colour, HELD) for colour in COLOURS]
            places, width = self._image.places(self._flat[seen[-1]]), 4.0 if is_now else 2.6
            if photograph is not None:
                canvas.skeleton(places, width + 2, [WHITE] * len(COLOURS))  # a rim, on whatever colour
            canvas.skeleton(places, width, colours)
        if is_now:
            canvas.box(_PANELS[0], None, INK, 2)
        text = "seen by the network" if is_now else "masked, faint: last input"
        canvas.text((_PANELS[0][2], _TOP - 5), text, 11, INK if is_now else GREY, "rs", is_bold=is_now)
        pose = self._space[frame]
        if np.isfinite(pose).all():
            canvas.skeleton(self._view.places(pose), 4.2, COLOURS, self._view.depth(pose))
        else:
            canvas.text((_PANELS[1][0] + 6, _BOTTOM - 6), "no 2D pose within reach", 11, GREY, "ls")
        _, top, _, bottom = _STRIP
        canvas.line([(self._x(frame), top - 2), (self._x(frame), bottom + 2)], VERMILION, 2)
        canvas.text((12, top - 5), f"frame {self._numbers[frame]} · {self.start + self._times[frame]:.2f} s", 11, INK, "ls")
        return canvas.image()

    def _x(self, frame: int) -> float:
        left, _, right, _ = _STRIP
        return left + 3 + (right - left - 6) * float(self._times[frame]) / max(float(self._times[-1]), 1e-9)


def animate_clip(
    path: str | os.PathLike[str], poses: LiftedPoses, title: str, seconds: float, video: str | os.PathLike[str] | None
) -> str:
    """Write the animation of a clip, ``.gif`` or ``.mp4``, and return what is to be known of it, or "". video: that it is of."""
    if not seconds > 0:
        raise InputError(f"seconds is {seconds:g}; it must be above 0")
    scene = LiftedScene(poses, title, seconds, None if video is None else VideoFile(video))
    write_animation(path, scene.pictures(), scene.rate, scene.samples())
    if scene.start:
        return f"{seconds:g} s from the first pose on, at {scene.start:.1f} of {poses.times[-1]:.1f} s"
    return f"the first {seconds:g} of {poses.times[-1]:.1f} s" if poses.times[-1] > seconds else ""
