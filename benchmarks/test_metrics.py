"""Frames a second of the three errors, each and together, from float32 predictions as they are stored."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import straightforward.metrics as plain

from uplift_upsample.evaluate.metrics import mpjpe, n_mpjpe, p_mpjpe
from uplift_upsample.machine.devices import usable_cores

FRAMES = 500_000
LOOPED = 2_000  # frames of one run of a loop
CHUNK, MOST_THREADS = 2048, 4  # as the metrics work
METRICS = {"MPJPE": (plain.mpjpe, mpjpe), "N-MPJPE": (plain.n_mpjpe, n_mpjpe), "P-MPJPE": (plain.p_mpjpe, p_mpjpe)}


@dataclass(frozen=True)
class Poses:
    """float32 ``(F, 17, 3)``, metres."""

    prediction: np.ndarray
    target: np.ndarray

    def looped(self, metric: plain.Metric) -> np.ndarray:
        return plain.over_frames(metric, self.prediction[:LOOPED], self.target[:LOOPED])

    def converted(self) -> None:
        """Both poses as float64 with the frames last, chunk by chunk, and nothing done with them."""
        threads = min(usable_cores(), MOST_THREADS)

        def convert(starts: range) -> None:
            buffer = np.empty((17, 3, CHUNK))
            for start in starts:
                for poses in (self.prediction[start : start + CHUNK], self.target[start : start + CHUNK]):
                    np.copyto(buffer[..., : len(poses)], poses.transpose(1, 2, 0))

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(convert, [range(first * CHUNK, FRAMES, threads * CHUNK) for first in range(threads)]))


@pytest.fixture(scope="module")
def poses() -> Poses:
    """People of human proportions, predicted with an error of some centimetres."""
    rng = np.random.default_rng(0)
    target = rng.standard_normal((FRAMES, 17, 3), np.float32) * np.array([0.2, 0.5, 0.15], np.float32)
    return Poses(target + 0.05 * rng.standard_normal(target.shape, np.float32), target)


@pytest.mark.parametrize("name", METRICS)
def test_one_metric(name: str, poses: Poses, versus) -> None:
    loop, ours = METRICS[name]
    np.testing.assert_allclose(poses.looped(loop), ours(poses.prediction[:LOOPED], poses.target[:LOOPED]), atol=1e-9)
    versus(name, lambda: poses.looped(loop), lambda: ours(poses.prediction, poses.target), units=(LOOPED, FRAMES))


@pytest.mark.parametrize("name", ["MPJPE", "N-MPJPE"])
def test_share_of_the_conversion(name: str, poses: Poses, versus) -> None:
    _, ours = METRICS[name]
    versus(f"{name}, of a conversion alone", poses.converted, lambda: ours(poses.prediction, poses.target), units=FRAMES)


def test_all_metrics(poses: Poses, versus, figure) -> None:
    def each(of: Callable[[plain.Metric, plain.Metric], object]) -> None:
        for pair in METRICS.values():
            of(*pair)

    pair = versus(
        "all metrics",
        lambda: each(lambda loop, _: poses.looped(loop)),
        lambda: each(lambda _, ours: ours(poses.prediction, poses.target)),
        units=(LOOPED, FRAMES),
    )
    figure("all metrics, 500,000 frames", pair.ours * FRAMES)
