"""Records of results: all steps in one file, and none of other weights."""

import hashlib
import json

import pytest

from uplift_upsample.errors import InputError
from uplift_upsample.evaluate.records import described_data, read_record, result_record, write_record

PROTOCOL = {"study": "demo", "experiment": "h36m_81", "weights": "trained", "seed": 3, "s_in": 4, "weights_sha256": "ab"}
PROTOCOL |= {"frames_sha256": "cd", "is_synthetic": True, "subjects": ["S9"]}


@pytest.fixture
def scores(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("{}")
    return path


def test_all_steps_in_one_record(scores, tmp_path):
    record = result_record(scores, {"step": 3}, PROTOCOL, {"weights_sha256": "ab"}, {"weights_sha256": "ab", "seed": 3})
    write_record(tmp_path / "provenance.json", record)
    assert read_record(tmp_path / "provenance.json") == record
    assert record["sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert (record["result"], record["seed"], record["weights_sha256"], record["is_synthetic"]) == ("scores.json", 3, "ab", True)
    assert (record["scoring"], record["prediction"]) == ({"step": 3}, {"weights_sha256": "ab"})
    assert record["training"] == {"weights_sha256": "ab", "seed": 3}


def test_records_of_other_weights_are_left_out(scores, caplog):
    record = result_record(scores, {}, PROTOCOL, {"weights_sha256": "ab"}, {"weights_sha256": "other"})
    assert record["prediction"] is not None
    assert record["training"] is None
    assert "weights is about other weights than the scores" in caplog.text


def test_published_weights_have_their_sum_under_another_name(scores):
    record = result_record(scores, {}, PROTOCOL, None, {"source": "weights_h36m_81", "sha256": "ab"})
    assert record["training"] == {"source": "weights_h36m_81", "sha256": "ab"}
    assert record["prediction"] is None


def test_what_is_said_of_data():
    metadata = {"dataset": "h36m", "sources": [{"file": "a.npz", "sha256": "ef"}], "joints": ["pelvis"]}
    assert described_data("cd", metadata) == {"sha256": "cd", "dataset": "h36m", "sources": [{"file": "a.npz", "sha256": "ef"}]}


@pytest.mark.parametrize("text", ["{", "[]", '"text"', "[" * 100_000])
def test_files_that_are_no_records(tmp_path, text):
    path = tmp_path / "training.json"
    assert read_record(path) is None
    path.write_text(text)
    with pytest.raises(InputError, match=r"training\.json: not a record of a run"):
        read_record(path)


def test_names_beyond_ascii(tmp_path):
    write_record(tmp_path / "record.json", {"command": ["train.py", "größer"]})
    assert json.loads((tmp_path / "record.json").read_text("utf-8"))["command"][1] == "größer"
