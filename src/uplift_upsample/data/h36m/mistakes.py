"""The known mistakes of Human3.6M files, each undone: the one with which 2D and 3D poses fit is the one that was made."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from uplift_upsample.base.cameras import Cameras, denormalise_points, intrinsics_px, project
from uplift_upsample.base.skeleton import AMASS_17, H36M_17, H36M_17_TO_MODEL, MIRROR, MODEL_17, mirrored
from uplift_upsample.data.h36m.exchanged import exchange_words, exchanges, joint_distances, undone
from uplift_upsample.data.h36m.projections import projected
from uplift_upsample.plan.experiment import FRAME_RATE

# fmt: off
COCO_17 = (
    "nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist", "l_hip",
    "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle",
)
# fmt: on
_ORDERS = {"COCO": COCO_17, "AMASS (amass_17: left and right legs are exchanged)": AMASS_17, "the network (model_17)": MODEL_17}
_TURNS = np.array(
    [np.eye(3)[list(order)] * sign for order in itertools.permutations(range(3)) for sign in itertools.product((1, -1), repeat=3)]
)[1:]  # the axes exchanged and reversed in every way but the one that leaves them, (47, 3, 3)
_SAME_RESOLUTION = 1.15  # pictures do not differ by factors nearer to 1; displaced poses look as if they did
_SMALLEST_PICTURE = 10  # times smaller than the cameras' a picture shows no person any more
# frames: below a tenth of a second a shift is as small as the errors of detectors; up to a second is looked for
_LAGS = np.array([sign * lag for lag in range(5, 51) for sign in (1, -1)])
BETTER = 0.5  # of the distance is left at most once the mistake that was made is undone
_COARSE = 4  # every fourth of the frames that are looked at chooses among many lags and axes


class Fit(NamedTuple):
    """A mistake and how well the poses fit once it is undone. kind: for counting. words: what stands behind "if" in the message.

    is_slight: whether a detector's errors in a video, or displaced 3D poses, look like it, too.
    """

    kind: str
    words: str
    off_px: float
    is_slight: bool = False


@dataclass(frozen=True)
class Video:
    """A video of Human3.6M with the frames that are looked at.

    name: for messages. poses_3d: ``(n, 17, 3)`` world metres, ``MODEL_17``, of ``frames`` (n,). poses_2d: all frames
    ``(T', 17, 2)``, pixels in the order of the file, ``H36M_17``. num_frames: T of the 3D poses. number: of the camera among
    ``views``, the indices of the subject's cameras.
    """

    name: str
    poses_3d: np.ndarray
    frames: np.ndarray
    poses_2d: np.ndarray
    num_frames: int
    number: int
    views: Sequence[int]

    @property
    def ratio(self) -> float:
        """2D frames for each 3D frame."""
        return len(self.poses_2d) / self.num_frames

    def seen(self, frames: np.ndarray) -> np.ndarray:
        """2D poses ``(..., 17, 2)`` of frames ``(...)``, ``MODEL_17``."""
        with np.errstate(invalid="ignore"):  # NaN of damaged files
            return self.poses_2d[frames][..., H36M_17_TO_MODEL, :].astype(np.float64)


def off_px(one: np.ndarray, other: np.ndarray | float) -> float:
    """Distance of poses ``(n, joints, 2)``: the mean over the joints, then the median over the frames; infinite without numbers."""
    with np.errstate(all="ignore"):
        of_frames = np.linalg.norm(one - other, axis=-1).mean(-1)
    distance = float(np.median(of_frames)) if len(of_frames) else np.nan
    return np.inf if np.isnan(distance) else distance


def fits(video: Video, cameras: Cameras, *, suspect_px: float, is_far_off: bool) -> Iterator[Fit]:
    """How well the video fits with each known mistake undone. suspect_px: what exchanged joints are off at least. is_far_off: else
    mistakes that are never some pixels are left out."""
    expected = projected(video.poses_3d, cameras, video.views)
    own, seen = expected[video.number], video.seen(video.frames)
    camera = video.views[video.number]
    width, height = cameras.intrinsics[camera, :2].tolist()
    yield Fit("sides", "left and right are exchanged in one of the two files", off_px(own, seen[:, MIRROR]))
    yield from _orders(video, own)
    if found := exchanges(joint_distances(own, seen), suspect_px, BETTER):
        yield Fit("joints", exchange_words(found), off_px(own, undone(seen, found)), is_slight=True)
    for how, points in (
        ("x from -1 to 1, y by the same factor", denormalise_points(seen, width, height)),
        ("both axes from -1 to 1", (seen + 1) / 2 * [width, height]),
        ("both axes from 0 to 1", seen * [width, height]),
    ):
        words = f"the 2D poses are normalised already ({how}); this project needs pixels"
        yield Fit("normalised", words, off_px(own, points))
    yield from _resolution(own, seen, width)
    offset = np.median(own - seen, axis=(0, 1))
    x, y = np.round(np.nan_to_num(offset)).astype(int)
    why = "they were found in cropped pictures, or the 3D poses are displaced as a whole"
    words = f"all 2D poses are moved by ({x}, {y}) px: {why}"
    yield Fit("offset", words, off_px(own, seen + offset), is_slight=True)
    for kind, words, points in (
        ("mirrored", "the pictures behind the 2D poses are mirrored", mirrored(seen) + np.array([width, 0])),
        ("mirrored", "x of the 2D poses points to the left", [width, 0] + seen * [-1, 1]),
        ("y up", "y of the 2D poses points up", [0, height] + seen * [1, -1]),
        ("x and y", "x and y of the 2D poses are exchanged", seen[..., ::-1]),
    ):
        yield Fit(kind, words, off_px(own, points))
    for number, other in enumerate(expected):
        if number != video.number:
            name = cameras.names[video.views[number]].rpartition("/")[2]
            yield Fit(
                "cameras", f"they are those of camera {number} ({name}): the cameras are in another order", off_px(other, seen)
            )
    yield from _times(video, own)
    if is_far_off:
        yield from _axes(video, cameras, camera, seen)


def _orders(video: Video, own: np.ndarray) -> Iterator[Fit]:
    """The joints of the file read in other orders; joints that an order lacks are left out."""
    poses = video.poses_2d[video.frames]
    for name, order in _ORDERS.items():
        joints = [joint for joint in MODEL_17 if joint in order]
        ours, theirs = [MODEL_17.index(joint) for joint in joints], [order.index(joint) for joint in joints]
        yield Fit(
            "order of joints",
            f"the joints of the 2D poses are in the order of {name}; this project needs that of Human3.6M ({H36M_17[0]}, "
            f"{H36M_17[1]}, ...)",
            off_px(own[:, ours], poses[:, theirs]),
        )


def _resolution(own: np.ndarray, seen: np.ndarray, width: float) -> Iterator[Fit]:
    is_number = np.isfinite(own).all(-1) & np.isfinite(seen).all(-1)
    norm = float((seen[is_number] ** 2).sum())
    factor = float((own[is_number] * seen[is_number]).sum()) / norm if norm else 0.0
    times = max(factor, 1 / factor) if factor > 0 else np.inf
    if times < _SMALLEST_PICTURE:
        words = f"the 2D poses are pixels of pictures that are about {width / factor:.0f} wide, not {width:.0f}"
        yield Fit("resolution", words, off_px(own, seen * factor), is_slight=times <= _SAME_RESOLUTION)


def _times(video: Video, own: np.ndarray) -> Iterator[Fit]:
    """2D poses at another frame rate, or begun at another time."""
    if video.ratio >= 1.5:
        step = round(video.ratio)
        frames = np.minimum(video.frames * step, len(video.poses_2d) - 1)
        words = f"one 3D frame is taken for {step} 2D frames: the 3D poses have {FRAME_RATE / step:g} frames a second, not "
        yield Fit("frame rate", f"{words}{FRAME_RATE:g}", off_px(own, video.seen(frames)))
    frames = video.frames[::_COARSE] + _LAGS[:, None]  # (lags, n)
    is_there = (frames >= 0) & (frames < len(video.poses_2d))
    distances = np.linalg.norm(own[::_COARSE] - video.seen(np.where(is_there, frames, 0)), axis=-1).mean(-1)
    usable = 2 * is_there.sum(1) > frames.shape[1]
    if usable.any():
        means = np.where(usable, np.where(is_there, distances, 0).sum(1) / np.maximum(is_there.sum(1), 1), np.inf)
        lag = int(_LAGS[means.argmin()])
        shifted = video.frames + lag
        inside = (shifted >= 0) & (shifted < len(video.poses_2d))
        words = f"2D frame {max(lag, 0)} belongs to 3D frame {max(-lag, 0)}: one of the files is shifted in time"
        yield Fit("time", words, off_px(own[inside], video.seen(shifted[inside])))


def _axes(video: Video, cameras: Cameras, camera: int, seen: np.ndarray) -> Iterator[Fit]:
    """3D poses in other axes of the world, or in those of the camera."""
    turned = np.einsum("njc,tdc->tnjd", video.poses_3d[::_COARSE], _TURNS)  # (47, n, 17, 3)
    views = projected(turned.reshape(-1, *turned.shape[2:]), cameras, [camera])[0].reshape(*turned.shape[:-1], 2)
    distances = np.median(np.linalg.norm(views - seen[::_COARSE], axis=-1).mean(-1), axis=1)
    turn = _TURNS[np.nan_to_num(distances, nan=np.inf).argmin()]
    axes = ", ".join(f"{'-' if row.sum() < 0 else ''}{'xyz'[int(np.abs(row).argmax())]}" for row in turn)
    words = f"the axes of the world are ({axes}) of the 3D file; this project needs those of Human3.6M, z up"
    yield Fit("axes", words, off_px(projected(video.poses_3d @ turn.T, cameras, [camera])[0], seen))
    with np.errstate(all="ignore"):
        in_camera = project(video.poses_3d[None].astype(np.float64), intrinsics_px(cameras.intrinsics[[camera]]))[0]
    yield Fit("camera axes", "the 3D poses are in the axes of this camera, not of the world", off_px(in_camera, seen))
