"""Frames of a video file: the time of all of them without decoding any, and the pictures of some, decoding little else.

A group of pictures in which no frame is wanted is skipped; within one, frames that nothing else depends on are not decoded, and
nothing is behind the last wanted one. Only one picture is in memory at a time. Needs PyAV, which the extra ``[video]`` installs.
"""

import itertools
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

    size: width and height of the picture as it is shown, with square pixels, upright if the file records how the camera was held.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises ``InputError`` for a file that is no video, is damaged or has no frames."""
        self.path = Path(path)
        av = _pyav()
        try:
            with av.open(os.fspath(path)) as container:
                stream = _stream(container, self.path)
                self._packets = [
                    (packet.pts, bool(packet.is_keyframe), bool(packet.is_discard))
                    for packet in container.demux(stream)
                    if packet.size
                ]
                base = float(stream.time_base or 0)
                # how much wider than high a pixel is to be shown: DV, HDV and AVCHD have other ones than 1
                self._pixel_aspect = float(stream.sample_aspect_ratio or 1) or 1.0
                average = stream.average_rate
                is_reordered = bool(stream.codec_context.has_b_frames)
            self._groups = np.cumsum([is_key for _, is_key, _ in self._packets])
            shown = [stamp for stamp, _, is_discarded in self._packets if not is_discarded]
            self._stamps = sorted({stamp for stamp in shown if stamp is not None})
            first = next(map(self._as_shown, self._beginning()), None)
            stamps = [stamp for stamp, _, _ in self._packets if stamp is not None]
            if is_reordered and stamps == sorted(stamps):
                self._check_order()
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(error) from None
        if not self._stamps or first is None:
            raise InputError(f"{self.path}: no frame of the video can be read; is the file whole?")
        if len(self._stamps) < len(shown) or not base:
            raise InputError(
                f"{self.path}: the file does not contain the time of each frame; write it again: ffmpeg -fflags +genpts -i "
                f"{self.path.name} -c copy new.mp4"
            )
        if len(self._stamps) > MAX_FRAMES:
            raise InputError(f"{self.path}: {len(self._stamps)} frames; cut it into clips of at most {MAX_FRAMES}")
        self.times = (np.array(self._stamps) - self._stamps[0]) * base
        self.frame_rate = float(average) if average else None
        height, width = first.shape[:2]
        self.size = (float(width), float(height))

    def pictures(self, frames: Sequence[int] | np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Some frames in ascending order with their pictures ``(H, W, 3)`` uint8 RGB. Raises ``InputError`` for a damaged file.

        A frame that cannot be decoded is left out.
        """
        wanted = {self._stamps[frame]: int(frame) for frame in frames}
        try:
            for frame in self._decoded(set(wanted)):
                if frame.pts in wanted:
                    yield wanted.pop(frame.pts), self._as_shown(frame)
        except (_pyav().FFmpegError, OSError) as error:
            raise self._unreadable(error) from None

    def _beginning(self) -> Iterator[Any]:
        """The frames among the first packets that can be decoded, as they are shown one after the other."""
        with _pyav().open(os.fspath(self.path)) as container:
            stream = _stream(container, self.path)
            for packet in itertools.islice(container.demux(stream), 64):
                yield from _sound(stream.codec_context, packet)

    def _check_order(self) -> None:
        """Raise ``InputError`` where frames have the time of others.

        AVI numbers frames as they are stored. H.264 stores some before those that are shown earlier.
        """
        stamps = [frame.pts for frame in self._beginning() if frame.pts is not None]
        if stamps != sorted(stamps):
            raise InputError(
                f"{self.path}: the file gives its frames the times of others; write it again: ffmpeg -i {self.path.name} new.mp4"
            )

    def _as_shown(self, frame: Any) -> np.ndarray:
        """The picture of a frame, upright and with square pixels; the file may record that the camera lay on its side."""
        width = max(1, round(frame.width * self._pixel_aspect))
        picture = (frame.reformat(width=width) if width != frame.width else frame).to_ndarray(format="rgb24")
        quarters = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(picture, quarters)) if quarters else picture

    def _decoded(self, wanted: set[int]) -> Iterator[Any]:
        """Decoded frames, those with a wanted time stamp among them.

        A group goes from one key picture of the codec to the next. What is behind its last wanted frame is not decoded.
        """
        last, joined = self._needed(wanted)
        with _pyav().open(os.fspath(self.path)) as container:
            stream = _stream(container, self.path)
            codec = stream.codec_context
            codec.thread_type = "AUTO"
            packets = (packet for packet in container.demux(stream) if packet.size)
            for index, (packet, group) in enumerate(zip(packets, self._groups.tolist(), strict=False)):
                if index > last.get(group, -1):
                    continue
                codec.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
                yield from _sound(codec, packet)
                if index == last[group] and group not in joined:
                    yield from _sound(codec, None)  # what the decoder still holds back
                    codec.flush_buffers()
                    if index == max(last.values()):
                        return

    def _needed(self, wanted: set[int]) -> tuple[dict[int, int], set[int]]:
        """The last packet that is needed of each group, and the groups behind which decoding must go on with the next one.

        Those are groups before a frame that is shown before the key picture of its own group: it is described by both.
        """
        last: dict[int, int] = {}
        joined: set[int] = set()
        key_stamps = {int(group): stamp for (stamp, is_key, _), group in zip(self._packets, self._groups, strict=True) if is_key}
        ends = {int(group): index for index, group in enumerate(self._groups)}
        for index, (stamp, _, is_discarded) in enumerate(self._packets):
            if stamp not in wanted or is_discarded:
                continue
            group = int(self._groups[index])
            last[group] = max(index, last.get(group, -1))
            if group - 1 in ends and stamp < key_stamps.get(group, stamp):
                last[group - 1] = ends[group - 1]
                joined.add(group - 1)
        return last, joined

    def _unreadable(self, error: Exception) -> InputError:
        reason = getattr(error, "strerror", None) or error
        return InputError(f"{self.path}: not a video that can be read, or damaged ({reason})")


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as videos do: MP4 and MOV, Matroska and WebM, AVI, MPEG-TS and MPEG-PS, FLV, OGG, WMV."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError:
        return False
    starts = (b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"FLV\x01", b"OggS", b"\x30\x26\xb2\x75")
    boxes = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
    return head.startswith(starts) or head[4:8] in boxes or (head[:4] == b"RIFF" and head[8:] == b"AVI ") or head[:1] == b"G"


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


def _pyav() -> Any:
    try:
        import av
        import av.error
    except ModuleNotFoundError:
        raise MissingBackendError(f"videos need PyAV, which is not installed: {INSTALL}") from None
    return av
