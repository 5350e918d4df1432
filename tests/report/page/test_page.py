"""The page's text and what it is made of."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.report.page import build
from uplift_upsample.report.page.contents import animations, caption_of, table
from uplift_upsample.report.page.poses import read_poses
from uplift_upsample.report.page.provenance_facts import runs
from uplift_upsample.report.page.summary import headline, summary

Make = Callable[..., str]


def rewritten(study: Path, **changes: object) -> Path:
    """The comparison with other values."""
    path = study / "tables/comparison.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), encoding="utf-8")
    return path


def test_first_screen_answers_all_three_questions(page_text: Make) -> None:
    text = page_text()
    first = unescape(re.sub(r"<[^>]+>", " ", text[text.index('id="answer"') : text.index('id="figures"')]))
    for told in ["No: 1 of 2 results are outside the tolerance. 1 more are not run.", "1 × PASS", "1 × FAIL", "1 × NOT RUN"]:
        assert told in first
    for told in ["s_in 20", "45.3", "paper 45.0 (+0.3)", "162,166", "0.240–0.250 M", "2 min 05 s", "frame-wise"]:
        assert told in first


@pytest.mark.parametrize(
    ("counts", "start"),
    [
        ({"PASS": 3}, "Yes: all 3 results"),
        ({"PASS": 3, "NOT RUN": 2}, "So far: all 3 results agree with the paper within the tolerance. 2 more are not run."),
        ({"PASS": 3, "WARN": 1}, "Nearly: 1 of 4"),
        ({"PASS": 3, "WARN": 1, "FAIL": 2}, "No: 2 of 6"),
        ({"NOT RUN": 2}, "Not run yet."),
        ({"–": 3, "NOT RUN": 2}, "No published figures are comparable: other data than the paper's. 2 more are not run."),
        ({"–": 2}, "No published figures are comparable"),
        ({}, "No published figures are comparable"),
    ],
)
def test_headline(counts: dict[str, int], start: str) -> None:
    assert headline(counts).startswith(start)


def main_record(experiment: str, s_in: int, mean: float | str, **values: object) -> dict[str, object]:
    kind = {"frames": "all_frames", "metric": "mpjpe", "average": "frame_wise", "weights": "trained"}
    return {**kind, "experiment": experiment, "s_in": s_in, "mean_mm": mean, "mean_pose_mm": 199.53, **values}


def test_study_without_published_figures_has_an_answer_of_its_own(study: Path, page_text: Make) -> None:
    """Against the mean pose, and what sparse input costs; the smallest error first, nothing of what was not run."""
    compared = [
        {**json.loads(rewritten(study).read_text("utf-8"))["records"][0], "published_mm": "n/a", "verdict": verdict}
        for verdict in ("–", "–", "NOT RUN")
    ]
    records = [
        main_record("cmu_351", 5, 60.0, mean_pose_mm="NOT RUN"),
        main_record("cmu_small", 20, 57.5),
        main_record("cmu_small", 5, 54.43),
        main_record("cmu_small", 5, 1.0, average="action_wise"),
        main_record("cmu_small", 5, 2.0, metric="pampjpe"),
        main_record("later", 5, "NOT RUN"),
    ]
    path = rewritten(study, records=compared)
    (study / "tables/main_results.json").write_text(
        json.dumps({"name": "main_results", "title": "Main", "note": None, "sections": [], "records": records}), "utf-8"
    )
    tables = [table(each, study / "index.html") for each in (path, study / "tables/main_results.json")]
    told = summary(tables)
    assert told.question == "What came out?"
    assert told.headline == (
        "cmu_small: 54.4 mm at s_in 5, against 199.5 mm of the mean pose; sparser input, from s_in 5 to 20: +3.1 mm. "
        "1 more are not run."
    )
    assert told.notes == ["cmu_351: 60.0 mm at s_in 5."]
    text = page_text(tables=tables)
    assert "<h2>What came out?</h2>" in text
    assert "oes it reproduce" not in text
    assert '<a href="#table-main_results">' in text


def test_titles_stand_once(page_text: Make) -> None:
    """A figure has its title in the picture; the page says it to those who do not see the picture."""
    text = page_text()
    assert "A title" not in re.sub(r"<[^>]*>", " ", text)
    assert text.count('alt="A title. A text in two lines."') == 2
    assert "Study trial" in text
    assert text.count("Does it reproduce?") == 1


def test_equal_inputs_give_equal_pages_that_load_nothing(page_text: Make) -> None:
    text = page_text()
    assert text == page_text()
    assert not re.search(r"""(?:src|srcset|href)=["'](?:https?:)?//(?!arxiv)""", text)
    assert not re.search(r"url\((?!data:)|@import|fetch\(|XMLHttpRequest|import\(", text)
    assert "default-src 'none'" in text


