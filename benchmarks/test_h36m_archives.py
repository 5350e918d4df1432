"""Human3.6M from archives of the true size to the public files, through the scripts: time and memory."""

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import psutil
import pytest
from world import killing
from world.h36m_archives import recordings, write_archive

from uplift_upsample.base.cameras import h36m_cameras, intrinsics_px, project, world_to_camera
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.skeleton import H36M_32_TO_17
from uplift_upsample.data.download.source_files import SourceFile, write_source_manifest
from uplift_upsample.data.h36m.projections import projections
from uplift_upsample.data.public_npz import read_positions_3d
from uplift_upsample.plan.h36m_subjects import SUBJECTS

pytestmark = pytest.mark.conversion
FRAMES = 2500  # of each of the 30 files of a subject, about
AT_ONCE = 2


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives of the true size. The motions repeat, with noise of a tenth of a millimetre, so that they do not compress better."""
    folder = tmp_path_factory.mktemp("true_size")
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.1, size=(FRAMES + 500, 32, 3)).astype(np.float32)
    for subject in SUBJECTS:
        poses = {}
        for name, motion in recordings(subject, 0, (100, 110)).items():
            num_frames = FRAMES + int(rng.integers(-300, 300))
            there_and_back = np.concatenate([motion, motion[::-1]])
            repeated = np.tile(there_and_back, (num_frames // len(there_and_back) + 1, 1, 1))[:num_frames]
            poses[name] = repeated + np.roll(noise, int(rng.integers(FRAMES)), axis=0)[:num_frames]
        path = folder / "raw" / f"Poses_D3_Positions_{subject}.tgz"
        write_archive(path, subject, poses, level=1)
        file = SourceFile(f"h36m_{subject}", f"raw/{path.name}", sha256_of_file(path), path.stat().st_size, "made here")
        write_source_manifest(folder / f"{subject}.json", file)
    return folder


def peak_memory(commands: Iterable[list[str]], folder: Path, at_once: int) -> int:
    """Run commands, some at a time; the most bytes that all of them held together."""
    waiting, running, peak = list(commands), list[subprocess.Popen[str]](), 0
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(killing.start(waiting.pop(0), folder))
        peak = max(peak, sum(psutil.Process(process.pid).memory_info().rss for process in running))
        time.sleep(0.02)
        for process in [process for process in running if process.poll() is not None]:
            assert process.returncode == 0, process.communicate()[0]
            running.remove(process)
    return peak


def test_archives_of_the_true_size(figure, world: Path) -> None:
    """Seven archives to ``data_3d_h36m.npz`` and ``data_2d_h36m_gt.npz``, two conversions at a time."""
    convert = "convert_h36m_archive.py"
    commands = [[convert, "--source", f"{name}.json", "--subject", name, "--output", f"{name}.npz"] for name in SUBJECTS]
    subjects = ["--subjects", *(f"{name}.npz" for name in SUBJECTS)]
    merge = ["merge_h36m.py", *subjects, "--poses_3d", "3d.npz", "--poses_2d", "2d.npz"]
    begin = time.perf_counter()
    peak = max(peak_memory(commands, world, AT_ONCE), peak_memory([merge], world, 1))
    figure("Human3.6M, archives of the true size", time.perf_counter() - begin)
    figure("Human3.6M, memory of converting these", peak / 1e9)
    positions_3d = read_positions_3d(world / "3d.npz")
    assert sum(len(poses) for actions in positions_3d.values() for poses in actions.values()) > 209 * 2300


def test_ground_truth(versus) -> None:
    """3D frames per second through four cameras: a frame at a time against a recording at a time."""
    poses = recordings("S1", 0, (400, 400))["Sitting"] / np.float32(1000)
    cameras = h36m_cameras()

    def frame_by_frame() -> list[list[np.ndarray]]:
        views: list[list[np.ndarray]] = [[] for _ in range(4)]
        for pose in poses[:, H36M_32_TO_17].astype(np.float64):
            for camera, view in enumerate(views):
                in_camera = world_to_camera(pose[None], cameras.rotations[[camera]], cameras.translation[[camera]])
                view.append(project(in_camera, intrinsics_px(cameras.intrinsics[[camera]]))[0].astype(np.float32))
        return views

    versus(
        "Human3.6M, 2D ground truth of four cameras",
        frame_by_frame,
        lambda: projections({"S1": {"Sitting": poses}}),
        units=len(poses),
        rounds=3,
    )
