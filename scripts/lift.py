"""Lift the people of a video, or keypoints of any detector, to 3D poses. docs/own_video.md has the formats."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from _command import add_clip_flags, clip_settings, readout_changes, run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import require_writable
from uplift_upsample.base.progress import CountProgress, DownloadProgress
from uplift_upsample.data.download.source_downloads import fetch_source, place_of
from uplift_upsample.data.download.source_files import ChecksumLock, read_sources, source_named
from uplift_upsample.data.keypoints.found import Found
from uplift_upsample.data.keypoints.layouts import layout_named
from uplift_upsample.data.keypoints.read import read_keypoints
from uplift_upsample.lift.clip_job import lift_clip
from uplift_upsample.lift.exports.writers import WRITERS
from uplift_upsample.lift.known_weights import weights_named
from uplift_upsample.lift.lifted import LiftedPoses
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.lift.video.detected import detected, key_frames_of
from uplift_upsample.lift.video.detectors import detector_named
from uplift_upsample.lift.video.video_file import VideoFile, is_video
from uplift_upsample.model.device import Wish
from uplift_upsample.plan.people import OF_KEYPOINTS, DetectorName
from uplift_upsample.plan.ways import RAW

PLAIN = [suffix.removeprefix(".") for suffix in WRITERS]
DRAWN = ["gif", "mp4", "html"]  # html shows a gif of the same call
CHECKSUMS = "data/checksums.lock"
NEED_SKELETON = {"bvh", *DRAWN}


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("input", metavar="FILE", help="video, keypoint file, or folder with a keypoint file for each frame")
    add("--output", required=True, metavar="FOLDER", help="where the files go, named after the input")
    add(
        "--formats",
        nargs="+",
        choices=[*PLAIN, *DRAWN],
        default=[*PLAIN, "gif", "html"],
        help="which files (all but mp4); html is a page with a viewer",
    )
    add("--detector", choices=get_args(DetectorName), default="heavy", help="of videos: MediaPipe's model, or rtmlib (%(default)s)")
    add(
        "--joints",
        metavar="LAYOUT",
        help="write the joints of this layout instead of the 17 of the project; not into bvh, gif, mp4 and html",
    )
    add("--seconds", type=float, default=20.0, help="how much of the clip gif and mp4 show (%(default)g)")
    add_clip_flags(parser)
    return parser.parse_args(argv)


def read(options: argparse.Namespace, uplifter: Uplifter) -> Found:
    """What the file has, or what the detector finds in the key frames of a video."""
    if not is_video(options.input):
        return read_keypoints(options.input)
    for name in OF_KEYPOINTS:
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is for keypoints; {options.input} is a video, which contains it")
    video = VideoFile(options.input)
    keys = key_frames_of(video, uplifter.stride(options.s_in), uplifter.model.s_out)
    detector = detector_named(options.detector, pose_models)
    print(f"detector: {detector.name}, on {keys.described()}")
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


def output_files(options: argparse.Namespace) -> dict[str, Path]:
    """The file of each format.

    Raises ``InputError`` where one of them would replace the input, stand among its files, or could not be written at all.
    """
    from uplift_upsample.report.animation.encode import ffmpeg_for  # loads Pillow

    source, folder = Path(options.input).resolve(), Path(options.output).resolve()
    if source.is_dir() and folder == source:
        raise InputError(f"{options.output}: results would stand among the keypoint files; give --output another folder")
    name = source.name if source.is_dir() else Path(options.input).stem
    files = {suffix: Path(options.output) / f"{name}.{suffix}" for suffix in options.formats}
    for path in files.values():
        if path.resolve() == source:
            raise InputError(f"{path}: the result would replace the input; give --output another folder")
        if os.path.isdir(path):  # of a name that is too long, ``Path`` cannot say
            raise InputError(f"{path}: a folder stands where the result should; move it, or give --output another folder")
    require_writable(folder, [path.name for path in files.values()])
    if "mp4" in files:
        ffmpeg_for(files["mp4"])
    return files


def write(poses: LiftedPoses, files: Mapping[str, Path], options: argparse.Namespace) -> None:
    """Write the files that are asked for, and log what is to be known of them."""
    from uplift_upsample.report.animation.lifted_clips import animate_clip  # these load Matplotlib, when all else is done
    from uplift_upsample.report.page.clip import write_clip_page

    video = options.input if is_video(options.input) else None
    written: list[str] = []
    order = [*PLAIN, *DRAWN]  # what may fail later; at the end the page, which links to the others
    for suffix, path in sorted(files.items(), key=lambda file: order.index(file[0])):
        name, note = path.stem, ""
        if suffix == "html":
            write_clip_page(path, name, poses, written, has_video=video is not None)
        elif suffix in DRAWN:
            note = animate_clip(path, poses, name, options.seconds, video)
        else:
            is_own = options.joints is None or suffix in NEED_SKELETON
            note = (poses if is_own else poses.in_layout(options.joints)).save(path)
        print(f"{path}{': ' if note else ''}{note}")
        written.append(str(path))


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    if options.joints is not None:
        layout_named(options.joints)
    if not options.seconds > 0:
        raise InputError(f"--seconds is {options.seconds:g}; it must be above 0")
    files = output_files(options)
    known = weights_named(options.weights, options.config, options.skeleton)
    uplifter = Uplifter(known, mirror=not options.no_mirror, **readout_changes(options))
    if options.s_in is None and is_video(options.input):
        options.s_in = max(uplifter.model.evaluated_s_in)
    poses = lift_clip(
        uplifter,
        lambda: read(options, uplifter),
        clip_settings(options),
        Wish(options.device, options.gpu_id),
        os.environ,
        lambda lines: print(*lines, sep="\n", flush=True),
    )
    write(poses, files, options)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
