"""What a training says while it runs, and how it takes signals and the clock."""

import logging
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from uplift_upsample.base.progress import Stop, TrainingProgress
from uplift_upsample.train import history as history_module
from uplift_upsample.train.history import TensorBoardLog

ROW = {"epoch": 1, "step": 10, "loss_mm": 12.34, "learning_rate": 1e-3, "validation_mpjpe_mm": None, "validation_aw_mpjpe_mm": None}


@pytest.fixture
def handlers() -> Iterator[None]:
    """Signals end a process as they usually do."""
    former = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


def test_clock_that_goes_back_does_no_harm(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = iter(range(10**9, 0, -(10**6)))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    with TrainingProgress(2, 10) as progress:
        for step in range(1, 11):
            progress.step(step, 0.1)
        progress.epoch(ROW)
    assert re.search(r"epoch 1/2, loss 12.3 mm, [\d.]+ steps/s, done at 20\d\d-", caplog.text)


def test_run_that_goes_on_at_the_end_of_an_epoch_has_no_speed_yet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with TrainingProgress(2, 10) as progress:
        progress.epoch(ROW)
    assert caplog.messages == ["epoch 1/2, loss 12.3 mm"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_wishes_only_when_there_is_something_to_save(handlers: None, number: int) -> None:
    with Stop() as stop:
        assert signal.getsignal(number) == signal.SIG_DFL
        stop.listen()
        os.kill(os.getpid(), number)
        assert stop.is_asked()
    assert signal.getsignal(number) == signal.SIG_DFL


def test_learning_curves_for_tensorboard_are_an_aid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full disk training goes on without them, and does not wait for them either."""

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with TensorBoardLog(tmp_path / "board") as board:
        board.add(ROW)
        [events] = (tmp_path / "board").iterdir()
        assert b"loss/train_mm" in events.read_bytes()
        monkeypatch.setattr(history_module.EventsWriter, "flush", no_room)
        for _ in range(30):
            board.add(ROW)
    assert caplog.text.count("no more learning curves for TensorBoard (No space left on device)") == 1
