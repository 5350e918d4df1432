"""List what is wrong with recordings of your own motion capture, one file or a folder of them; status 2 if anything is."""

import argparse
import sys
from pathlib import Path

from _command import BAD_INPUT, run

from uplift_upsample.data.mocap.own import judge
from uplift_upsample.data.mocap.own_folder import Judged, judge_folder


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", metavar="FILE_OR_FOLDER", help="one recording (.npz), or a folder of {subject}/{recording}.npz")
    place = Path(parser.parse_args(argv).place)
    files = judge_folder(place) if place.is_dir() else [Judged(place, place.name, place.stem, place.stem, judge(place))]
    num_files, num_faulty, num_recordings, subjects, seconds = 0, 0, 0, set(), 0.0
    for judged in files:
        num_files += 1
        for fault in judged.verdict.faults:
            print(f"{judged.path}: error: {fault}")
        for warning in judged.verdict.warnings:
            print(f"{judged.path}: warning: {warning}")
        num_faulty += bool(judged.verdict.faults)
        for recording in judged.verdict.recordings:
            num_recordings += 1
            subjects.add(judged.subject)
            seconds += len(recording.poses) / recording.frame_rate
    if num_faulty:
        print(f"{num_faulty} of {_counted(num_files, 'file')} cannot be used")
        return BAD_INPUT
    minutes, rest = divmod(round(seconds), 60)
    if not subjects:
        print("none of the recordings has a frame")
        return BAD_INPUT
    print(f"fine: {_counted(num_recordings, 'recording')}, {_counted(len(subjects), 'subject')}, {minutes}:{rest:02d} min")
    return 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(run(main))
