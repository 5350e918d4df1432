"""What the doctor finds, on machines that lack this and that."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from uplift_upsample.base.errors import InputError
from uplift_upsample.doctor.estimate import (
    FLOAT,
    Speed,
    StepTime,
    duration,
    stage_estimates,
    table_of,
    wall_seconds,
)
from uplift_upsample.doctor.examination import read_plan
from uplift_upsample.doctor.findings import (
    clip_findings,
    data_findings,
    demo_can_run,
    device_findings,
    login_findings,
    machine_findings,
    package_findings,
    python_finding,
    text_of,
)
from uplift_upsample.machine.devices import Devices
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.plan.study import Study, plan
from uplift_upsample.plan.ways import LOGIN_VARIABLES, Surroundings

LOCK = """\
numpy==2.2.0 \\
    --hash=sha256:00
keras==3.15.0 ; python_version >= '3.9' \\
    --hash=sha256:00
old==1.0 ; python_version < '3' \\
    --hash=sha256:00
"""


@pytest.fixture(scope="module")
def studies(project: Path) -> dict[str, Study]:
    return plan(yaml.safe_load((project / "config.yaml").read_text("utf-8")))


def test_keys_that_are_there_twice_are_refused_as_in_the_workflow(project: Path, tmp_path: Path) -> None:
    """With all else that is wrong: YAML takes the last one, and what stood under the first would not be examined."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("reproduce: [demo]\ndevice: toaster\nreproduce: [paper]\n")
    with pytest.raises(InputError) as error:
        read_plan([str(project / "config.yaml"), str(mine)], None)
    twice, wrong = str(error.value).splitlines()
    assert twice == f"{mine}, line 3: reproduce occurs twice, first in line 1; only one of them would count"
    assert "device" in wrong


def test_values_of_the_command_come_last(project: Path) -> None:
    files, names = [str(project / "config.yaml"), str(project / "docs/examples/published_only.yaml")], ["paper"]
    assert read_plan(files, names)[0][0].published
    studies, people = read_plan(files, names, {"studies": {"paper": {"run": ["h36m_81"]}}, "evaluate_published": False})
    assert [one.name for one in studies[0].evaluated] == ["h36m_81"]
    assert people.detector == "heavy"
    with pytest.raises(InputError, match=r"published_only\.yaml, --values: device: expected one of auto, gpu, cpu, not 'x'"):
        read_plan(files, names, {"device": "x"})


def around(logins: set[str] | None = None, files: tuple[str, ...] = ()) -> Surroundings:
    sources: dict[str, dict[str, str]] = {}

    class Sources(dict):  # every source is behind a login, in a file of its own
        def __missing__(self, name: str) -> dict[str, str]:
            access = "h36m_cookie" if name.startswith("h36m_S") else "amass_login"
            return {"file": f"{name}.tgz", "access": access, "licence": "academic"}

        def __contains__(self, name: object) -> bool:
            return True

    return Surroundings(Sources(sources), logins or set(), lambda path: path in files)


def test_packages_are_compared_with_the_lock_that_fits() -> None:
    installed = {"numpy": "2.2.0", "keras": "3.15.0"}
    [found] = package_findings({"envs/cpu.lock": LOCK, "envs/gpu.lock": LOCK.replace("3.15", "3.99")}, ["numpy"], installed.get)
    assert (found.state, found.what) == ("ok", "2 packages as in envs/cpu.lock")
    larger = f"{LOCK}\nnvidia-cublas==12.9\n"  # has all of the other, and that is installed too
    for locks in ({"envs/cpu.lock": LOCK, "envs/gpu.lock": larger}, {"envs/gpu.lock": larger, "envs/cpu.lock": LOCK}):
        [found] = package_findings(locks, ["numpy"], {**installed, "nvidia-cublas": "12.9"}.get)
        assert (found.state, found.what) == ("ok", "3 packages as in envs/gpu.lock")
        [found] = package_findings(locks, ["numpy"], installed.get)
        assert found.what == "2 packages as in envs/cpu.lock"
    absent, differing = package_findings({"envs/cpu.lock": LOCK}, ["keras"], {"numpy": "2.1"}.get)
    assert (absent.state, absent.what) == ("fault", "not installed: keras")
    assert differing.state == "warning"
    assert differing.details[:2] == ("numpy 2.1: ==2.2.0 in the lock", "keras: not installed, ==3.15.0 in the lock")


