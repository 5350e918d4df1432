"""The library by itself: a wheel in an empty environment, with a backend and without one."""

import subprocess
import sys
from pathlib import Path

import pytest

from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import save_weights
from uplift_upsample.plan.experiment import ModelConfig

UV = Path(sys.executable).with_name("uv")
MODEL = {"num_tokens": 9, "s_out": 1, "s_in": (3,), "spatial_dim": 8, "temporal_dim": 16, "spatial_blocks": 1, "temporal_blocks": 1,
         "strides": (3, 3), "num_heads": 2}  # fmt: skip
PREDICT = f"""
import numpy as np
from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.data.frames import SequenceRecord, build_frames_table
from uplift_upsample.evaluate.predict import predict_subset
from uplift_upsample.evaluate.scores import scores
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights

network = build_network(ModelConfig(**{MODEL!r}))
load_weights(network, "weights.h5")
poses = np.random.default_rng(1).normal([0, 0, 1], 0.4, (20, 17, 3)).astype(np.float32)
record = SequenceRecord("S9", "Eating", "Eating", poses, [poses[..., :2]], [4], 50)
table = build_frames_table([record], h36m_cameras(), {{"dataset": "h36m", "splits": {{"test": ["S9"]}}}})
[predictions] = predict_subset(network, table, "test", [3], EvaluateConfig(batch_size=8))
print(scores(predictions, table).document()["3"]["all_frames"]["frame_wise"]["mpjpe"] > 0, len(predictions.frame))
"""


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def installed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, and the Python of an empty environment with it alone; skips where no index can be reached."""
    folder = tmp_path_factory.mktemp("wheel")
    if not UV.exists():
        pytest.skip("needs uv beside Python")
    python = folder / "empty" / "bin" / "python"
    built = run(
        UV, "build", "--wheel", "--quiet", "--no-build-isolation", "--python", sys.executable, "-o", folder, project, cwd=folder
    )
    assert built.returncode == 0, built.stderr
    [wheel] = folder.glob("*.whl")
    run(UV, "venv", "--quiet", "--python", sys.executable, folder / "empty", cwd=folder)
    done = run(UV, "pip", "install", "--quiet", "--python", python, wheel, cwd=folder)
    if done.returncode:
        pytest.skip(f"the package index cannot be reached: {done.stderr[-300:]}")
    return wheel, python


def test_without_a_backend_it_says_which_extra_installs_one(installed: tuple[Path, Path], tmp_path: Path) -> None:
    _, python = installed
    names = run(UV, "pip", "list", "--quiet", "--format", "freeze", "--python", python, cwd=tmp_path).stdout.split()
    assert 5 < len(names) < 30
    assert not [name for name in names if name.startswith(("snakemake", "pandas", "matplotlib", "tensorflow"))]
    assert run(python, "-c", "import uplift_upsample", cwd=tmp_path).returncode == 0
    done = run(python, "-c", "from uplift_upsample.model.network import build_network", cwd=tmp_path)
    assert 'pip install "uplift-upsample[cpu]"' in done.stderr.splitlines()[-1]


@pytest.mark.long
def test_with_a_backend_it_predicts(installed: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, python = installed
    done = run(UV, "pip", "install", "--quiet", "--python", python, f"uplift-upsample[cpu] @ {wheel.as_uri()}", cwd=tmp_path)
    if done.returncode:
        pytest.skip(f"the package index cannot be reached: {done.stderr[-300:]}")
    save_weights(build_network(ModelConfig(**MODEL)), tmp_path / "weights.h5")
    done = run(python, "-c", PREDICT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "20"]
