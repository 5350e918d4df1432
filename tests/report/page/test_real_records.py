"""The page of a result whose records the real programs wrote: what they write, the page and the tables show."""

import importlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from world.people import swinging_record

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.records import PredictionRecord, PublishedWeights, ResultRecord, TrainingRecord, read_record, write_record
from uplift_upsample.data.frames import build_frames_table, read_frames_table, write_frames_table
from uplift_upsample.machine.meter import Meter
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import manifest_from_mapping
from uplift_upsample.report.page.provenance_facts import UNKNOWN, runs
from uplift_upsample.report.results import collected
from uplift_upsample.report.tables import cost

pytestmark = pytest.mark.long

S_IN = 4
MODEL = {"num_tokens": 9, "s_out": 2, "s_in": [4, 8], "spatial_dim": 8, "temporal_dim": 16, "spatial_blocks": 1}
MODEL |= {"temporal_blocks": 1, "strides": [3, 3], "num_heads": 2, "drop_rate": 0.1}  # dropout: no kernels to compile
TRAIN = {"batch_size": 4, "epochs": 1, "steps_per_epoch": 2, "jit_compile": False}
STEPS = ("training", "prediction", "scoring")


class Study:
    """The folder of a study, and the programs that fill it."""

    def __init__(self, folder: Path, scripts: Path, patch: pytest.MonkeyPatch) -> None:
        patch.syspath_prepend(scripts)
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        counter = itertools.count(0, 7_000_000)  # of the processors' energy, microjoules: 7 J between two readings
        patch.setattr(Meter, "_processor_counters", lambda _: {"intel-rapl:0": (next(counter), 10**15)})
        self.folder = folder
        generator = np.random.default_rng(0)
        people = [swinging_record(subject, "Walking", 40, generator) for subject in ("S1", "S9")]
        metadata = {"dataset": "h36m", "splits": {"train": ["S1"], "test": ["S9"]}, "input_2d": "gt"}
        self.frames = folder / "frames.h5"
        write_frames_table(self.frames, build_frames_table(people, h36m_cameras(), metadata))
        self.config = folder / "run.yaml"
        values = {"name": "tiny", "study": "trial", "model": MODEL, "train": TRAIN, "val_subset": None}
        self.config.write_text(yaml.safe_dump(values), "utf-8")

    def run(self, script: str, *flags: object) -> None:
        words = [str(flag) for flag in flags]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [f"{script}.py", *words])  # records hold the command, and that of the tests is not it
            assert importlib.import_module(script).main(words) == 0

    def evaluate(self, run: str, *origin: object) -> Path:
        """The record beside the scores of the weights of a run."""
        place = self.folder / f"tiny/{run}/s_in_{S_IN}"
        place.mkdir(parents=True, exist_ok=True)
        weights = place.parent / "weights.h5"
        known = ["--config", self.config, "--weights", weights, "--frames", self.frames, "--s_in", S_IN, "--device", "cpu"]
        outputs = ["--output", place / "predictions.h5", "--provenance", place / "prediction.json"]
        self.run("predict_poses", *known, *origin, *outputs)
        records = ["--prediction_record", place / "prediction.json", "--weights_record", place.parent / "training.json"]
        if run == "published":
            records[-1] = place.parent / "weights.json"
        inputs = ["--predictions", place / "predictions.h5", "--frames", self.frames, *records]
        self.run("score_predictions", *inputs, "--output", place / "scores.json", "--provenance", place / "provenance.json")
        return place / "provenance.json"


