"""Learning curves: one CSV row for each epoch, and TensorBoard event files."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from uplift_upsample.files import write_text

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
    """Writes each row of the history as TensorBoard scalars."""

    def __init__(self, folder: Path) -> None:
        self._writer = SummaryWriter(str(folder), write_to_disk=True)

    def add(self, row: Mapping[str, Any]) -> None:
        for column, tag in _TAGS.items():
            if row[column] is not None:
                self._writer.add_scalar(tag, row[column], row["step"])
        self._writer.flush()

    def __enter__(self) -> "TensorBoardLog":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
