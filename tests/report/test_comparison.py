"""The first table: what it compares, by which rule, and that its verdict is the one that stands to reason."""

import json
import math
from typing import Any

import pytest
from documents import find, plain, read, rows_of, written

from uplift_upsample.base.errors import InputError
from uplift_upsample.plan.h36m_subjects import ACTIONS, SPLITS
from uplift_upsample.plan.thresholds import Tolerance, VerdictRule
from uplift_upsample.report.manifest import Manifest, manifest_from_mapping
from uplift_upsample.report.published_test_set import PublishedTestSet, read_published_test_set
from uplift_upsample.report.render import csv_text, markdown
from uplift_upsample.report.results import collected
from uplift_upsample.report.tables import comparison, main_results
from uplift_upsample.report.verdict import rule_text, verdict
from uplift_upsample.report.view import Document


@pytest.fixture
def with_weights(planned: list[dict[str, Any]]) -> None:
    for experiment in planned[1:]:
        experiment["published_weights"] = f"weights_{experiment['name']}"


@pytest.fixture
def theirs(values: dict[Any, float]) -> dict[Any, float]:
    """Published weights that agree with the published figures frame-wise: action-wise numbers are 2 mm larger."""
    return values | {
        ("h36m_351", "published", 5): 45.72,
        ("h36m_351", "published", 20): 47.95,
        ("h36m_351_pt", "published", 5): 42.63,
    }


def with_rule(manifest: Manifest, **rule: Any) -> Manifest:
    return manifest_from_mapping(plain(manifest, verdict=rule))


def verdicts_of(document: Document) -> set[str]:
    return {row["verdict"] for row in document.rows}


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (45.7, "PASS"),
        (46.2, "PASS"),
        (45.2, "PASS"),
        (46.2049, "PASS"),
        (46.21, "WARN"),
        (44.2, "WARN"),
        (47.21, "FAIL"),
        (40.0, "FAIL"),
    ],
)
def test_verdict_by_distance_in_either_direction(mean, expected):
    assert verdict(mean, 45.7, Tolerance(0.5, 1.5), is_run=True) == expected


@pytest.mark.parametrize(
    ("mean", "published", "is_run", "expected"),
    [
        (45.7, 45.7, False, "NOT RUN"),
        (45.7, 45.7, False, "NOT RUN"),
        (45.7, math.nan, True, "–"),
        (math.nan, 45.7, True, "FAIL"),
    ],
)
def test_verdicts_that_are_no_distance(mean, published, is_run, expected):
    assert verdict(mean, published, Tolerance(0.5, 1.5), is_run=is_run) == expected


def test_one_row_for_each_experiment_and_stride(study, values):
    section = comparison.document(collected(study(values))).sections[0]
    rows = rows_of(section)
    row = find(rows, model="h36m_351", s_in="5")
    assert list(row.values()) == ["h36m_351", "5", "45.7", "45.90 ± 0.14", "2", "+0.20", "± 0.5", "PASS"]
    row = find(rows, model="h36m_351_pt", s_in="20")
    assert list(row.values())[2:] == ["45.0", "49.25", "1 of 2", "+4.25", "± 0.5", "FAIL"]
    assert list(find(rows, model="h36m_81", s_in="4").values())[2:] == ["–", "NOT RUN", "0 of 1", "–", "–", "NOT RUN"]
    assert len(rows) == 6


def test_published_weights_have_a_verdict_of_their_own(study, with_weights, theirs):
    document = comparison.document(collected(study(theirs)))
    rows = rows_of(document.sections[0])
    row = find(rows, model="h36m_351", s_in="5")
    assert (row["published weights, our code"], row["verdict, published weights"]) == ("45.72 (+0.02)", "PASS")
    row = find(rows, model="h36m_351", s_in="20")
    assert (row["published weights, our code"], row["verdict, published weights"]) == ("47.95 (+0.15)", "WARN")
    row = find(rows, model="h36m_351_pt", s_in="20")
    assert (row["published weights, our code"], row["verdict, published weights"]) == ("NOT RUN", "NOT RUN")
    assert "Published weights: 1 WARN, 2 PASS, 3 NOT RUN of 6." in document.remarks
    assert "Trained here: 1 FAIL, 3 PASS, 2 NOT RUN of 6." in document.remarks


def test_the_rule_stands_in_the_table_and_comes_from_the_configuration(study, values):
    manifest = with_rule(study(values), trained_here={"pass_mm": 0.1, "warn_mm": 5})
    document = comparison.document(collected(manifest))
    assert "trained here, PASS up to 0.1 mm from the published figure, WARN up to 5 mm, FAIL beyond" in markdown(document)
    rows = rows_of(document.sections[0])
    assert (find(rows, model="h36m_351", s_in="5")["verdict"], rows[3]["verdict"]) == ("WARN", "WARN")
    assert rule_text(manifest.verdict) in document.remarks
    assert "made up" not in markdown(document)


