"""Whether 2D and 3D poses of Human3.6M belong together: the 3D poses, seen by the subject's known cameras, against the 2D poses.

A detector is some pixels off. Another unit, frame rate, resolution, order of cameras or of joints is off by tens to hundreds, which
no check of shapes sees. A sample of frames of every video is looked at; where it does not fit, the known mistakes are tried, and
the one that fits is named.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from uplift_upsample.base.cameras import Cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_32_TO_MODEL
from uplift_upsample.data.checks import check_body_size, is_relative_to_pelvis, sampled_frames
from uplift_upsample.data.h36m.mistakes import Fit, Video, fits, off_px, projected
from uplift_upsample.plan.thresholds import Checks

logger = logging.getLogger(__name__)

# In one of the two takes of each, Human3.6M's own 3D poses are displaced by 10 to 20 cm as a whole, in published numbers too.
_DISPLACED = {"S9": ("Greeting", "SittingDown", "Waiting")}
_SUSPECT = 0.2  # of the largest accepted distance; above it, the known mistakes are tried
_BETTER, _FITS_PX = 0.5, 20.0  # of the distance, and pixels, are left at most once the mistake that was made is undone
_EXPLAINED = 4  # times the weight of a video without explanation: a mistake seems to explain one of twenty by chance
_FEW_FRAMES = 10  # that a video may run on in any case; those of the CPN detections run on for two on average


@dataclass(frozen=True)
class Measured:
    """A video that was looked at.

    off_px: distance of its 2D poses from the projected 3D poses. mistake: the known one that explains it. limit_px: what is taken.
    runs_on: whether it has many more 2D than 3D frames.
    """

    video: Video
    off_px: float
    mistake: Fit | None
    limit_px: float
    runs_on: bool

    @property
    def is_wrong(self) -> bool:
        return self.mistake is not None or self.off_px > self.limit_px or self.runs_on

    @property
    def kind(self) -> str | None:
        """What is wrong, for counting."""
        return self.mistake.kind if self.mistake else None


@dataclass(frozen=True)
class H36mPair:
    """A 3D and a 2D file, as their readers give them, with a 2D video of each recording for each camera, and what they must fit."""

    poses_3d_path: str | os.PathLike[str]
    positions_3d: Mapping[str, Mapping[str, np.ndarray]]
    poses_2d_path: str | os.PathLike[str]
    positions_2d: Mapping[str, Mapping[str, Sequence[np.ndarray]]]
    cameras: Cameras
    checks: Checks

    def views(self, subject: str) -> list[int]:
        """The indices of a subject's cameras."""
        return [index for index, name in enumerate(self.cameras.names) if name.split("/")[0] == subject]


def check_reprojection(pair: H36mPair) -> None:
    """Log how well the files fit each other.

    Raises ``InputError`` with the measured figure, the likeliest mistake, and the file, subject, action and camera: for people of
    an impossible size, for poses relative to the pelvis, for 2D poses that are too far from the projected 3D poses or fit them much
    better once a known mistake is undone, and for many more 2D than 3D frames.
    """
    sizes = [
        _body_size(pair, f"{subject} {name}", poses)
        for subject, actions in pair.positions_3d.items()
        for name, poses in actions.items()
    ]
    videos = [
        video
        for subject, actions in pair.positions_3d.items()
        for name in actions
        for video in _measured(pair, subject, name)
        if np.isfinite(video.off_px)  # the conversion names each frame that is NaN
    ]
    if wrong := [video for video in videos if video.is_wrong]:
        raise InputError(_fault(pair, wrong, len(videos)))
    if videos:
        _log(pair, videos, sizes)


def _body_size(pair: H36mPair, name: str, poses: np.ndarray) -> float:
    sample = poses[sampled_frames(len(poses))][:, H36M_32_TO_MODEL]
    where = f"{pair.poses_3d_path}: {name}"
    size = check_body_size(where, sample, pair.checks)
    if is_relative_to_pelvis(sample):
        raise InputError(
            f"{where}: the pelvis is the origin in all frames; the poses must be those in the world, not relative to it"
        )
    return size


