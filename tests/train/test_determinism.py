"""Two trainings with the same seed end in the same bytes; so they do with the setting that GPUs need for it."""

import hashlib
import importlib
import subprocess
from pathlib import Path

import pytest
import yaml
from world.people import write_h36m_files
from world.warm_python import FRAMEWORK, warm_python

from uplift_upsample.data.h36m.table import write_h36m_table

pytestmark = pytest.mark.long

RUN = {
    "model": {"num_tokens": 9, "s_out": 5, "s_in": [5, 10], "spatial_dim": 8, "temporal_dim": 16, "spatial_blocks": 1,
              "temporal_blocks": 1, "strides": [9], "num_heads": 2, "drop_rate": 0.1, "drop_path_rate": [0.1, 0.1, 0.0]},
    "train": {"batch_size": 8, "epochs": 1, "steps_per_epoch": 20, "jit_compile": False, "ema_decay": 0.9},
    "name": "tiny", "study": "demo", "dataset": "h36m", "train_subset": "S1", "val_subset": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    write_h36m_files(folder, subjects=("S1", "S9"), lengths=(30, 40))
    write_h36m_table(folder / "h36m.h5", folder / "data_3d_h36m.npz", folder / "data_2d_h36m_gt.npz", "gt")
    (folder / "run.yaml").write_text(yaml.safe_dump(RUN), "utf-8")
    return folder


def command(folder: Path, out_dir: Path) -> list[str]:
    flags = [
        "--config",
        folder / "run.yaml",
        "--frames",
        folder / "h36m.h5",
        "--device",
        "cpu",
        "--seed",
        "3",
        "--out_dir",
        out_dir,
    ]
    return list(map(str, flags))


def sum_of(out_dir: Path) -> str:
    return hashlib.sha256((out_dir / "weights.h5").read_bytes()).hexdigest()


def checkpoints_of(out_dir: Path) -> str:
    return next((out_dir / "checkpoints").glob("*/code.json")).parent.name


def test_equal_seeds_give_equal_bytes(project: Path, frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The setting holds for a whole process, so those with it run in their own; both at once.
    script = [warm_python(*FRAMEWORK), str(project / "scripts/train.py"), "--deterministic"]
    strict = [
        subprocess.Popen([*script, *command(frames, tmp_path / name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for name in ("strict_1", "strict_2")
    ]
    monkeypatch.syspath_prepend(project / "scripts")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    train = importlib.import_module("train")
    for name in ("plain_1", "plain_2"):
        assert train.main(command(frames, tmp_path / name)) == 0
    for process in strict:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    assert sum_of(tmp_path / "plain_1") == sum_of(tmp_path / "plain_2")
    assert sum_of(tmp_path / "strict_1") == sum_of(tmp_path / "strict_2")
    # runs with and without the setting never go on from each other's steps
    assert checkpoints_of(tmp_path / "plain_1") == checkpoints_of(tmp_path / "plain_2") != checkpoints_of(tmp_path / "strict_1")
