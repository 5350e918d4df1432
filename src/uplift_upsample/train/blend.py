"""How far the readout ``both`` follows the central head: the weight with the smallest error on validation people. And what the
readout ``sequence`` gives there with each hop.

Each pose is read out as in an evaluation, for the weight with hop 1: of all windows of its video that reach it, mirrored ones too.
Unlike validation, which has a 2D pose at every frame that it measures, the masks are shifted at random, so that upsampled frames
count.
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
    """The best of ``BLENDS`` for the network of a lifter, on some of the rows, and what the readout ``sequence`` gives with each of
    ``tried_hops``; None where ``should_stop`` ended it.

    seed: of the shifts of the masks.
    """
    rows = rows.take(np.unique(np.linspace(0, len(rows) - 1, POSES).astype(int)))
    shift = np.random.default_rng(seed).integers(*shift_bounds(rows.s_in, reader.s_out), endpoint=True)
    hops = tried_hops(reader.num_tokens)
    reaching = [_reaching(rows, reader, hop) for hop in hops]
    row, offset = np.unique(np.concatenate(reaching, axis=1), axis=1)  # a window that several hops have is predicted once
    windows, middle = _windows(rows, shift, reader, row, offset), reader.num_tokens // 2
    shares = np.zeros((len(hops), len(row)))
    for share, hop, reached in zip(shares, hops, reaching, strict=True):
        is_one = np.isin(row * reader.num_tokens + offset, reached[0] * reader.num_tokens + reached[1])
        share[is_one] = middle_weights(reader.num_tokens, hop)[middle - offset[is_one]]
    sums, (central, target) = np.zeros((len(hops), len(rows), NUM_JOINTS, 3)), np.zeros((2, len(rows), NUM_JOINTS, 3))
    for start in range(0, len(windows), BLOCK):
        if should_stop():
            return None
        part = slice(start, start + BLOCK)
        batch = reader.read(windows.take(part))
        lifted = lifter.lift_heads("both", *windows_of(batch))
        poses = lifted.sequence[np.arange(len(batch.visible)), middle - offset[part]]
        for number, share in enumerate(shares):
            np.add.at(sums[number], row[part], share[part, None, None] * poses)
        is_own = offset[part] == 0
        central[row[part][is_own]] = lifted.central[is_own]
        target[row[part][is_own]] = batch.poses_3d[is_own, middle]
    sequence = [own / np.bincount(row, share)[:, None, None] for own, share in zip(sums, shares, strict=True)]
    errors = {blend: _mpjpe_mm(blend * central + (1 - blend) * sequence[0], target) for blend in BLENDS}
    best = min(errors, key=errors.__getitem__)
    return ChosenBlend(
        blend=best,
        mpjpe_mm={str(blend): error for blend, error in errors.items()},
        num_poses=len(rows),
        hops_mpjpe_mm={str(hop): _mpjpe_mm(poses, target) for hop, poses in zip(hops, sequence, strict=True)},
    )


def tried_hops(num_tokens: int) -> list[int]:
    """1, 3, 9, ... up to the length of a window."""
    return [3**power for power in range(num_tokens) if 3**power <= num_tokens]


def windows_of(batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A batch as a lifter takes it, every 2D pose by itself."""
    token_pose = np.arange(batch.visible.size).reshape(batch.visible.shape)
    return batch.poses_2d.reshape(-1, *batch.poses_2d.shape[2:]), token_pose, batch.visible


def _reaching(rows: Rows, reader: ExampleReader, hop: int) -> np.ndarray:
    """The windows that make the poses of some rows with a hop, ``(2, W)``: the row of each, and how many tokens behind it lies.

    They lie as in an evaluation of the video, whose first token is the first one on the row's grid, ends of videos too.
    """
    table = reader.table
    step = reader.s_out * frame_rate_factor(table.video_frame_rate[rows.video])
    own = rows.centre // step
    last = own + (table.video_length[rows.video] - 1 - rows.centre) // step
    block = own[:, None] // hop + np.arange(-1, 2)  # those around the row's own
    start = block * hop
    offset = start + np.minimum(last[:, None] + 1 - start, hop) // 2 - own[:, None]
    is_there = (start >= 0) & (start <= last[:, None]) & (np.abs(offset) <= reader.num_tokens // 2)
    counts = middle_weights(reader.num_tokens, hop)[np.where(is_there, reader.num_tokens // 2 - offset, 0)] > 0
    row, place = np.nonzero(is_there & counts)
    return np.stack([row, offset[row, place]])


def _windows(rows: Rows, shift: np.ndarray, reader: ExampleReader, row: np.ndarray, offset: np.ndarray) -> Rows:
    """Windows some tokens behind rows, under the masks that ``shift`` ``(R,)`` gives these."""
    step = reader.s_out * frame_rate_factor(reader.table.video_frame_rate[rows.video])
    return replace(rows.take(row), centre=rows.centre[row] + offset * step[row], shift=shift[row] + offset)


def _mpjpe_mm(prediction: np.ndarray, target: np.ndarray) -> float:
    return float(np.linalg.norm(root_relative(prediction) - root_relative(target), axis=-1).mean() * 1000)
