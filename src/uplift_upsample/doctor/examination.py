"""What the doctor looks at: the configuration, the machine, the data, and the speed of a few networks."""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import raise_all
from uplift_upsample.data.frames import read_frames_table, subjects_of
from uplift_upsample.data.frames_contents import holds_data_of
from uplift_upsample.data.mocap.cmu_trials import read_trials
from uplift_upsample.data.mocap.own_folder import read_folder
from uplift_upsample.data.resample import exact_count
from uplift_upsample.doctor.estimate import Speed, StageEstimate, stage_estimates
from uplift_upsample.doctor.findings import (
    Finding,
    clip_findings,
    command_finding,
    data_findings,
    login_findings,
    machine_findings,
    package_findings,
    python_finding,
)
from uplift_upsample.machine.devices import Devices, listed_devices, offered_devices, usable_cores
from uplift_upsample.machine.provenance import describe_run
from uplift_upsample.model.cost import network_cost
from uplift_upsample.plan.checks import config_faults
from uplift_upsample.plan.configuration import Configuration
from uplift_upsample.plan.dataset_base import NUM_CAMERAS
from uplift_upsample.plan.people import PeoplePlan, people_plan
from uplift_upsample.plan.repeated_keys import repeated_keys
from uplift_upsample.plan.study import PlannedExperiment, Study, studies_of
from uplift_upsample.plan.surroundings import rows_of_sources, surroundings_here
from uplift_upsample.plan.ways import frames_of

STUDIES_DEFAULT = "all of the configuration"
NEEDED = ("numpy", "h5py", "keras", "tensorflow", "snakemake", "pyyaml", "pydantic", "tqdm", "tensorboardx")
OPTIONAL = {"ffmpeg": "animations are made as GIF, not as MP4", "git": "results do not record the commit of the code"}
PATIENCE = 600  # seconds; a machine that others keep busy takes minutes


@dataclass(frozen=True)
class Calibration:
    """What was measured. failure: why nothing was; device: what the framework uses; speeds: of the networks of each study; known:
    whatever else the estimate of a study rests on, with ``speeds`` as plain values, so that a run can be compared with it later
    (``tests/doctor/recorded_runs.json``); basis: words for what was measured.
    """

    device: str | None = None
    speeds: Mapping[str, tuple[Speed, ...]] = field(default_factory=dict)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    basis: str = ""
    failure: Finding | None = None