def _measured(pair: H36mPair, subject: str, name: str) -> Iterator[Measured]:
    """The videos of a recording."""
    poses, views, checks = pair.positions_3d[subject][name], pair.views(subject), pair.checks
    frames = sampled_frames(len(poses))
    sample = poses[frames][:, H36M_32_TO_MODEL]
    expected = projected(sample, pair.cameras, views)
    for number, view in enumerate(pair.positions_2d[subject][name]):
        camera = pair.cameras.names[views[number]].rpartition("/")[2]
        video = Video(f"{subject} {name}, camera {number} ({camera})", sample, frames, view, len(poses), number, views)
        difference = expected[number] - video.seen(frames)
        difference = difference[np.isfinite(difference).all((1, 2))]
        off = off_px(difference, 0)
        runs_on = len(view) - len(poses) > max(_FEW_FRAMES, checks.surplus * len(poses))
        is_suspect = np.isfinite(off) and (off > _SUSPECT * checks.reprojection_px or runs_on)
        limit = checks.reprojection_px
        if name.split(" ")[0] in _DISPLACED.get(subject, ()) and off_px(difference, difference.mean(1, keepdims=True)) <= limit:
            limit = max(limit, checks.shift_px)
        yield Measured(video, off, _mistake(pair, video, off) if is_suspect else None, limit, runs_on)


def _mistake(pair: H36mPair, video: Video, off: float) -> Fit | None:
    """The known mistake that was made, if one was."""
    best = min(fits(video, pair.cameras, is_far_off=off > pair.checks.reprojection_px), key=lambda fit: fit.off_px)
    return best if best.off_px <= min(_BETTER * off, _FITS_PX) else None


def _fault(pair: H36mPair, wrong: Sequence[Measured], num_videos: int) -> str:
    """What is wrong most often, at the first video where it is; what can be explained counts more than what cannot."""
    kinds = Counter(one.kind for one in wrong)
    kind, count = max(kinds.items(), key=lambda item: item[1] * (1 if item[0] is None else _EXPLAINED))
    one = next(one for one in wrong if one.kind == kind)
    misfit = f"{pair.poses_2d_path} does not fit {pair.poses_3d_path}: {one.video.name}: "
    if one.runs_on:
        misfit += f"{len(one.video.poses_2d)} 2D frames for {one.video.num_frames} 3D frames, {one.video.ratio:.1f} times as many; "
    misfit += f"the 3D poses, projected through the camera, are {one.off_px:.1f} px away from the 2D poses"
    found = one.mistake or _other_recording(pair, one)
    affected = f"{count} of {num_videos} videos are affected"
    if found:
        return f"{misfit}, and {found.off_px:.1f} px if {found.words}; {affected}"
    flag = "surplus" if one.runs_on and one.off_px <= one.limit_px else "reprojection_px"
    return (
        f"{misfit}. Detectors are some px off, and no known mistake explains this (frame rate, resolution, order of cameras or "
        f"joints, sides, axes, another recording); {affected}. If the files are right nevertheless, raise {flag} (`checks` in the "
        f"configuration, --{flag}; it is {getattr(pair.checks, flag):g})"
    )


def _other_recording(pair: H36mPair, one: Measured) -> Fit | None:
    """The recording that the 2D poses are of, if they are of another one."""
    video, found = one.video, []
    for subject, actions in pair.positions_3d.items():
        for name, poses in actions.items():
            frames = video.frames[video.frames < min(len(poses), len(video.poses_2d))]
            expected = projected(poses[frames][:, H36M_32_TO_MODEL], pair.cameras, [pair.views(subject)[video.number]])[0]
            found.append(Fit("recording", f"they are those of {subject} {name}", off_px(expected, video.seen(frames))))
    best = min(found, key=lambda fit: fit.off_px)
    return best if best.off_px <= min(_BETTER * one.off_px, _FITS_PX) else None


def _log(pair: H36mPair, videos: Sequence[Measured], sizes: Sequence[float]) -> None:
    limit = pair.checks.reprojection_px
    worst = max(videos, key=lambda one: one.off_px)
    logger.info(
        "%s fits: the 3D poses, projected through each subject's cameras, are %.1f px away from the 2D poses (median of %d videos; "
        "at most %.1f px, %s; up to %g px are taken); people measure %.2f to %.2f m",
        *(pair.poses_2d_path, np.median([one.off_px for one in videos]), len(videos), worst.off_px, worst.video.name, limit),
        *(np.nanmin(sizes), np.nanmax(sizes)),
    )
    if displaced := [f"{one.video.name} {one.off_px:.0f} px" for one in videos if one.off_px > limit]:
        logger.warning(
            "the 3D poses are displaced as a whole in %s; this is known of some recordings of S9, and they are used as they are: "
            "published numbers are with them, and errors are relative to the pelvis",
            ", ".join(displaced),
        )
