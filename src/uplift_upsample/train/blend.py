"""How far the readout ``both`` follows the central head: the weight with the smallest error on validation people.

Each pose is read out as in an evaluation with hop 1: of all windows of its video that reach it, mirrored ones too. Unlike
validation, which has a 2D pose at every frame that it measures, the masks are shifted at random, so that upsampled frames count.
Source: docs/method.md, "Read-outs".
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from uplift_upsample.base.records import ChosenBlend
from uplift_upsample.base.skeleton import NUM_JOINTS, root_relative
from uplift_upsample.data.examples import Batch, ExampleReader
from uplift_upsample.data.sampler import Rows, shift_bounds
from uplift_upsample.data.windows import frame_rate_factor
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.readout import middle_weights

BLOCK = 2048  # windows in memory at once; chosen: many batches, 100 MB for 351 tokens
POSES = 512  # each needs three windows; the error is flat around its minimum, so more would change little
BLENDS = [step / 20 for step in range(21)]  # steps of 0.05; chosen: the error is flat around its minimum


def chosen_blend(
    lifter: Lifter, reader: ExampleReader, rows: Rows, seed: int, should_stop: Callable[[], bool]
) -> ChosenBlend | None:
    """The best of ``BLENDS`` for the network of a lifter, on some of the rows; None where ``should_stop`` ended it.

    seed: of the shifts of the masks.
    """
    rows = rows.take(np.unique(np.linspace(0, len(rows) - 1, POSES).astype(int)))
    shift = np.random.default_rng(seed).integers(*shift_bounds(rows.s_in, reader.s_out), endpoint=True)
    windows, row, token = _reaching(rows, shift, reader)
    share, middle = middle_weights(reader.num_tokens)[token], reader.num_tokens // 2
    sums, central, target = np.zeros((3, len(rows), NUM_JOINTS, 3))
    for start in range(0, len(windows), BLOCK):
        if should_stop():
            return None
        part = slice(start, start + BLOCK)
        batch = reader.read(windows.take(part))
        lifted = lifter.lift_heads("both", *windows_of(batch))
        np.add.at(sums, row[part], share[part, None, None] * lifted.sequence[np.arange(len(batch.visible)), token[part]])
        is_own = token[part] == middle
        central[row[part][is_own]] = lifted.central[is_own]
        target[row[part][is_own]] = batch.poses_3d[is_own, middle]
    sequence = sums / np.bincount(row, share)[:, None, None]
    errors = {blend: _mpjpe_mm(blend * central + (1 - blend) * sequence, target) for blend in BLENDS}
    best = min(errors, key=errors.__getitem__)
    return ChosenBlend(blend=best, mpjpe_mm={str(blend): error for blend, error in errors.items()}, num_poses=len(rows))


def windows_of(batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A batch as a lifter takes it, every 2D pose by itself."""
    token_pose = np.arange(batch.visible.size).reshape(batch.visible.shape)
    return batch.poses_2d.reshape(-1, *batch.poses_2d.shape[2:]), token_pose, batch.visible


def _reaching(rows: Rows, shift: np.ndarray, reader: ExampleReader) -> tuple[Rows, np.ndarray, np.ndarray]:
    """All windows of the videos that reach the centres of some rows, under the masks that ``shift`` ``(R,)`` gives these.

    Returns the windows ``(W,)``, the row that each is about, and which of its tokens is that row's centre.
    """
    table, offset = reader.table, np.flatnonzero(middle_weights(reader.num_tokens)) - reader.num_tokens // 2  # those that count
    step = reader.s_out * frame_rate_factor(table.video_frame_rate[rows.video])
    centre = rows.centre[:, None] + offset * step[:, None]  # (R, N)
    row, place = np.nonzero((centre >= 0) & (centre < table.video_length[rows.video][:, None]))
    windows = replace(rows.take(row), centre=centre[row, place], shift=shift[row] + offset[place])
    return windows, row, reader.num_tokens // 2 - offset[place]


def _mpjpe_mm(prediction: np.ndarray, target: np.ndarray) -> float:
    return float(np.linalg.norm(root_relative(prediction) - root_relative(target), axis=-1).mean() * 1000)