def read_plan(
    files: Sequence[str], names: Sequence[str] | None, changes: Mapping[str, Any] | None = None
) -> tuple[list[Study], PeoplePlan]:
    """The studies of a configuration, each file merged into those before it, and what it plans for clips.

    changes: keys and values that are merged last. Raises ``InputError`` for all faults.
    """
    values: dict[str, Any] = {}
    for path in files:
        try:
            content = yaml.safe_load(Path(path).read_text("utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InputError(f"{path}: not a readable configuration ({error}); run this in the project's folder") from None
        if not isinstance(content, dict):
            raise InputError(f"{path}: it holds no keys and values")
        values = _merged(values, content)
    values = _merged(values, dict(changes or {}))
    where = ", ".join([*files, *(["--values"] if changes else [])])
    repeated = [fault for path in files for fault in repeated_keys(path)]
    raise_all([*repeated, *(f"{where}: {fault}" for fault in config_faults(values))])
    config = Configuration.model_validate(values)
    studies = studies_of(config)
    unknown = [name for name in names or () if name not in studies]
    if unknown:
        raise InputError(f"{where}: no study {', '.join(unknown)}; there are {', '.join(studies)}")
    return [studies[name] for name in names or studies], people_plan(config.people)


def _merged(values: dict[str, Any], differences: dict[str, Any]) -> dict[str, Any]:
    """As --configfile merges: key by key, and anything but a mapping is replaced."""
    merged = dict(values)
    for key, value in differences.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def findings_of(
    studies: Sequence[Study], people: PeoplePlan, project: Path, environ: Mapping[str, str]
) -> tuple[list[Finding], Devices]:
    """All findings but those on the devices, which depend on the framework; and the devices."""
    machine = describe_run()
    locks = {path.stem: path.read_text("utf-8") for path in (project / "envs/cpu.lock", project / "envs/gpu.lock") if path.exists()}
    largest = {study.name: max((e.resources.train_memory for e in study.trained), default=0) for study in studies}
    around = surroundings_here(rows_of_sources(project / "workflow/resources/sources.csv"), environ, holds_data_of)
    found = [python_finding(), *package_findings({f"envs/{name}.lock": text for name, text in locks.items()}, NEEDED)]
    found += [command_finding(command, what) for command, what in OPTIONAL.items()]
    found += machine_findings(usable_cores(), machine["memory_bytes"], project, largest)
    for study in studies:
        found += data_findings(study, around, functools.partial(frames_of, study.name))
    found += clip_findings(Path(people.folder))
    found += login_findings(around.logins)
    return found, offered_devices(environ, listed_devices(shutil.which("nvidia-smi")))


def estimates_of(
    studies: Sequence[Study], project: Path, environ: Mapping[str, str]
) -> tuple[Calibration, dict[str, list[StageEstimate]]]:
    """Calibrate, and estimate the stages of each study."""
    costs = {study.name: {one.name: float(cost_of(one)) for one in [*study.trained, *study.evaluated]} for study in studies}
    calibration = calibrated(studies, costs, project, environ)
    if calibration.failure:
        return calibration, {}
    found = {}
    for study in studies:
        frames = {experiment.name: test_frames(study, experiment) for experiment in study.evaluated}
        speeds, cores = calibration.speeds.get(study.name, ()), usable_cores()
        found[study.name] = stage_estimates(study, costs[study.name], speeds, frames, cores) if speeds else []
        known = {"cores": cores, "costs": costs[study.name], "test_frames": frames}
        calibration.known[study.name] = {**known, "calibration": list(map(asdict, speeds))}
    return calibration, found


def cost_of(experiment: PlannedExperiment) -> int:
    """Multiply-accumulates of a window at the smallest stride."""
    model = experiment.experiment.model
    return network_cost(model, min(model.evaluated_s_in)).multiply_accumulates


def calibrated(
    studies: Sequence[Study], costs: Mapping[str, Mapping[str, float]], project: Path, environ: Mapping[str, str]
) -> Calibration:
    """Measure the smallest and the largest network of each study as its jobs will run: with their threads, as many at a time."""
    speeds: dict[str, tuple[Speed, ...]] = {}
    parts: list[str] = []
    device = None
    for study in studies:
        planned = {one.name: one for one in [*study.trained, *study.evaluated]}
        ordered = sorted(planned, key=costs[study.name].__getitem__)
        if not ordered:
            continue
        chosen = list(dict.fromkeys([ordered[0], ordered[-1]]))
        resources = [planned[name].resources for name in chosen]
        threads = min(max(one.train_threads for one in resources), usable_cores())
        at_a_time = 1 if any(one.gpus for one in resources) else min(usable_cores() // threads, len(planned) * len(study.seeds))
        runs = [
            {"name": f"{study.name}/{name}", "multiply_accumulates": costs[study.name][name], "experiment": one.to_mapping()}
            for name, one in ((name, planned[name].experiment) for name in chosen)
        ]
        answers = measured(runs, threads, at_a_time, project, environ)
        if isinstance(answers, Finding):
            return Calibration(failure=answers)
        device = answers[0]["device"]
        speeds[study.name] = tuple(map(mean_speed, zip(*(answer["speeds"] for answer in answers), strict=True)))
        how = f"{at_a_time} at a time, {threads} threads"
        parts += [
            f"{one.network}, {one.train_batch} windows ({1000 * one.train_seconds:.0f} ms; {how})" for one in speeds[study.name]
        ]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    busy = f" (others kept it busy, load {load:.0f}: it will be quicker without them)" if load > 2 * usable_cores() else ""
    return Calibration(device, speeds, {}, f"real training steps on {device}{busy}: {'; '.join(parts)}")


def measured(
    runs: Sequence[Mapping[str, Any]], threads: int, at_a_time: int, project: Path, environ: Mapping[str, str]
) -> list[dict[str, Any]] | Finding:
    """What some processes of calibrate.py measure side by side: what breaks there is a finding."""
    command = [sys.executable, str(project / "scripts/calibrate.py"), "--networks", json.dumps(runs)]
    environment = {**environ, "OMP_NUM_THREADS": str(threads)}

    def one(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False)

    try:
        with ThreadPoolExecutor(at_a_time) as pool:
            ended = list(pool.map(one, range(at_a_time)))
    except subprocess.TimeoutExpired:
        return Finding("Environment", "fault", f"the framework made no step within {PATIENCE} seconds")
    for done in ended:
        if done.returncode:
            said = done.stderr.strip().splitlines()[-3:]
            return Finding("Environment", "fault", "the framework does not work", (*said, "make install"))
    return [json.loads(done.stdout.splitlines()[-1]) for done in ended]


def mean_speed(measured: Sequence[Mapping[str, Any]]) -> Speed:
    """Of one network, measured by several processes at a time."""
    one = measured[0]
    means = {key: sum(other[key] for other in measured) / len(measured) for key in one if key.endswith("_seconds")}
    return Speed(**{**one, **means})


@functools.cache
def frames_of_people(folder: str) -> dict[str, int]:
    """Frames at 50 Hz of each subject of a folder of recordings.

    Empty if the recordings cannot be used; their rule reports why.
    """
    with suppress(InputError):
        return {subject.subject: sum(len(clip.poses_3d) for clip in subject.clips) for subject in read_folder(folder)}
    return {}


def test_frames(study: Study, experiment: PlannedExperiment) -> int | None:
    """Frames of the videos that an experiment is tested on: counted where the data exists, else what is known of it."""
    path, source = frames_of(study.name, experiment.test_dataset), study.data[experiment.test_dataset]
    if os.path.exists(path):
        table = read_frames_table(path)
        return int(table.video_length[table.videos_of(subjects_of(table, experiment.test_subset or ""))].sum())
    subset, people = experiment.test_subset or "", source.people()
    if people is None or subset in source.known_frames:
        return source.known_frames.get(subset)
    subjects = source.subjects_of(subset)[0]
    if not os.path.isfile(people):
        return NUM_CAMERAS * sum(frames_of_people(people).get(subject, 0) for subject in subjects) or None
    trials = [trial for trial in read_trials(people) if trial.subject in subjects]
    known = [exact_count(trial.frames, trial.fps) for trial in trials if trial.frames is not None]
    return NUM_CAMERAS * sum(known) if len(known) == len(trials) else None  # a list of your own need not have them
