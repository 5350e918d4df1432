"""Whether 2D and 3D poses of Human3.6M belong together: the 3D poses, seen by the subject's known cameras, against the 2D poses.

A detector is some pixels off. Another unit, frame rate, resolution, order of cameras or of joints is off by tens to hundreds, which
no check of shapes sees. A sample of frames of every video is looked at; where it does not fit, the known mistakes are tried, and
the one that fits is named. What a detector may do in some videos counts where most of them have it.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from uplift_upsample.base.cameras import Cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import H36M_32_TO_MODEL
from uplift_upsample.data.checks import check_body_size, is_relative_to_pelvis, sampled_frames
from uplift_upsample.data.h36m.exchanged import Exchange, exchange_words, exchanges, joint_distances
from uplift_upsample.data.h36m.mistakes import BETTER, Fit, Video, fits, off_px
from uplift_upsample.data.h36m.projections import projected
from uplift_upsample.plan.thresholds import Checks

logger = logging.getLogger(__name__)

# In one of the two takes of each, Human3.6M's own 3D poses are displaced by 10 to 20 cm as a whole, in published numbers too.
_DISPLACED = {"S9": ("Greeting", "SittingDown", "Waiting")}
_SUSPECT = 0.2  # of the largest accepted distance; above it, the known mistakes are tried
_FITS_PX = 20.0  # pixels are left at most once the mistake that was made is undone
_MOST = 0.5  # of all videos; a slight mistake that fits so many is not chance
_EXPLAINED = 4  # times the weight of a video without explanation: a mistake seems to explain one of twenty by chance
_FEW_FRAMES = 10  # that a video may run on in any case; those of the CPN detections run on for two on average


@dataclass(frozen=True)
class Measured:
    """A video that was looked at.

    off_px: distance of its 2D poses from the projected 3D poses. distances: the same from each joint to each (``joint_distances``).
    mistake: the known one that explains it. limit_px: the largest accepted distance. runs_on: whether it has many more 2D than 3D
    frames.
    """

    video: Video
    off_px: float
    distances: np.ndarray
    mistake: Fit | None
    limit_px: float
    runs_on: bool

    @property
    def is_wrong(self) -> bool:
        return (self.mistake is not None and not self.mistake.is_slight) or self.off_px > self.limit_px or self.runs_on

    @property
    def kind(self) -> str | None:
        """What is wrong, for counting."""
        return self.mistake.kind if self.mistake else None


@dataclass(frozen=True)
class H36mPair:
    """A 3D and a 2D file, as their readers give them, with a 2D video of each recording for each camera, and what they must fit.

    is_exact: whether the 2D poses are projections of the 3D poses, not detections.
    """

    poses_3d_path: str | os.PathLike[str]
    positions_3d: dict[str, dict[str, np.ndarray]]
    poses_2d_path: str | os.PathLike[str]
    positions_2d: dict[str, dict[str, list[np.ndarray]]]
    cameras: Cameras
    checks: Checks
    is_exact: bool = False

    @property
    def limit_px(self) -> float:
        """The largest accepted distance."""
        return self.checks.exact_px if self.is_exact else self.checks.reprojection_px

    @property
    def suspect_px(self) -> float:
        """From where on known mistakes are looked for."""
        return self.checks.exact_px if self.is_exact else _SUSPECT * self.checks.reprojection_px

    def way_out(self, flag: str) -> str:
        """What to do if the files are right nevertheless. flag: the threshold that is in the way."""
        raised = f"raise {flag} (`checks` in the configuration, --{flag}; it is {getattr(self.checks, flag):g})"
        return f"If the files are right nevertheless, {raised}"


def check_reprojection(pair: H36mPair) -> None:
    """Log how well the files fit each other.

    Raises ``InputError`` with the measured figure, the likeliest mistake, and the file, subject, action and camera: for people of
    an impossible size, for poses relative to the pelvis, for 2D poses that are too far from the projected 3D poses or fit them much
    better once a known mistake is undone, for joints that are exchanged, and for many more 2D than 3D frames.
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
    slight = Counter(video.kind for video in videos if video.mistake and video.mistake.is_slight)
    common = {kind for kind, count in slight.items() if count > _MOST * len(videos)}
    wrong = [video for video in videos if video.is_wrong or video.kind in common]
    known = Counter(video.kind for video in wrong if video.kind not in (None, "joints"))
    exchanged, num_exchanged = _exchanged(pair, videos)
    if num_exchanged > _EXPLAINED * max(known.values(), default=0):
        raise InputError(exchanged)
    if wrong:
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
    poses, views, checks = pair.positions_3d[subject][name], pair.cameras.of_subject(subject), pair.checks
    frames = sampled_frames(len(poses))
    sample = poses[frames][:, H36M_32_TO_MODEL]
    expected = projected(sample, pair.cameras, views)
    for number, view in enumerate(pair.positions_2d[subject][name]):
        camera = pair.cameras.names[views[number]].rpartition("/")[2]
        video = Video(f"{subject} {name}, camera {number} ({camera})", sample, frames, view, len(poses), number, views)
        seen = video.seen(frames)
        is_number = np.isfinite(expected[number] - seen).all((1, 2))
        difference = (expected[number] - seen)[is_number]
        off = off_px(difference, 0)
        runs_on = len(view) - len(poses) > max(_FEW_FRAMES, checks.surplus * len(poses))
        mistake = _mistake(pair, video, off) if np.isfinite(off) and (off > pair.suspect_px or runs_on) else None
        limit, most = pair.limit_px, checks.reprojection_px
        if name.split(" ")[0] in _DISPLACED.get(subject, ()) and off_px(difference, difference.mean(1, keepdims=True)) <= most:
            limit = max(limit, checks.shift_px)
            mistake = mistake if off > limit or not (mistake and mistake.is_slight) else None
        yield Measured(video, off, joint_distances(expected[number][is_number], seen[is_number]), mistake, limit, runs_on)


