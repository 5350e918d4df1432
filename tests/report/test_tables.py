"""The result tables: what stands beside what, what was not run, the note, and that equal scores give equal bytes."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from documents import find, plain, read, rows_of, written

from uplift_upsample.base.errors import InputError
from uplift_upsample.evaluate.metrics import metrics_of
from uplift_upsample.report.render import csv_text, latex, markdown
from uplift_upsample.report.results import collected, read_published
from uplift_upsample.report.tables import learned_upsampling, main_results, per_action, pretraining
from uplift_upsample.report.topics import FILES_OF_TABLES
from uplift_upsample.report.view import Document, Section


def test_every_declared_file_is_written(study, values, tmp_path):
    assert tuple(written(study(values), tmp_path / "tables")) == FILES_OF_TABLES


def test_equal_scores_give_equal_bytes(study, values, tmp_path):
    first, second = (written(study(values), tmp_path / name) for name in ("a", "b"))
    assert first == second


def test_published_figures_stand_beside_ours_with_the_difference(study, values):
    section = main_results.document(collected(study(values))).sections[0]
    rows = rows_of(section)
    assert find(rows, model="h36m_351", numbers="published")["s_in = 5"] == "45.7"
    ours = find(rows, model="h36m_351", numbers="this project, frame-wise")
    assert (ours["s_in = 5"], ours["seeds"], ours["pre-training"]) == ("45.90 ± 0.14", "2", "no")
    assert find(rows, model="h36m_351", numbers="difference, frame-wise")["s_in = 5"] == "+0.20"
    assert find(rows, model="h36m_351", numbers="this project, action-wise")["s_in = 5"] == "47.90 ± 0.14"
    assert find(rows, model="h36m_351", numbers="difference, action-wise")["s_in = 5"] == "+2.20"
    assert find(rows, model="h36m_351_pt", numbers="difference, frame-wise")["s_in = 5"] == "-0.10"


def test_mean_pose_is_a_row_and_the_measure(study, values):
    document = main_results.document(collected(study(values)))
    assert find(rows_of(document.sections[0]), numbers="baseline, frame-wise")["s_in = 20"] == "200.00"
    rows = rows_of(document.sections[1])
    assert find(rows, model="mean pose")["MPJPE, action-wise"] == "202.00"
    assert find(rows, model="h36m_351", s_in="20")["share of mean pose"] == "24.0 %"


def test_seeds_that_are_missing_are_told(study, values):
    document = main_results.document(collected(study(values)))
    row = find(rows_of(document.sections[1]), model="h36m_351_pt", s_in="5")
    assert (row["seeds"], row["MPJPE, frame-wise"]) == ("1 of 2", "42.50")
    record = read(csv_text(document)).query("experiment == 'h36m_351_pt' and s_in == '5'").iloc[0]
    assert (record["status"], record["seeds_run"]) == ("partly run", 1)


def test_what_was_not_run_says_so_and_nothing_is_blank(study, values, tmp_path):
    texts = written(study(values), tmp_path / "tables")
    for name, text in texts.items():
        assert "NOT RUN" in text or name in ("pretraining.csv", "ablations.csv", "cost.csv", "provenance.csv"), (
            name
        )  # what these show was run
        if name.endswith(".csv"):
            assert not any(field == "" for line in text.splitlines() for field in line.split(",")), name
        if name.endswith(".md"):
            cells = [cell for line in text.splitlines() if line.startswith("|") for cell in line.strip("|").split("|")]
            assert all(cell.strip() for cell in cells), name
        if name.endswith(".tex"):
            assert "& &" not in re.sub(r" +", " ", text), name
        if name.endswith(".json"):
            content = json.loads(text)
            assert all(cell for section in content["sections"] for row in section["rows"] for cell in row), name
            assert all(str(value) for record in content["records"] for value in record.values()), name
    rows = rows_of(main_results.document(collected(study(values))).sections[0])
    row = find(rows, model="h36m_81", numbers="this project, frame-wise")
    assert (row["s_in = 4"], row["s_in = 5"], row["seeds"]) == ("NOT RUN", "–", "0 of 1")


def test_a_study_of_which_nothing_was_run(study, tmp_path):
    texts = written(study({}), tmp_path / "tables")
    assert "45.7" in texts["main_results.md"]  # published figures wait for ours
    assert texts["scores.csv"].count("NOT RUN") > 0
    assert "not known, nothing was run" in texts["main_results.md"]
    for text in texts.values():
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_scores_csv_has_every_number_of_every_run(study, values, tmp_path):
    table = read(written(study(values), tmp_path / "tables")["scores.csv"])
    found = table.query("upsampling == 'learned' and frames == 'all_frames' and average == 'frame_wise' and metric == 'mpjpe'")
    assert {tuple(row) for row in found[["experiment", "seed", "s_in", "value_mm"]].itertuples(index=False)} == {
        (*key, value) for key, value in values.items()
    }
    per_run = 2 * 2 * (2 + 2) * len(metrics_of([]))  # upsampling, frames, averages and actions, metrics
    assert table["value_mm"].notna().sum() == len(values) * per_run


def test_the_note_of_a_study_stands_in_every_table(study, values, tmp_path):
    for name, text in written(study(values, note="simulated & small"), tmp_path / "tables").items():
        if name.endswith(".csv"):
            assert all(line.startswith("simulated & small,") for line in text.splitlines()[1:]), name
        elif name.endswith(".md"):
            assert "> **Note**: simulated & small." in text, name
        elif name.endswith(".json"):
            content = json.loads(text)
            assert content["note"] == "simulated & small", name
            assert all(record["note"] == "simulated & small" for record in content["records"]), name
        else:
            assert text.count("\\caption{") == text.count("\\textbf{simulated \\& small.}"), name


def test_a_note_is_one_line_however_it_is_written(study, values, tmp_path):
    """A second line would be text of a LaTeX document, and an empty one would end the paragraph of a caption or of Markdown."""
    texts = written(study(values, note="first\n\n  # second\n"), tmp_path / "tables")
    assert "\n% first # second\n" in texts["comparison.tex"]
    assert "\\textbf{first \\# second.}" in texts["comparison.tex"]
    assert "> **Note**: first # second.\n" in texts["comparison.md"]
    assert json.loads(texts["comparison.json"])["note"] == "first # second"
    assert all(line.startswith("first # second,") for line in texts["comparison.csv"].splitlines()[1:])


def test_simulated_detections_are_noted_without_a_word_in_the_configuration(study, values):
    assert main_results.document(collected(study(values, input_2d="simulated"))).note == "simulated detections"
    assert main_results.document(collected(study(values, note="others", input_2d="simulated"))).note == "others"
    assert main_results.document(collected(study(values))).note == ""


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        ({"input_2d": "gt"}, "input_2d is gt, not cpn_ft_h36m_dbb"),
        ({"mirror": False}, "mirror is no, not yes"),
        ({"subjects": ["S11"]}, "subjects is S11, not S11, S9"),
        ({"dropped_videos": ["S9 Eating, camera 0"]}, "dropped_videos is S9 Eating, camera 0, not none"),
    ],
)
def test_published_figures_stand_only_beside_the_same_protocol(study, values, protocol, reason):
    section = main_results.document(collected(study(values, **protocol))).sections[0]
    assert not [row for row in rows_of(section) if row["model"] == "h36m_351" and row["numbers"] == "published"]
    assert any(reason in remark for remark in section.remarks)


def test_the_footer_tells_the_protocol(study, values):
    footer = "\n".join(main_results.document(collected(study(values, degenerate_frames={"all_frames": 3}))).footer)
    for text in (
        "S9, S11",
        "cpn_ft_h36m_dbb",
        "Eating 300, Walking 100",
        "400 in 8 videos",
        "80 (s_in = 5); 20 (s_in = 20)",
        "54138969",
    ):
        assert text in footer
    assert "unaligned pose): 3." in footer
    assert "Dropped videos: none." in footer
    assert "amass_351" in footer  # trained, but not evaluated by itself


def test_the_footer_tells_which_evaluations_differ(study, values, tmp_path):
    manifest = study(values)
    path = tmp_path / "h36m_351-0-5.json"
    document = json.loads(path.read_text())
    document["protocol"]["mirror"] = False
    path.write_text(json.dumps(document))
    footer = "\n".join(main_results.document(collected(manifest)).footer)
    assert "no (h36m_351); yes (h36m_351_pt, h36m_351)" in footer or "no (h36m_351); yes (h36m_351, h36m_351_pt)" in footer


def test_an_s_in_that_the_model_was_not_trained_for_is_marked(study, values):
    document = main_results.document(collected(study(values, is_s_in_trained=False)))
    assert find(rows_of(document.sections[1]), model="h36m_351", s_in="20†")
    assert any(line.startswith("†") and "h36m_351 at s_in = 20" in line for line in document.footer)
    assert "†" not in markdown(main_results.document(collected(study(values))))


def test_the_findings_are_honest(study, values):
    values[("h36m_351", 0, 20)] = values[("h36m_351", 1, 20)] = 40.0
    remarks = "\n".join(main_results.document(collected(study(values))).remarks)
    assert "h36m_351: 20.0 % to 22.9 % of the mean pose's MPJPE; the error does NOT grow with s_in from 5 to 20." in remarks
    assert "h36m_351_pt: 21.2 % to 24.6 % of the mean pose's MPJPE; the error grows with s_in." in remarks


def test_pretraining_by_the_seed_that_both_have(study, values):
    document = pretraining.document(collected(study(values)))
    assert "-3.30 mm at s_in = 5 (n/a), +1.25 mm at s_in = 20 (n/a)" in document.remarks[0]
    assert document.remarks[0].endswith(" With one seed, how much of it is chance is not known.")
    rows = rows_of(document.sections[0])
    assert {row["pre-training"] for row in rows} == {"n/a"}
    assert find(rows, s_in="20")["difference, frame-wise"] == "+1.25"
    assert find(rows, s_in="20")["seeds"] == "1 to 2 of 2"


def test_pretraining_without_a_counterpart(study, values, planned):
    planned[2]["compared_with"] = "h36m_27"
    document = pretraining.document(collected(study(values)))
    assert "no experiment without pre-training" in document.remarks[0]
    assert find(rows_of(document.sections[0]), s_in="5")["pre-training"] == "–"


def test_pretraining_in_a_study_without_any(study, values, planned, tmp_path):
    planned[2]["initial_weights"] = None
    texts = written(study(values, note="simulated detections"), tmp_path / "tables")
    assert "nothing to compare" in texts["pretraining.md"]
    assert texts["pretraining.csv"].splitlines()[1].startswith("simulated detections,")


def test_what_was_trained_on_other_people_says_so_in_every_table(study, values, planned, tmp_path):
    planned[0] |= {"s_in": [5, 20], "test_dataset": "h36m"}
    values |= {("amass_351", seed, s_in): 60.0 + s_in for seed in (0, 1) for s_in in (5, 20)}
    results, label = collected(study(values)), "amass_351 (trained on amass only)"
    document = main_results.document(results)
    row = find(rows_of(document.sections[0]), model=label, numbers="this project, frame-wise")
    assert (row["pre-training"], row["s_in = 5"]) == ("not fine-tuned", "65.00 ± 0.00")
    assert find(rows_of(document.sections[1]), model=label, s_in="20")["share of mean pose"] == "40.0 %"
    assert any(remark.startswith(f"{label}: 32.5 % to 40.0 % of the mean pose") for remark in document.remarks)
    assert find(rows_of(learned_upsampling.document(results).sections[0]), model=label, s_in="5")
    assert any(section.title.startswith(f"{label}, all frames") for section in per_action.document(results).sections)
    record = read(csv_text(document)).query("experiment == 'amass_351' and s_in == '5'").iloc[0]
    assert (record["trained_on"], record["tested_on"]) == ("amass", "h36m")
    assert not any("Without an evaluation" in line for line in document.footer)
    assert find(rows_of(pretraining.document(results).sections[0]), s_in="5")["difference, frame-wise"] == "-3.30"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"dataset": "amass", "test_dataset": "h36m"}, "it is trained on amass"),
        ({"test_dataset": "cmu"}, "it is tested on cmu"),
    ],
)
def test_published_figures_stand_only_beside_the_same_data_sets(study, values, planned, other, reason):
    planned[1] |= other
    section = main_results.document(collected(study(values))).sections[0]
    assert [row["model"] for row in rows_of(section) if row["numbers"] == "published"] == ["h36m_351_pt"]
    assert f"No published figures beside h36m_351: {reason}." in section.remarks
    assert "no experiment without pre-training" in pretraining.document(collected(study(values))).remarks[0]


def test_learned_upsampling_against_plain_interpolation(study, values):
    document = learned_upsampling.document(collected(study(values)))
    row = find(rows_of(document.sections[0]), model="h36m_351", s_in="20")
    assert (row["learned, frame-wise"], row["plain, frame-wise"], row["gain, frame-wise"]) == (
        "48.05 ± 0.07",
        "49.55 ± 0.07",
        "+1.50 ± 0.00",
    )
    assert row["learned upsampling"] == "helps"
    assert find(rows_of(document.sections[0]), model="h36m_351", s_in="5")["learned upsampling"] == "equal: s_in = s_out"
    assert find(rows_of(document.sections[0]), model="h36m_81", s_in="20")["learned upsampling"] == "NOT RUN"


def test_evaluations_with_learned_upsampling_switched_off(study, values):
    results = collected(study(values, learned_upsampling=False))
    row = find(rows_of(learned_upsampling.document(results).sections[0]), model="h36m_351", s_in="20")
    assert (row["learned, frame-wise"], row["plain, frame-wise"]) == ("NOT RUN", "49.55 ± 0.07")
    assert (
        find(rows_of(main_results.document(results).sections[1]), model="h36m_351", s_in="20")["MPJPE, frame-wise"]
        == "49.55 ± 0.07"
    )
    assert "Learned upsampling: no." in main_results.document(results).footer


def test_per_action(study, values):
    document = per_action.document(collected(study(values)))
    assert [section.title.split(",")[0] for section in document.sections] == ["h36m_351", "h36m_351_pt", "h36m_81"]
    rows = rows_of(document.sections[0])
    assert [row["action"] for row in rows] == ["Eating", "Walking", "frame-wise mean", "action-wise mean"]
    assert find(rows, action="Walking")["P-MPJPE, s_in = 20"] == "46.05 ± 0.07"
    assert find(rows, action="Eating")["frames"] == "300"


def test_an_action_without_frames(study, values, tmp_path):
    manifest = study(values)
    for path in tmp_path.glob("h36m_351-*.json"):
        document = json.loads(path.read_text())
        document["protocol"]["frames_per_action"]["all_frames"]["Walking"] = 0
        for part in document.values():
            if "all_frames" in part:
                part["all_frames"]["per_action"]["Walking"] = dict.fromkeys(metrics_of([]))
        path.write_text(json.dumps(document))
    document = per_action.document(collected(manifest))
    assert find(rows_of(document.sections[0]), action="Walking")["MPJPE, s_in = 5"] == "no frames"
    record = read(csv_text(document)).query("experiment == 'h36m_351' and action == 'Walking' and frames == 'all_frames'").iloc[0]
    assert math.isnan(record["mean_mm"])


def test_mean_and_deviation_over_seeds(study, values):
    record = read(csv_text(main_results.document(collected(study(values))))).query(
        "experiment == 'h36m_351' and s_in == '5' and frames == 'all_frames' and metric == 'mpjpe' and average == 'frame_wise'"
    )
    assert record["mean_mm"].item() == pytest.approx(45.9)
    assert record["std_mm"].item() == pytest.approx(np.std([45.8, 46.0], ddof=1), abs=1e-6)
    assert record["published_mm"].item() == 45.7
    assert record["difference_mm"].item() == pytest.approx(0.2)


def test_latex_is_balanced_and_escaped(study, values, tmp_path):
    for name, text in written(study(values), tmp_path / "tables").items():
        if name.endswith(".tex"):
            assert text.count("{") - text.count("\\{") == text.count("}") - text.count("\\}")
            assert text.count("\\begin{") == text.count("\\end{")
            body = "\n".join(line for line in text.splitlines() if not line.startswith(("%", "\\resizebox", "\\label")))
            assert not re.search(r"(?<!\\)[_%#]", body), name
            widths = {
                len(re.findall(r"(?<!\\)&", line)) for line in text.split("\\end{tabular}")[0].splitlines() if line.endswith("\\\\")
            }
            assert len(widths) == 1, name


def test_special_characters():
    section = Section("50 % of a_b & c", ["a|b", "x"], [["1|2", "3"]])
    document = Document("n", "t", "", ("a",), [{"a": "x,y"}], [section])
    assert "| 1\\|2 |" in markdown(document)
    assert "50 \\% of a\\_b \\& c" in latex(document)
    assert csv_text(document) == 'note,a\nn/a,"x,y"\n'


def test_published_figures_of_the_project(project):
    published = read_published(project / "workflow" / "resources" / "paper_results.csv").mpjpe
    assert len(published) == 13
    assert published["h36m_351_pt", 20] == 45.0
    assert [published[name, 1] for name in ("videopose3d_243", "poseformer_81", "strided_transformer_243")] == [46.8, 44.3, 44.0]
    with pytest.raises(InputError, match="not a table of published figures"):
        read_published(project / "pyproject.toml")


def test_the_command_line(study, values, tmp_path, project):
    manifest = study(values)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(plain(manifest)))
    command = [
        sys.executable,
        str(project / "scripts" / "write_tables.py"),
        "--manifest",
        str(path),
        "--out_dir",
        str(tmp_path / "out"),
    ]
    assert subprocess.run([*command, "--study", "trial"], check=True).returncode == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == set(FILES_OF_TABLES)
    failed = subprocess.run([*command, "--study", "trail"], capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "error: " in failed.stderr and "'trial', not of 'trail'" in failed.stderr
