"""Frames of a video file: the time of all of them without decoding any, and the pictures of some, decoding little else.

A group of pictures in which no frame is wanted is skipped; within one, frames that nothing else depends on are not decoded, and
nothing is behind the last wanted one. Needs PyAV, which the extra ``[video]`` installs.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError, MissingBackendError
from uplift_upsample.data.keypoints.found import MAX_FRAMES

INSTALL = 'pip install "uplift-upsample[video]"; in this project, make install'


class VideoFile:
    """A video. times: seconds of its frames, in the order in which they are shown ``(T,)``, the first at 0.

    size: width and height of the picture as it is shown, upright where the file says how the camera was held.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises ``InputError`` for a file that is no video, is damaged or has no frames."""
        self.path = Path(path)
        av = _pyav()
        try:
            with av.open(os.fspath(path)) as container:
                stream = _stream(container, self.path)
                packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
                base = float(stream.time_base or 0)
                self._stamps = sorted({packet.pts for packet in packets if packet.pts is not None})
                average = stream.average_rate
            first = next(self._decoded(None), None)
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(error) from None
        if not self._stamps or first is None:
            raise InputError(f"{self.path}: no frame of the video can be read; is the file whole?")
        if len(self._stamps) < len(packets) or not base:
            raise InputError(
                f"{self.path}: the file does not say when each frame is shown; write it anew: ffmpeg -fflags +genpts -i "
                f"{self.path.name} -c copy new.mp4"
            )
        if len(self._stamps) > MAX_FRAMES:
            raise InputError(f"{self.path}: {len(self._stamps)} frames; cut it into clips of at most {MAX_FRAMES}")
        self.times = (np.array(self._stamps) - self._stamps[0]) * base
        self.frame_rate = float(average) if average else None
        height, width = first[1].shape[:2]
        self.size = (float(width), float(height))

    def pictures(self, frames: Sequence[int] | np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Some frames in ascending order with their pictures ``(H, W, 3)`` uint8 RGB. Raises ``InputError`` for a damaged file.

        A frame that cannot be decoded is left out.
        """
        wanted = {self._stamps[frame]: int(frame) for frame in frames}
        try:
            for stamp, picture in self._decoded(set(wanted)):
                yield wanted[stamp], picture
        except (_pyav().FFmpegError, OSError) as error:
            raise self._unreadable(error) from None

    def _decoded(self, wanted: set[int] | None) -> Iterator[tuple[int, np.ndarray]]:
        """Time stamps and pictures of the wanted frames, or of the first one that can be decoded for None."""
        with _pyav().open(os.fspath(self.path)) as container:
            stream = _stream(container, self.path)
            stream.codec_context.thread_type = "AUTO"
            left = None if wanted is None else set(wanted)
            for group in _groups(container.demux(stream)):
                stamps = {packet.pts for packet in group}
                if left is not None and not stamps & left:
                    continue
                for frame in _frames(stream.codec_context, group, left):
                    if left is None or frame.pts in left:
                        yield frame.pts, _upright(frame)
                        if left is None:
                            return
                        left.discard(frame.pts)
                if left is not None and not left:
                    return

    def _unreadable(self, error: Exception) -> InputError:
        reason = getattr(error, "strerror", None) or error
        return InputError(f"{self.path}: not a video that can be read, or damaged ({reason})")


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as videos do: MP4 and MOV, Matroska and WebM, AVI, MPEG-TS and MPEG-PS, FLV, OGG."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError:
        return False
    starts = (b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"FLV\x01", b"OggS")
    boxes = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
    return head.startswith(starts) or head[4:8] in boxes or (head[:4] == b"RIFF" and head[8:] == b"AVI ") or head[:1] == b"G"


def _groups(packets: Any) -> Iterator[list[Any]]:
    """Packets from one key picture of the codec to before the next."""
    group: list[Any] = []
    for packet in packets:
        if packet.is_keyframe and group:
            yield group
            group = []
        if packet.size:
            group.append(packet)
    if group:
        yield group


def _frames(codec: Any, group: list[Any], wanted: set[int] | None) -> Iterator[Any]:
    """The decoded frames of a group, as far as they are needed for the wanted ones."""
    codec.flush_buffers()
    inside = [index for index, packet in enumerate(group) if wanted is None or packet.pts in wanted]
    for index, packet in enumerate(group[: inside[-1] + 1] if wanted is not None else group):
        is_needed = wanted is None or packet.pts in wanted
        codec.skip_frame = "DEFAULT" if is_needed else "NONREF"
        yield from _sound(codec, packet)
        if wanted is None and index > 64:  # the first frame comes after a few packets, if ever
            return
    yield from _sound(codec, None)  # what the decoder still holds back


def _sound(codec: Any, packet: Any) -> list[Any]:
    """What a packet gives; nothing where it is damaged: the next ones may be whole."""
    try:
        return codec.decode(packet)
    except _pyav().error.InvalidDataError:
        return []


def _stream(container: Any, path: Path) -> Any:
    if not container.streams.video:
        raise InputError(f"{path}: the file has no video in it")
    return container.streams.video[0]


def _upright(frame: Any) -> np.ndarray:
    """The picture of a frame as it is to be shown; the file may say that the camera lay on its side."""
    picture = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, quarters)) if quarters else picture


def _pyav() -> Any:
    try:
        import av
        import av.error
    except ModuleNotFoundError:
        raise MissingBackendError(f"videos need PyAV, which is not installed: {INSTALL}") from None
    return av
