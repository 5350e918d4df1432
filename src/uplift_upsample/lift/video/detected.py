"""A detector run over the key frames of a video, and nothing else of it."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.keypoints.found import NO_TRACK, Collection, Found
from uplift_upsample.data.keypoints.times import KeyFrames, frame_times, key_frames
from uplift_upsample.lift.video.video_file import VideoFile


class Detector(Protocol):
    """Finds people in a picture. layout: of their keypoints (``data.keypoints.layouts``). name: for messages and records."""

    layout: str
    name: str

    def people(self, picture: np.ndarray) -> list[np.ndarray]:
        """The people of a picture ``(H, W, 3)`` uint8 RGB, each ``(K, 3)``: x, y in pixels, and confidence."""
        ...


def key_frames_of(video: VideoFile, s_in: int, s_out: int) -> KeyFrames:
    """The key frames of a video (``key_frames``), which a detector may take minutes for.

    Raises ``InputError`` for frame rates at which nothing can be lifted (``frame_times``).
    """
    try:
        return key_frames(frame_times(len(video.times), times=video.times), s_in, s_out)
    except InputError as error:
        raise InputError(f"{video.path}: {error}") from None


def detected(
    video: VideoFile, keys: KeyFrames, detector: Detector, on_frames: Callable[[int, int], None] = lambda done, total: None
) -> Found:
    """The people in the key frames of a video. on_frames: gets the number of frames done and their total.

    Raises ``InputError`` where nobody is found, and for a damaged file.
    """
    collection = Collection(str(video.path))
    for done, (frame, picture) in enumerate(video.pictures(keys.frames), start=1):
        collection.seen.add(frame)
        for index, person in enumerate(detector.people(picture)):
            collection.add(frame, person, NO_TRACK, f"person {index} of frame {frame}")
        on_frames(done, len(keys.frames))
    return collection.found(
        first=0, last=len(video.times) - 1, layout=detector.layout, size=video.size, times=video.times, detector=detector.name
    )
