"""Lift the people of a video, or keypoints of any detector, to 3D poses. docs/own_video.md has the formats."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from _command import add_device_flags, run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.progress import CountProgress, DownloadProgress
from uplift_upsample.data.download.source_downloads import fetch_source, place_of
from uplift_upsample.data.download.source_files import ChecksumLock, read_sources, source_named
from uplift_upsample.data.keypoints.found import Found
from uplift_upsample.data.keypoints.layouts import LAYOUTS, layout_named
from uplift_upsample.data.keypoints.read import read_keypoints
from uplift_upsample.data.keypoints.times import key_frames, rate_described
from uplift_upsample.data.keypoints.to_model import SKELETONS
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.lift.exports.writers import WRITERS
from uplift_upsample.lift.known_weights import weights_named
from uplift_upsample.lift.lifted import LiftedPoses
from uplift_upsample.lift.uplifter import Task, Uplifter
from uplift_upsample.lift.video.blazepose import MODELS, BlazePose
from uplift_upsample.lift.video.detected import Detector, detected
from uplift_upsample.lift.video.rtm import RtmPose
from uplift_upsample.lift.video.video_file import VideoFile, is_video
from uplift_upsample.model.device import Wish, check_device, log_device, open_device
from uplift_upsample.plan.ways import RAW

PLAIN = [suffix.removeprefix(".") for suffix in WRITERS]
DRAWN = ["gif", "mp4"]
CHECKSUMS = "data/checksums.lock"
NEED_SKELETON = {"bvh", *DRAWN}


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("input", metavar="FILE", help="video, keypoint file, or folder with a keypoint file for each frame")
    add("--output", required=True, metavar="FOLDER", help="where the files go, named after the input")
    add("--formats", nargs="+", choices=[*PLAIN, *DRAWN], default=[*PLAIN, "gif"], help="which files (all but mp4)")
    add("--layout", help=f"joints of the keypoints, where the file leaves it open: {', '.join(LAYOUTS)}")
    add("--frame_rate", type=float, help="frames a second, where the file does not say")
    add("--size", type=float, nargs=2, metavar=("W", "H"), help="width and height of the picture, pixels")
    add(
        "--s_in",
        type=stride,
        help="the network, and the detector of a video, see every s_in-th frame at 50 Hz; a number, or auto: the largest that "
        "costs little (keypoints: the smallest that it was trained for; videos: the largest)",
    )
    add("--detector", choices=[*MODELS, "rtmlib"], default="heavy", help="of videos: MediaPipe's model, or rtmlib (%(default)s)")
    add("--person", type=int, help="which person (the largest)")
    add("--min_confidence", type=float, help="joints below it are missing (0.3; of MediaPipe 0)")
    add("--roll", type=float, default=0.0, help="degrees by which the camera was turned clockwise, seen from behind it (0)")
    add("--root", action="store_true", help="add where the person is, approximately")
    add("--focal", type=float, help="focal length in pixels, for --root (the diagonal of the picture)")
    add(
        "--joints",
        metavar="LAYOUT",
        help="write the joints of this layout instead of the 17 of the project; not into bvh, gif and mp4",
    )
    add("--weights", default="open", help="a name or a weight file (open, which comes with the project)")
    add("--config", help="configuration of a weight file that has no run.yaml in the folder above")
    add("--skeleton", choices=SKELETONS, help="whose joints the weights put out, where their data set does not say")
    add("--no_mirror", action="store_true", help="do not average with the lifted mirror image; half the time")
    add("--seconds", type=float, default=20.0, help="how much of the clip gif and mp4 show (%(default)g)")
    add_device_flags(parser)
    return parser.parse_args(argv)


def stride(text: str) -> int | str:
    return text if text == "auto" else int(text)


def detect(options: argparse.Namespace, uplifter: Uplifter) -> Found:
    """Run the detector over the key frames of a video."""
    video = VideoFile(options.input)
    if options.s_in is None:
        options.s_in = max(uplifter.model.evaluated_s_in)
    keys = key_frames(video.times, uplifter.stride(options.s_in), uplifter.model.s_out)
    detector: Detector = RtmPose() if options.detector == "rtmlib" else BlazePose(pose_models(), options.detector)
    print(f"detector: {detector.name}, on {keys.described}")
    with CountProgress("detection", "frame") as progress:
        return detected(video, keys, detector, progress)


def pose_models() -> Path:
    """MediaPipe's models, fetched where they are not here yet."""
    project = Path(__file__).parents[1]
    source = source_named(read_sources(project / "workflow/resources/sources.csv"), "mediapipe_pose")
    folder, lock = project / RAW, ChecksumLock(project / CHECKSUMS)
    with DownloadProgress(source.name) as progress:
        fetch_source(source, folder, lock, progress=progress)
    return place_of(source, folder)


