"""What a study costs: exact numbers of the networks, measured ones of its jobs, and nothing where nothing is known."""

import json
from pathlib import Path
from typing import Any

import pytest
from documents import find, plain, read, rows_of, written

from uplift_upsample.base.errors import InputError
from uplift_upsample.report import cells
from uplift_upsample.report.manifest import Manifest, manifest_from_mapping
from uplift_upsample.report.render import csv_text, markdown
from uplift_upsample.report.results import collected
from uplift_upsample.report.tables import cost, provenance, systems

MODEL = {"num_tokens": 71, "s_out": 5, "s_in": [5, 10, 20], "strides": [3, 10, 3], "paddings": [[0, 0]] * 3}
BENCHMARK = "s\th:m:s\tmax_rss\tio_in\tmean_load\tcpu_time\n{s}\t0:00:45\t{rss}\t1\t131.00\t{cpu}\n"
GIT = {"commit": "0123456789abcdef0123456789abcdef01234567", "is_clean": False}
ENVIRONMENT = {"git": GIT, "time": "2026-01-02T03:04:05+00:00", "command": ["train.py", "--seed", "0"], "cpu": "a processor"}
ENVIRONMENT |= {"packages": {"tensorflow": "2.21", "keras": "3.15"}, "python": "3.11"}


def measured(**changes: Any) -> dict[str, Any]:
    energy = {"processors": 1500.0, "gpu": None}
    return {"seconds": 40.0, "cpu_seconds": 70.5, "peak_memory_bytes": 1 << 30, "energy_joules": energy, **changes}


@pytest.fixture
def study_with_jobs(study, values, planned, tmp_path: Path) -> Manifest:
    """A training of which everything is known, a prediction without a benchmark file, a scoring, and jobs that were not run."""
    planned[1]["model"] = MODEL
    training = {
        "seconds": 100.0,
        "steps": 200,
        "run": {"train": {"batch_size": 32}},
        "device": "cpu",
        "measured": measured(seconds=98.0),
    }
    training |= {"environment": ENVIRONMENT, "code_fingerprint": "c0de"}
    (tmp_path / "training.json").write_text(json.dumps(training))
    (tmp_path / "train.tsv").write_text(BENCHMARK.format(s=45.95, rss=1176.66, cpu=60.78))
    prediction = {"seconds_of_prediction": 2.0, "device": "cpu", "measured": measured(), "environment": ENVIRONMENT}
    (tmp_path / "prediction.json").write_text(json.dumps(prediction))
    scoring = {"measured": measured(seconds=0.5), "environment": ENVIRONMENT}
    record = {"scoring": scoring, "prediction": prediction, "training": training}
    (tmp_path / "provenance.json").write_text(json.dumps(record))
    (tmp_path / "score.tsv").write_text(BENCHMARK.format(s=0.28, rss="-", cpu="NA"))

    def job(stage: str, s_in: int | None, record: str, benchmark: str, seed: int = 0) -> dict[str, Any]:
        paths = {"record": str(tmp_path / record), "benchmark": str(tmp_path / benchmark)}
        return {"experiment": "h36m_351", "seed": seed, "stage": stage, "s_in": s_in, **paths}

    jobs = [
        job("train", None, "training.json", "train.tsv"),
        job("train", None, "none.json", "none.tsv", seed=1),
        job("predict", 5, "prediction.json", "none.tsv"),
        job("score", 5, "provenance.json", "score.tsv"),
    ]
    return manifest_from_mapping(plain(study(values), jobs=jobs))


def test_networks(study_with_jobs):
    section = cost.document(collected(study_with_jobs)).sections[0]
    row = find(rows_of(section), model="h36m_351", s_in="20")
    assert list(row.values())[2:] == ["5", "10,404,902", "18", "479.7", "15.14", "350.5", "114.0", "92.95"]
    assert "n/a" in list(find(rows_of(section), model="h36m_351_pt", s_in="5").values())  # the manifest does not say its network


