"""The paper from the sites to its tables, for real: every job and every script, on small files in the formats of the sites.

The configuration is the published one with smaller networks, fewer steps and one or two of the three s_in. Windows, strides,
schedules, averages and subsets stay as published. The sites are played by a proxy on this machine;
addresses are the true ones.
"""

import csv
import json
import math
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from paper_copy import Paper, paper_on_sites
from workflow_copy import PAPER, counted, jobs_of
from world.processes import CommandLines
from world.sites import H36M, TUE
from world.warm_python import FRAMEWORK, warm_python

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.evaluate.metrics import MOTION

pytestmark = pytest.mark.long

EXPERIMENTS = ("amass_351", "h36m_351", "h36m_351_pt", "h36m_81")
NETWORK = {"spatial_dim": 8, "temporal_dim": 16, "spatial_blocks": 1, "temporal_blocks": 1, "num_heads": 2}
TRAINING = {"batch_size": 8, "epochs": 2, "steps_per_epoch": 3, "jit_compile": False}
RUNS = ("published", "seed_0")
EVALUATED = {"amass_351": (20,), "h36m_351": (5, 20), "h36m_351_pt": (5, 20), "h36m_81": (4,)}  # s_in
RESOURCES = {"train_threads": 1, "predict_threads": 1, "gpus": 0}
# From the sites: seven subjects, detections, 17 subsets, three parts of the body model, four weights.
FROM_SITES = {
    **PAPER,
    "predict_poses": 36,
    "score_predictions": 36,
    "check_login": 4,
    "fetch_source": 7 + 1 + 17 + 3 + 4,
    "convert_h36m_archive": 7,
    "merge_h36m": 1,
    "prepare_body_model": 1,
    "convert_amass_archive": 17,
}
CHANGES = {
    "reproduce": ["paper"],
    "experiments": {name: {"model": NETWORK, "train": TRAINING} for name in EXPERIMENTS},
    "studies": {
        "paper": {
            "seeds": [0],
            "resources": RESOURCES,
            "animations": ["S9_Walking_cam0"],
            "experiments": {name: {"evaluate_s_in": list(s_in)} for name, s_in in EVALUATED.items()},
        }
    },
}


@dataclass(frozen=True)
class Built:
    """The paper as it was built: what Snakemake said, and who saw the words that nobody else may see."""

    paper: Paper
    said: str
    command_lines: frozenset[str]