@pytest.fixture(scope="module")
def study(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Weights that were trained, predicted with and scored, each by its program."""
    with pytest.MonkeyPatch.context() as patch:
        made = Study(tmp_path_factory.mktemp("study"), project / "scripts", patch)
        data = ["--frames", made.frames, "--train_subset", "train", "--val_subset", "none", "--device", "cpu"]
        made.run("train", "--config", made.config, *data, "--out_dir", made.folder / "tiny/seed_0")
        made.evaluate("seed_0", "--seed", 0)
        yield made


@pytest.fixture(scope="module")
def result(study: Study) -> Path:
    return study.folder / f"tiny/seed_0/s_in_{S_IN}/provenance.json"


def test_page_shows_time_memory_and_energy_of_each_step(study: Study, result: Path) -> None:
    [shown] = runs([str(result)], study.folder / "index.html")
    facts, record = dict(shown.facts), json.loads(result.read_text("utf-8"))
    assert UNKNOWN not in " ".join(facts.values())
    for step in STEPS:
        measured = record[step]["measured"]
        assert measured["energy_joules"]["processors"] == 7.0
        assert f"at most {measured['peak_memory_bytes'] / 2**30:.2f} GiB of memory, 7 J" in facts[step]
        assert cells.duration(max(measured["seconds"], record[step].get("seconds", 0))) in facts[step]
    assert facts["command of the training"].startswith("python scripts/")
    assert facts["seed"] == "0"
    assert facts["train data"].startswith("S1; SHA-256 ")
    assert "spatial_dim: 8" in shown.configuration


def test_a_prediction_tells_the_time_without_compilation(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    path = study.folder / f"tiny/seed_0/s_in_{S_IN}/prediction.json"
    study.evaluate("seed_0", "--seed", 0)
    assert "seconds_after_first" not in json.loads(path.read_text("utf-8"))  # one block is all
    monkeypatch.setattr(importlib.import_module("uplift_upsample.evaluate.predict"), "BLOCK", 2)
    study.evaluate("seed_0", "--seed", 0)
    record = json.loads(path.read_text("utf-8"))
    table = read_frames_table(study.frames)
    assert record["num_frames"] == table.video_length[table.videos_of(["S9"])].sum()
    assert record["num_windows_after_first"] == record["num_windows"] - 2 > 0
    assert 0 < record["seconds_after_first"] < record["seconds_of_prediction"]


def test_table_shows_the_same_time(study: Study, result: Path) -> None:
    """One time for one training, in the cost table and among the facts; a benchmark file does not make a second one."""
    (study.folder / "benchmark.tsv").write_text("s\tmax_rss\n9999.0\t1.0\n")
    place = {"experiment": "tiny", "seed": 0, "benchmark": str(study.folder / "benchmark.tsv")}
    jobs = [
        {**place, "stage": "train", "s_in": None, "record": str(study.folder / "tiny/seed_0/training.json")},
        {**place, "stage": "predict", "s_in": S_IN, "record": str(result.with_name("prediction.json"))},
        {**place, "stage": "score", "s_in": S_IN, "record": str(result)},
    ]
    planned = {"name": "tiny", "dataset": "h36m", "s_in": [S_IN], "seeds": [0], "model": MODEL}
    scores = {"tiny": {"0": {str(S_IN): str(result.with_name("scores.json"))}}}
    manifest = {"study": "trial", "note": "", "experiments": [planned], "scores": scores, "jobs": jobs}
    results = collected(manifest_from_mapping(manifest))
    facts = dict(runs([str(result)], study.folder / "index.html")[0].facts)
    for job, step in zip(results.manifest.jobs, STEPS, strict=True):
        used = cost.usage(job, results)
        assert cells.duration(used["wall_seconds"]) in facts[step]
        assert (used["energy_processors_joules"], used["device"].partition(" ")[0]) == (7.0, "cpu")
        assert used["poses_per_second"] > 0


@pytest.mark.parametrize(
    ("name", "cls"),
    [("../training.json", TrainingRecord), ("prediction.json", PredictionRecord), ("provenance.json", ResultRecord)],
)
def test_nothing_that_is_written_is_lost_when_it_is_read(result: Path, tmp_path: Path, name: str, cls: type) -> None:
    path = result.parent / name
    write_record(tmp_path / "again.json", read_record(path, cls))
    assert json.loads((tmp_path / "again.json").read_text("utf-8")) == json.loads(path.read_text("utf-8"))


def test_published_is_what_has_the_checksum(study: Study, result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = study.folder / "tiny/published"
    place.mkdir()
    weights = place / "weights.h5"
    weights.write_bytes((study.folder / "tiny/seed_0/weights.h5").read_bytes())
    for sha256, told in ((None, "weights.json: no such file; --published needs"), ("0" * 64, "not the published weights")):
        if sha256:
            write_record(place / "weights.json", PublishedWeights(source="weights_tiny", sha256=sha256))
        with pytest.raises(Exception, match=told):
            study.evaluate("published", "--published")
        assert not list(place.rglob("predictions.h5"))
    page = study.folder / "index.html"
    for flags, checked_against, told in (
        (["--published"], "first_download", "checksum recorded at the first download; the publisher gives none"),
        (["--published", place / "weights.json"], None, "the same file as when it was checked"),
    ):
        found = PublishedWeights(source="weights_tiny", sha256=sha256_of_file(weights), checked_against=checked_against)
        write_record(place / "weights.json", found)
        path = study.evaluate("published", *flags)
        assert dict(runs([str(path)], page)[0].facts)["weights"] == f"published, weights_tiny; {told}"
        assert json.loads(path.read_text("utf-8"))["weights"] == "published"
    write_record(place / "weights.json", PublishedWeights(source="weights_tiny", sha256="0" * 64))
    path = study.evaluate("published")
    assert dict(runs([str(path)], page)[0].facts)["weights"] == UNKNOWN
    planned = {"name": "tiny", "dataset": "h36m", "s_in": [S_IN], "seeds": [], "published_weights": "weights_tiny"}
    published = {"tiny": {str(S_IN): str(path.with_name("scores.json"))}}
    manifest = {"study": "trial", "note": "", "experiments": [planned], "scores": {}, "published_scores": published}
    with pytest.raises(Exception, match=r"scores\.json: scores of weights that are not known to be the published ones of tiny"):
        collected(manifest_from_mapping(manifest))