def test_what_keeps_the_demo_from_running(tmp_path: Path) -> None:
    assert python_finding((3, 10, 2)).state == "fault"
    assert python_finding((3, 13, 0)).state == "ok"
    fine = machine_findings(2, 8_000_000_000, tmp_path, {"demo": 3000}, free_bytes=10**11)
    assert {finding.state for finding in fine} == {"ok"}
    assert demo_can_run(fine)
    for memory, free in ((1_000_000_000, 10**11), (8_000_000_000, 10**6)):
        poor = machine_findings(2, memory, tmp_path, {}, free_bytes=free)
        assert not demo_can_run(poor)
        assert "CANNOT" in text_of(poor)
    [tight] = [found for found in machine_findings(2, 8 * 10**9, tmp_path, {"paper": 16000}, 10**11) if found.state == "warning"]
    assert tight.details == ("paper: a job may take 16.0 GB",)


def test_gpus() -> None:
    assert "no driver" in device_findings(Devices(reason="no driver"))[0].what
    some = Devices(("GPU-1",))
    assert device_findings(some, "gpu:0")[0].state == "ok"
    assert device_findings(some, "cpu")[0].state == "warning"
    assert "--estimate" in device_findings(some)[0].what


def test_missing_data_tells_where_to_get_it(studies: dict[str, Study]) -> None:
    found = data_findings(studies["paper"], around(), lambda dataset: f"results/paper/data/{dataset}.h5")
    by_name = {finding.what.split(":")[0]: finding for finding in found}
    assert set(by_name) == {"h36m", "amass"}
    text = text_of([by_name["h36m"]])
    assert by_name["h36m"].state == "warning"
    assert "put here: data/raw/h36m_S1.tgz, h36m_S5.tgz" in text
    assert "export H36M_PHPSESSID=..." in text
    assert demo_can_run(found)
    frames = "results/paper/data/h36m.h5"
    ready = data_findings(studies["paper"], around(files=(frames,)), lambda dataset: f"results/paper/data/{dataset}.h5")
    assert "ok" in {finding.state for finding in ready if finding.what.startswith("h36m")}
    there = around(files=("workflow/resources/people",))
    assert {finding.state for finding in data_findings(studies["demo"], there, str)} == {"ok"}


def test_clips_and_what_videos_need(tmp_path: Path) -> None:
    there, absent = {"av": "18", "ai-edge-litert": "2"}, {"av": "18"}
    clips, packages = clip_findings(tmp_path / "people", there.get)
    assert (clips.state, packages.state) == ("note", "ok")
    assert clips.what.startswith(f"none in {tmp_path}/people;")
    assert [finding.state for finding in clip_findings(tmp_path / "people", absent.get)] == ["note", "note"]
    (tmp_path / "people/openpose").mkdir(parents=True)
    for name in ("walk.mp4", "jump.MOV", "run.json", "notes.txt"):
        (tmp_path / "people" / name).touch()
    clips, packages = clip_findings(tmp_path / "people", absent.get)
    assert clips.what == f"4 in {tmp_path}/people (2 videos, 2 of keypoints): snakemake --cores all people"
    assert (packages.state, packages.details) == ("warning", ("make install",))
    assert packages.what.startswith("videos cannot be read: ai-edge-litert not installed")
    assert demo_can_run([clips, packages])


def test_logins_are_told_by_their_names_only() -> None:
    found = login_findings({"amass_login"})
    assert {finding.what.split(":")[0]: finding.state for finding in found}["AMASS_USERNAME and AMASS_PASSWORD"] == "ok"
    assert [finding.state for finding in found].count("note") == len(LOGIN_VARIABLES) - 1