@pytest.fixture(scope="module")
def built_paper(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A copy of the project in which the paper was built with the real scripts, from sites that know the user's logins."""
    with paper_on_sites(project, tmp_path_factory.mktemp("paper"), CHANGES) as paper:
        with CommandLines() as seen:
            said = paper.workflow.build(**CHANGES)
        yield Built(paper, said, frozenset(seen.lines))


@pytest.fixture(scope="module")
def paper(built_paper: Built) -> Paper:
    return built_paper.paper


@pytest.fixture(scope="module")
def results(paper: Paper) -> Path:
    return paper.workflow.folder / "results/paper"


def numbers(value: Any, *, has_motion: bool = True) -> Iterator[float | None]:
    """All numbers in a JSON document of scores; but for motion from one key frame to the next, which is none."""
    if isinstance(value, dict):
        for key, part in value.items():
            if has_motion or key not in MOTION:
                yield from numbers(part, has_motion=has_motion and key != "key_frames")
    elif isinstance(value, list):
        for part in value:
            yield from numbers(part, has_motion=has_motion)
    elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield value


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_job_ran_once_and_nothing_is_left_to_do(built_paper: Built) -> None:
    workflow, said = built_paper.paper.workflow, built_paper.said
    assert counted(jobs_of(said)) == FROM_SITES
    assert {job.experiment for job in jobs_of(said)} == {*EXPERIMENTS, None}
    assert workflow.counts(**CHANGES) == {}


def test_logins_are_checked_before_the_first_archive(paper: Paper) -> None:
    behind_login = [seen for seen in paper.sites.seen if seen.host in (H36M, TUE)]
    is_check = [seen.headers.get("Range") == "bytes=0-511" for seen in behind_login]
    assert is_check == [True] * 26 + [False] * 26  # seven subjects, 17 subsets, SMPL+H, DMPLs; then each of them whole, once
    assert len({seen.url for seen in behind_login}) == 26
    assert len(paper.sites.seen) == 2 * 26 + 2 + 4 * 2  # the regressor and the detections, and the weights after a redirection


def test_credentials_are_seen_by_their_sites_and_nobody_else(built_paper: Built) -> None:
    paper = built_paper.paper
    words = paper.credentials.variables
    for seen in paper.sites.seen:
        assert (words["H36M_PHPSESSID"] in seen.headers.get("Cookie", "")) == (seen.host == H36M)
        assert bool(seen.body) == (seen.host == TUE)
    domains = {"domain=amass": "AMASS", "domain=mano": "MANO", "domain=smpl": "SMPL"}
    for seen in [seen for seen in paper.sites.seen if seen.host == TUE]:
        site = next(site for domain, site in domains.items() if domain in seen.url)
        sent = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        assert sent == {"username": words[f"{site}_USERNAME"], "password": words[f"{site}_PASSWORD"]}
    parts = [word[:16] for word in words.values()]  # without the signs that are spelt in many ways
    assert len(built_paper.command_lines) > 100
    assert not [line for line in [built_paper.said, *built_paper.command_lines] if any(part in line for part in parts)]
    files = [path for path in paper.workflow.folder.rglob("*") if path.is_file()]
    assert len(files) > 500
    assert not [path for path in files if any(part.encode() in path.read_bytes() for part in parts)]


def test_nothing_is_fetched_again_when_the_archives_are_deleted(paper: Paper, tmp_path: Path) -> None:
    moved = paper.workflow.copy_to(tmp_path / "moved")
    shutil.rmtree(moved.folder / "data")
    assert moved.counts(**CHANGES) == {}


def test_trainings_are_the_published_ones_in_small(results: Path) -> None:
    for name in EXPERIMENTS:
        training = read(results / name / "seed_0/training.json")
        assert (training["epochs"], training["steps"]) == (2, 6)
        losses = [float(row["loss_mm"]) for row in records(results / name / "seed_0/history.csv")]
        assert len(losses) == 2
        assert all(map(math.isfinite, losses))
    windows = {name: read(results / name / "seed_0/training.json")["run"]["model"] for name in EXPERIMENTS}
    assert {name: (model["num_tokens"], model["s_out"]) for name, model in windows.items()} == {
        **dict.fromkeys(EXPERIMENTS[:3], (71, 5)),
        "h36m_81": (41, 2),
    }


def test_pretraining_is_validated_on_other_motion_capture(results: Path) -> None:
    training = read(results / "amass_351/seed_0/training.json")
    assert training["identity"]["data"]["validation"]["subjects"] == ["MPIHDM05", "MPImosh", "SFU"]
    assert training["best_epoch"] == 2
    assert [row["validation_mpjpe_mm"] != "" for row in records(results / "amass_351/seed_0/history.csv")] == [False, True]


def test_fine_tuning_starts_from_the_pretrained_weights(results: Path) -> None:
    pretrained = sha256_of_file(results / "amass_351/seed_0/weights.h5")
    assert read(results / "amass_351/seed_0/training.json")["weights_sha256"] == pretrained
    start = {name: read(results / name / "seed_0/training.json")["identity"]["initial_weights_sha256"] for name in EXPERIMENTS}
    assert start == {**dict.fromkeys(EXPERIMENTS), "h36m_351_pt": pretrained}


def test_scores_are_finite_and_from_the_published_protocol(results: Path) -> None:
    paths = sorted(results.glob("*/*/s_in_*/scores.json"))
    assert {str(path.relative_to(results)) for path in paths} == {
        f"{name}/{run}/s_in_{s_in}/scores.json" for name in EXPERIMENTS for run in RUNS for s_in in EVALUATED[name]
    }
    for path in [*paths, results / "mean_pose/scores.json"]:
        document = read(path)
        protocol = document.pop("protocol")
        found = list(numbers(document))
        assert len(found) >= 3 * (2 + 15)  # metrics; averages and actions
        assert all(value is not None and math.isfinite(value) for value in found)
        assert (protocol["dataset"], sorted(protocol["subjects"])) == ("h36m", ["S11", "S9"])
        if protocol["experiment"] != "mean_pose":
            assert (protocol["input_2d"], protocol["mirror"], protocol["is_s_in_trained"]) == ("cpn_ft_h36m_dbb", True, True)


def test_published_weights_are_evaluated_as_they_came(paper: Paper) -> None:
    workflow = paper.workflow
    results = workflow.folder / "results/paper"
    for name in EXPERIMENTS:
        found = read(results / name / "published/weights.json")
        original = sha256_of_file(workflow.folder / f"data/raw/weights/{name}.h5")
        assert (found["source"], found["experiment"], found["sha256"]) == (f"weights_{name}", name, original)
        assert sha256_of_file(results / name / "published/weights.h5") == original
        assert found["num_weights"] == sum(found["groups"].values()) > 50
        assert found["num_parameters"] > 1000
        for path in (results / name / "published").glob("s_in_*/scores.json"):
            protocol = read(path)["protocol"]
            assert (protocol["weights"], protocol["seed"], protocol["weights_sha256"]) == ("published", None, original)
            ours = read(results / name / "seed_0" / path.parent.name / "scores.json")["protocol"]
            assert (ours["weights"], ours["seed"]) == ("trained", 0)
            differing = {key for key in ours if ours[key] != protocol[key]}
            assert differing == {"weights", "seed", "weights_sha256", "train_precision"}, "one protocol for both"


def test_weights_of_another_experiment_are_refused(paper: Paper, tmp_path: Path) -> None:
    workflow = paper.workflow
    command = [warm_python(*FRAMEWORK), "scripts/check_weights.py", "--source", "results/data/sources/weights_h36m_81.json"]
    command += ["--config", "results/paper/h36m_351/run.yaml", "--output", f"{tmp_path}/w.h5", "--report", f"{tmp_path}/w.json"]
    done = subprocess.run(command, cwd=workflow.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "data/raw/weights/h36m_81.h5: these weights do not fit the configured network" in done.stderr
    assert "shape (41, 16) instead of (71, 16): temporal_pe[0]" in done.stderr
    assert "Are weights_h36m_81 the weights of another experiment than h36m_351?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_tables_show_published_figures_beside_ours(results: Path, project: Path) -> None:
    rows = records(results / "tables/main_results.csv")
    assert {row["status"] for row in rows} == {"run"}
    is_motion = [row["metric"] in MOTION and row["frames"] == "key_frames" for row in rows]
    assert [row["mean_mm"] == "n/a" for row in rows] == is_motion
    figures = records(project / "workflow/resources/paper_results.csv")
    published = {(row["model"], row["s_in"]): float(row["value_mm"]) for row in figures}
    assert {int(s_in) for name, s_in in published if name == "h36m_351"} == {5, 10, 20}
    published = {key: value for key, value in published.items() if int(key[1]) in EVALUATED.get(key[0], ())}
    compared = [row for row in rows if row["published_mm"] != "n/a"]
    assert sorted((row["experiment"], row["s_in"], row["average"], row["weights"]) for row in compared) == sorted(
        (*key, average, weights)
        for key in published
        for average in ("action_wise", "frame_wise")
        for weights in ("published", "trained")
    )
    for row in compared:
        figure = published[row["experiment"], row["s_in"]]
        assert float(row["published_mm"]) == figure
        assert float(row["difference_mm"]) == pytest.approx(float(row["mean_mm"]) - figure, abs=1e-5)


def test_a_small_test_set_has_no_verdict(results: Path) -> None:
    rows = records(results / "tables/comparison.csv")
    assert all((row["verdict"] == "–") == (int(row["s_in"]) in EVALUATED[row["experiment"]]) for row in rows)
    told = " ".join((results / "tables/comparison.md").read_text("utf-8").split())
    frames = read(results / "h36m_81/seed_0/s_in_4/scores.json")["protocol"]["num_frames"]["all_frames"]
    assert f"not the published test set: {frames:,} frames, not 543,344 (" in told


def test_tables_are_complete(results: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in (results / "tables").iterdir()}
    for document in ("comparison", "main_results", "per_action", "learned_upsampling", "pretraining", "cost", "provenance"):
        assert {f"{document}.{suffix}" for suffix in ("csv", "md", "tex", "json")} <= texts.keys()
    assert not [name for name, text in texts.items() if "**Note**" in text]
    assert [name for name, text in texts.items() if name.endswith(".csv") and "NOT RUN" in text] == ["comparison.csv"]
    published = [row for row in records(results / "tables/comparison.csv") if row["status"] == "NOT RUN"]
    assert published, "what was published for other s_in stands there, and is not evaluated here"
    assert all(int(row["s_in"]) not in EVALUATED[row["experiment"]] for row in published)
    assert "| amass_351 (trained on amass only) | not fine-tuned |" in " ".join(texts["main_results.md"].split())
    assert "Pre-training (amass_351)" in texts["pretraining.md"]
