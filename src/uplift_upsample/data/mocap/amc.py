"""Reader of Acclaim motion files (AMC). See ``acclaim`` for the format."""

import logging
import math
import os
import re
from pathlib import Path

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.mocap.acclaim import MAX_VALUE, ROTATIONS, AcclaimSkeleton, finite_floats, read_bytes, shortened

_LOG = logging.getLogger(__name__)
_NUMBER = re.compile(r"[-+]?\d*\.?\d*([eE][-+]?\d*)?")  # or the beginning of one
_LAST_FRAME = 10**8  # more than a week at 120 Hz


def read_amc(path: str | os.PathLike[str], skeleton: AcclaimSkeleton) -> np.ndarray:
    """Read a motion: ``(T, num_channels)`` float64, metres and radians, columns as in ``skeleton.columns``.

    Bones may come in any order within a frame; frames must be numbered without a gap. Raises ``InputError`` with file
    and line for a bone that the skeleton lacks, values that are missing, superfluous, NaN, infinite or larger than
    ``acclaim.MAX_VALUE``, missing frames, a file without frames, and one that is cut off. A cut within the last number of a frame
    looks like a whole file; a warning names the file whose last line has no end.
    """
    path = Path(path)
    data = read_bytes(path)
    start, is_degrees = _skip_header(path, data, skeleton.is_degrees)
    motion = _read_regular(data[start:], skeleton)
    if motion is None:
        motion = _read_lines(path, data, start, skeleton)
    if not data.endswith((b"\n", b"\r")):
        _LOG.warning("%s: its last line has no end; if the file was cut off there, its last number is wrong", path)
    channels = [channel for bone in skeleton.channels for channel in bone]
    is_rotation = np.array([channel in ROTATIONS for channel in channels])
    motion *= np.where(is_rotation, math.pi / 180 if is_degrees else 1.0, skeleton.metres_per_unit)
    return motion


def _skip_header(path: Path, data: bytes, is_degrees: bool) -> tuple[int, bool]:
    """Where the first frame starts, and the unit of angles."""
    start = 0
    units: set[bool] = set()
    for line in data.splitlines(keepends=True):
        word = line.strip().lower()
        if word and not word.startswith((b"#", b":")):
            break
        if word.startswith((b":deg", b":rad")):
            units.add(word.startswith(b":deg"))
        start += len(line)
    if len(units) > 1:
        raise InputError(f"{path}: its header has both :DEGREES and :RADIANS; use the original file")
    return start, units.pop() if units else is_degrees


def _read_regular(data: bytes, skeleton: AcclaimSkeleton) -> np.ndarray | None:
    """All numbers of a file at once, if every frame is laid out like the first one; None for any other file."""
    tokens = data.split()
    width = 1 + len(skeleton.columns) + skeleton.num_channels
    num_frames = len(tokens) // width
    if num_frames == 0 or len(tokens) % width:
        return None
    places, order = _layout(tokens[:width], skeleton)
    if len(order) != skeleton.num_channels:
        return None
    if any(tokens[place::width].count(tokens[place]) != num_frames for place in places):
        return None
    for place in reversed(places):
        del tokens[place :: width - sum(other > place for other in places)]
    if b"_" in data and any(b"_" in token for token in tokens):  # Python reads 1_0 as ten
        return None
    try:
        table = np.array(list(map(float, tokens))).reshape(num_frames, -1)
        first = int(tokens[0])
    except ValueError:
        return None
    is_numbered = 0 <= first <= _LAST_FRAME and np.array_equal(table[:, 0], first + np.arange(num_frames))
    if not is_numbered or not (np.abs(table[:, 1:]) <= MAX_VALUE).all():
        return None
    motion = np.empty((num_frames, skeleton.num_channels))
    motion[:, order] = table[:, 1:]
    return motion


def _layout(frame: list[bytes], skeleton: AcclaimSkeleton) -> tuple[list[int], list[int]]:
    """Where a frame's tokens hold the names of bones, and the motion columns of its values in file order."""
    places: list[int] = []
    order: list[int] = []
    place = 1
    while place < len(frame):
        columns = skeleton.columns.get(frame[place].decode("latin-1"))
        if columns is None or columns.start in order:
            break
        places.append(place)
        order.extend(range(columns.start, columns.stop))
        place += 1 + columns.stop - columns.start
    return places, order


