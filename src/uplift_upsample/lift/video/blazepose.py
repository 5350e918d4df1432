"""MediaPipe's pose models (BlazePose) on LiteRT: people in a picture, and 33 landmarks of each.

Two networks: one finds people and how they are turned, the other one places landmarks in a picture cut out around a person.
Source of the geometry: the graphs of MediaPipe's pose solution, whose numbers are below. Each picture stands on its own: key frames
are far apart, so that nothing is tracked. Needs ai-edge-litert, which the extra ``[video]`` installs.
"""

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from uplift_upsample.base.errors import InputError, MissingBackendError
from uplift_upsample.lift.video.video_file import INSTALL

MODELS = ("lite", "full", "heavy")
_DETECTOR = "package/pose_solution_packed_assets.data"  # in the package, the detector and nothing else
_LANDMARKS = "package/pose_landmark_{model}.tflite"
_MAX_BYTES = 64 << 20  # of a model; the largest has 28 MB
_SIDE, _CROP = 224, 256  # pixels, of the networks' inputs
_GRIDS = ((28, 2), (14, 2), (7, 6))  # cells along a side, and anchors in each cell
_LEAST_SCORE, _SAME_PERSON = 0.5, 0.3  # of a person; overlap (IoU) of two boxes from which on they are one person's
_OBLONG, _TILES = 1.2, (0.5, 0.0, 1.0)  # from which ratio of the sides on a picture is looked at in squares, and where these are
_MARGIN = 1.25  # of the picture that is cut out, over the circle around a person
_NUM_LANDMARKS, _NUM_POINTS = 33, 39  # the rest are points for tracking
_KERNEL, _LEAST_HEAT = 7, 0.5  # cells of the heat map around a landmark; its maximum from which on it counts


class BlazePose:
    """The detector with one of three models for the landmarks. Its layout is ``mediapipe_33``.

    max_people: how many people of a picture, those with the highest score.
    """

    layout = "mediapipe_33"

    def __init__(self, package: Path, model: str = "heavy", max_people: int = 3, num_threads: int = 2) -> None:
        """package: the file of ``@mediapipe/pose``, as the registry has it. Raises ``InputError`` for another file."""
        self.name = f"MediaPipe pose, {model} model"
        self._max_people = max_people
        self._detector = _Network(_member(package, _DETECTOR), num_threads)
        self._landmarks = _Network(_member(package, _LANDMARKS.format(model=model)), num_threads)
        self._anchors = np.concatenate(
            [
                np.repeat((np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(-1, 2) + 0.5) / size, count, axis=0)
                for size, count in _GRIDS
            ]
        )  # (2254, 2): x, y of the middle of each cell, row by row

    def people(self, picture: np.ndarray) -> list[np.ndarray]:
        """The people of a picture ``(H, W, 3)`` uint8 RGB, each ``(33, 3)``: x, y in pixels and presence.

        Presence is whether the joint is in the picture, hidden or not.
        """
        image = Image.fromarray(picture)
        found: list[np.ndarray] = []
        for circle in self._circles(image):
            person = self._placed(image, *circle)
            if person is not None and not any(_is_same(person, other) for other in found):
                found.append(person)
        return found

    def _circles(self, image: Image.Image) -> list[tuple[np.ndarray, np.ndarray]]:
        """Middle of the hips and a point on the circle around each person, pixels ``(2,)`` each; the surest one first.

        Where nobody is found in the whole picture, squares along its longer side are looked at: small people are larger there.
        """
        size, short = np.array(image.size), min(image.size)
        found = self._circles_within(image, size / 2, max(image.size))
        for share in _TILES if max(image.size) > _OBLONG * short and not found else ():
            found += self._circles_within(image, short / 2 + share * (size - short), short)
        return found[: self._max_people]

    def _circles_within(self, image: Image.Image, middle: np.ndarray, side: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """The people in a square of an image."""
        corner = middle - side / 2
        raw, logits = self._detector(_cut_out(image, middle, side, 0.0, _SIDE) / 127.5 - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(np.float64), -100, 100)))
        kept = np.flatnonzero(scores >= _LEAST_SCORE)
        left = kept[np.argsort(-scores[kept], kind="stable")]
        values = raw[0] / _SIDE
        values[:, :2] += self._anchors
        values[:, 4:] += np.tile(self._anchors, 4)
        boxes = np.concatenate([values[:, :2] - values[:, 2:4] / 2, values[:, :2] + values[:, 2:4] / 2], axis=1)
        circles: list[tuple[np.ndarray, np.ndarray]] = []
        while len(left):
            is_same = _overlap(boxes[left[0]], boxes[left]) > _SAME_PERSON
            is_same[0] = True
            mean = np.average(values[left[is_same]], axis=0, weights=scores[left[is_same]])
            circles.append((mean[4:6] * side + corner, mean[6:8] * side + corner))
            left = left[~is_same]
        return circles

    def _placed(self, image: Image.Image, hips: np.ndarray, rim: np.ndarray) -> np.ndarray | None:
        """The landmarks of the person in a circle ``(33, 3)``, or None where there turns out to be nobody."""
        dx, dy = rim - hips
        side = 2 * float(np.hypot(dx, dy)) * _MARGIN
        if not side > 1:
            return None
        angle = float(np.pi / 2 - np.arctan2(-dy, dx))
        outputs = self._landmarks(_cut_out(image, hips, side, angle, _CROP) / 255)
        points, presence, heat = (next(each for each in outputs if each.shape == shape) for shape in _SHAPES)
        if presence.item() < _LEAST_SCORE:
            return None
        points = points.reshape(_NUM_POINTS, 5)[:_NUM_LANDMARKS]
        places = _refined(points[:, :2] / _CROP, heat[0, :, :, :_NUM_LANDMARKS])
        is_there = 1 / (1 + np.exp(-points[:, 4:5].astype(np.float64)))
        cos, sin = np.cos(angle), np.sin(angle)
        offsets = (places - 0.5) * side
        return np.concatenate([hips + offsets @ np.array([[cos, sin], [-sin, cos]]), is_there], axis=1)


