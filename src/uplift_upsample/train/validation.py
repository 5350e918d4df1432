"""Validation during training: the mask centred on the window, no mirroring, the central frame of every n-th window.

It never measures an upsampled frame, as in the reference; the test protocol in ``evaluate`` does. At the end of a training, the
same people choose the blend of the readout ``both``. Source: docs/method.md, "Validation" and "Read-outs".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from uplift_upsample.base.records import ChosenBlend
from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.sampler import Rows, Sampler, SamplerSettings
from uplift_upsample.model.backend import keras
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.lifting import LiftingNetwork
from uplift_upsample.model.weights import network_variables
from uplift_upsample.plan.runs import Run
from uplift_upsample.train.blend import BLOCK, chosen_blend, windows_of
from uplift_upsample.train.source import example_reader
from uplift_upsample.train.trainer import Trainer


@dataclass(frozen=True)
class ValidationScores:
    """Millimetres. mpjpe: mean over all frames. aw_mpjpe: mean over actions of the mean over the frames of each."""

    mpjpe: float
    aw_mpjpe: float

    def by_name(self, name: str) -> float:
        """The value of ``best_metric``."""
        return {"MPJPE": self.mpjpe, "AW-MPJPE": self.aw_mpjpe}[name]


class Validation:
    """Scores the weights that a trainer would give as its result: the same examples, with the same s_in and cameras, every time.

    table, videos: of the validation people; None where there are none, and then no epoch is due.
    """

    def __init__(self, trainer: Trainer, table: FramesTable | None, videos: np.ndarray | None, run: Run) -> None:
        self._trainer, self._run = trainer, run
        self._table, self._videos = table, videos

    def is_due(self, epoch: int) -> bool:
        """Whether an epoch, counted from 1, is validated: every n-th, and the last."""
        train = self._run.train
        return self._table is not None and (epoch % train.validation_interval == 0 or epoch == train.epochs)

    def scores(self, should_stop: Callable[[], bool]) -> ValidationScores | None:
        """Of the present weights; None where ``should_stop``, asked before each block of windows, ended it."""
        table, rows, model = self._table, self._rows, self._run.model
        assert table is not None
        reader = example_reader(table, model, self._run.train)
        errors = []
        with _weights_of(self._trainer.network, self._trainer.result_weights()):
            for start in range(0, len(rows), BLOCK):
                if should_stop():
                    return None
                batch = reader.read(rows.take(slice(start, start + BLOCK)))
                predicted = self._lifter.lift(*windows_of(batch))
                target = batch.poses_3d[:, model.num_tokens // 2]
                distance = np.linalg.norm(root_relative(predicted) - root_relative(target), axis=-1)  # (B, J)
                errors.append(distance.mean(axis=1, dtype=np.float64) * 1000)
        per_example = np.concatenate(errors)
        _, action = np.unique(table.video_action[rows.video], return_inverse=True)
        per_action = np.bincount(action, per_example) / np.bincount(action)
        return ValidationScores(float(per_example.mean()), float(per_action.mean()))

    @property
    def chooses_blend(self) -> bool:
        """Whether there are people to choose the blend on, and two heads to blend."""
        return self._table is not None and self._run.model.has_sequence_head

    def chosen_blend(self, weights: list[np.ndarray], should_stop: Callable[[], bool]) -> ChosenBlend | None:
        """The blend of the readout ``both`` that is best for some weights; None where ``should_stop`` ended it."""
        assert self._table is not None
        train = self._run.train
        lifter = Lifter(self._trainer.network, self._lifter.batch_size, mirror=True, jit_compile=False)
        with _weights_of(self._trainer.network, weights):
            reader = example_reader(self._table, self._run.model, train)
            return chosen_blend(lifter, reader, self._rows_of_step(1), train.shuffle_seed, should_stop)

    @cached_property
    def _rows(self) -> Rows:
        train = self._run.train
        rows = self._rows_of_step(train.validation_step)
        return rows if train.validation_examples < 0 else rows.take(slice(train.validation_examples))

    def _rows_of_step(self, step: int) -> Rows:
        assert self._table is not None
        assert self._videos is not None
        model = self._run.model
        s_in = model.s_in if model.has_strided_input else ()
        settings = SamplerSettings(s_in=s_in, s_out=model.s_out, step=step, seed=self._run.train.shuffle_seed)
        return Sampler(self._table, self._videos, settings).next_pass()

    @cached_property
    def _lifter(self) -> Lifter:
        return Lifter(self._trainer.network, min(256, len(self._rows)), mirror=False, jit_compile=False)


@contextmanager
def _weights_of(network: LiftingNetwork, weights: list[np.ndarray]) -> Iterator[None]:
    """The network with other weights for the length of a block."""
    variables = network_variables(network)
    own = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
    try:
        _fill(variables, weights)
        yield
    finally:
        _fill(variables, own)


def _fill(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
