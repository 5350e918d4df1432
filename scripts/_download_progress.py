"""Progress of a download."""

import logging
import sys
import time

from tqdm import tqdm

logger = logging.getLogger("uplift_upsample")
_SECONDS, _SHARE = 30.0, 0.1  # between two lines of a log


class DownloadProgress:
    """A bar on a terminal; in a log a line for every tenth of the file, or after 30 seconds, whichever comes first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: tqdm | None = None
        self._logged, self._logged_at = 0, time.monotonic()

    def __call__(self, received: int, total: int | None) -> None:
        """Called with the bytes that are here and the number of all, if known."""
        if sys.stderr.isatty():
            self._show(received, total)
            return
        is_next_share = total is not None and received - self._logged >= total * _SHARE
        if is_next_share or time.monotonic() - self._logged_at >= _SECONDS:
            share = "" if not total else f" of {total / 1e6:.1f} MB ({100 * received // total} %)"
            logger.info("%s: %.1f MB%s", self._name, received / 1e6, share)
            self._logged, self._logged_at = received, time.monotonic()

    def _show(self, received: int, total: int | None) -> None:
        if self._bar is None:
            self._bar = tqdm(desc=self._name, total=total, unit="B", unit_scale=True, unit_divisor=1000)
        self._bar.total = total
        self._bar.n = received
        self._bar.update(0)

    def __enter__(self) -> "DownloadProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