@pytest.mark.parametrize("rule", [{"pass_mm": 2, "warn_mm": 1}, {"pass_mm": -1, "warn_mm": 1}])
def test_impossible_tolerances(study, values, rule):
    with pytest.raises(InputError, match=r"must be (0 <= pass_mm <= warn_mm|at least 0)"):
        with_rule(study(values), trained_here=rule)


def test_published_weights_decide_which_average_is_meant(study, with_weights, theirs):
    document = comparison.document(collected(study(theirs)))
    assert document.sections[0].title == "MPJPE on all frames, frame-wise, mm"
    told = "the published weights agree with it better (largest distance 0.15 mm frame-wise, 2.15 mm action-wise)"
    assert any(told in remark for remark in document.remarks)
    other = {key: value - 2 if key[1] == "published" else value for key, value in theirs.items()}
    document = comparison.document(collected(study(other)))
    assert document.sections[0].title == "MPJPE on all frames, action-wise, mm"
    assert find(rows_of(document.sections[0]), model="h36m_351", s_in="5")["trained here"] == "47.90 ± 0.14"


def test_each_source_of_published_figures_has_its_own_average(study, with_weights, theirs, planned, tmp_path):
    """Weights of other systems, whose codes print the action-wise average, do not outvote the paper's, and are not outvoted."""
    planned.append({**planned[1], "name": "videopose3d_243", "s_in": [1], "published_weights": "weights_videopose3d_243"})
    manifest = study(theirs | {("videopose3d_243", "published", 1): 44.81, ("videopose3d_243", 0, 1): 44.70})
    figures = tmp_path / "published.csv"
    header, *rows = figures.read_text().splitlines()
    other = "VideoPose3D,videopose3d_243,cpn_ft_h36m_dbb,all frames,1,MPJPE,46.8,action_wise"
    figures.write_text("\n".join([f"{header},average", *(f"{row}," for row in rows), other]) + "\n")
    document = comparison.document(collected(manifest))
    table = rows_of(document.sections[0])
    ours, systems = find(table, model="h36m_351", s_in="5"), find(table, model="videopose3d_243", s_in="1")
    assert (ours["average"], ours["verdict, published weights"]) == ("frame-wise", "PASS")
    assert (systems["average"], systems["published weights, our code"]) == ("action-wise", "46.81 (+0.01)")
    assert (systems["verdict, published weights"], systems["verdict"]) == ("PASS", "PASS")
    assert {row["average"] for row in table if row["model"].startswith("h36m")} == {"frame-wise"}
    assert any(remark.startswith("Average of videopose3d_243: action-wise. It is the one") for remark in document.remarks)
    assert any("(largest distance 0.15 mm frame-wise, 2.15 mm action-wise)" in remark for remark in document.remarks)
    figures.write_text(figures.read_text().replace("action_wise", "median"))
    with pytest.raises(InputError, match="average is 'median'; it must be one of"):
        collected(manifest)


def test_a_configured_average_holds(study, with_weights, theirs):
    document = comparison.document(collected(with_rule(study(theirs), average="action_wise")))
    row = find(rows_of(document.sections[0]), model="h36m_351", s_in="5")
    assert (row["published weights, our code"], row["verdict, published weights"]) == ("47.72 (+2.02)", "FAIL")


def test_without_published_weights_it_is_said_that_nothing_tells_the_average(study, values):
    remarks = comparison.document(collected(study(values))).remarks
    assert any(remark.startswith("Average: frame-wise. Published figures do not state") for remark in remarks)


def test_simulated_detections_have_no_verdict(study, values, with_weights, tmp_path):
    document = comparison.document(collected(study(values, input_2d="simulated")))
    rows = rows_of(document.sections[0])
    assert document.note == "simulated detections"
    assert find(rows, model="h36m_351", s_in="5")["verdict"] == "–"
    assert find(rows, model="h36m_81", s_in="4")["verdict"] == "NOT RUN"
    assert not {"PASS", "WARN", "FAIL"} & {row["verdict"] for row in rows}
    assert all(verdict in ("NOT RUN", "–") for verdict in verdicts_of(document))


def test_other_protocols_are_not_compared(study, values):
    document = comparison.document(collected(study(values, mirror=False)))
    assert find(rows_of(document.sections[0]), model="h36m_351", s_in="5")["verdict"] == "–"
    assert "No published figures beside h36m_351: mirror is no, not yes." in document.remarks


def test_mean_and_spread_over_three_seeds(study, planned):
    planned[1]["seeds"] = [0, 1, 7]
    manifest = study({("h36m_351", seed, 5): value for seed, value in ((0, 45.0), (1, 46.0), (7, 47.0))})
    document = comparison.document(collected(manifest))
    row = find(rows_of(document.sections[0]), model="h36m_351", s_in="5")
    assert (row["trained here"], row["seeds"], row["difference"], row["verdict"]) == ("46.00 ± 1.00", "3", "+0.30", "PASS")
    record = read(csv_text(document)).query("experiment == 'h36m_351' and s_in == 5 and average == 'frame_wise'").iloc[0]
    assert (record["mean_mm"], record["std_mm"], record["seeds_run"], record["is_compared"]) == (46.0, 1.0, 3, "yes")


