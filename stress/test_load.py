"""Many jobs, many experiments, much data, many readers: seconds and memory. Ten minutes on two cores that do nothing else."""

import copy
import math
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from workflow_copy import Workflow, copy_of_project
from world.large_h36m import write_large_h36m
from world.measuring import PROJECT, Measured, measured, measured_together

TIMES = 10  # Human3.6M
READERS = 8
PROBES = PROJECT / "stress/load_probes.py"
MINI = {"num_tokens": 15, "s_out": 5, "s_in": [5, 10, 20], "strides": [3, 5], "spatial_dim": 16, "temporal_dim": 64}
MINI |= {"spatial_blocks": 1, "temporal_blocks": 1, "num_heads": 2}

Sections = dict[str, list[str]]


@pytest.fixture(scope="module")
def sections(recorded) -> Iterator[Sections]:
    """What each run measured; written down once all have passed."""
    found: Sections = {}
    yield found
    if len(found) == 4:
        recorded("load", "\n\n".join("\n".join(lines) for lines in found.values()).splitlines())


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the public files, and room for what is made from them; gone with all its gigabytes at the end."""
    folder = tmp_path_factory.mktemp("large")
    if shutil.disk_usage(folder).free < 25e9:
        pytest.fail(f"{folder}: 25 GB of free space are needed")
    write_large_h36m(folder, TIMES)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def conversion(public: Path) -> Measured:
    """The public files to the frames table."""
    poses = ["--poses_3d", "data_3d_h36m.npz", "--poses_2d", "data_2d_h36m_gt.npz", "--input_2d", "gt"]
    return measured([PROJECT / "scripts/convert_h36m.py", *poses, "--output", "h36m.h5"], public)


def workflow_of(folder: Path, num_experiments: int, num_seeds: int = 1) -> Workflow:
    """A copy of the project, its scripts stand-ins, whose demo has so many experiments; three strides each."""
    workflow = copy_of_project(PROJECT, folder)
    change_demo(workflow, num_experiments, num_seeds)
    return workflow


def change_demo(workflow: Workflow, num_experiments: int, num_seeds: int = 1) -> None:
    config = yaml.safe_load((PROJECT / "config.yaml").read_text("utf-8"))
    demo = config["studies"]["demo"]
    demo["experiments"] = {
        f"people_{number:03}": copy.deepcopy(demo["experiments"]["people_351"]) for number in range(num_experiments)
    }
    for experiment in demo["experiments"].values():
        experiment["base"] = "mini_351"
    demo["seeds"] = list(range(num_seeds))
    workflow.write_config(config)


def snakemake(workflow: Workflow, *arguments: str, is_good: bool = True) -> Measured:
    return measured(["-m", "snakemake", "--cores", "2", *arguments], workflow.folder, is_good=is_good)


def table(*rows: tuple[Any, ...]) -> list[str]:
    """A table in Markdown; the first row is its head."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def seconds(value: float) -> str:
    return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"


def times(one: Measured) -> str:
    """The clock's seconds and the processor's, which show how busy the machine was with other things."""
    return f"{seconds(one.seconds)} ({seconds(one.cpu)})"


def memory(value: float) -> str:
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def test_500_evaluation_jobs(tmp_path: Path, sections: Sections) -> None:
    """One graph from data to tables: 4 experiments x 3 strides x 21 seeds, each predicted and scored."""
    workflow = workflow_of(tmp_path / "project", num_experiments=4, num_seeds=21)
    dry = snakemake(workflow, "-n", "demo")
    evaluations = sum(
        int(count) for count in re.findall(r"^(?:predict_poses|score_predictions) +(\d+)$", dry.said, re.MULTILINE)[:2]
    )
    assert evaluations == 504
    begin = snakemake(workflow, "demo")
    num_jobs = int(re.findall(r"(\d+) of \1 steps \(100%\) done", begin.said)[0])
    assert len(list(workflow.folder.glob("results/demo/*/seed_*/s_in_*/scores.json"))) == 252
    again = snakemake(workflow, "-n", "demo")
    assert "Nothing to be done" in again.said
    assert dry.peak < 1e9
    sections["jobs"] = [
        f"{evaluations} evaluation jobs in one graph of {num_jobs}, with stand-ins for the scripts: the time is Snakemake's.",
        "",
        *table(
            ("what", "time (of the processor)", "memory"),
            ("dry run, nothing there", times(dry), memory(dry.peak)),
            ("all jobs, two at a time", times(begin), memory(begin.peak)),
            ("dry run, all there", times(again), memory(again.peak)),
        ),
    ]


