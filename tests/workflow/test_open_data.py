"""Motion capture without a licence, for real: the CMU database from its site, a zip file or a folder; the user's own recordings."""

import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from workflow_copy import Workflow, copy_of_project, jobs_of
from world import cmu_archive, mocap_files
from world.people import write_amass_file
from world.sites import Sites

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.download.source_files import read_sources
from uplift_upsample.data.frames import read_frames_table

TABLE = "results/open/data/cmu.h5"
SUBJECTS = {"train": ["01", "02"], "val": ["07"], "test": ["14"]}
OPEN = {"studies": {"open": {"data": {"cmu": {"trials": "trials.csv", "splits": SUBJECTS}}}}}


@pytest.fixture
def workflow(project: Path, tmp_path: Path) -> Workflow:
    copied = copy_of_project(project, tmp_path / "project", is_real=True)
    cmu_archive.write_trials(copied.folder / "trials.csv")
    return copied


@pytest.mark.long
def test_the_database_comes_in_one_archive(workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = cmu_archive.write_archive(tmp_path / "site.zip")
    source = read_sources(workflow.folder / "workflow/resources/sources.csv")["cmu_all"]
    with Sites(tmp_path) as sites:
        sites.put_source(source, archive)
        for name, value in sites.environment().items():
            monkeypatch.setenv(name, value)
        said = workflow.build(TABLE, **OPEN)
    assert Counter(job.rule for job in jobs_of(said)) == {"fetch_source": 1, "fetch_cmu": 4, "convert_cmu": 4, "merge_cmu": 1}
    assert [seen.url for seen in sites.seen] == [source.url], "one request, however many trials"
    assert workflow.counts(TABLE, **OPEN) == {}
    assert read_frames_table(workflow.folder / TABLE).sequence_subject.tolist()
    fetched = sha256_of_file(workflow.folder / TABLE)

    # the same from a zip file of the user's, and from a folder that it was unpacked into
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    for number, place in enumerate([archive, tmp_path / "all_asfamc"]):
        other = workflow.copy_to(tmp_path / f"other_{number}")
        for path in (other.folder / "results", other.folder / "data"):
            path.rename(path.with_name(f"former_{path.name}"))
        said = other.build(TABLE, **OPEN, cmu_source=str(place))
        assert Counter(job.rule for job in jobs_of(said)) == {"fetch_cmu": 4, "convert_cmu": 4, "merge_cmu": 1}
        assert sha256_of_file(other.folder / TABLE) == fetched


def test_the_page_about_own_recordings_ends_in_a_page(workflow: Workflow, project: Path) -> None:
    """The configurations and commands of the documentation, as they stand there; what they would run."""
    text = (project / "docs/own_motion_capture.md").read_text("utf-8")
    for name in ("anna/walk_1", "ben/a", "cem/a", "dora/a"):
        mocap_files.write_recording(workflow.folder / f"data/my_lab/{name}.npz")
    configurations = re.findall(r"Save this as `(\w+\.yaml)`.*?```yaml\n(.*?)```.*?```sh\n(.*?)```", text, re.DOTALL)
    assert [name for name, *_ in configurations] == ["my_lab.yaml", "more_cmu.yaml"]
    (name, study, command), (_, _, other) = configurations
    (workflow.folder / name).write_text(study, encoding="utf-8")
    assert command.split()[0] == other.split()[0] == "snakemake"
    said = workflow.snakemake(*command.split()[1:], "--dry-run")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "results/my_lab/index.html" in text
    assert "results/my_lab/index.html" in said.stdout + said.stderr


def test_own_recordings_are_a_study_and_a_subset(workflow: Workflow) -> None:
    lab, converted = workflow.folder / "data/my_lab", workflow.folder / "data/amass"
    for seed, (name, unit, up_axis) in enumerate([("anna/a", "mm", "y"), ("anna/b", "m", "z"), ("ben/a", "cm", "-x")]):
        mocap_files.write_recording(lab / f"{name}.npz", 300, seed, unit=unit, up_axis=up_axis)
    write_amass_file(converted / "CMU.npz", 2, (60, 80))
    changes = {
        "studies": {
            "paper": {"data": {"amass": {"subsets": ["CMU"], "own": {"MyLab": "data/my_lab"}}}},
            "my_lab": {
                "seeds": [0],
                "data": {"lab": {"kind": "mocap", "folder": "data/my_lab", "splits": {"train": ["anna"], "test": ["ben"]}}},
                "experiments": {"cmu_small": {"dataset": "lab", "train_subset": "train", "test_subset": "test"}},
            },
        }
    }
    targets = ["results/paper/data/amass.h5", "results/my_lab/data/lab.h5"]
    said = workflow.build(*targets, **changes)
    assert Counter(job.rule for job in jobs_of(said)) == {"convert_mocap": 1, "convert_amass": 1, "merge_mocap": 1}
    amass, own = (read_frames_table(workflow.folder / target) for target in targets)
    assert set(amass.sequence_subject.tolist()) == {"CMU", "MyLab"}
    assert amass.metadata["splits"]["train"] == ["CMU", "MyLab"]
    assert own.metadata["splits"] == {"train": ["anna"], "test": ["ben"]}
    assert len(own.poses_2d) > 500
    assert workflow.counts(*targets, **changes) == {}

    (lab / "anna/a.npz").touch()
    assert workflow.counts(*targets, **changes) == {}
    mocap_files.write_recording(lab / "ben/b.npz", 300, seed=9)
    assert workflow.counts(*targets, **changes) == {"convert_mocap": 1, "convert_amass": 1, "merge_mocap": 1}
