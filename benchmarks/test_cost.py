"""What one 3D pose costs, for every experiment of the paper and every s_in; docs/performance.md gets the table."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from tables import one_video
from world.profiler import profiled_window

from uplift_upsample.data.frames import FramesTable
from uplift_upsample.evaluate.predict import predict_poses
from uplift_upsample.model.cost import network_cost
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.plan.study import plan

CONFIG = Path(__file__).parents[1] / "config.yaml"
BATCH, WINDOWS = 32, 64  # at once, and in one measurement
ROUNDS, CALLS = 3, 20  # behind the medians of the throughput and of the latency
HEAD = (
    "| experiments | parameters | s_in | multiply-accumulates, formula | profiler | constant or unused | per 3D pose | latency | "
    "windows/s | video frames/s |"
)
NOTE = (
    "One window gives one 3D pose of the video; multiply-accumulates are those of one window with its visible 2D poses, by the "
    "formula of `model/cost.py` and as TensorFlow's profiler counts the products of the graph. Per 3D pose: for each frame of a "
    "50 Hz video as evaluation computes it, a window every s_out frames and the spatial stage once for each 2D pose. Both without "
    "mirroring, which doubles them. Latency: from the 2D poses of one window to its 3D pose, nothing else at once, without "
    f"mirroring. Windows/s: runs of the network, {BATCH} at once; video frames/s: the whole evaluation, with mirroring, so two "
    "runs for each window."
)
CONSTANT_NOTE = (
    "Constant or unused: in the first temporal block masked tokens are no keys, so nothing needs their keys and values, and their "
    "queries do not depend on the input. This is the share of a window's multiply-accumulates that evaluation could leave out. It "
    "does not: gathering the visible tokens, and their results again, costs a fifth to a third of what the smaller products save. "
    "Tried for h36m_351, the first block's norm and projections of 32 windows take 6.8 ms for all tokens; for visible ones alone, "
    "with the gathers, 7.8 ms at s_in 5, 4.6 ms at s_in 10 and 2.8 ms at s_in 20: 2.0% and 3.4% of evaluation's time at best."
)
_ROWS: dict[str, list[str]] = {}


def experiments_by_network() -> dict[ModelConfig, list[str]]:
    """The experiments that the study of the paper runs, those with the same network together."""
    networks: dict[ModelConfig, list[str]] = {}
    for planned in plan(yaml.safe_load(CONFIG.read_text("utf-8")))["paper"].run:
        networks.setdefault(planned.experiment.model, []).append(planned.name)
    return networks


NETWORKS = {", ".join(names): model for model, names in experiments_by_network().items()}


@pytest.mark.parametrize("experiments", NETWORKS, ids=lambda names: names.replace(", ", "+"))
def test_cost(experiments: str, table: FramesTable) -> None:
    """Counted in two ways, and measured."""
    model = NETWORKS[experiments]
    network = build_network(model)
    many, one = Lifter(network, BATCH, mirror=True), Lifter(network, 1, mirror=False)
    video = one_video(table, WINDOWS * model.s_out)
    rows: list[str] = []
    for s_in in model.evaluated_s_in:
        cost = network_cost(model, s_in)
        profiled = profiled_window(network, cost.num_input_poses)
        assert profiled <= cost.multiply_accumulates  # fewer where work is left out that the formula counts
        evaluation = median_seconds(lambda s_in=s_in: predict_poses(many, video, np.array([0]), s_in), ROUNDS)
        latency = median_seconds(one_window(one, model, s_in, cost.num_input_poses), CALLS)
        cells = [
            experiments if not rows else "",
            f"{cost.parameters:,}" if not rows else "",
            str(s_in),
            f"{cost.multiply_accumulates / 1e6:.1f} M",
            f"{profiled / 1e6:.1f} M",
            f"{constant_or_unused(model, cost.num_input_poses) / cost.multiply_accumulates:.1%}",
            f"{cost.per_pose_of('central', 1) / 1e6:.1f} M",
            f"{1000 * latency:.1f} ms",
            f"{2 * WINDOWS / evaluation:,.0f}",
            f"{WINDOWS * model.s_out / evaluation:,.0f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    _ROWS[experiments] = rows


def test_page(page_section: Callable[[str, list[str]], None]) -> None:
    if len(_ROWS) < len(NETWORKS):
        pytest.skip("not all networks were measured")
    rows = [row for experiments in NETWORKS for row in _ROWS[experiments]]
    page_section("Cost of a 3D pose", [HEAD, "|---|" + "---:|" * 9, *rows, "", NOTE, "", CONSTANT_NOTE])


def one_window(lifter: Lifter, model: ModelConfig, s_in: int, num_input_poses: int) -> Callable[[], object]:
    """A window whose first token has a 2D pose."""
    visible = (np.arange(model.num_tokens) * model.s_out % s_in == 0)[None]
    token_pose = np.zeros(visible.shape, np.int64)
    token_pose[visible] = np.arange(num_input_poses)
    poses_2d = np.random.default_rng(0).normal(size=(num_input_poses, model.num_joints, 2)).astype(np.float32)
    return lambda: lifter.lift(poses_2d, token_pose, visible)


def median_seconds(call: Callable[[], object], rounds: int) -> float:
    """Of a call; the first one, which compiles, is left out."""
    call()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def constant_or_unused(model: ModelConfig, num_input_poses: int) -> int:
    """Multiply-accumulates that the first temporal block could do without.

    They are the query, key and value of each masked token, and logits and mixing with it as a key.
    """
    if not (model.has_strided_input and model.temporal_blocks and model.first_attention_layer):
        return 0
    width, masked = model.temporal_dim, model.num_tokens - num_input_poses
    return 3 * masked * width * width + 2 * model.num_tokens * masked * width
