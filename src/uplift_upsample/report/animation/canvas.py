"""Smooth lines and letters with Pillow: everything is drawn at ``SCALE`` times the size and then reduced."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from uplift_upsample.base.skeleton import MODEL_17, PARENTS
from uplift_upsample.report.animation.view import GRID, Box, Floor, View
from uplift_upsample.report.figures.style import BLUE, GREY, INK, VERMILION

SCALE = 2  # drawn twice as large; chosen: enough for smooth edges
WHITE, PALE, GHOST = "#ffffff", "#e9e9e9", "#b4b4b4"
HELD = 0.42  # weight of colours that are not of this moment
LEFT, RIGHT, TRUNK = BLUE, VERMILION, INK
BONES = [(joint, int(parent)) for joint, parent in enumerate(PARENTS) if parent >= 0]
COLOURS = [{"l": LEFT, "r": RIGHT}.get(MODEL_17[joint].partition("_")[0], TRUNK) for joint, _ in BONES]

Point = Sequence[float] | np.ndarray  # (2,)
Points = Sequence[Point] | np.ndarray


class Canvas:
    """A picture of some size in pixels; all places and widths are in pixels of the result."""

    def __init__(self, width: int, height: int, below: Image.Image | None = None) -> None:
        """below: what ``large`` gave, to go on from."""
        self.large = below.copy() if below else Image.new("RGB", (width * SCALE, height * SCALE), WHITE)
        self._draw = ImageDraw.Draw(self.large)

    def image(self) -> Image.Image:
        return self.large.reduce(SCALE)

    def line(self, points: Points, colour: str, width: float = 1.0) -> None:
        self._draw.line([_large(point) for point in points], colour, max(1, round(width * SCALE)), joint="curve")

    def dot(self, centre: Point, radius: float, colour: str) -> None:
        x, y = _large(centre)
        self._draw.ellipse([x - radius * SCALE, y - radius * SCALE, x + radius * SCALE, y + radius * SCALE], colour)

    def box(self, corners: Box, fill: str | None = None, edge: str | None = None, width: float = 1) -> None:
        left, top, right, bottom = (round(value * SCALE) for value in corners)
        self._draw.rectangle([left, top, right, bottom], fill, edge, round(width * SCALE))

    def photograph(self, place: Point, picture: Image.Image) -> None:
        """A picture at the size that it has on ``large``, ``SCALE`` times that of the result. place: its left upper corner."""
        x, y = _large(place)
        self.large.paste(picture, (round(x), round(y)))

    def polygon(self, points: Points, colour: str) -> None:
        self._draw.polygon([_large(point) for point in points], colour)

    def text(
        self, place: Point, text: str, size: int = 12, colour: str = INK, anchor: str = "la", *, is_bold: bool = False
    ) -> None:
        """anchor: Pillow's, left/middle/right and ascender/middle/baseline."""
        self._draw.text(_large(place), text, colour, font(size, is_bold), anchor)

    def skeleton(self, places: np.ndarray, width: float, colours: Sequence[str], depth: np.ndarray | None = None) -> None:
        """A pose. places: ``(17, 2)``. colours: of the bones. depth: ``(17,)``; what is far is drawn first."""
        order: Any = range(len(BONES))
        if depth is not None:
            order = np.argsort([-(depth[joint] + depth[parent]) for joint, parent in BONES], kind="stable")
        for bone in order:
            joint, parent = BONES[bone]
            self.line([places[joint], places[parent]], colours[bone], width)
            for end in (joint, parent):
                self.dot(places[end], width / 2, colours[bone])

    def panels(self, boxes: Sequence[Box], names: Sequence[str]) -> None:
        """Frames with their names above; at the right end, the colours of both sides of a body."""
        for (left, top, right, bottom), name in zip(boxes, names, strict=True):
            self.box((left, top, right, bottom), WHITE, "#cfcfcf")
            self.text((left + 1, top - 5), name, 12, anchor="ls", is_bold=True)
        _, top, right, _ = boxes[-1]
        self.text((right, top - 5), "right", 11, RIGHT, "rs", is_bold=True)
        self.text((right - text_width("right", 11, is_bold=True) - 8, top - 5), "left", 11, LEFT, "rs", is_bold=True)

    def floor(self, floor: Floor, view: View, box: Box) -> None:
        """A floor in a panel, with the size of its grid."""
        self.polygon(view.places(floor.corners), "#f4f4f4")
        for line in floor.lines:
            self.line(view.places(line), "#d6d6d6")
        self.text((box[0] + 6, box[1] + 5), f"grid {GRID:g} m", 10, GREY)


@cache
def font(size: int, is_bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with Matplotlib."""
    name = "DejaVuSans-Bold.ttf" if is_bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / name, size * SCALE)


def text_width(text: str, size: int, *, is_bold: bool = False) -> float:
    return font(size, is_bold).getlength(text) / SCALE


def shortened(text: str, width: float, size: int, *, is_bold: bool = False) -> str:
    """A text that fits into some pixels."""
    if text_width(text, size, is_bold=is_bold) <= width:
        return text
    while text and text_width(f"{text}…", size, is_bold=is_bold) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def faded(colour: str, weight: float) -> str:
    """A colour mixed with white; weight 1 is the colour itself."""
    rgb = np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5)])
    mixed = np.round(255 - weight * (255 - rgb)).astype(int)
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _large(point: Point) -> tuple[float, float]:
    return cast("tuple[float, float]", (float(point[0]) * SCALE, float(point[1]) * SCALE))
