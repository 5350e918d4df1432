"""The rules tell each job what to run on; another device is no reason to run anything again."""

import re

import pytest
from workflow_copy import Workflow

from uplift_upsample.study_checks import config_faults

ON_GPU = {"paper": {"resources": {"gpus": 1}}}
PREDICTION = "results/paper/h36m_351_pt/seed_0/s_in_5/predictions.h5"


@pytest.mark.parametrize("device", [None, "gpu", "cpu"])
def test_jobs_are_told_their_device(pristine: Workflow, device: str | None) -> None:
    targets = [f"results/demo/{name}/seed_0/s_in_10/predictions.h5" for name in ("h36m_81", "h36m_351")]
    changes = {"device": device} if device else {}
    experiments = {"h36m_81": {"resources": {"gpus": 1}}}  # the demo as shipped says 0
    said = pristine.snakemake("-n", "-p", *targets, studies={"demo": {"experiments": experiments}}, **changes).stdout
    for script in ("train", "predict_poses"):
        for name, flag in (("h36m_81", device or "auto"), ("h36m_351", "cpu")):
            [command] = [line for line in said.splitlines() if f"python scripts/{script}.py" in line and f"/{name}/" in line]
            assert re.findall(r"--device \w+", command) == [f"--device {flag}"]
    assert said.count("gpu=1") == (0 if device == "cpu" else 2)


def test_missing_gpu_is_told_before_the_first_job(built: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (built.folder / PREDICTION).unlink()
    (built.folder / "results/paper/data/h36m.h5").unlink()
    targets = [PREDICTION, "--rerun-triggers", "mtime"]
    result = built.snakemake(*targets, device="gpu", studies=ON_GPU)
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "device is gpu in the configuration, but there is no GPU" in said
    assert "rule convert_h36m:" not in said
    assert "Traceback" not in said
    said = built.build(*targets, device="auto", studies=ON_GPU)
    assert len(re.findall(r"NO GPU: .* TRAININGS AND PREDICTIONS WILL RUN ON THE CPU", said)) == 1
    assert "NO GPU" not in built.build("results/paper/tables/manifest.json", "--force", device="auto", studies=ON_GPU)


def test_wrong_settings_are_faults(config: dict, schema: dict) -> None:
    config["studies"]["demo"]["resources"]["gpus"] = 2
    config["device"] = "cuda"
    faults = config_faults(config, schema)
    assert "studies.demo.resources.gpus: 2 is too large; it must be at most 1" in faults
    assert "device: expected one of auto, gpu, cpu, not 'cuda'" in faults
