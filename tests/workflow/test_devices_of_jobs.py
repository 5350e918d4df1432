"""The rules give each job its device; another device reruns nothing."""

import re

import pytest
from workflow_copy import Workflow

from uplift_upsample.plan.checks import config_faults

ON_GPU = {"paper": {"resources": {"gpus": 1}}}
PREDICTION = "results/paper/h36m_351_pt/seed_0/s_in_5/predictions.h5"


@pytest.mark.parametrize("device", [None, "gpu", "cpu"])
def test_jobs_are_told_their_device(pristine: Workflow, device: str | None) -> None:
    targets = [f"results/demo/{name}/seed_0/s_in_10/predictions.h5" for name in ("people_81", "people_351")]
    changes = {"device": device} if device else {}
    experiments = {"people_81": {"resources": {"gpus": 1}}}  # the demo as shipped says 0
    said = pristine.snakemake("-n", "-p", *targets, studies={"demo": {"experiments": experiments}}, **changes).stdout
    for script in ("train", "predict_poses"):
        for name, flag in (("people_81", device or "auto"), ("people_351", "cpu")):
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


def test_trainings_share_their_batches_among_devices(pristine: Workflow) -> None:
    target = "results/demo/people_81/seed_0/s_in_10/predictions.h5"
    for changes, number in (({"devices": 2}, 2), ({}, 4)):
        studies = {"demo": {"experiments": {"people_81": {"resources": {"gpus": 4}}}}}
        said = pristine.snakemake("-n", "-p", target, "--resources", "gpu=4", studies=studies, **changes).stdout
        for script, flags in (("train", f"--device auto --devices {number}"), ("predict_poses", "--device auto --output")):
            [command] = [line for line in said.splitlines() if f"python scripts/{script}.py" in line]
            assert " ".join(flags.split()) in " ".join(command.split())
        assert sorted(re.findall(r"^    resources: .*gpu=([1-9])", said, re.MULTILINE)) == ["1", str(number)]


def test_devices_that_cannot_be_had_are_told_before_the_first_job(built: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    weights = built.folder / "results/paper/h36m_351_pt/seed_0/weights.h5"
    weights.unlink()
    for allowed, told in ((1, "; allow as many at a time: --resources gpu=2"), (2, ", but no more can be had than 0")):
        flags = [str(weights.relative_to(built.folder)), "--resources", f"gpu={allowed}"]
        result = built.snakemake(*flags, studies=ON_GPU, devices=2)
        assert result.returncode != 0
        assert f"2 devices are to share the batches of a training{told}" in result.stdout + result.stderr


def test_gpus_that_may_not_be_used_are_told_before_the_first_job(built: Workflow) -> None:
    """Their jobs would take the CPU instead."""
    (built.folder / PREDICTION).unlink()
    flags = [PREDICTION, "--rerun-triggers", "mtime", "--resources", "gpu=0"]
    result = built.snakemake(*flags, device="gpu", studies=ON_GPU)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "device is gpu in the configuration, but no GPU may be used; allow one: --resources gpu=1" in said
    assert "rule predict_poses:" not in said
    (built.folder / PREDICTION).with_name("prediction.json").unlink()
    assert "--device cpu" in built.build(*flags, "--printshellcmds", device="auto", studies=ON_GPU)


def test_batches_that_cannot_be_shared_are_faults(config: dict) -> None:
    config["devices"] = 3
    faults = config_faults(config)
    twins = "batch_size 512 cannot be shared evenly, mirrored twins together, by 3 devices; take a multiple of 6"
    assert f"studies.paper.experiments.h36m_351: {twins}" in faults
    assert not [fault for fault in faults if fault.startswith("studies.demo")]  # on the CPU
    assert not config_faults(config | {"devices": 2})
    assert not config_faults(config | {"device": "cpu"})


def test_wrong_settings_are_faults(config: dict) -> None:
    config["studies"]["demo"]["resources"]["gpus"] = -1
    config["device"] = "cuda"
    config["devices"] = 0
    faults = config_faults(config)
    assert "studies.demo.resources.gpus: -1 is too small; it must be at least 0" in faults
    assert "devices: 0 is too small; it must be at least 1" in faults
    assert "device: expected one of auto, gpu, cpu, not 'cuda'" in faults
