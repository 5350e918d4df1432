"""The same code on the other Keras backends: same weights, same outputs, same training steps.

Optional: a backend that is not installed is skipped (``make test-jax`` installs and runs JAX).
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

OTHERS = [name for name in ("tensorflow", "jax", "torch") if name != keras.backend.backend()]
SCRIPT = """
import dataclasses, sys
import keras, numpy as np
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights
from uplift_upsample.plan.runs import read_run
from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.train.trainer import Trainer

weights, training, out = sys.argv[1:]
def network_of(path, suffix):
    network = build_network(read_run(path + ".json")[0].model)
    load_weights(network, path + suffix)
    return network

arrays = np.load(weights + ".npz")
network = network_of(weights, ".h5")
visible = arrays["stride_masks"]
poses_2d = (arrays["keypoints2d"] * visible[..., None, None]).astype("float32")
token_pose = np.arange(visible.size).reshape(visible.shape)
results = {"central": Lifter(network, 16, mirror=True).lift(poses_2d.reshape(-1, 17, 2), token_pose, visible)}
dump = np.load(training + ".npz")
config = read_run(training + ".json")[0].train
config = dataclasses.replace(config, jit_compile=keras.backend.backend() == "jax", ema_decay=0.9)
trainer = Trainer(network_of(training, "_initial.h5"), config)
losses = []
for step in range(5):
    visible = dump["stride_masks"][step]
    poses_2d = dump["seq2d"][step] * visible[..., None, None]
    losses.append(trainer.step(poses_2d, visible, root_relative(dump["seq3d"][step])))
results["losses"] = np.array(losses)
results["averaged"] = np.concatenate([w.ravel() for w in trainer.result_weights()])
assert trainer.averaged is not None
np.savez(out, backend=keras.backend.backend(), **results)
"""


def _results(backend: str, weights: Path, training: Path, out: Path):
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}
    arguments = [str(path).removesuffix(path.suffix) for path in (weights, training)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments, str(out)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return np.load(out)


@pytest.mark.parametrize("backend", OTHERS)
def test_backend_gives_the_same(backend: str, golden_file, tmp_path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (for JAX: make test-jax)")
    weights, training = golden_file("models/n71_h351like_first1.h5"), golden_file("training/noema.npz")
    ours = _results(keras.backend.backend(), weights, training, tmp_path / "ours.npz")
    theirs = _results(backend, weights, training, tmp_path / "theirs.npz")
    assert str(theirs["backend"]) == backend
    np.testing.assert_allclose(theirs["central"], ours["central"], atol=1e-5)
    np.testing.assert_allclose(theirs["losses"], ours["losses"], rtol=1e-5)
    np.testing.assert_allclose(theirs["losses"], np.load(training)["losses"][:5], rtol=1e-5)
    # the biases of the attention keys have no true gradient, and Adam blows their rounding noise up
    assert np.quantile(np.abs(theirs["averaged"] - ours["averaged"]), 0.98) < 1e-5
