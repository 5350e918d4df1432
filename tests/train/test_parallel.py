"""Training on two devices is training on one: on virtual CPUs, with TensorFlow and, where it is installed, with JAX."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from world.warm_python import FRAMEWORK, warm_python

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).with_name("parallel_steps.py")
TESTS = SCRIPT.parents[1]


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    backend = request.param
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (for JAX: make test-jax)")
    variables = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}
    variables["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    out = tmp_path_factory.mktemp(backend) / "out.npz"
    python = warm_python(*FRAMEWORK) if backend == "tensorflow" else sys.executable
    command = [python, str(SCRIPT), str(out)]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(out))


def test_gradient_and_steps_are_those_of_one_device(found: dict[str, np.ndarray]) -> None:
    largest = np.abs(found["gradient_1"]).max()
    assert largest > 0.1
    np.testing.assert_allclose(found["gradient_2"], found["gradient_1"], atol=1e-5 * largest, rtol=0)
    np.testing.assert_allclose(found["losses_2"], found["losses_1"], rtol=1e-5)
    # the biases of the attention keys have no true gradient, and Adam blows their rounding noise up
    assert np.quantile(np.abs(found["averaged_2"] - found["averaged_1"]), 0.98) < 1e-6


def test_resumed_run_equals_uninterrupted(found: dict[str, np.ndarray]) -> None:
    """With dropout and a scaled loss. A run may go on with fewer devices; dropout then draws something else."""
    assert found["whole"].tobytes() == found["resumed"].tobytes()
    assert np.isfinite(found["ended_on_one"]).all()
    assert found["ended_on_one"].shape == found["whole"].shape


def test_devices_draw_different_dropout(found: dict[str, np.ndarray]) -> None:
    if "streams" not in found:
        pytest.skip("one program for all devices")
    first, again, second = found["streams"]
    assert first == again != second


def test_what_cannot_be_shared_is_refused(found: dict[str, np.ndarray]) -> None:
    assert "devices is 3, but" in str(found["too_many"])
    assert "has 2 (cpu:0, cpu:1)" in str(found["too_many"])
    told = "batch_size 6 cannot be shared evenly, mirrored twins together, by 2 devices; take a multiple of 4"
    assert told in str(found["uneven"])