def test_time_of_a_step_has_a_fixed_part() -> None:
    """10 ms for each step and 1 ms for each unit of work are found again from two steps."""
    step = StepTime.through([(10.0, 0.020), (1000.0, 1.010)])
    assert step.fixed == pytest.approx(0.010)
    assert step.seconds(100) == pytest.approx(0.110)
    assert StepTime.through([(10.0, 0.020), (20.0, 0.021)]).seconds(40) == pytest.approx(0.080)  # too near to separate
    assert StepTime.through([(10.0, 0.020)]).seconds(5) == pytest.approx(0.010)


SPEED = Speed("demo/people_351", 1e6, 5.0, 15.0, 16, 0.01, 3.0, 256, 0.05, 800_000_000)


def test_estimates_of_a_study(studies: dict[str, Study]) -> None:
    demo = studies["demo"]
    rows = stage_estimates(demo, dict.fromkeys(demo.experiments, 1e6), [SPEED], {"people_351": 50_000}, 2)
    by_key = {(row.stage, row.experiment): row for row in rows}
    assert by_key["train", "people_351"].seconds == pytest.approx(5 + 15 + 1200 * 0.01)  # as measured
    assert by_key["train", "people_81"].seconds == pytest.approx(5 + 15 + 1800 * 0.005)  # half the batch
    windows = 2 * 50_000 / 5  # mirrored ones too, one every s_out frames
    assert by_key["predict", "people_351"].seconds == pytest.approx(3 * (5 + 3 + windows / 256 * 0.05))
    assert by_key["predict", "people_81"].seconds is None
    assert by_key["others", ""].seconds > 12 * 5 * 0.5  # twelve scores, each about a loading of the framework
    assert len(by_key) == 9
    assert " ? " in table_of(rows, 300)
    assert table_of(rows, 300).endswith("5 min")


def test_estimates_of_other_evaluations(studies: dict[str, Study]) -> None:
    """A fifth of the windows, without their mirror images; and every start counts."""
    demo = studies["demo"]
    own = demo.experiments["people_351"]
    fast = replace(own.experiment.evaluate, readout="sequence", hop=5, mirror=False)
    study = replace(demo, experiments={"people_351": replace(own, variants={"fast": fast})})
    rows = stage_estimates(study, {"people_351": 1e6}, [SPEED], {"people_351": 50_000}, 2)
    [found] = [row for row in rows if row.stage == "predict"]
    windows = (2 + 1 / 5) * 50_000 / 5
    assert found.jobs == 6
    assert found.seconds == pytest.approx(6 * (5 + 3) + 3 * windows / 256 * 0.05)


@pytest.mark.parametrize(
    ("changes", "windows"),
    [
        ({"test_step": 2}, 50_000 / 10),
        ({"interpolate": False}, 50_000),  # one around every frame
        ({"interpolate": False, "test_step": 4}, 50_000 / 4),
        ({"look_ahead": 10, "test_step": 4}, 2 * 50_000 / 5),  # each token with both look-aheads
    ],
)
def test_windows_of_other_evaluations(studies: dict[str, Study], changes: dict, windows: float) -> None:
    demo = studies["demo"]
    own = demo.experiments["people_351"]
    other = replace(own.experiment.evaluate, mirror=False, **changes)
    study = replace(demo, experiments={"people_351": replace(own, variants={"other": other})})
    rows = stage_estimates(study, {"people_351": 1e6}, [SPEED], {"people_351": 50_000}, 2)
    [found] = [row for row in rows if row.stage == "predict"]
    assert found.seconds == pytest.approx(6 * (5 + 3) + 3 * (20_000 + windows) / 256 * 0.05)


