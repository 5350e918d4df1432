"""Lift one person live: JSON lines with 2D poses come in, JSON lines with 3D poses go out, a chosen look-ahead behind.

A line in: {"time": 1.24, "keypoints": [[x, y, confidence], ...]}, or without keypoints for a frame that no detector looked at.
A line out: {"time": 1.24, "positions": [[x, y, z], ...]} in metres, camera axes, relative to the pelvis; null, nothing is known.
A line that cannot be used, or comes too late, is answered with {"error": ...}, and the next one goes on.
"""

import argparse
import json
import logging
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, TextIO

from _command import add_weights_flags, run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import shown
from uplift_upsample.data.keypoints.layouts import MIN_CONFIDENCE

logger = logging.getLogger("uplift_upsample")
KEYS = {"time", "keypoints", "confidence"}
LONGEST = 100_000  # characters of a line; 135 joints with all digits have a tenth of it


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--layout", required=True, help="of the joints: coco_17, body_25, h36m_17, ... (docs/own_video.md)")
    add("--size", type=float, nargs=2, required=True, metavar=("WIDTH", "HEIGHT"), help="of the picture, pixels")
    add_weights_flags(parser)
    add("--s_in", type=int, help="frames at 50 Hz between two 2D poses that the network sees (the smallest it was trained for)")
    add("--look_ahead", type=float, default=0.0, metavar="MS", help="milliseconds that a pose waits for later 2D poses (0)")
    add("--min_confidence", type=float, help=f"joints below it are missing ({MIN_CONFIDENCE:g}; 0 for MediaPipe)")
    add("--roll", type=float, default=0.0, help="degrees by which the camera is turned clockwise (0)")
    add("--mirror", action="store_true", help="average with the lifted mirror image: twice the time, some millimetres better")
    add(
        "--listen",
        type=int,
        metavar="PORT",
        help="take connections on this port of 127.0.0.1, one after the other (standard input)",
    )
    return parser.parse_args(argv)


def answers(live: Any, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What goes out for each line that comes in, and at their end."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        num_late = live.num_too_late + live.num_frames_too_late
        try:
            frame = frame_of(line)
            poses = live.push(**frame)
        except InputError as error:
            yield {"error": f"line {number}: {error}"}
            continue
        yield from map(answer, poses)
        if live.num_too_late + live.num_frames_too_late > num_late:
            late = f"{frame['time']} s is earlier than a frame that was answered already; it comes too late"
            yield {"error": f"line {number}: {late}"}
    yield from map(answer, live.finish())
    if live.num_too_late:
        logger.warning("%d 2D poses came too late for any pose to come", live.num_too_late)
    if live.num_frames_too_late:
        logger.warning("%d frames came when a later one had its pose, and have none", live.num_frames_too_late)


def lines_of(file: TextIO) -> Iterator[str]:
    """The lines of a file as they come in; of one that is too long, what is too much comes as another one."""
    return iter(partial(file.readline, LONGEST), "")


def frame_of(line: str) -> dict[str, Any]:
    """The arguments of ``LiveUplifter.push``. Raises ``InputError`` for a line that is not a frame."""
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError) as error:  # Python refuses to read the longest whole numbers
        raise InputError(f"no JSON ({error})") from None
    if not isinstance(frame, dict) or "time" not in frame or frame.keys() - KEYS:
        raise InputError(f"{shown(frame)} is not a frame; it needs time, and may have keypoints and confidence")
    return frame


def answer(pose: Any) -> dict[str, Any]:
    positions = None if pose.position is None else [[round(float(value), 5) for value in joint] for joint in pose.position]
    return {"time": round(pose.time, 6), "positions": positions}


def talk(live: Any, lines: Iterable[str], out: TextIO) -> None:
    for one in answers(live, lines):
        out.write(json.dumps(one) + "\n")
        out.flush()


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    from uplift_upsample.lift.live import LiveUplifter
    from uplift_upsample.lift.uplifter import Uplifter

    uplifter = Uplifter.load(options.weights, config=options.config, skeleton=options.skeleton, mirror=options.mirror, batch_size=1)
    start = partial(
        LiveUplifter,
        uplifter,
        layout=options.layout,
        size=options.size,
        s_in=options.s_in,
        look_ahead=options.look_ahead / 1000,
        min_confidence=options.min_confidence,
        roll=options.roll,
    )
    live = start()
    logger.info("weights %s: %s", uplifter.known.name, uplifter.known.card.described)
    if options.listen is None:
        with open(sys.stdin.fileno(), encoding="utf-8", errors="replace", closefd=False) as lines:
            try:
                talk(live, lines_of(lines), sys.stdout)
            except BrokenPipeError:
                logger.info("the other side left")
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left, which Python writes at the end
        return 0
    try:
        server = socket.create_server(("127.0.0.1", options.listen))
    except (OSError, OverflowError) as error:
        raise InputError(f"--listen {options.listen}: the port cannot be used ({error})") from None
    with server:
        logger.info("listening on 127.0.0.1:%d", server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            try:  # around the files, too: closing one sends what is left
                with (
                    connection,
                    connection.makefile("r", encoding="utf-8", errors="replace") as lines,
                    connection.makefile("w") as out,
                ):
                    talk(start(), lines_of(lines), out)
            except (BrokenPipeError, ConnectionResetError):
                logger.info("the other side left")


if __name__ == "__main__":
    sys.exit(run(main))