def test_a_pose_costs_what_the_own_evaluation_costs(study, values, planned):
    """Windows nine tokens apart, and no strided stage: the cell says what the rows of the CSV file say."""
    planned[1] |= {"model": MODEL, "evaluations": {"": {"readout": "sequence", "hop": 9}}}
    document = cost.document(collected(study(values)))
    rows = rows_of(document.sections[0])
    [row] = [row for row in document.rows if (row["stage"], row["experiment"], row["s_in"]) == ("network", "h36m_351", 20)]
    assert row["macs_per_pose"] < 92_945_552 / 9
    assert find(rows, model="h36m_351", s_in="20")["MACs per 3D pose, M"] == cells.millions(row["macs_per_pose"])
    assert find(rows, model="h36m_351_pt", s_in="20")["MACs per 3D pose, M"] == "n/a"


def test_jobs_by_stage(study_with_jobs):
    document = cost.document(collected(study_with_jobs))
    training, prediction, scoring = document.sections[1:]
    assert [section.title for section in document.sections[1:]] == ["Training", "Prediction", "Scoring"]
    row = find(rows_of(training), weights="seed 0")
    # 100 s in all, though the benchmark file has the 45.95 of the last start; memory is the larger of 1176.66 and 1024 MB
    assert list(row.values())[2:] == ["1 min 40 s", "70.5 s", "1,177 MB", "64", "processors 1.50 kJ", "cpu"]
    assert list(find(rows_of(training), weights="seed 1").values())[2:] == ["NOT RUN"] * 6
    row = find(rows_of(prediction), s_in="5")
    assert (row["wall time"], row["poses/s"]) == ("40.0 s", "200")  # 400 frames in 2 s
    row = find(rows_of(scoring), s_in="5")
    assert (row["wall time"], row["poses/s"], row["CPU time"], row["device"]) == ("0.5 s", "800", "70.5 s", "cpu")
    told = "Wall time of all jobs, one after the other: training 1 min 40 s (1 of 2 jobs), prediction 40.0 s (1 jobs), "
    assert document.remarks[0].startswith(told)


def test_speed_without_the_windows_with_which_a_program_is_compiled(study_with_jobs, tmp_path):
    """300 of 400 windows in 0.5 s, one window a frame; a record that does not tell it has the speed with compilation."""
    [job] = [job for job in study_with_jobs.jobs if job.stage == "predict"]
    assert cost.steady_speed(job, collected(study_with_jobs)) == 200.0
    path = tmp_path / "prediction.json"
    steady = {"num_windows": 400, "num_windows_after_first": 300, "seconds_after_first": 0.5}
    path.write_text(json.dumps(json.loads(path.read_text()) | steady))
    assert cost.steady_speed(job, collected(study_with_jobs)) == pytest.approx(600.0)
    path.unlink()
    assert not cost.steady_speed(job, collected(study_with_jobs)) > 0


def test_speed_is_that_of_all_frames_not_of_those_that_are_scored(study_with_jobs, tmp_path):
    """Of 3,200 frames 400 are scored."""
    path = tmp_path / "prediction.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_frames": 3200}))
    results = collected(study_with_jobs)
    assert find(rows_of(cost.document(results).sections[2]), s_in="5")["poses/s"] == "1,600"
    [job] = [job for job in study_with_jobs.jobs if job.stage == "predict"]
    assert cost.steady_speed(job, results) == 1600.0


def test_videopose3d_could_do_with_less(study_with_jobs, planned):
    assert not any("in one pass" in remark for remark in cost.document(collected(study_with_jobs)).sections[0].remarks)
    model = {"network": "videopose3d", "num_tokens": 243}
    experiment = {"name": "videopose3d_243", "dataset": "h36m", "s_in": [1], "seeds": [0], "model": model}
    manifest = plain(study_with_jobs)
    results = collected(manifest_from_mapping(manifest | {"experiments": [*manifest["experiments"], experiment]}))
    for document in (cost.document(results), systems.document(results)):
        assert any("17 M instead of 176 M" in said for said in [*document.sections[0].remarks, *document.remarks])


def test_trainings_of_which_a_part_left_no_record(study_with_jobs, tmp_path):
    """100 s of training, 40 s of which the last start recorded."""
    training = json.loads((tmp_path / "training.json").read_text())
    (tmp_path / "training.json").write_text(json.dumps({**training, "measured": measured()}))
    row = find(rows_of(cost.document(collected(study_with_jobs)).sections[1]), weights="seed 0")
    assert list(row.values())[2:] == ["1 min 40 s", "n/a", "1,177 MB", "64", "n/a", "cpu"]