def test_a_measured_network_takes_what_was_measured(studies: dict[str, Study]) -> None:
    """Two networks whose steps have another fixed part each, such as with and without XLA: neither is drawn to the other."""
    demo = studies["demo"]
    other = replace(SPEED, network="demo/people_81", multiply_accumulates=0.6e6, train_batch=8, train_seconds=0.009)
    costs = {**dict.fromkeys(demo.experiments, 1e6), "people_81": 0.6e6}
    by_key = {(row.stage, row.experiment): row for row in stage_estimates(demo, costs, [SPEED, other], {}, 2)}
    assert by_key["train", "people_351"].seconds == pytest.approx(20 + 1200 * 0.01)
    assert by_key["train", "people_81"].seconds == pytest.approx(20 + 1800 * 0.009)


def test_a_study_takes_as_long_as_its_cores_and_its_longest_way(studies: dict[str, Study]) -> None:
    demo = studies["demo"]
    frames = dict.fromkeys(demo.experiments, 50_000)
    rows = {n: stage_estimates(demo, dict.fromkeys(demo.experiments, 1e6), [SPEED], frames, n) for n in (1, 2, 100)}
    in_turn = sum(row.seconds or 0 for row in rows[1])
    assert wall_seconds(demo, rows[1], 1) == pytest.approx(in_turn)
    assert wall_seconds(demo, rows[2], 2) == pytest.approx(in_turn / 2)  # one thread each, two at a time
    tuned = 20 + 900 * 0.01
    prediction = 5 + 3 + 20_000 / 256 * 0.05
    assert wall_seconds(demo, rows[100], 100) == pytest.approx(
        20 + 1200 * 0.01 + tuned + prediction
    )  # pre-training, tuning, prediction


RUNS = json.loads(Path(__file__).with_name("recorded_runs.json").read_text("utf-8"))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run['what']} on {run['machine']}")
def test_estimates_lie_near_real_runs(run: dict, studies: dict[str, Study]) -> None:
    """The formula, from a recorded calibration, against how long it really took there: within a factor of 1.5.

    Another record, from the same machine in the same state: what ``doctor.py --estimate --json --studies STUDY`` has under
    ``calibration``, with the seconds of the whole study (``stage`` null) or of all jobs of ``[stage, experiment]``.
    """
    study = studies[run["study"]]
    speeds = [Speed(**speed) for speed in run["calibration"]]
    rows = stage_estimates(study, run["costs"], speeds, run["test_frames"], run["cores"])
    if run["stage"]:
        [seconds] = [row.seconds for row in rows if [row.stage, row.experiment] == run["stage"]]
    else:
        seconds = wall_seconds(study, rows, run["cores"])
    assert run["seconds"] / 1.5 < seconds < run["seconds"] * 1.5


def test_memory_of_a_published_training_step() -> None:
    """Measured on a CPU: from 4 to 32 windows a step, the process grew by 23 MB for each window."""
    model = ModelConfig(num_tokens=71, s_out=5, s_in=(5, 10, 20), strides=(3, 10, 3), paddings=((0, 0), (0, 0), (0, 0)))
    assert FLOAT * model.activations() / 1e6 == pytest.approx(23, abs=2)


@pytest.mark.parametrize(("seconds", "shown"), [(40, "40 s"), (720, "12 min"), (3.5 * 3600, "3.5 h"), (9 * 86400, "9 days")])
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def doctor(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "scripts/doctor.py"), *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_command_line_without_the_framework(project: Path) -> None:
    done = doctor(project, "--json", "--studies", "demo", H36M_PHPSESSID="tell-nobody")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["demo_can_run"] is True
    assert told["estimates"] is None
    assert "tell-nobody" not in done.stdout + done.stderr
    assert {"Environment", "Machine", "GPU", "Logins", "Data of the study demo", "Your own clips"} == {
        row["area"] for row in told["findings"]
    }


def test_faults_of_the_configuration_are_one_error(project: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("studies: {demo: {seed: [1]}}\n", "utf-8")
    done = doctor(project, "--config", "config.yaml", str(mine), "--studies", "dem")
    assert done.returncode == 2
    assert re.match(r"error: config\.yaml, .*mine\.yaml: studies\.demo: unknown key 'seed', did you mean 'seeds'", done.stderr)
