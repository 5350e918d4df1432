"""The full Human3.6M: seconds and memory until it is there, and the most memory of the jobs that work with it.

Memory is that of processes of their own. *Private* is what no other process can use and the system cannot take back, seen every
fiftieth of a second; *resident* has the pages of mapped files with it, which all jobs share and which the system takes back when
it needs them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from loading_probes import ours as every_pose_of_table
from published import CONFIG
from straightforward.loading import loaded
from world.measuring import PROJECT, Measured, measured

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.evaluate.scores import ground_truth

LOADING = PROJECT / "benchmarks/loading_probes.py"
LOAD = PROJECT / "stress/load_probes.py"
TEST_STEP = 1000  # frames between predictions: windows that share no 2D pose need the most memory
BATCHES = 30  # of 512 training examples

Memory = dict[str, Measured]


@pytest.fixture(scope="module")
def memory(page_section: Callable[..., None]) -> Iterator[Memory]:
    """What each process took, for the page."""
    found: Memory = {}
    yield found
    lines = ["| what | private memory | resident, with mapped pages of the table |", "|---|---|---|"]
    page_section(
        "Memory with the full Human3.6M",
        [*lines, *(f"| {what} | {one.private / 1e6:.0f} MB | {one.peak / 1e6:.0f} MB |" for what, one in found.items())],
    )


def test_straightforward_data_is_ours(full_h36m: Path) -> None:
    table, data = read_frames_table(full_h36m), loaded(full_h36m, h36m_cameras())
    assert table.poses_2d is not None
    assert sum(len(views) for own in data.values() for views in own.values()) == table.num_videos
    video = int(np.flatnonzero(table.video_subject == "S9")[6])  # a second recording, its third camera
    name = table.sequence_name[table.video_sequence[video]]
    frame = np.arange(100, 110)
    plain = data["S9"][name][2]
    np.testing.assert_array_equal(plain["poses_2d"][frame], table.poses_2d[table.video_start_2d[video] + frame])
    truth = ground_truth(table, np.full(10, video), frame)
    np.testing.assert_allclose(root_relative(plain["poses_3d"][frame]), truth, atol=1e-5)


def test_loading(full_h36m: Path, versus) -> None:
    """Ours is opened, and each pose is read once: a memory map that nobody looked into would be no load."""
    cameras = h36m_cameras()
    versus("loading", lambda: loaded(full_h36m, cameras), lambda: every_pose_of_table(str(full_h36m)), rounds=3)
    versus("loading, until the first pose", lambda: loaded(full_h36m, cameras), lambda: read_frames_table(full_h36m), rounds=3)


def test_memory_of_loading(full_h36m: Path, tmp_path: Path, figure, memory: Memory) -> None:
    for name in ("straightforward", "ours"):
        memory[f"loading, {name}"] = measured([LOADING, name, full_h36m], tmp_path)
    figure("memory of loading", *(memory[f"loading, {name}"].private / 1e9 for name in ("ours", "straightforward")))


def test_memory_of_training_input(full_h36m: Path, tmp_path: Path, figure, memory: Memory) -> None:
    memory["training input"] = one = measured([LOAD, "training", full_h36m, str(BATCHES)], tmp_path)
    figure("peak memory of training input", one.private / 1e9)


def test_memory_of_evaluation(full_h36m: Path, tmp_path: Path, figure, memory: Memory) -> None:
    """Prediction with the full-size network, and scoring of every frame of the test subjects."""
    model = yaml.safe_load(CONFIG.read_text("utf-8"))["experiments"]["h36m_351"]["model"]
    run = {"model": model, "name": "h36m_351", "study": "benchmark", "dataset": "h36m", "train_subset": "trainval"}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run), encoding="utf-8")
    measured([LOAD, "weights", "run.yaml", "weights.h5"], tmp_path)
    predicting = ["--config", "run.yaml", "--weights", "weights.h5", "--frames", full_h36m, "--s_in", "20", "--device", "cpu"]
    predicting += ["--test_step", str(TEST_STEP), "--output", "some.h5"]
    memory["prediction"] = measured([PROJECT / "scripts/predict_poses.py", *predicting], tmp_path)
    measured([LOAD, "predictions", full_h36m, "S9,S11", "5", "all.h5"], tmp_path)
    scoring = ["--predictions", "all.h5", "--frames", full_h36m, "--output", "scores.json"]
    memory["scoring"] = measured([PROJECT / "scripts/score_predictions.py", *scoring], tmp_path)
    figure("peak memory of evaluation", max(memory[job].peak for job in ("prediction", "scoring")) / 1e9)
