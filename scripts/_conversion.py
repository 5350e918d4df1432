"""Progress of a conversion that goes through one file after the other."""

import logging
import time

from tqdm import tqdm

logger = logging.getLogger("uplift_upsample")


class ConversionProgress:
    """A bar on a terminal; in a log now and then a line with what is done so far."""

    _PAUSE = 30.0  # seconds between two lines

    def __init__(self, what: str) -> None:
        self._what = what
        self._files = self._frames = 0
        self._start = self._logged = time.monotonic()
        self._bar = tqdm(desc=what, unit="frame", unit_scale=True, disable=None, mininterval=1)

    def step(self, num_frames: int) -> None:
        """Called after each file with its frames."""
        self._files += 1
        self._frames += num_frames
        self._bar.update(num_frames)
        now = time.monotonic()
        if self._bar.disable and now - self._logged > self._PAUSE:
            self._logged = now
            speed = self._frames / (now - self._start)
            logger.info("%s: %d files, %d frames so far, %.0f frames/s", self._what, self._files, self._frames, speed)

    def __enter__(self) -> "ConversionProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