_SHAPES = ((1, 5 * _NUM_POINTS), (1, 1), (1, 64, 64, _NUM_POINTS))  # of the outputs in use: points, presence, heat map


class _Network:
    """A model with one picture as its input."""

    def __init__(self, content: bytes, num_threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError:
            raise MissingBackendError(f"MediaPipe's models need ai-edge-litert, which is not installed: {INSTALL}") from None
        self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
        self._interpreter.allocate_tensors()
        [self._input] = (each["index"] for each in self._interpreter.get_input_details())
        self._outputs = [each["index"] for each in self._interpreter.get_output_details()]

    def __call__(self, picture: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, picture[None].astype(np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _cut_out(image: Image.Image, middle: np.ndarray, side: float, angle: float, size: int) -> np.ndarray:
    """A square of an image, turned by an angle, as a picture ``(size, size, 3)`` float64; black outside of the image."""
    factor = max(1, int(side / size / 1.5))  # means over whole pixels first: else most of a large picture would not count
    image = image.reduce(factor) if factor > 1 else image
    middle, step = middle / factor, side / factor / size
    cos, sin = step * np.cos(angle), step * np.sin(angle)
    left, top = middle - (size / 2) * np.array([cos - sin, sin + cos])
    turned = image.transform(
        (size, size), Image.Transform.AFFINE, (cos, -sin, left, sin, cos, top), resample=Image.Resampling.BILINEAR
    )
    return np.asarray(turned, np.float64)


def _overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with others ``(B, 4)``."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = np.clip(sides, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return common / np.maximum((box[2:] - box[:2]).prod() + areas - common, 1e-12)


def _is_same(person: np.ndarray, other: np.ndarray) -> bool:
    """Whether two are one, found in two squares: their landmarks are nearer to each other than a quarter of the person's height."""
    distance = np.linalg.norm(person[:, :2] - other[:, :2], axis=1).mean()
    return bool(distance < np.ptp(other[:, 1]) / 4)


def _refined(places: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Landmarks ``(L, 2)``, shares of the picture, moved to the mean of the heat map ``(64, 64, L)`` around them."""
    size, reach = heat.shape[0], _KERNEL // 2
    refined = places.astype(np.float64)
    for index, (x, y) in enumerate(places):
        column, row = int(x * size), int(y * size)
        if not (0 <= column < size and 0 <= row < size):
            continue
        rows = slice(max(0, row - reach), min(size, row + reach + 1))
        columns = slice(max(0, column - reach), min(size, column + reach + 1))
        warmth = 1 / (1 + np.exp(-heat[rows, columns, index].astype(np.float64)))
        if warmth.max() >= _LEAST_HEAT:
            across, down = np.arange(size)[columns], np.arange(size)[rows]
            refined[index] = [(warmth @ across).sum(), (down @ warmth).sum()] / (warmth.sum() * size)
    return refined


def _member(package: Path, name: str) -> bytes:
    """A model out of the package. Raises ``InputError`` where the package is another file."""
    try:
        with tarfile.open(package, "r:gz") as archive:
            entry: Any = archive.getmember(name)
            if not entry.isfile() or entry.size > _MAX_BYTES:
                raise KeyError(name)
            content = archive.extractfile(entry)
            assert content is not None
            return content.read()
    except FileNotFoundError:
        raise InputError(f"{package}: no such file; scripts/lift.py fetches it") from None
    except (KeyError, OSError, EOFError, tarfile.TarError) as error:
        raise InputError(f"{package}: not the package of MediaPipe's pose models, or damaged ({error}); delete it") from None
