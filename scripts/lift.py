"""Lift 2D keypoints of a clip to 3D: files of MMPose, AlphaPose, OpenPose, COCO, YOLO, or arrays (docs/own_video.md)."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from _command import add_device_flags, run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.progress import CountProgress
from uplift_upsample.data.keypoints.layouts import LAYOUTS, layout_named
from uplift_upsample.data.keypoints.read import read_keypoints
from uplift_upsample.data.keypoints.times import rate_described
from uplift_upsample.data.keypoints.to_model import SKELETONS
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.lift.exports.writers import WRITERS
from uplift_upsample.lift.known_weights import weights_named
from uplift_upsample.lift.lifted import LiftedPoses
from uplift_upsample.lift.uplifter import MIN_CONFIDENCE, Task, Uplifter
from uplift_upsample.model.device import Wish, check_device, log_device, open_device

PLAIN = [suffix.removeprefix(".") for suffix in WRITERS]
DRAWN = ["gif", "mp4"]
NEED_SKELETON = {"bvh", *DRAWN}


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("keypoints", metavar="FILE", help="keypoint file, or a folder with a file for each frame")
    add("--output", required=True, metavar="FOLDER", help="where the files go, named after the input")
    add("--formats", nargs="+", choices=[*PLAIN, *DRAWN], default=[*PLAIN, "gif"], help="which files (all but mp4)")
    add("--layout", help=f"joints of the keypoints, where the file leaves it open: {', '.join(LAYOUTS)}")
    add("--frame_rate", type=float, help="frames a second, where the file does not say")
    add("--size", type=float, nargs=2, metavar=("W", "H"), help="width and height of the picture, pixels")
    add("--s_in", type=int, help="the network sees every s_in-th frame at 50 Hz (the smallest that it was trained for)")
    add("--person", type=int, help="which person (the largest)")
    add("--min_confidence", type=float, default=MIN_CONFIDENCE, help="joints below it are missing (%(default)g)")
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


def describe(task: Task, uplifter: Uplifter) -> None:
    """Say which weights, and what of the clip they see."""
    card, keys = uplifter.known.card, task.keys
    licence = f" ({card.licence})" if card.licence else ""
    print(f"weights: {uplifter.known.name}{licence}, {card.described}")
    others = f"; other people: {', '.join(map(str, task.clip.others[:9]))}" if task.clip.others else ""
    frames = f"{len(keys.times)} frames at {rate_described(keys.times)}"
    print(f"clip: {frames}, joints {task.clip.layout.name}, person {task.clip.person}{others}")
    num_masked = len(keys.frames) - int(task.is_key.sum())
    masked = f"; {num_masked} of them lack a joint and are masked" if num_masked else ""
    print(f"s_in {keys.s_in}: the network sees {keys.described}{masked}")


def write(poses: LiftedPoses, options: argparse.Namespace) -> None:
    """Write the files that are asked for, and say what is to be known of them."""
    name = Path(options.keypoints).name if Path(options.keypoints).is_dir() else Path(options.keypoints).stem
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
        read_keypoints(options.keypoints),
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
