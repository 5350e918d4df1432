"""A tiny data set and run, trained in seconds."""

from typing import Any

import numpy as np
import pytest
from world.people import swinging_record

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.data.frames import FramesTable, build_frames_table
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.plan.runs import Run
from uplift_upsample.train import training
from uplift_upsample.train.parallel import build_trainer
from uplift_upsample.train.trainer import Trainer
from uplift_upsample.train.training import TrainingData


@pytest.fixture(scope="session")
def table() -> FramesTable:
    generator = np.random.default_rng(1)
    records = [swinging_record(subject, action, 40, generator) for subject in ("S1", "S8") for action in ("Walking", "Eating")]
    return build_frames_table(records, h36m_cameras(), {"dataset": "tiny", "splits": {"train": ["S1"], "val": ["S8"]}})


@pytest.fixture(scope="session")
def data(table) -> TrainingData:
    return TrainingData(table, table.videos_of(["S1"]), table, table.videos_of(["S8"]))


@pytest.fixture(scope="session")
def tiny_run() -> Run:
    model = ModelConfig(num_tokens=9, s_out=2, s_in=(4, 8), spatial_blocks=0, temporal_dim=16, temporal_blocks=1,
                        strides=(9,), num_heads=2, drop_rate=0.1)  # fmt: skip
    train = TrainConfig(batch_size=8, epochs=3, steps_per_epoch=15, weight_decay=1e-4, ema_decay=0.9, jit_compile=False,
                        schedule_params={"initial_learning_rate": 1e-3, "decay_steps": 10, "decay_rate": 0.9})  # fmt: skip
    return Run(model, train, name="tiny", val_subset="val")


@pytest.fixture(scope="session")
def _trainers() -> dict[str, Trainer]:
    return {}


@pytest.fixture
def traced_once(_trainers: dict[str, Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal runs share one trainer, which begins anew each time, because to trace its step takes longer than to train."""

    def build(run: Run, num_devices: int) -> Trainer:
        new = build_trainer(run, num_devices)
        kept = _trainers.setdefault(f"{run} {num_devices}", new)
        for variable, value in zip(_state(kept), _state(new), strict=True):
            variable.assign(value)
        return kept

    monkeypatch.setattr(training, "build_trainer", build)


def _state(trainer: Trainer) -> list[Any]:
    return [*trainer.variables, *trainer.optimizer.variables]
