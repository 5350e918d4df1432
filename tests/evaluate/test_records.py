"""Records of results: all steps in one file, and none of other weights."""

import hashlib
import json

import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.records import (
    Environment,
    PredictionRecord,
    PublishedWeights,
    ResultRecord,
    ScoringRecord,
    TrainingRecord,
    described_data,
    read_record,
    read_weights_record,
    write_record,
)
from uplift_upsample.base.strict import from_mapping
from uplift_upsample.evaluate.records import result_record
from uplift_upsample.evaluate.score_file import Protocol

ABOUT = {"study": "demo", "experiment": "h36m_81", "weights": "trained", "seed": 3, "s_in": 4, "weights_sha256": "ab"}
PROTOCOL = Protocol(**ABOUT, frames_sha256="cd", subjects=("S9",), frames_per_action={"all_frames": {"Walking": 1}})


@pytest.fixture
def scores(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("{}")
    return path


def test_all_steps_in_one_record(scores, tmp_path):
    scoring, training = ScoringRecord(code_fingerprint="c0de"), TrainingRecord(weights_sha256="ab", steps=3)
    record = result_record(scores, scoring, PROTOCOL, PredictionRecord(weights_sha256="ab"), training)
    write_record(tmp_path / "provenance.json", record)
    assert read_record(tmp_path / "provenance.json", ResultRecord) == record
    assert record.sha256 == hashlib.sha256(b"{}").hexdigest()
    assert (record.result, record.seed, record.weights_sha256) == ("scores.json", 3, "ab")
    assert record.scoring.code_fingerprint == "c0de"
    assert record.prediction == PredictionRecord(weights_sha256="ab")
    assert record.trained == training
    assert record.published is None


def test_records_of_other_weights_are_left_out(scores, caplog):
    of_others = TrainingRecord(weights_sha256="other")
    record = result_record(scores, ScoringRecord(), PROTOCOL, PredictionRecord(weights_sha256="ab"), of_others)
    assert record.prediction is not None
    assert record.training is None
    assert "weights is about other weights than the scores" in caplog.text


def test_published_weights_have_their_sum_under_another_name(scores, tmp_path):
    weights = PublishedWeights(source="weights_h36m_81", sha256="ab")
    record = result_record(scores, ScoringRecord(), PROTOCOL, None, weights)
    assert record.published == weights
    assert (record.prediction, record.trained) == (None, None)
    write_record(tmp_path / "weights.json", weights)
    assert read_weights_record(tmp_path / "weights.json") == weights


def test_records_of_other_versions_stay_readable(tmp_path):
    """What they lack is not known, what nobody knows any more is left out, and so is what has become something else."""
    old = {"seconds": 5, "measured": {"seconds": 6.0, "energy_joules": {"gpu": 3}, "swap": 1}, "machine": "x", "steps": "many"}
    (tmp_path / "training.json").write_text(json.dumps({**old, "identity": {"data": {"train": {"subjects": ["S1"]}}}}))
    record = read_record(tmp_path / "training.json", TrainingRecord)
    assert (record.seconds, record.wall_seconds, record.measured.energy_joules.total, record.steps) == (5.0, 6.0, 3.0, None)
    assert record.identity.data["train"].subjects == ("S1",)
    assert record.environment.command_line == ""


def test_writers_fill_the_fields_that_readers_know():
    with pytest.raises(InputError, match=r"unknown key 'used', did you mean 'seed'\?|unknown key 'used'"):
        from_mapping(PredictionRecord, {"used": {"seconds": 1.0}}, "record")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["train.py", "--out_dir", "a b"], "python scripts/train.py --out_dir 'a b'"),
        (["pytest", "-q"], "pytest -q"),
        ([], ""),
    ],
)
def test_commands_can_be_pasted(command, line):
    assert Environment(command=tuple(command)).command_line == line


def test_what_is_said_of_data():
    metadata = {"dataset": "h36m", "sources": [{"file": "a.npz", "sha256": "ef"}], "joints": ["pelvis"]}
    assert described_data("cd", metadata) == {"sha256": "cd", "dataset": "h36m", "sources": [{"file": "a.npz", "sha256": "ef"}]}


@pytest.mark.parametrize("text", ["{", "[]", '"text"', "[" * 100_000])
def test_files_that_are_no_records(tmp_path, text):
    path = tmp_path / "training.json"
    assert read_record(path, TrainingRecord) is None
    path.write_text(text)
    with pytest.raises(InputError, match=r"training\.json: not a record of a run"):
        read_record(path, TrainingRecord)


def test_names_beyond_ascii(tmp_path):
    write_record(tmp_path / "record.json", Environment(command=("train.py", "größer")))
    assert json.loads((tmp_path / "record.json").read_text("utf-8"))["command"][1] == "größer"
