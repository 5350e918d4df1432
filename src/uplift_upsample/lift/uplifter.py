"""From keypoints to 3D poses with one call: what a user of the library needs, and what ``scripts/lift.py`` runs.

A framework is loaded with the weights, not with this module.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import uplift_upsample
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17, NUM_JOINTS, root_relative
from uplift_upsample.base.strict import shown
from uplift_upsample.data.keypoints.arrays import found_in_array
from uplift_upsample.data.keypoints.clip import Clip, clip_of
from uplift_upsample.data.keypoints.found import Found
from uplift_upsample.data.keypoints.read import read_keypoints
from uplift_upsample.data.keypoints.roll import rolled, upright
from uplift_upsample.data.keypoints.times import (
    KeyFrames,
    at_frames,
    frame_times,
    key_frames,
    plain_number,
    rate_described,
    rate_of,
)
from uplift_upsample.data.keypoints.to_model import Skeleton
from uplift_upsample.lift.camera import check_camera, focal_length, roots_of
from uplift_upsample.lift.known_weights import KnownWeights, weights_named
from uplift_upsample.lift.lifted import LiftedPoses
from uplift_upsample.lift.readout import chosen_readout, readout_described, readout_metadata
from uplift_upsample.lift.windows import ClipWindows, check_poses, num_between_frames
from uplift_upsample.model.readout import averaged
from uplift_upsample.plan.evaluation import Precision, Readout

if TYPE_CHECKING:
    from uplift_upsample.model.lifter import Lifter

logger = logging.getLogger(__name__)
BLOCK = 2048  # windows whose 2D poses are in memory at once; chosen: many batches, 100 MB for 351 tokens
TOLERATED_OF_S_IN_MM = 2.0  # what s_in auto may cost: a fiftieth of the error of networks on people whom they never saw
AXES = "camera: x right, y down, z forward"
PELVIS, APPROXIMATE = "pelvis at the origin", "approximate, by reprojection"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Task:
    """A clip that was read and found to be of use: what is to be lifted.

    keys: the key frames of ``clip``. frame_rate: Hz, the mean where frames are not equally far apart. root: whether the person's
    place is asked for. focal: for it, pixels.
    """

    clip: Clip
    keys: KeyFrames
    frame_rate: float
    roll: float
    root: bool
    focal: float

    @cached_property
    def is_key(self) -> np.ndarray:
        """The frames whose 2D pose the network sees ``(T,)``."""
        is_key = np.zeros(len(self.keys.times), bool)
        is_key[self.keys.frames] = np.isfinite(self.clip.poses[self.keys.frames]).all(axis=(1, 2))
        return is_key


class Uplifter:
    """A network with weights that turns 2D keypoints of a clip into 3D poses.

    known: the weights. The rest as in ``load``, which also fills the network; without, the first clip does.
    """

    def __init__(
        self,
        known: KnownWeights,
        *,
        mirror: bool = True,
        batch_size: int = 256,
        precision: Precision = "float32",
        readout: Readout = "central",
        hop: int | Literal["auto"] = 1,
        blend: float | Literal["auto"] = "auto",
    ) -> None:
        self.known = known
        self.model = known.card.model
        self.evaluate = chosen_readout(known, readout, hop, blend)
        self._options: dict[str, Any] = {"mirror": mirror, "precision": precision}
        self._batch_size = batch_size

    @classmethod
    def load(
        cls,
        weights: str | os.PathLike[str] = "open",
        *,
        config: str | os.PathLike[str] | None = None,
        skeleton: Skeleton | None = None,
        mirror: bool = True,
        batch_size: int = 256,
        precision: Precision = "float32",
        readout: Readout = "central",
        hop: int | Literal["auto"] = 1,
        blend: float | Literal["auto"] = "auto",
    ) -> "Uplifter":
        """Load weights by name or path (``known_weights.weights_named`` has the rules, config and skeleton too).

        mirror: average with the lifted mirror image, as the paper's protocol does; off, it takes half the time. batch_size:
        windows at once. readout, hop, blend: what makes a pose, as an evaluation has it (docs/method.md, "Read-outs"); auto, what
        the training of the weights chose. Raises ``InputError`` for weights that are not known, damaged, or of another network, and
        for a read-out that they do not have.
        """
        uplifter = cls(
            weights_named(weights, config, skeleton), mirror=mirror, batch_size=batch_size, precision=precision,
            readout=readout, hop=hop, blend=blend,
        )  # fmt: skip
        assert uplifter.lifter is not None
        return uplifter

    @cached_property
    def lifter(self) -> "Lifter":
        from uplift_upsample.model.lifter import Lifter
        from uplift_upsample.model.network import build_network
        from uplift_upsample.model.weights import load_weights

        network = build_network(self.model)
        load_weights(network, self.known.path)
        return Lifter(network, self._batch_size, **self._options)

    def __call__(
        self,
        keypoints: Any,
        *,
        frame_rate: float | None = None,
        times: Any = None,
        layout: str | None = None,
        s_in: int | str | None = None,
        size: Sequence[float] | None = None,
        confidence: Any = None,
        person: int | None = None,
        min_confidence: float | None = None,
        roll: float = 0.0,
        root: bool = False,
        focal: float | None = None,
        on_windows: Progress = lambda done, total: None,
    ) -> LiftedPoses:
        """Lift one person of a clip.

        keypoints: an array of pixels, ``(T, K, 2)``, ``(T, K, 3)`` with confidence, or with people behind the frames, NaN where
        something is missing; or the path of a keypoint file or folder. confidence: ``(T, K)``, beside an array without.
        frame_rate: frames a second; or times: the second of each frame. layout: of the joints (``coco``, ``body_25``, …).
        s_in: the network sees a 2D pose on every ``s_in``-th frame at 50 Hz; None, the smallest that it was trained for; auto, the
        largest that costs at most ``TOLERATED_OF_S_IN_MM``.
        size: width and height of the picture in pixels. person: which one, None the largest.
        min_confidence: joints below it are missing, and key frames with a missing joint are masked tokens; None, 0.3, and 0 for
        MediaPipe, whose number shows whether a joint can be seen.
        roll: degrees by which the camera was turned clockwise, seen from behind it.
        root: add where the person is, approximately. focal: the focal length in pixels for it; None, the diagonal of the picture.
        on_windows: gets the number of windows done and their total.
        Raises ``InputError`` for input that cannot be used, and where no key frame is of use.
        """
        is_file = isinstance(keypoints, str | os.PathLike)
        if is_file and confidence is not None:
            raise InputError(f"{keypoints} has its own confidence; give confidence beside an array only")
        found = read_keypoints(keypoints) if is_file else found_in_array(keypoints, confidence)
        task = self.prepared(
            found, frame_rate=frame_rate, times=times, layout=layout, s_in=s_in, size=size, person=person,
            min_confidence=min_confidence, roll=roll, root=root, focal=focal,
        )  # fmt: skip
        return self.lifted(task, on_windows)

    def prepared(
        self,
        found: Found,
        *,
        frame_rate: float | None = None,
        times: Any = None,
        layout: str | None = None,
        s_in: int | str | None = None,
        size: Sequence[float] | None = None,
        person: int | None = None,
        min_confidence: float | None = None,
        roll: float = 0.0,
        root: bool = False,
        focal: float | None = None,
    ) -> Task:
        """Everything before the network, which is not needed for it: read, checked, its key frames chosen. As ``__call__``."""
        stride = self.stride(s_in)
        roll, focal, min_confidence = map(plain_number, (roll, focal, min_confidence))
        check_camera(roll, focal)
        skeleton = self.known.card.skeleton
        if frame_rate is None and times is None:
            frame_rate, times = (found.frame_rate, None) if found.times is None else (None, found.times)
        seconds = frame_times(found.num_frames, frame_rate, times, found.first)
        clip = clip_of(
            found, skeleton, layout=layout, size=size, person=person, min_confidence=min_confidence, roll=roll, seconds=seconds
        )  # fmt: skip
        looked = None if found.looked is None else found.looked - found.first
        keys = key_frames(seconds, stride, self.model.s_out, looked)
        check_poses(self.model, clip.poses[keys.frames])
        return Task(
            clip=clip,
            keys=keys,
            frame_rate=rate_of(seconds) if times is not None else float(plain_number(frame_rate)),
            roll=roll,
            root=root,
            focal=focal if focal is not None else focal_length(clip.size),
        )

    def lifted(self, task: Task, on_windows: Progress = lambda done, total: None) -> LiftedPoses:
        """The poses of a clip that was prepared."""
        clip, keys = task.clip, task.keys
        positions = root_relative(self._lift(task, on_windows))
        if task.root:
            positions = positions + roots_of(clip.poses[keys.frames], positions, keys, clip.size, task.focal)[:, None]
        return LiftedPoses(
            positions=rolled(positions, task.roll).astype(np.float32),
            joints=MODEL_17,
            times=keys.times,
            frames=clip.frames,
            frame_rate=task.frame_rate,
            is_key=task.is_key,
            poses_2d=np.where(task.is_key[:, None, None], upright(clip.poses, clip.size, -task.roll), np.nan),
            size=clip.size,
            metadata=self._metadata(task),
        )

    def described(self, task: Task) -> list[str]:
        """What is to be known of a result, in lines: which weights, which person of the clip, and what of it they see."""
        card, keys, clip = self.known.card, task.keys, task.clip
        licence = f" ({card.licence})" if card.licence else ""
        others = f"; other people: {', '.join(map(str, clip.others[:9]))}" if clip.others else ""
        first, last = clip.frames[[0, -1]].tolist()
        frames = f"{len(keys.times)} frames at {rate_described(keys.times, task.frame_rate)}"
        if first > 1:  # where the file counts from 1, that is the beginning
            frames += f" ({first} to {last}; times count from {first} on)"
        num_masked = len(keys.frames) - int(task.is_key.sum())
        masked = f"; {num_masked} of them lack the person or a joint and are masked" if num_masked else ""
        between = num_between_frames(self.model, keys)
        made = f"; 2D poses of {between} of {keys.num_tokens} tokens are interpolated, there are fewer frames" if between else ""
        return [
            f"weights: {self.known.name}{licence}, {card.described}",
            f"clip: {frames}, joints {clip.layout.name}, person {clip.person}{others}",
            f"s_in {keys.s_in}: the network sees {keys.described(first)}{masked}{made}",
            *readout_described(self.evaluate),
        ]

    def _lift(self, task: Task, on_windows: Progress) -> np.ndarray:
        """Poses of all frames ``(T, 17, 3)``, NaN where no key frame is within reach of the network."""
        clip, keys = task.clip, task.keys
        windows = ClipWindows(self.model, keys, clip.poses[keys.frames], clip.size, self.known.card.padding)
        if self.evaluate.readout == "central":
            tokens = np.empty((keys.num_tokens, NUM_JOINTS, 3), np.float32)
            for start in range(0, keys.num_tokens, BLOCK):
                centres = np.arange(start, min(start + BLOCK, keys.num_tokens))
                tokens[centres] = self.lifter.lift(*windows.seen(centres))
                on_windows(int(centres[-1]) + 1, keys.num_tokens)
        else:
            lengths = np.array([keys.num_tokens])
            tokens = averaged(self.lifter, self.evaluate, lengths, windows.seen, on_windows, block=BLOCK, only_sighted=True)
        tokens[~windows.is_in_reach] = np.nan
        if num_nan := int(np.isnan(tokens[:, 0, 0]).sum()):
            logger.warning("%d of %d poses are NaN: no 2D pose is within reach of the network there", num_nan, len(tokens))
        return at_frames(tokens, keys)

    def stride(self, s_in: int | str | None) -> int:
        """An s_in, or the smallest that the network was trained for. Raises ``InputError`` for an impossible one."""
        stride = min(self.model.evaluated_s_in) if s_in is None else self._largest_stride() if s_in == "auto" else s_in
        if not isinstance(stride, int | np.integer) or isinstance(stride, bool):
            raise InputError(f"s_in is {shown(s_in)}; it must be a whole number of frames at 50 Hz")
        if faults := self.model.s_in_faults(int(stride)):
            raise InputError(faults[0])
        if stride not in self.model.evaluated_s_in:
            logger.warning("the network was trained for s_in %s, not for %d", ", ".join(map(str, self.model.s_in)), stride)
        return int(stride)

    def _largest_stride(self) -> int:
        """The largest s_in that costs no more than ``TOLERATED_OF_S_IN_MM``, as the error of the weights was measured."""
        errors = {int(s_in): error for s_in, error in self.known.card.mpjpe_mm.items()}
        if not errors:
            raise InputError("s_in is auto, but the error of these weights at each s_in is not known; give a number")
        return max(s_in for s_in, error in errors.items() if error <= min(errors.values()) + TOLERATED_OF_S_IN_MM)

    def _metadata(self, task: Task) -> dict[str, Any]:
        from uplift_upsample.model.backend import keras

        clip, keys = task.clip, task.keys
        card, between = self.known.card, num_between_frames(self.model, keys)
        return {
            "units": "m",
            "axes": AXES,
            "skeleton": card.skeleton,
            "frame_rate": rate_described(keys.times, task.frame_rate),
            "s_in": keys.s_in,
            "s_out": keys.s_out,
            "key_frames": keys.described(int(clip.frames[0])),
            "num_key_frames": len(keys.frames),
            "num_masked_key_frames": len(keys.frames) - int(task.is_key.sum()),
            **({"num_interpolated_tokens": between} if between else {}),
            **readout_metadata(self.evaluate),
            "min_confidence": clip.min_confidence,
            "roll": task.roll,
            "root": APPROXIMATE if task.root else PELVIS,
            "focal": task.focal if task.root else None,
            "detector": clip.detector,
            "layout": clip.layout.name,
            "person": clip.person,
            "other_people": list(clip.others),
            "size": list(clip.size),
            "weights": self.known.name,
            "weights_sha256": card.sha256,
            "trained_on": card.trained_on,
            "tested_on": card.tested_on,
            "mpjpe_mm": dict(card.mpjpe_mm),
            "licence_of_weights": card.licence,
            "versions": {
                "uplift_upsample": uplift_upsample.__version__,
                "keras": keras.__version__,
                "backend": keras.backend.backend(),
                "numpy": np.__version__,
            },
        }