def test_100_experiments(tmp_path: Path, sections: Sections) -> None:
    """Start-up, dry run and the collection of errors must grow no faster than the configuration."""
    workflow = workflow_of(tmp_path / "project", num_experiments=1)
    rows = [("experiments", "start-up (processor)", "dry run, one seed", "memory", "as many faults, all reported at once")]
    taken: dict[int, list[float]] = {}
    for num_experiments in (4, 100, 400):
        change_demo(workflow, num_experiments)
        start, dry = snakemake(workflow, "--list"), snakemake(workflow, "-n", "demo")
        config = workflow.config()
        for experiment in config["studies"]["demo"]["experiments"].values():
            experiment["train"] = {"epochz": 3}
        workflow.write_config(config)
        refused = snakemake(workflow, "-n", "demo", is_good=False)
        assert f"{num_experiments} faults in the configuration" in refused.said
        assert refused.said.count("did you mean 'epochs'?") == num_experiments
        taken[num_experiments] = [start.cpu, dry.cpu, refused.cpu]
        rows.append((num_experiments, times(start), times(dry), memory(dry.peak), times(refused)))
    # The processor's seconds, since others may use it: an experiment among 400 takes at most twice as much as one among 100.
    for few, many, most in zip(*taken.values(), strict=True):
        assert (most - many) / 300 < 2 * max(many - few, 0.5) / 96, taken
    sections["experiments"] = ["Experiments in `config.yaml`, three evaluations each.", "", *table(*rows)]


def test_ten_times_human36m(public: Path, conversion: Measured, sections: Sections) -> None:
    """From the public files through training batches and evaluation: memory is that of the job, not of the data."""
    path = public / "h36m.h5"
    opened = measured([PROBES, "open_table", path], public)
    assert opened.answer["camera_frames"] > 20e6
    training = measured([PROBES, "training", path, "100"], public)
    run = {"model": MINI, "name": "mini", "study": "load", "dataset": "h36m", "train_subset": "trainval"}
    (public / "run.yaml").write_text(yaml.safe_dump(run), encoding="utf-8")
    measured([PROBES, "weights", "run.yaml", "weights.h5"], public)
    step = 100
    evaluation = ["--config", "run.yaml", "--weights", "weights.h5", "--frames", path, "--s_in", "20", "--test_step", str(step)]
    predicted = measured([PROJECT / "scripts/predict_poses.py", *evaluation, "--output", "predictions.h5"], public)
    made = measured([PROBES, "predictions", path, "S11", "5", "all.h5"], public).answer
    scoring = ["--predictions", "all.h5", "--frames", path, "--output", "scores.json"]
    scored = measured([PROJECT / "scripts/score_predictions.py", *scoring], public)
    files = sum((public / name).stat().st_size for name in ("data_3d_h36m.npz", "data_2d_h36m_gt.npz"))
    rows = [
        ("what", "time (of the processor)", "private memory", "with mapped pages of the table"),
        ("conversion of the public files", times(conversion), memory(conversion.private), memory(conversion.peak)),
        ("opening the table", seconds(opened.answer["seconds"]), memory(opened.private), memory(opened.peak)),
        (
            f"training batches of 512 out of {training.answer['rows'] / 1e6:.1f} million examples",
            f"first {seconds(training.answer['first'])}, then {seconds(training.answer['each'])} each",
            memory(training.private),
            memory(training.peak),
        ),
        (
            f"prediction for every {step}th frame of S9 and S11",
            times(predicted),
            memory(predicted.private),
            memory(predicted.peak),
        ),
        (
            f"scoring of {made['camera_frames'] / 1e6:.1f} million frames of S11",
            times(scored),
            memory(scored.private),
            memory(scored.peak),
        ),
    ]
    assert conversion.private < 7e9
    assert training.private < 1e9
    assert opened.private < 0.2e9
    assert scored.private < 1.5e9
    size = f"{opened.answer['camera_frames'] / 1e6:.1f} million camera frames in {opened.answer['videos']} videos"
    size_of_table = f"{path.stat().st_size / 1e9:.1f} GB"
    sections["data"] = [
        f"{size}, {TIMES} times Human3.6M: {files / 1e9:.1f} GB of public files, a frames table of {size_of_table}.",
        "",
        *table(*rows),
    ]


def test_eight_readers(public: Path, conversion: Measured, sections: Sections) -> None:
    """One table, eight processes: the pages are the system's, and there once."""
    path = public / "h36m.h5"
    measured([PROBES, "whole", path], public)  # whatever of the file is not in the page cache yet
    rows = [("what", "readers", "time (of all processors)", "private memory of each", "memory of all")]
    for what, probe in (("the whole table, once", ["whole", path]), ("100 training batches", ["training", path, "100"])):
        for count in (1, READERS):
            start = time.monotonic()
            found, together = measured_together([[PROBES, *probe]] * count, public)
            assert all(one.code == 0 for one in found), found[0].said
            assert len({one.answer.get("sum") for one in found}) == 1
            private = max(one.private for one in found)
            together = together if count > 1 else found[0].peak
            taken = f"{seconds(time.monotonic() - start)} ({seconds(sum(one.cpu for one in found))})"
            rows.append((what, count, taken, memory(private), memory(together)))
            assert together < path.stat().st_size + count * private + 1e9, "the table was copied"
    assert not math.isnan(found[0].answer["each"])
    sections["readers"] = [
        f"The table of {path.stat().st_size / 1e9:.1f} GB, read by one process and by {READERS} at once.",
        "",
        *table(*rows),
    ]