def test_cost_records(study_with_jobs):
    table = read(csv_text(cost.document(collected(study_with_jobs))))
    row = table.query("stage == 'train' and seed == '0'").iloc[0]
    assert (row["wall_seconds"], row["energy_processors_joules"], row["poses_per_second"]) == (100.0, 1500.0, 64.0)
    assert row["provenance"].endswith("training.json")
    row = table.query("stage == 'network' and experiment == 'h36m_351' and s_in == 20").iloc[0]
    assert (row["parameters"], row["macs_per_window"], row["macs_per_pose"]) == (10_404_902, 479_655_936, 92_945_552.0)
    assert table.query("stage == 'train' and seed == '1'")["wall_seconds"].isna().all()


@pytest.mark.parametrize("text", ["", "s\n", "s\tcpu_time\n-\t\n", "nonsense", "s\tcpu_time\nnan\tinf\n", "s\n-1\n"])
def test_benchmark_files_without_numbers(study_with_jobs, tmp_path, text):
    (tmp_path / "train.tsv").write_text(text)
    (tmp_path / "training.json").unlink()
    assert list(rows_of(cost.document(collected(study_with_jobs)).sections[1])[0].values())[2:] == ["NOT RUN"] * 6


def test_damaged_record_is_told(study_with_jobs, tmp_path):
    (tmp_path / "training.json").write_text("{")
    with pytest.raises(InputError, match=r"training\.json: not a record of a run"):
        cost.document(collected(study_with_jobs))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(4.31, "4.3 s"), (125, "2 min 05 s"), (3725, "62 min 05 s"), (7260, "2 h 01 min"), (float("nan"), "n/a")],
)
def test_durations(seconds, expected):
    assert cells.duration(seconds) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": "guess"}, "expected one of 'train', 'predict', 'score'"),
        ({"experiment": "other"}, "jobs of experiments that it does not have: other"),
    ],
)
def test_jobs_with_faults(study_with_jobs, change, message):
    values = plain(study_with_jobs)
    values["jobs"][0] |= change
    with pytest.raises(InputError, match=message):
        manifest_from_mapping(values)


def test_networks_that_cannot_be(study, values, planned):
    planned[3]["model"] = {"num_tokens": 41, "s_out": 3, "s_in": [3], "strides": [4, 4, 3], "paddings": [[1, 1], [0, 0], [0, 0]]}
    with pytest.raises(InputError, match="s_in 4 is not a multiple of s_out 3"):
        study(values)


def test_each_row_leads_to_its_records(study_with_jobs, tmp_path):
    texts = written(study_with_jobs, tmp_path / "tables")
    for name in ("comparison", "main_results", "per_action", "learned_upsampling", "pretraining", "provenance"):
        assert "](<../provenance.json>)" in texts[f"{name}.md"], name
        assert str(tmp_path / "provenance.json") in texts[f"{name}.csv"], name
        content = json.loads(texts[f"{name}.json"])
        links = [
            link for section in content["sections"] for links in (*section["row_links"], section["table_links"]) for link in links
        ]
        assert {link["path"] for link in links} == {"../provenance.json"}, name
        assert "provenance.json" not in texts[f"{name}.tex"], name
    assert "](<../training.json>)" in texts["cost.md"]
    assert texts["scores.csv"].splitlines()[0].endswith(",provenance")


def test_provenance_table(study_with_jobs):
    document = provenance.document(collected(study_with_jobs))
    row = rows_of(document.sections[0])[0]
    assert (row["commit, training"], row["code, training"], row["TensorFlow"]) == ("0123456789+", "c0de", "2.21")
    assert "+ means that its files were not as committed" in markdown(document)
    record = read(csv_text(document)).iloc[0]
    assert (record["training_commit"], record["training_is_clean"]) == (GIT["commit"], "no")
    assert (record["prediction_peak_memory_bytes"], record["scoring_command"]) == (1 << 30, "python scripts/train.py --seed 0")


def test_results_without_records_have_tables(study, values, tmp_path):
    texts = written(study(values), tmp_path / "tables")
    assert "n/a" in texts["provenance.md"]
    assert "NOT RUN" in written(study({}), tmp_path / "nothing")["provenance.md"]