def test_records_have_both_averages_and_both_kinds_of_weights(study, with_weights, theirs):
    table = read(csv_text(comparison.document(collected(study(theirs)))))
    found = table.query("experiment == 'h36m_351' and s_in == 5").set_index(["weights", "average"])
    assert found["mean_mm"].to_dict() == pytest.approx(
        {
            ("published", "frame_wise"): 45.72,
            ("published", "action_wise"): 47.72,
            ("trained", "frame_wise"): 45.9,
            ("trained", "action_wise"): 47.9,
        }
    )
    assert found["verdict"].tolist() == ["PASS", "FAIL", "PASS", "FAIL"]
    assert found["is_compared"].tolist() == ["yes", "no", "yes", "no"]


def test_json_has_what_a_page_needs(study, values, tmp_path):
    content = json.loads(written(study(values), tmp_path / "tables")["comparison.json"])
    assert list(content) == ["name", "title", "note", "sections", "remarks", "footer", "records"]
    assert (content["name"], content["note"]) == ("comparison", None)
    record = next(record for record in content["records"] if record["experiment"] == "h36m_351" and record["s_in"] == 5)
    assert (record["published_mm"], record["mean_mm"], record["verdict"]) == (45.7, 45.9, "PASS")
    assert next(record for record in content["records"] if record["experiment"] == "h36m_81")["mean_mm"] == "NOT RUN"


def test_default_rule_is_the_shipped_one(project):
    import yaml

    shipped = yaml.safe_load((project / "config.yaml").read_text("utf-8"))["verdict"]
    rule = VerdictRule()
    for name, tolerance in (("published_weights", rule.published_weights), ("trained_here", rule.trained_here)):
        assert shipped[name] == {"pass_mm": tolerance.pass_mm, "warn_mm": tolerance.warn_mm}
    assert shipped["average"] == rule.average


def frames(**counts: int) -> dict[str, Any]:
    return {"frames_per_action": {"all_frames": counts, "key_frames": counts}}


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        (frames(Eating=400, Walking=0), "1 of 2 actions are absent (Walking)"),
        (frames(Eating=300), "1 of 2 actions are absent (Walking); 300 frames, not 400"),
        (frames(Eating=300, Walking=99), "399 frames, not 400"),
        (frames(Eating=300, Walking=99, Juggling=1), "actions that the published test set does not have (Juggling)"),
        ({"cameras": ["54138969"]}, "1 cameras, not 2"),
    ],
)
def test_a_verdict_needs_the_published_test_set(study, with_weights, theirs, protocol, reason):
    document = comparison.document(collected(study(theirs, **protocol)))
    rows = rows_of(document.sections[0])
    row = find(rows, model="h36m_351", s_in="5")
    assert (row["published"], row["verdict"], row["verdict, published weights"]) == ("45.7", "–", "–")
    assert find(rows, model="h36m_81", s_in="4")["verdict"] == "NOT RUN"
    assert not {"PASS", "WARN", "FAIL"} & verdicts_of(document)
    told = (
        f"No verdict (–), because it is not the published test set: {reason} (h36m_351, published weights; h36m_351, trained here; "
    )
    assert any(remark.startswith(told) for remark in document.remarks)
    assert "Trained here: 2 NOT RUN, 4 without a verdict." in document.remarks
    assert any(remark.startswith("Average: frame-wise") for remark in document.remarks), "numbers on other frames say nothing of it"
    main = main_results.document(collected(study(theirs, **protocol)))
    assert any(remark.startswith(told) for remark in main.sections[0].remarks)
    assert not [remark for remark in main.remarks if "largest distance" in remark]


def test_the_corrupt_recording_may_be_dropped(study, values):
    dropped = [f"S11 Directions, camera {camera}" for camera in range(4)]
    document = comparison.document(collected(study(values, dropped_videos=dropped)))
    assert find(rows_of(document.sections[0]), model="h36m_351", s_in="5")["verdict"] == "PASS"
    assert any("Dropped videos: 4 (S11 Directions, camera 0, " in line for line in document.footer)
    others = comparison.document(collected(study(values, dropped_videos=[*dropped, "S11 Directions 1, camera 0"])))
    assert "dropped_videos is S11 Directions 1, camera 0, not none." in " ".join(others.remarks)


def test_the_shipped_test_set_is_the_whole_one(project):
    shipped = read_published_test_set(project / "workflow/resources/paper_test_set.yaml")
    assert shipped == PublishedTestSet(SPLITS["test"], 4, 543_344, ACTIONS)


@pytest.mark.parametrize("content", ["- S9", "subjects: [S9]", "{", "subjects: S9\ncameras: 4\nframes: 1\nactions: []"])
def test_a_damaged_test_set_is_told(tmp_path, content):
    (tmp_path / "set.yaml").write_text(content)
    with pytest.raises(InputError, match=r"set\.yaml"):
        read_published_test_set(tmp_path / "set.yaml")
