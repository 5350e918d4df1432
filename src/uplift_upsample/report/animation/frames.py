"""The pictures of an animation: 2D input, prediction and ground truth side by side, and a time line with the error below.

Left limbs are blue, right ones vermilion. In the 2D panel the last pose that the network sees is coloured, the pose of the shown
frame grey where it is masked. The 3D panels share one scale and one point of view for the whole animation.
"""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from uplift_upsample.report.animation.canvas import (
    COLOURS,
    GHOST,
    HELD,
    PALE,
    Canvas,
    faded,
    shortened,
    text_width,
)
from uplift_upsample.report.animation.clips import Clip
from uplift_upsample.report.animation.view import Box, floor_below, image_view, space_view
from uplift_upsample.report.figures.style import GREY, INK, VERMILION

WIDTH, HEIGHT = 860, 412  # pixels; chosen: three panels side by side, and a strip below them
SHOWN_RATE = 25.0  # pictures a second: what a GIF can keep exactly, every second frame of 50 Hz
# Pixels (left, top, right, bottom), chosen by eye: below the title, three panels, and a strip with the error over time.
_TOP, _BOTTOM = 72, 306
_PANELS: tuple[Box, ...] = ((12, _TOP, 280, _BOTTOM), (296, _TOP, 564, _BOTTOM), (580, _TOP, 848, _BOTTOM))
_STRIP: Box = (52, 332, 848, 376)
_MARGIN = 14  # pixels between a drawing and its frame; chosen by eye


class Scene:
    """Everything of a clip that does not move, drawn once."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._step = max(1, round(clip.frame_rate / SHOWN_RATE))
        poses = np.concatenate([clip.prediction, clip.truth])
        self._floor = floor_below(poses)
        inner = [(left + _MARGIN, top + _MARGIN + 8, right - _MARGIN, bottom - _MARGIN) for left, top, right, bottom in _PANELS]
        self._image = image_view(clip.poses_2d, inner[0])
        self._spaces = [space_view(poses, self._floor, box) for box in inner[1:]]
        self._highest = _round_up(float(np.nanmax(clip.error_mm)))
        self._base = self._static().large

    def __len__(self) -> int:
        return len(range(0, len(self._clip), self._step))

    def pictures(self) -> Iterator[Image.Image]:
        """RGB pictures of ``WIDTH`` by ``HEIGHT``, ``SHOWN_RATE`` a second."""
        for frame in range(0, len(self._clip), self._step):
            yield self.picture(frame)

    def picture(self, frame: int) -> Image.Image:
        """The picture of one frame; a 2D pose of the frames that are passed over until the next picture belongs to it."""
        canvas = Canvas(WIDTH, HEIGHT, self._base)
        self._draw_input(canvas, frame)
        clip, (predicted, true) = self._clip, self._spaces
        canvas.skeleton(predicted.places(clip.truth[frame]), 2.2, [GHOST] * len(COLOURS))
        for view, poses in ((predicted, clip.prediction), (true, clip.truth)):
            canvas.skeleton(view.places(poses[frame]), 4.2, COLOURS, view.depth(poses[frame]))
        self._draw_time(canvas, frame)
        return canvas.image()

    def _static(self) -> Canvas:
        clip, canvas = self._clip, Canvas(WIDTH, HEIGHT)
        room = WIDTH - 24.0
        if clip.note:
            canvas.text((WIDTH - 12, 19), clip.note, 12, GREY, "rm")
            room -= text_width(clip.note, 12) + 12
        way = "" if clip.is_learned else " · plain interpolation"
        title = f"{clip.experiment}, {clip.run} · {clip.title} · s_in = {clip.s_in}{way}"
        canvas.text((12, 10), shortened(title, room, 15, is_bold=True), 15, is_bold=True)
        canvas.panels(_PANELS, ("2D input", "prediction", "ground truth"))
        canvas.text((_PANELS[1][2], _TOP - 5), "grey: ground truth", 11, GREY, "rs")
        for view, box in zip(self._spaces, _PANELS[1:], strict=True):
            canvas.floor(self._floor, view, box)
        self._draw_strip(canvas)
        return canvas

    def _draw_strip(self, canvas: Canvas) -> None:
        """The time line: error of each frame, seconds, and a mark for each frame with a 2D pose."""
        clip, (left, top, right, bottom) = self._clip, _STRIP
        canvas.text((12, top - 6), "error of each frame (mm)", 11, GREY, "ls")
        canvas.text((right, top - 6), f"marks: the {int(clip.is_key.sum())} of {len(clip)} frames with a 2D pose", 11, GREY, "rs")
        canvas.box(_STRIP, "#f7f7f7")
        for value in (0, self._highest):
            canvas.text((left - 5, self._height(value)), f"{value:g}", 10, GREY, "rm")
        canvas.line([(left, bottom), (right, bottom)], GREY)
        canvas.line([(left, self._height(self._highest / 2)), (right, self._height(self._highest / 2))], PALE)
        for frame in np.flatnonzero(clip.is_key).tolist():
            canvas.line([(self._x(frame), bottom), (self._x(frame), bottom + 8)], INK, 1.5)
        for second in range(int((len(clip) - 1) / clip.frame_rate) + 1):
            x = self._x(second * clip.frame_rate)
            canvas.text((x, bottom + 11), f"{second} s", 10, GREY, "ma" if second else "la")
        canvas.line([(self._x(frame), self._height(error)) for frame, error in enumerate(clip.error_mm)], GHOST, 1.5)

    def _draw_input(self, canvas: Canvas, frame: int) -> None:
        clip, box = self._clip, _PANELS[0]
        shown = frame + np.flatnonzero(clip.is_key[frame : frame + self._step])
        seen = np.flatnonzero(clip.is_key[: frame + 1])
        is_now = bool(len(shown))
        last = int(shown[0]) if is_now else int(seen[-1])  # frame 0 has a 2D pose in every video
        if not is_now:
            canvas.skeleton(self._image.places(clip.poses_2d[frame]), 2.6, [GHOST] * len(COLOURS))
        weight = 1.0 if is_now else HELD
        canvas.skeleton(self._image.places(clip.poses_2d[last]), 4.0 if is_now else 2.6, [faded(c, weight) for c in COLOURS])
        if is_now:
            canvas.box(box, None, INK, 2)
        text = "seen by the network" if is_now else "masked (grey), faint: last input"
        canvas.text((box[2], _TOP - 5), text, 11, INK if is_now else GREY, "rs", is_bold=is_now)

    def _draw_time(self, canvas: Canvas, frame: int) -> None:
        clip, (_, top, _, bottom) = self._clip, _STRIP
        past = [(self._x(number), self._height(error)) for number, error in enumerate(clip.error_mm[: frame + 1])]
        if len(past) > 1:
            canvas.line(past, INK, 2)
        canvas.line([(self._x(frame), top), (self._x(frame), bottom + 8)], VERMILION, 1.5)
        canvas.dot(past[-1], 3.5, VERMILION)
        seconds = frame / clip.frame_rate
        error = clip.error_mm[frame]
        canvas.text((12, 33), f"frame {frame} of {clip.num_frames} · {seconds:.2f} s · error {error:.0f} mm", 12)

    def _x(self, frame: float) -> float:
        return _STRIP[0] + 3 + (_STRIP[2] - _STRIP[0] - 6) * frame / max(len(self._clip) - 1, 1)

    def _height(self, error: float) -> float:
        return _STRIP[3] - (_STRIP[3] - _STRIP[1] - 4) * error / self._highest


def _round_up(value: float) -> float:
    """A round number that is not smaller, for the end of an axis."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)
