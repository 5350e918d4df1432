"""Learning curves: one CSV row for each epoch, and TensorBoard event files."""

import contextlib
import csv
import io
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar

from uplift_upsample.base.files import write_text

logger = logging.getLogger(__name__)
COLUMNS = ("epoch", "step", "loss_mm", "learning_rate", "validation_mpjpe_mm", "validation_aw_mpjpe_mm")
_TAGS = {
    "loss_mm": "loss/train_mm",
    "learning_rate": "learning_rate",
    "validation_mpjpe_mm": "validation/mpjpe_mm",
    "validation_aw_mpjpe_mm": "validation/aw_mpjpe_mm",
}


def write_history(path: str | os.PathLike[str], history: Sequence[Mapping[str, Any]]) -> None:
    """Write the learning curves as CSV; an epoch without validation leaves its cells empty. Losses in millimetres."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())


class TensorBoardLog:
    """Writes each row of the history as TensorBoard scalars. An aid: where it cannot be written, training goes on without.

    Written by the calling thread: ``SummaryWriter`` has one of its own, and waits for it forever when a full disk has ended it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: EventsWriter | None = None
        with self._spared():
            folder.mkdir(parents=True, exist_ok=True)
            self._events = EventsWriter(str(folder / "events"), f".{os.getpid()}")

    def add(self, row: Mapping[str, Any]) -> None:
        with self._spared():
            for column, tag in _TAGS.items():
                if self._events is not None and row[column] is not None:
                    self._events.write_event(Event(wall_time=time.time(), step=row["step"], summary=scalar(tag, row[column])))
            if self._events is not None:
                self._events.flush()

    @contextlib.contextmanager
    def _spared(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._events = None
            logger.warning("%s: no more learning curves for TensorBoard (%s)", self._folder, error.strerror)

    def __enter__(self) -> "TensorBoardLog":
        return self

    def __exit__(self, *_: object) -> None:
        with self._spared():
            if self._events is not None:
                self._events.close()
