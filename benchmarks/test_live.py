"""Milliseconds from a frame that comes in to its 3D pose, with the published network at the pace of a camera."""

import time
from pathlib import Path

import numpy as np
from published import untrained
from timing import in_turns

from uplift_upsample.lift.live import LiveUplifter
from uplift_upsample.model.cost import network_cost

RATE, SECONDS, S_IN, SIZE = 50.0, 30, 10, (1000.0, 1000.0)


def test_live(figure, matrix_product, tmp_path: Path) -> None:
    """Every frame is given with its moment; a camera does not wait. Where one takes too long, the next ones are late as well."""
    lifter = untrained("h36m_351", tmp_path, mirror=False, batch_size=1)
    live = LiveUplifter(lifter, layout="h36m_17", size=SIZE, s_in=S_IN)
    person = np.random.default_rng(0).uniform(400, 600, (17, 2))
    start, waited = time.perf_counter() + 0.1, []
    for frame in range(int(RATE * SECONDS)):
        moment = start + frame / RATE
        time.sleep(max(0.0, moment - time.perf_counter()))
        [pose] = live.push(frame / RATE, person if live.wants(frame / RATE, RATE) else None)
        assert pose.position is not None
        waited.append(1000 * (time.perf_counter() - moment))
    longest = float(np.percentile(waited, 99))
    figure("live, h36m_351, s_in 10, 50 Hz, 99 % of poses", longest)
    figure("live, h36m_351, s_in 10, 50 Hz, half of poses", float(np.percentile(waited, 50)))
    product, operations = matrix_product
    large = in_turns(product, product, (operations, operations), 3).ours  # s for each operation
    cost = network_cost(lifter.model, S_IN).by_stage
    window = 2 * (cost["temporal"] + cost["strided"])  # operations
    figure("live, rate of 99 % of poses, of a large matrix product", 100 * window / (longest / 1000) * large)
