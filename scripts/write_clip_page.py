"""Write the page of a clip that was lifted: a viewer of its poses, its animation and all that is to be known, in one HTML file."""

import argparse
import sys
from pathlib import Path

from _command import run

from uplift_upsample.lift.exports.plain import read_npz
from uplift_upsample.report.page.clip import write_clip_page


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", required=True, metavar="NPZ", help="poses of lift.py or lift_clip.py")
    parser.add_argument(
        "--files", nargs="*", default=[], metavar="FILE", help="files of them, which the page links to; it shows a .gif"
    )
    parser.add_argument("--on_video", action="store_true", help="they are of a video, and the .gif shows it")
    parser.add_argument("--output", required=True, metavar="HTML", help="page to write; links count from its folder")
    options = parser.parse_args(argv)
    name = Path(options.poses).stem
    write_clip_page(options.output, name, read_npz(options.poses), options.files, has_video=options.on_video)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