def test_texts_are_escaped(page_text: Make) -> None:
    text = page_text()
    assert "Comparison &lt;of&gt; figures" in text
    poses = {"unit_mm": 1, "joints": [], "parents": [], "sequences": [], "tracks": [], "note": "</script><b>&"}
    held = page_text(poses=poses)
    assert "</script><b>" not in held
    assert "NOT RUN: there are no predictions of the chosen sequences." in held


def test_the_note_of_a_study_stands_on_the_first_screen(study: Path, page_text: Make) -> None:
    assert "<strong>Note</strong>" not in page_text()
    path = rewritten(study, note="simulated <detections>")
    text = page_text(tables=[table(path, study / "index.html")])
    answer = text[text.index('<section id="answer"') :]
    assert "<strong>Note</strong>: simulated &lt;detections&gt;." in answer[: answer.index("</section>")]


def test_what_was_not_made_is_said(page_text: Make, study: Path) -> None:
    only = table(study / "tables/cost.json", study / "index.html")
    text = page_text(tables=[only], figures=[], animations=[], runs=[], rules={})
    assert text.count("NOT RUN: ") == 3
    assert "The graph was not given." in text
    assert summary([only]).rows == []


def test_rows_lead_to_their_records(page_text: Make) -> None:
    text = page_text()
    assert '<a href="small/seed_0/s_in_5/provenance.json">seed 0</a>' in text
    assert '<a href="tables/comparison.csv">csv</a>' in text
    assert "commit 0123456789ab, changed tree; 2026-01-01; 12.0 s" in text
    assert "train.py --seed 0" in text
    assert "<dt>2D input</dt><dd>exact.</dd>" in text
    assert "Measured when" not in text[text.index('id="protocol"') :]


def test_large_animations_stay_outside(study: Path) -> None:
    paths = [str(path) for path in study.rglob("*.gif")]
    inside, outside = (animations(paths, study / "index.html", room)[0] for room in (10_000, 10))
    assert inside.gif is not None
    assert outside.gif is None
    assert outside.link == "small/seed_0/s_in_20/animation/S9_Walking_cam0.gif"
    assert outside.title == "S9_Walking_cam0: small, seed 0, s_in = 20"
    assert (outside.width, outside.height) == (64, 36)


def test_captions_have_a_title_and_a_text(study: Path, project: Path) -> None:
    assert caption_of(study / "figures/per_action.rst") == ("A title", "A text in two lines.")
    assert caption_of(study / "figures/none.rst") == ("", "")
    captions = sorted((project / "workflow/report/figures").glob("*.rst"))
    assert captions
    assert all(all(caption_of(path)) for path in captions)


def test_bad_input_is_one_message(study: Path, page_text: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    target = study / "index.html"
    broken = study / "broken.json"
    broken.write_text("[1]", encoding="utf-8")
    for path in (broken, study / "none.json", rewritten(study, sections=[{"title": "x"}])):
        with pytest.raises(InputError, match=re.escape(path.name)):
            table(path, target)
    with pytest.raises(InputError, match=r"broken\.json: not the poses"):
        read_poses(broken)
    with pytest.raises(InputError, match=r"broken\.json: not a GIF"):
        animations([str(broken)], target)
    with pytest.raises(InputError, match=r"none/provenance\.json: no record of a run"):
        runs([str(study / "none/provenance.json")], target)
    rewritten(study, sections=[])
    with pytest.raises(InputError, match="no tables were given"):
        page_text(tables=[])
    monkeypatch.setattr(build, "LIMIT", 1000)
    with pytest.raises(InputError, match="more than 1000; choose fewer"):
        page_text()


def test_other_evaluations_stand_with_their_weights(study: Path) -> None:
    """Their records lie one folder deeper, and the names of evaluations are equal in all experiments."""
    record = json.loads((study / "small/seed_0/s_in_20/provenance.json").read_text("utf-8"))
    published = {**record, "training": {"source": "weights_other", "sha256": "abc", "checked_against": "publisher"}}
    places = ["small/seed_0/s_in_5", "small/seed_0/s_in_5/linear", "other/seed_0/s_in_5/linear", "other/published/s_in_20/linear"]
    paths = [study / place / "provenance.json" for place in places]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(published if "published" in path.parts else record), "utf-8")
    found = {run.title: run for run in runs(map(str, paths), study / "index.html")}
    assert list(found) == ["small, seed 0", "other, seed 0", "other, published weights"]
    assert found["small, seed 0"].links == [
        ("s_in = 5", "small/seed_0/s_in_5/provenance.json"),
        ("s_in = 5, linear", "small/seed_0/s_in_5/linear/provenance.json"),
    ]
    weights = dict(found["other, published weights"].facts)["weights"]
    assert weights == "published, weights_other; the checksum is the one that the publisher gives"