def _mistake(pair: H36mPair, video: Video, off: float) -> Fit | None:
    """The known mistake that was made, if one was."""
    found = fits(video, pair.cameras, suspect_px=pair.suspect_px, is_far_off=off > pair.checks.reprojection_px)
    best = min(found, key=lambda fit: fit.off_px)
    return best if best.off_px <= min(BETTER * off, _FITS_PX) else None


def _exchanged(pair: H36mPair, videos: Sequence[Measured]) -> tuple[str, int]:
    """Which joints are exchanged in the videos of a subject or of a camera, and in how many videos that is, 0 where none are."""
    groups: dict[object, list[Measured]] = {}
    for one in videos:
        for key in (tuple(one.video.views), one.video.number):
            groups.setdefault(key, []).append(one)
    found, affected = list[Exchange](), dict[str, None]()
    for group in groups.values():
        if cycles := exchanges(np.median([one.distances for one in group], axis=0), pair.suspect_px, BETTER):
            found, affected = found or cycles, affected | {one.video.name: None for one in group}
    if not found:
        return "", 0
    typical = np.median([one.distances for one in videos if one.video.name in affected], axis=0)
    joints = [joint for circle in found for joint in circle]
    nearest = [other for circle in found for other in (*circle[1:], circle[0])]
    off, undone = np.mean(typical[joints, joints]), np.mean(typical[joints, nearest])
    return (
        f"{pair.poses_2d_path} does not fit {pair.poses_3d_path}: {next(iter(affected))}: {exchange_words(found)}; these joints "
        f"are {off:.1f} px away from the projected 3D poses, and {undone:.1f} px if their names are exchanged; {len(affected)} of "
        f"{len(videos)} videos are affected. {pair.way_out('exact_px' if pair.is_exact else 'reprojection_px')}"
    ), len(affected)


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
    exact = pair.is_exact and one.limit_px == pair.limit_px
    flag = "surplus" if one.runs_on and one.off_px <= one.limit_px else "exact_px" if exact else "reprojection_px"
    way_out = pair.way_out(flag)
    if found:
        text = f"{misfit}, and {found.off_px:.1f} px if {found.words}; {affected}"
        return f"{text}. {way_out}" if found.is_slight else text
    usual = "Exact 2D poses (gt) are less than a px off" if exact else "Detectors are some px off"
    return (
        f"{misfit}. {usual}, and no known mistake explains this (frame rate, resolution, order of cameras or joints, sides, axes, "
        f"another recording); {affected}. {way_out}"
    )


def _other_recording(pair: H36mPair, one: Measured) -> Fit | None:
    """The recording that the 2D poses are of, if they are of another one."""
    video, found = one.video, []
    for subject, actions in pair.positions_3d.items():
        for name, poses in actions.items():
            frames = video.frames[video.frames < min(len(poses), len(video.poses_2d))]
            camera = pair.cameras.of_subject(subject)[video.number]
            expected = projected(poses[frames][:, H36M_32_TO_MODEL], pair.cameras, [camera])[0]
            found.append(Fit("recording", f"they are those of {subject} {name}", off_px(expected, video.seen(frames))))
    best = min(found, key=lambda fit: fit.off_px)
    return best if best.off_px <= min(BETTER * one.off_px, _FITS_PX) else None


def _log(pair: H36mPair, videos: Sequence[Measured], sizes: Sequence[float]) -> None:
    limit = pair.limit_px
    worst = max(videos, key=lambda one: one.off_px)
    logger.info(
        "%s fits: the 3D poses, projected through each subject's cameras, are %.1f px away from the 2D poses (median of %d videos; "
        "at most %.1f px, %s; up to %g px are accepted); people measure %.2f to %.2f m",
        *(pair.poses_2d_path, np.median([one.off_px for one in videos]), len(videos), worst.off_px, worst.video.name, limit),
        *(np.nanmin(sizes), np.nanmax(sizes)),
    )
    if displaced := [f"{one.video.name} {one.off_px:.0f} px" for one in videos if one.off_px > limit]:
        logger.warning(
            "the 3D poses are displaced as a whole in %s; this is known of some recordings of S9, and they are used as they are: "
            "published numbers are with them, and errors are relative to the pelvis",
            ", ".join(displaced),
        )
