"""Differences in the tables are those of the same seeds, and a verdict on them knows how much of it is chance."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from documents import find, rows_of

from uplift_upsample.report.manifest import manifest_from_mapping
from uplift_upsample.report.results import Results, Summary, collected
from uplift_upsample.report.tables import learned_upsampling, pretraining, readouts, systems
from uplift_upsample.report.tables.differences import DEPENDS, DOES_NOT_HELP, HELPS, WITHIN, beyond_seeds, verdict

TOKEN = {"num_tokens": 27, "s_out": 5, "s_in": [5, 20], "strides": [3, 3, 3]}
DENSE = {"network": "videopose3d", "num_tokens": 27, "s_out": 5, "filter_widths": [3, 3, 3], "channels": 64}
LINEAR = {"input_interpolation": "linear"}
SEEDS = [0, 1, 2]
Values = dict[tuple[str, str], dict[int, float]]  # (experiment, variant) -> seed -> MPJPE


@pytest.fixture
def results(tmp_path: Path, scores_of) -> Callable[[Values, list[dict[str, Any]]], Results]:
    """The results at s_in 20 of invented experiments."""

    def make(values: Values, experiments: list[dict[str, Any]]) -> Results:
        scores: dict[str, Any] = {"": {}} | {name: {} for each in experiments for name in each.get("evaluations", {})}
        for (name, variant), by_seed in values.items():
            for seed, mm in by_seed.items():
                path = tmp_path / f"{name}-{variant}-{seed}.json"
                path.write_text(json.dumps(scores_of(mm, 20, weights="trained")))
                scores[variant].setdefault(name, {})[str(seed)] = {"20": str(path)}
        common = {"dataset": "cmu", "s_in": [20], "seeds": SEEDS, "model": TOKEN}
        document = {"study": "trial", "note": "", "experiments": [common | each for each in experiments], "scores": scores.pop("")}
        document["variants"] = {name: {"scores": found} for name, found in scores.items()}
        return collected(manifest_from_mapping(document))

    return make


TOKEN_WITH_LINEAR = {"name": "token", "evaluations": {"": {}, "linear": LINEAR}}
# the linear variant was run with the worst seed alone, where it is better; against the mean of all seeds it would look worse
PARTLY = {("token", ""): {0: 50.0, 1: 52.0, 2: 60.0}, ("token", "linear"): {2: 59.0}}


def test_networks_without_an_upsampling_token_have_no_learned_upsampling(results) -> None:
    experiments = [
        {"name": "token", "evaluations": {"": {}, "linear": LINEAR}},
        {"name": "dense", "model": DENSE, "evaluations": {"": LINEAR}},
        {"name": "filled", "evaluations": {"": LINEAR}},
    ]
    values = {(name, ""): dict.fromkeys(SEEDS, 50.0) for name in ("token", "dense", "filled")}
    document = learned_upsampling.document(results(values, experiments))
    assert {row["model"] for row in rows_of(document.sections[0])} == {"token"}
    assert any("every token has a 2D pose: dense, filled." in remark for remark in document.remarks)
    del values["token", ""]
    alone = learned_upsampling.document(results(values, experiments[1:]))
    assert not alone.sections and not alone.rows
    assert alone.remarks[0] == "No network of this study has a token to upsample with."


def test_gains_of_learned_upsampling_are_of_the_same_seeds(results) -> None:
    document = learned_upsampling.document(results(PARTLY, [TOKEN_WITH_LINEAR]))
    row = find(rows_of(document.sections[0]), model="token")
    assert (row["gain on 2D linear, frame-wise"], row["against 2D linear"]) == ("-1.00", "n/a")
    assert row["seeds"] == "1 to 3 of 3"
    assert row["gain, frame-wise"] == "+1.50 ± 0.00"
    [tidy] = [
        row
        for row in document.rows
        if (row["upsampling"], row["metric"], row["average"]) == ("input_linear", "mpjpe", "frame_wise")
    ]
    assert (tidy["gain_mm"], tidy["seeds_run"]) == (-1.0, 1)
    assert math.isnan(tidy["gain_std_mm"])


def test_differences_of_read_outs_are_of_the_same_seeds(results) -> None:
    rows = rows_of(readouts.document(results(PARTLY, [TOKEN_WITH_LINEAR])).sections[0])
    linear = find(rows, evaluation="linear")
    assert (linear["MPJPE"], linear["difference"], linear["seeds"]) == ("59.00", "-1.00", "1 of 3")
    noisy = PARTLY | {("token", "linear"): {0: 51.0, 1: 54.0, 2: 63.0}}
    linear = find(rows_of(readouts.document(results(noisy, [TOKEN_WITH_LINEAR])).sections[0]), evaluation="linear")
    assert (linear["difference"], linear["seeds"]) == ("+2.00 ± 1.00", "3")


def test_systems_say_how_many_seeds_a_row_has(results) -> None:
    rows = rows_of(systems.document(results(PARTLY, [TOKEN_WITH_LINEAR])).sections[0])
    assert {row["between key poses"]: row["seeds"] for row in rows} == {"upsampling token": "3", "2D linear": "1 of 3"}


def test_pre_training_is_judged_by_the_same_seeds(results) -> None:
    experiments = [{"name": "mocap", "s_in": []}, {"name": "people"}, {"name": "people_pt", "initial_weights": "mocap"}]
    values = {("people", ""): {0: 50.0, 1: 52.0, 2: 60.0}, ("people_pt", ""): {1: 53.0, 2: 61.5}}
    document = pretraining.document(results(values, experiments))
    row = find(rows_of(document.sections[0]), model="people_pt")
    assert (row["difference, frame-wise"], row["pre-training"], row["seeds"]) == ("+1.25 ± 0.35", WITHIN, "2 to 3 of 3")
    assert f"of the same seeds, frame-wise, +1.25 ± 0.35 mm at s_in = 20 ({WITHIN})." in document.remarks[0]
    for shift, word in ((-2.0, HELPS), (2.0, DOES_NOT_HELP)):
        values[("people_pt", "")] = {seed: mm + shift for seed, mm in values[("people", "")].items()}
        [section, *_] = pretraining.document(results(values, experiments)).sections
        assert find(rows_of(section), model="people_pt")["pre-training"] == word


def test_seeds_of_a_line_whose_sides_have_others(results) -> None:
    experiments = [
        {"name": "mocap", "s_in": []},
        {"name": "people"},
        {"name": "people_pt", "initial_weights": "mocap", "seeds": [0]},
    ]
    values = {("people", ""): {0: 50.0, 1: 52.0, 2: 60.0}, ("people_pt", ""): {0: 48.0}}
    [section, *_] = pretraining.document(results(values, experiments)).sections
    assert find(rows_of(section), model="people_pt")["seeds"] == "1 to 3"
    del values["people", ""][1]
    [section, *_] = pretraining.document(results(values, experiments)).sections
    assert find(rows_of(section), model="people_pt")["seeds"] == "1 to 2 of 1 to 3"


def test_a_stride_that_the_one_without_pre_training_does_not_have_is_not_planned(results) -> None:
    """It is not one that was not run."""
    experiments = [
        {"name": "mocap", "s_in": []},
        {"name": "people", "s_in": [5]},
        {"name": "people_pt", "initial_weights": "mocap"},
    ]
    document = pretraining.document(results({("people_pt", ""): {0: 50.0, 1: 52.0, 2: 60.0}}, experiments))
    row = find(rows_of(document.sections[0]), model="people_pt", s_in="20")
    names = ("without, frame-wise", "difference, frame-wise", "pre-training")
    assert [row[name] for name in names] == ["–"] * 3
    assert (row["compared with"], row["seeds"]) == ("people", "3")
    assert document.remarks[0] == "people_pt and people are evaluated at no s_in that both have."


@pytest.mark.parametrize(
    ("gains", "word", "is_beyond"),
    [
        ([(1.0, 1.1, 0.9), (2.0, 2.1, 1.9)], HELPS, "yes"),
        ([(-1.0, -1.1, -0.9), (-2.0, -2.1, -1.9)], DOES_NOT_HELP, "yes"),
        ([(1.0, 1.1, 0.9), (-2.0, -2.1, -1.9)], DEPENDS, "at 5, 20"),
        ([(1.0, 1.1, 0.9), (1.0, 3.0, -1.0)], WITHIN, "at 5"),
        ([(0.4, 0.1, 0.1)] * 2, WITHIN, "no"),  # 0.2 with a standard deviation of 0.17: chance in more than one of 20 cases
        ([(0.0, 0.0, 0.0)] * 2, WITHIN, "no"),
        ([(1.0,), (2.0,)], "n/a", "n/a"),
        ([(), ()], "NOT RUN", None),
    ],
)
def test_a_verdict_needs_more_than_chance(gains: list[tuple[float, ...]], word: str, is_beyond: str | None) -> None:
    found = [Summary(gain, 3) for gain in gains]
    assert verdict(found) == word
    if is_beyond:
        assert beyond_seeds(dict(zip((5, 20), found, strict=True))) == is_beyond


def test_the_words_of_verdicts_are_defined_below_the_tables(results) -> None:
    document = learned_upsampling.document(results(PARTLY, [TOKEN_WITH_LINEAR]))
    [said] = [remark for remark in document.remarks if remark.startswith("Helps: ")]
    assert all(f"{word.capitalize()}: " in said for word in (HELPS, DOES_NOT_HELP, WITHIN, DEPENDS))
    assert "n/a: " in said