def describe(task: Task, uplifter: Uplifter) -> None:
    """Say which weights, and what of the clip they see."""
    card, keys = uplifter.known.card, task.keys
    licence = f" ({card.licence})" if card.licence else ""
    print(f"weights: {uplifter.known.name}{licence}, {card.described}")
    others = f"; other people: {', '.join(map(str, task.clip.others[:9]))}" if task.clip.others else ""
    frames = f"{len(keys.times)} frames at {rate_described(keys.times, task.frame_rate)}"
    print(f"clip: {frames}, joints {task.clip.layout.name}, person {task.clip.person}{others}")
    num_masked = len(keys.frames) - int(task.is_key.sum())
    masked = f"; {num_masked} of them lack the person or a joint and are masked" if num_masked else ""
    print(f"s_in {keys.s_in}: the network sees {keys.described}{masked}")


def write(poses: LiftedPoses, options: argparse.Namespace) -> None:
    """Write the files that are asked for, and say what is to be known of them."""
    name = Path(options.input).name if Path(options.input).is_dir() else Path(options.input).stem
    for suffix in options.formats:
        path = Path(options.output) / f"{name}.{suffix}"
        if suffix in DRAWN:
            note = draw(path, poses, name, options.seconds)
        else:
            is_own = options.joints is None or suffix in NEED_SKELETON
            note = (poses if is_own else poses.in_layout(options.joints)).save(path)
        print(f"{path}{': ' if note else ''}{note}")


def draw(path: Path, poses: LiftedPoses, name: str, seconds: float) -> str:
    from uplift_upsample.report.animation.encode import write_animation
    from uplift_upsample.report.animation.lifted_clips import LiftedScene

    scene = LiftedScene(poses, name, seconds)
    write_animation(path, scene.pictures(), scene.rate)
    return f"the first {seconds:g} of {poses.times[-1]:.1f} s" if poses.times[-1] > seconds else ""


def sized(size: Sequence[float] | None) -> tuple[float, float] | None:
    return None if size is None else (size[0], size[1])


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    if options.joints is not None:
        layout_named(options.joints)
    if not options.seconds > 0:
        raise InputError(f"--seconds is {options.seconds:g}; it must be above 0")
    wish = Wish(options.device, options.gpu_id)
    check_device(wish, os.environ)
    known = weights_named(options.weights, options.config, options.skeleton)
    read_weight_file(known.path)
    uplifter = Uplifter(known, mirror=not options.no_mirror)
    task = uplifter.prepared(  # all that can be wrong is found before a framework is loaded
        detect(options, uplifter) if is_video(options.input) else read_keypoints(options.input),
        frame_rate=options.frame_rate,
        layout=options.layout,
        s_in=options.s_in,
        size=sized(options.size),
        person=options.person,
        min_confidence=options.min_confidence,
        roll=options.roll,
        root=options.root,
        focal=options.focal,
    )
    describe(task, uplifter)
    log_device(open_device(wish, os.environ))
    with CountProgress("lifting", "window") as progress:
        poses = uplifter.lifted(task, progress)
    write(poses, options)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
