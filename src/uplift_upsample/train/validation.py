"""Validation during training: the mask centred on the window, no mirroring, the central frame of every n-th window.

It never measures an upsampled frame, as in the reference; the test protocol in ``evaluate`` does.
Source: docs/method.md, "Validation".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from uplift_upsample.config import ModelConfig, TrainConfig
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.sampler import Rows, Sampler, SamplerSettings
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.skeleton import root_relative
from uplift_upsample.train.source import example_reader

BLOCK = 2048  # windows in memory at once


@dataclass(frozen=True)
class ValidationScores:
    """Millimetres. mpjpe: mean over all frames. aw_mpjpe: mean over actions of the mean over the frames of each."""

    mpjpe: float
    aw_mpjpe: float

    def by_name(self, name: str) -> float:
        """The value of ``best_metric``."""
        return {"MPJPE": self.mpjpe, "AW-MPJPE": self.aw_mpjpe}[name]


def validation_rows(table: FramesTable, videos: np.ndarray, model: ModelConfig, train: TrainConfig) -> Rows:
    """The validation examples: the same ones, with the same s_in and cameras, every time."""
    s_in = model.s_in if model.has_strided_input else ()
    settings = SamplerSettings(s_in=s_in, s_out=model.s_out, step=train.validation_step, seed=train.shuffle_seed)
    rows = Sampler(table, videos, settings).next_pass()
    return rows if train.validation_examples < 0 else rows.take(slice(train.validation_examples))


def validate(
    lifter: Lifter, table: FramesTable, rows: Rows, model: ModelConfig, train: TrainConfig, should_stop: Callable[[], bool]
) -> ValidationScores | None:
    """Score the network on the validation examples; None where ``should_stop``, asked before each block, ended it."""
    reader = example_reader(table, model, train)
    errors = []
    for start in range(0, len(rows), BLOCK):
        if should_stop():
            return None
        batch = reader.read(rows.take(slice(start, start + BLOCK)))
        token_pose = np.arange(batch.visible.size).reshape(batch.visible.shape)
        predicted = lifter.lift(batch.poses_2d.reshape(-1, *batch.poses_2d.shape[2:]), token_pose, batch.visible)
        target = batch.poses_3d[:, model.num_tokens // 2]
        distance = np.linalg.norm(root_relative(predicted) - root_relative(target), axis=-1)  # (B, J)
        errors.append(distance.mean(axis=1, dtype=np.float64) * 1000)
    per_example = np.concatenate(errors)
    _, action = np.unique(table.video_action[rows.video], return_inverse=True)
    per_action = np.bincount(action, per_example) / np.bincount(action)
    return ValidationScores(float(per_example.mean()), float(per_action.mean()))
