"""Read-outs with fewer windows against one window a token, mirrored: video frames a second."""

import numpy as np
import pytest
from published import published
from tables import one_video
from test_evaluation import WINDOWS, lifter

from uplift_upsample.data.frames import FramesTable
from uplift_upsample.evaluate.predict import predict_poses
from uplift_upsample.model.lifter import CPU_BATCH
from uplift_upsample.plan.evaluation import EvaluateConfig

NAME = "h36m_351"


@pytest.mark.parametrize("s_in", [5, 20])
@pytest.mark.parametrize("hop", [9, 27, 71])
def test_readout_of_the_sequence(hop: int, s_in: int, table: FramesTable, versus) -> None:
    """Both in full batches: a video with as many windows as two of them."""
    model = published(NAME).model
    dense, sparse = one_video(table, WINDOWS * model.s_out), one_video(table, 2 * CPU_BATCH * hop * model.s_out)
    readout = EvaluateConfig(readout="sequence", hop=hop)
    versus(
        f"read-out sequence, {NAME}, s_in {s_in}, hop {hop}",
        lambda: predict_poses(lifter(NAME), dense, np.array([0]), s_in),
        lambda: predict_poses(lifter(NAME), sparse, np.array([0]), s_in, readout),
        units=(WINDOWS * model.s_out, 2 * CPU_BATCH * hop * model.s_out),
        rounds=3,
    )
