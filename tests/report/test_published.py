"""Published weights between the published figures and what was trained here: three columns, and what each of them says."""

import re
from dataclasses import replace
from typing import Any

import pytest
from documents import find, plain, read, rows_of, written

from uplift_upsample.base.errors import InputError
from uplift_upsample.report.manifest import manifest_from_mapping
from uplift_upsample.report.render import csv_text
from uplift_upsample.report.results import collected
from uplift_upsample.report.tables import learned_upsampling, main_results, per_action, pretraining

WEIGHTS = "fedcba9876543210"
HEADER = [
    "model",
    "pre-training",
    "s_in",
    "average",
    "published",
    "published weights, our code",
    "trained here",
    "seeds",
    "difference, published weights",
    "difference, trained here",
]


@pytest.fixture
def with_weights(planned: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The experiments of the study, each with published weights; the pre-training is tested too."""
    planned[0] |= {"s_in": [5, 20], "test_dataset": "h36m"}
    for experiment in planned:
        experiment["published_weights"] = f"weights_{experiment['name']}"
    return planned


@pytest.fixture
def theirs(values: dict[Any, float]) -> dict[Any, float]:
    """Scores of the runs and of published weights, of which one stride and one experiment are missing."""
    return values | {
        ("amass_351", "published", 5): 60.0,
        ("h36m_351", "published", 5): 45.72,
        ("h36m_351", "published", 20): 47.70,
        ("h36m_351_pt", "published", 5): 42.63,
    }


def test_three_columns(study, with_weights, theirs):
    section = main_results.document(collected(study(theirs))).sections[0]
    assert section.header == HEADER
    rows = rows_of(section)
    row = find(rows, model="h36m_351", s_in="5", average="frame-wise")
    assert list(row.values()) == ["h36m_351", "no", "5", "frame-wise", "45.7", "45.72", "45.90 ± 0.14", "2", "+0.02", "+0.20"]
    row = find(rows, model="h36m_351", s_in="5", average="action-wise")
    assert list(row.values())[4:] == ["45.7", "47.72", "47.90 ± 0.14", "2", "+2.02", "+2.20"]
    assert len(rows) == 4 * 2 * 2  # experiments, strides, averages
    assert any("README of the official code" in remark for remark in section.remarks)
    assert any("the weight files of the official code" in remark for remark in section.remarks)
    assert "Mean pose, the baseline: 200.00 frame-wise, 202.00 action-wise." in section.remarks


@pytest.mark.parametrize(
    ("model", "s_in", "expected"),
    [
        ("h36m_351_pt", "20", ["45.0", "NOT RUN", "49.25", "1 of 2", "NOT RUN", "+4.25"]),
        ("amass_351 (trained on amass only)", "5", ["–", "60.00", "NOT RUN", "0 of 2", "–", "–"]),
        ("h36m_81", "4", ["–", "NOT RUN", "NOT RUN", "0 of 1", "–", "–"]),
    ],
)
def test_what_is_missing_in_each_column_says_so(study, with_weights, theirs, model, s_in, expected):
    rows = rows_of(main_results.document(collected(study(theirs))).sections[0])
    assert list(find(rows, model=model, s_in=s_in, average="frame-wise").values())[4:] == expected


def test_published_weights_alone(study, with_weights, theirs, tmp_path):
    alone = {key: value for key, value in theirs.items() if key[1] == "published"}
    document = main_results.document(collected(study(alone)))
    row = find(rows_of(document.sections[0]), model="h36m_351", s_in="5", average="frame-wise")
    assert list(row.values())[4:] == ["45.7", "45.72", "NOT RUN", "0 of 2", "+0.02", "NOT RUN"]
    assert "h36m_351, published weights: 22.9 % to 23.9 % of the mean pose's MPJPE; the error grows with s_in." in document.remarks
    assert "h36m_351: NOT RUN." in document.remarks
    assert "45.72" in written(study(alone), tmp_path / "tables")["main_results.tex"]


def test_published_weights_that_are_not_evaluated(study, with_weights, values, tmp_path):
    document = main_results.document(collected(study(values)))
    row = find(rows_of(document.sections[0]), model="h36m_351", s_in="5", average="frame-wise")
    assert list(row.values())[4:] == ["45.7", "NOT RUN", "45.90 ± 0.14", "2", "NOT RUN", "+0.20"]
    assert not [remark for remark in document.remarks if "largest distance" in remark]
    assert "h36m_351 NOT RUN" in next(line for line in document.footer if line.startswith("Published weights, SHA-256"))
    for text in written(study(values), tmp_path / "tables").values():
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_an_experiment_without_published_weights_in_a_study_that_has_some(study, with_weights, theirs):
    del with_weights[3]["published_weights"]
    document = main_results.document(collected(study(theirs | {("h36m_81", 0, 4): 50.0})))
    row = find(rows_of(document.sections[0]), model="h36m_81", s_in="4", average="frame-wise")
    assert list(row.values())[4:] == ["–", "–", "50.00", "1", "–", "–"]
    assert [row["weights"] for row in rows_of(document.sections[1]) if row["model"] == "h36m_81"] == ["trained here"] * 2


def test_all_metrics_of_published_weights(study, with_weights, theirs):
    document = main_results.document(collected(study(theirs)))
    rows = rows_of(document.sections[1])
    assert find(rows, model="mean pose")["weights"] == "–"
    row = find(rows, model="h36m_351", weights="published weights", s_in="5")
    assert (row["seeds"], row["P-MPJPE, frame-wise"], row["share of mean pose"]) == ("–", "37.72", "22.9 %")
    assert find(rows, model="h36m_351", weights="trained here", s_in="5")["seeds"] == "2"
    row = find(rows_of(document.sections[2]), model="h36m_351", weights="published weights", s_in="5")
    assert row["MPJPE, frame-wise"] == "45.22"


def test_it_is_said_how_well_the_published_weights_agree(study, with_weights, theirs):
    remarks = main_results.document(collected(study(theirs))).remarks
    expected = "Published weights, largest distance from the published figures: 0.10 mm frame-wise (3 of 4 figures), "
    assert any(remark.startswith(expected) and "2.03 mm action-wise (3 of 4 figures)" in remark for remark in remarks)


def test_records_say_which_weights(study, with_weights, theirs):
    table = read(csv_text(main_results.document(collected(study(theirs)))))
    table = table.query("experiment == 'h36m_351' and s_in == '5' and frames == 'all_frames' and metric == 'mpjpe'")
    table = table.query("average == 'frame_wise'").set_index("weights")
    assert table["mean_mm"].to_dict() == pytest.approx({"published": 45.72, "trained": 45.9})
    assert table["published_mm"].to_dict() == {"published": 45.7, "trained": 45.7}
    assert table["difference_mm"].to_dict() == pytest.approx({"published": 0.02, "trained": 0.2})
    assert table["seeds_run"].isna().to_dict() == {"published": True, "trained": False}


def test_every_number_says_which_weights(study, with_weights, theirs, tmp_path):
    table = read(written(study(theirs), tmp_path / "tables")["scores.csv"])
    found = table.query("upsampling == 'learned' and frames == 'all_frames' and average == 'frame_wise' and metric == 'mpjpe'")
    published = found.query("weights == 'published'")
    assert published["seed"].isna().all()
    assert {tuple(row) for row in published[["experiment", "s_in", "value_mm"]].itertuples(index=False)} == {
        (name, s_in, value) for (name, seed, s_in), value in theirs.items() if seed == "published"
    }
    assert len(found.query("weights == 'trained'")) == len(theirs) - len(published)
    missing = table[table["value_mm"].isna()]
    assert len(missing.query("weights == 'published'")) == 4 * 2 - len(published)


def test_per_action_and_learned_upsampling(study, with_weights, theirs):
    results = collected(study(theirs))
    sections = {section.title: section for section in per_action.document(results).sections}
    rows = rows_of(sections["h36m_351, published weights, all frames, mm"])
    assert find(rows, action="Walking")["MPJPE, s_in = 5"] == "51.72"
    assert find(rows_of(sections["h36m_351, all frames, mm, seeds: 2"]), action="Walking")["MPJPE, s_in = 5"] == "51.90 ± 0.14"
    assert rows_of(sections["h36m_81, published weights, all frames, mm"])[0]["frames"] == "NOT RUN"
    records = read(csv_text(per_action.document(results))).query("experiment == 'h36m_351' and action == 'Walking' and s_in == 5")
    assert sorted(set(records["weights"])) == ["published", "trained"]
    rows = rows_of(learned_upsampling.document(results).sections[0])
    assert find(rows, model="h36m_351, published weights", s_in="20")["gain, frame-wise"] == "+1.50"


def test_pretraining_compares_what_was_trained_here(study, with_weights, theirs, values):
    with_them = pretraining.document(collected(study(theirs)))
    without = pretraining.document(collected(study(values)))
    assert (with_them.remarks, with_them.sections) == (without.remarks, without.sections)


def test_the_footer_names_the_files_and_tells_which_evaluations_differ(study, with_weights, theirs):
    document = main_results.document(collected(study(theirs, weights_sha256=WEIGHTS)))
    line = next(line for line in document.footer if line.startswith("Published weights, SHA-256"))
    assert "h36m_351 fedcba987654, h36m_351_pt fedcba987654, h36m_81 NOT RUN." in line
    assert WEIGHTS not in line
    results = collected(study(theirs))
    evaluations = {
        evaluation: replace(found, protocol=replace(found.protocol, mirror=evaluation.weights == "trained"))
        for evaluation, found in results.evaluations.items()
    }
    results = replace(results, evaluations=evaluations)
    told = next(line for line in main_results.document(results).footer if line.startswith("Mirroring"))
    assert re.search(
        r"no \([^;]*h36m_351 with published weights[^;]*\); yes|yes \(.*\); no \(.*h36m_351 with published weights", told
    )


def test_figures_stand_only_beside_the_published_protocol(study, with_weights, theirs):
    section = main_results.document(collected(study(theirs, mirror=False))).sections[0]
    row = find(rows_of(section), model="h36m_351", s_in="5", average="frame-wise")
    assert list(row.values())[4:] == ["–", "45.72", "45.90 ± 0.14", "2", "–", "–"]
    assert "No published figures beside h36m_351: mirror is no, not yes." in section.remarks


def test_figures_do_not_stand_beside_simulated_detections(study, with_weights, theirs, tmp_path):
    for name, text in written(study(theirs, input_2d="simulated"), tmp_path / "tables").items():
        if name.endswith(".json"):  # where 45.7 may be an error of ours
            text = "".join(line for line in text.splitlines() if "published" in line)
        assert not re.search(r"\b45\.7\b|\b42\.6\b|largest distance", text), name


def test_tables_of_published_weights_are_whole(study, with_weights, theirs, tmp_path):
    first, second = (written(study(theirs), tmp_path / name) for name in ("a", "b"))
    assert first == second
    for name, text in first.items():
        if name.endswith(".csv"):
            assert len({line.count(",") for line in text.replace(", ", " ").splitlines()}) == 1, name
            assert not any(field == "" for line in text.splitlines() for field in line.split(",")), name
        if name.endswith(".md"):
            cells = [cell for line in text.splitlines() if line.startswith("|") for cell in line.strip("|").split("|")]
            assert all(cell.strip() for cell in cells), name
        if name.endswith(".tex"):
            assert text.count("{") - text.count("\\{") == text.count("}") - text.count("\\}")
            body = "\n".join(line for line in text.splitlines() if not line.startswith(("%", "\\resizebox", "\\label")))
            assert not re.search(r"(?<!\\)[_%#]", body), name
            tables = text.split("\\end{tabular}")[:-1]
            widths = [{len(re.findall(r"(?<!\\)&", line)) for line in t.splitlines() if line.endswith("\\\\")} for t in tables]
            assert all(len(width) == 1 for width in widths), name


def test_a_study_without_published_weights_keeps_its_tables(study, values):
    document = main_results.document(collected(study(values)))
    assert "numbers" in document.sections[0].header
    assert "weights" not in document.sections[1].header
    assert not [line for line in document.footer if line.startswith("Published weights")]


def test_scores_of_weights_that_nobody_planned(study, with_weights, theirs):
    manifest = study(theirs)
    experiments = plain(manifest)["experiments"]
    experiments[1]["published_weights"] = None
    with pytest.raises(InputError, match=r"published_scores.h36m_351.20: no experiment .* has published weights"):
        manifest_from_mapping(plain(manifest, experiments=experiments))
