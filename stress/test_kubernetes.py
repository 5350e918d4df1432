"""The profile for Kubernetes, with the executor plugin itself, against a stand-in for the cluster's API.

The stand-in checks nothing, but runs what it is sent; the manifests are checked against the schemas of Kubernetes, and for what
those do not say. What is left to a real cluster: images, volumes, permissions, scheduling.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_server import Cluster
from workflow_copy import Workflow, copy_of_project

PROJECT = Path(__file__).parents[1]
PLUGIN = re.findall(r"snakemake-executor-plugin-kubernetes==[\d.]+", (PROJECT / "envs/Dockerfile").read_text("utf-8"))[0]
VALIDATOR = "kubernetes-validate==1.37.0"
VERSION = "1.32"  # of Kubernetes
STUDY = {"studies": {"demo": {"resources": {"gpus": 1, "train_threads": 4}, "run": ["people_81"]}}}
SUBMITTED = {"merge_mocap", "train_network", "predict_poses", "score_predictions", "score_mean_pose"}
LOGINS = {"AMASS_USERNAME": "somebody", "AMASS_PASSWORD": "the secret"}


@pytest.fixture(scope="module")
def figures(collected: Callable[..., Any]) -> Iterator[list[str]]:
    """Lines of the table in docs/reliability.md."""
    with collected("kubernetes", 3) as lines:
        yield lines


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the plugin on top of this environment, which it leaves as it is."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    uv = str(Path(sys.executable).with_name("uv"))
    own = subprocess.run([uv, "pip", "freeze", "--python", sys.executable], capture_output=True, text=True, check=True).stdout
    pinned = folder.with_name("pinned.txt")
    pinned.write_text("".join(line + "\n" for line in own.splitlines() if "==" in line), encoding="utf-8")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        str(folder / "bin/python"),
        "--constraint",
        str(pinned),
        PLUGIN,
        VALIDATOR,
    ]
    result = subprocess.run([*command, PLUGIN, VALIDATOR], capture_output=True, text=True, timeout=300, check=False)
    if result.returncode:
        pytest.skip(f"cannot install {PLUGIN} and {VALIDATOR} here: {result.stderr[-300:]}")
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "beneath.pth").write_text(f"{next(Path(sys.prefix).glob('lib/python*/site-packages'))}\n", encoding="utf-8")
    return folder / "bin/python"


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    """A copy with stand-ins for the scripts: it is jobs that count here, not what they compute."""
    copy = copy_of_project(PROJECT, tmp_path / "project")
    (copy.folder / "changes.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    return copy


@pytest.fixture
def command(python: Path, workflow: Workflow) -> list[str]:
    """The shipped profile, for a volume that is mounted where the copy lies."""
    flags = ["--workflow-profile", "profiles/kubernetes", "--configfile", "changes.yaml"]
    flags += [
        "--kubernetes-shared-persistent-volumes",
        f"uplift-upsample:{workflow.folder}",
        "--precommand",
        f"cd {workflow.folder}",
    ]
    return [str(python), "-m", "snakemake", *flags, "--seconds-between-status-checks", "1", "--latency-wait", "5"]


def surroundings(cluster: Cluster, home: Path) -> dict[str, str]:
    own = {"KUBECONFIG": str(cluster.kubeconfig), "HOME": str(home), "XDG_CACHE_HOME": str(home), "PATH": os.environ["PATH"]}
    return own | LOGINS | {"PYTHONPATH": str(PROJECT / "profiles/kubernetes")}


def faults(python: Path, manifests: list[dict[str, Any]]) -> str:
    """What the schemas of Kubernetes find wrong."""
    code = (
        f"import json, sys, kubernetes_validate as k\nfor one in json.load(sys.stdin): k.validate(one, {VERSION!r}, strict=True)\n"
    )
    result = subprocess.run([str(python), "-c", code], input=json.dumps(manifests), capture_output=True, text=True, check=False)
    return result.stderr


def test_driver_manifests_are_valid(python: Path) -> None:
    manifests = list(yaml.safe_load_all((PROJECT / "profiles/kubernetes/driver.yaml").read_text("utf-8")))
    assert [one["kind"] for one in manifests] == ["PersistentVolumeClaim", "ServiceAccount", "Role", "RoleBinding", "Pod"]
    assert faults(python, manifests) == ""
    broken = json.loads(json.dumps(manifests))
    broken[-1]["spec"]["containers"][0]["volumeMount"] = []
    assert "volumeMount" in faults(python, broken)


def test_demo_runs_in_pods(python: Path, workflow: Workflow, command: list[str], figures: list[str], tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster", f"{python.parent}:{os.environ['PATH']}") as cluster:
        result = subprocess.run(
            command,
            cwd=workflow.folder,
            env=surroundings(cluster, tmp_path),
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        logs = "\n".join(path.read_text(errors="replace")[-3000:] for path in cluster.logs.glob("*.log"))
        assert result.returncode == 0, f"{result.stdout}{result.stderr}{logs}"
    assert (workflow.folder / "results/demo/tables/main_results.md").exists()
    assert set(cluster.jobs) <= cluster.deleted, "a job was left in the cluster"
    manifests = list(cluster.jobs.values())
    assert faults(python, manifests) == ""
    of_rule: dict[str, dict[str, Any]] = {}
    for manifest in manifests:
        pod = manifest["spec"]["template"]["spec"]
        container = pod["containers"][0]
        of_rule[re.findall(r"--allowed-rules '?(\w+)", container["args"][1])[0]] = container
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", manifest["metadata"]["name"])
        assert manifest["spec"]["backoffLimit"] == 0
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert len(set(mounts)) == len(mounts) == 2
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        assert container["image"] == "REGISTRY/uplift-upsample:gpu"
        assert (
            container["args"][1].startswith(f"cd {workflow.folder} && python -m snakemake") or "/python -m" in container["args"][1]
        )
        limits, requests = container["resources"]["limits"], container["resources"]["requests"]
        assert limits["memory"] == requests["memory"]
        # the API refuses extended resources of which more is asked for than allowed
        assert limits.get("nvidia.com/gpu") == requests.get("nvidia.com/gpu")
    assert set(of_rule) == SUBMITTED
    limits = of_rule["train_network"]["resources"]["limits"]
    assert {name: limits[name] for name in ("cpu", "memory", "nvidia.com/gpu")} == {
        "cpu": "4000m",
        "memory": "3000M",
        "nvidia.com/gpu": "1",
    }
    assert "nvidia.com/gpu" not in of_rule["score_predictions"]["resources"]["limits"]
    sent = json.dumps([manifests, cluster.secrets])
    assert not [name for name in [*LOGINS, *LOGINS.values()] if name in sent], "logins went into the cluster"
    figures += [
        f"| the demo's jobs with stand-in scripts | {len(manifests)} manifests, all valid for Kubernetes {VERSION};"
        " their commands ran to the tables |",
        "| logins in the environment of Snakemake | in no manifest and no secret |",
    ]


def test_interrupted_workflow_leaves_no_job(
    workflow: Workflow, python: Path, command: list[str], figures: list[str], tmp_path: Path
) -> None:
    script = workflow.folder / "scripts/merge_mocap.py"
    script.write_text(f"import time\n\ntime.sleep(300)\n{script.read_text('utf-8')}", encoding="utf-8")
    with Cluster(tmp_path / "cluster", f"{python.parent}:{os.environ['PATH']}") as cluster:
        process = subprocess.Popen(command, cwd=workflow.folder, env=surroundings(cluster, tmp_path), start_new_session=True)
        end = time.monotonic() + 60
        while not cluster.running():
            assert time.monotonic() < end
            time.sleep(0.1)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
        assert set(cluster.jobs) <= cluster.deleted
        time.sleep(0.5)
        assert cluster.running() == []
    figures.append(f"| Snakemake interrupted (SIGINT) | {len(cluster.jobs)} running job, deleted |")