def _read_lines(path: Path, data: bytes, start: int, skeleton: AcclaimSkeleton) -> np.ndarray:
    """Line by line, for files with an irregular layout, and for the error message that a broken file deserves."""
    frames: list[np.ndarray] = []
    first_number = expected = 0
    header_lines = len(data[:start].splitlines())
    lines = [(number, line) for number, line in enumerate(data[start:].splitlines(), header_lines + 1) if line.strip()]
    for number, line in lines:
        words = line.decode("latin-1").split()
        try:
            if words[0].startswith(":"):
                raise InputError(f"{path}, line {number}: {shortened(words)!r} belongs into the header, before the first frame")
            if len(words) == 1 and words[0].isdecimal():
                _check_frame(path, number, frames, skeleton)
                found = int(words[0]) if len(words[0]) < 20 else -1
                first_number = first_number if frames else found
                expected = first_number + len(frames)
                if found != expected or not 0 <= found <= _LAST_FRAME:
                    raise InputError(f"{path}, line {number}: frame {shortened(words)} where frame {max(expected, 1)} is expected")
                frames.append(np.full(skeleton.num_channels, np.nan))
            elif not frames:
                raise InputError(f"{path}, line {number}: {shortened(words[:1])!r} before the first frame number")
            else:
                _read_bone(path, number, words, frames[-1], skeleton)
        except InputError:
            if number < lines[-1][0] or not frames or not _may_go_on(words, frames[-1], expected, skeleton):
                raise
            raise InputError(f"{path}, line {number}: the file is cut off behind {shortened(words)!r}; get it again") from None
    if not frames:
        raise InputError(f"{path}: no frame in it; this is not an AMC file, or it is empty or cut off in its first lines")
    if lacking := _lacking(frames[-1], skeleton):
        number = lines[-1][0]
        raise InputError(f"{path}, line {number}: the file is cut off here, its last frame lacks {', '.join(lacking)}")
    return np.array(frames)


def _read_bone(path: Path, number: int, words: list[str], frame: np.ndarray, skeleton: AcclaimSkeleton) -> None:
    columns = skeleton.columns.get(words[0])
    if columns is None:
        raise InputError(
            f"{path}, line {number}: the skeleton has no moving bone {shortened(words[:1])!r}; is this the ASF file of the subject?"
        )
    if not np.isnan(frame[columns]).all():
        raise InputError(f"{path}, line {number}: bone {words[0]} comes twice in one frame")
    values, count = finite_floats(words[1:]), columns.stop - columns.start
    if values is None or len(values) != count:
        raise InputError(f"{path}, line {number}: bone {words[0]} needs {count} finite numbers, not {shortened(words[1:])!r}")
    frame[columns] = values


def _check_frame(path: Path, number: int, frames: list[np.ndarray], skeleton: AcclaimSkeleton) -> None:
    if frames and (lacking := _lacking(frames[-1], skeleton)):
        raise InputError(f"{path}, line {number}: the frame that ends here lacks {', '.join(lacking)}; is it the original file?")


def _lacking(frame: np.ndarray, skeleton: AcclaimSkeleton) -> list[str]:
    """The bones that a frame does not have yet."""
    return [name for name, columns in skeleton.columns.items() if np.isnan(frame[columns]).any()]


def _may_go_on(words: list[str], frame: np.ndarray, expected: int, skeleton: AcclaimSkeleton) -> bool:
    """Whether a wrong line may be the beginning of a right one: of a frame number, a bone that the frame lacks, or its values."""
    lacking = _lacking(frame, skeleton)
    if len(words) == 1 and not lacking:
        return str(expected).startswith(words[0])
    if len(words) == 1:
        return any(name.startswith(words[0]) for name in lacking)
    columns = skeleton.columns.get(words[0])
    if words[0] not in lacking or columns is None or len(words) - 1 > columns.stop - columns.start:
        return False
    return finite_floats(words[1:-1]) is not None and _NUMBER.fullmatch(words[-1]) is not None
