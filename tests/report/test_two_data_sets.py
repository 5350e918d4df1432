"""A study that tests on the people of two data sets: what one has stands for the other nowhere."""

import json

import pytest
from documents import read, rows_of

from uplift_upsample.report.render import csv_text
from uplift_upsample.report.results import Results, collected
from uplift_upsample.report.tables import ablations, learned_upsampling, main_results, per_action, readouts, systems

OTHER = "h36m_81 (trained on h36m only)"


@pytest.fixture
def results(study, values, planned, tmp_path) -> Results:
    """``h36m_81`` is tested on MPI-INF-3DHP, which has shares of joints, too; the mean pose is that of Human3.6M."""
    planned[3] |= {"test_dataset": "mpi_inf_3dhp", "s_in": [5, 20]}
    manifest = study(values | {("h36m_81", 0, 5): 90.0, ("h36m_81", 0, 20): 95.0})
    for path in tmp_path.glob("h36m_81-*.json"):
        document = json.loads(path.read_text())
        document["protocol"] |= {"dataset": "mpi_inf_3dhp", "subjects": ["TS1", "TS2"]}
        [scores] = [part for key, part in document.items() if key != "protocol"]
        for part in (scores, scores["no_learned_upsampling"]):
            for frames in ("all_frames", "key_frames"):
                by_action = part[frames]["per_action"].values()
                for metrics in (part[frames]["frame_wise"], part[frames]["action_wise"], *by_action):
                    metrics |= {"pck": 88.0, "auc": 55.0}
        path.write_text(json.dumps(document))
    return collected(manifest)


def test_the_mean_pose_is_a_measure_of_its_own_people_alone(results: Results) -> None:
    document = main_results.document(results)
    shares = {(row["model"], row["s_in"]): row["share of mean pose"] for row in rows_of(document.sections[1])}
    assert (shares["h36m_351", "20"], shares[OTHER, "20"]) == ("24.0 %", "n/a")
    assert f"{OTHER}: the mean pose was measured on other people; the error grows with s_in." in document.remarks
    records = read(csv_text(document)).query("metric == 'mpjpe' and average == 'frame_wise' and frames == 'all_frames'")
    assert set(records.query("experiment == 'h36m_351'")["mean_pose_mm"]) == {200.0}
    assert records.query("experiment == 'h36m_81'")["mean_pose_mm"].isna().all()


def test_a_metric_that_a_data_set_lacks_is_not_one_that_was_not_run(results: Results) -> None:
    rows = rows_of(main_results.document(results).sections[1])
    pck = {row["model"]: row["PCK (%), frame-wise"] for row in rows if row["s_in"] == "20"}
    assert (pck["h36m_351"], pck[OTHER]) == ("–", "88.00")
    sections = {section.title.split()[0]: section for section in learned_upsampling.document(results).sections}
    assert {row["model"] for row in rows_of(sections["PCK"])} == {OTHER}
    first, *_, last = per_action.document(results).sections
    assert ("PCK (%), s_in = 20" in first.header, "PCK (%), s_in = 20" in last.header) == (False, True)
    for table in (readouts, systems, ablations):
        found = [row["experiment"] for row in table.document(results).rows if row["metric"] == "pck"]
        assert set(found) <= {"h36m_81"}, table.__name__
