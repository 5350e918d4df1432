"""A detector run over the key frames of a video, and nothing else of it."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from uplift_upsample.data.keypoints.found import NO_TRACK, Collection, Found
from uplift_upsample.data.keypoints.times import KeyFrames
from uplift_upsample.lift.video.video_file import VideoFile


class Detector(Protocol):
    """Finds people in a picture. layout: of their keypoints (``data.keypoints.layouts``). name: for messages and records."""

    layout: str
    name: str

    def people(self, picture: np.ndarray) -> list[np.ndarray]:
        """The people of a picture ``(H, W, 3)`` uint8 RGB, each ``(K, 3)``: x, y in pixels, and confidence."""
        ...


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
