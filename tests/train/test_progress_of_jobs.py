"""What long jobs say in a log: seldom, and each time how much is done and when it ends."""

import logging
import re
import time

import pytest

from uplift_upsample.base.progress import CountProgress, TrainingProgress


class Clock:
    """A clock that moves only on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Clock:
    caplog.set_level(logging.INFO)
    return Clock(monkeypatch)


def test_training_tells_something_within_long_epochs(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with TrainingProgress(2, 3600) as progress:
        for step in range(1, 3601):
            clock.now += 1
            progress.step(step, 0.05)
    # one after a minute, then one every ten
    assert len(caplog.messages) == 6
    assert re.fullmatch(r"step 60/7200 \(0\.8 %\), loss 50\.0 mm, 1\.0 steps/s, done at \d{4}-.*", caplog.messages[0])
    assert caplog.messages[1].startswith("step 660/7200")


def test_epochs_are_lines_enough(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    row = {"epoch": 1, "loss_mm": 12.34, "validation_mpjpe_mm": None}
    with TrainingProgress(10, 50) as progress:
        for step in range(1, 501):
            clock.now += 1
            progress.step(step, 0.05)
            if step % 50 == 0:
                progress.epoch(row | {"epoch": step // 50})
    assert [message.split(",")[0] for message in caplog.messages] == [f"epoch {epoch}/10" for epoch in range(1, 11)]


def test_prediction_tells_how_much_is_left(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with CountProgress("s_in 20", "window") as progress:
        clock.now += 100  # a compiler works
        progress(100, 1000)
        assert caplog.messages == ["s_in 20: 100/1000 windows (10 %)"]
        clock.now += 601
        progress(701, 1000)
        progress(800, 1000)
    assert progress.after_first == (700, 601.0)  # without the time of the compiler
    assert len(caplog.messages) == 2
    assert re.fullmatch(r"s_in 20: 701/1000 windows \(70 %\), 1\.0 windows/s, done at \d{4}-.*", caplog.messages[1])


def test_each_stride_of_an_evaluation_counts_anew(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with CountProgress("prediction", "window") as progress:
        progress(100, 100)
        assert progress.after_first is None  # there is nothing behind the first call
        clock.now += 700
        progress(10, 100)
        assert caplog.messages == ["prediction: 10/100 windows (10 %)"]


def test_short_jobs_say_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with CountProgress("s_in 20", "window") as progress:
        for done in range(1, 51):
            clock.now += 1
            progress(done, 50)
    assert caplog.messages == []
