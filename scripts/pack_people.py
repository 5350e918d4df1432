"""Pack recordings of CMU subjects into a small file for each, in the layout of your own motion capture: the people of the demo."""

import argparse
import logging
import sys
from pathlib import Path

from _command import run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import write_csv
from uplift_upsample.data.mocap.cmu_clips import read_clips
from uplift_upsample.data.mocap.own import write_recordings

_LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", nargs="+", required=True, help="clips of each subject, from convert_cmu.py")
    parser.add_argument("--recordings", required=True, metavar="TXT", help="recordings to pack, one a line, such as 02_01")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for {subject}.npz and originals.csv")
    args = parser.parse_args(argv)
    try:
        lines = Path(args.recordings).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{args.recordings}: no list of recordings ({error})") from None
    asked = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    found, originals = set(), []
    for subject in sorted((read_clips(path) for path in args.subjects), key=lambda subject: int(subject.subject)):
        clips = [clip for clip in subject.clips if clip.trial in asked]
        if not clips:
            continue
        found |= {clip.trial for clip in clips}
        path = Path(args.output) / f"{subject.subject}.npz"
        write_recordings(path, subject.subject, clips)
        used = {f"{subject.subject}.asf", *(f"{clip.trial}.amc" for clip in clips)}
        originals += [(source["file"], source["sha256"]) for source in subject.sources if source["file"] in used]
        _LOG.info("%s: %d frames, %d bytes", path, sum(len(clip.poses_3d) for clip in clips), path.stat().st_size)
    if asked - found:
        missing = ", ".join(sorted(asked - found))
        raise InputError(f"{args.recordings}: the clips have no recording {missing}; convert their subjects too")
    write_csv(Path(args.output) / "originals.csv", ["file", "sha256"], originals)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
