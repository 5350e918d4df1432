"""Other evaluations of the same weights: lines and columns of their own, and no published figure beside them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from documents import find, rows_of

from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.report.figures import error_over_cost, error_over_look_ahead
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.manifest import manifest_from_mapping
from uplift_upsample.report.protocol import reasons_against_published
from uplift_upsample.report.results import Results, collected
from uplift_upsample.report.tables import comparison, cost, learned_upsampling, main_results, readouts, systems
from uplift_upsample.report.tables.tables import write_tables

MODEL = {"num_tokens": 71, "s_out": 5, "s_in": [5, 20], "strides": [3, 10, 3], "paddings": [[0, 0]] * 3}
WAYS = {
    "": {},
    "sequence_9": {"readout": "sequence", "hop": 9},
    "both": {"readout": "both"},
    "linear": {"input_interpolation": "linear"},
    "cubic": {"input_interpolation": "cubic"},
    "plain": {"mirror": False, "precision": "bfloat16"},
}
PUBLISHED = "model,subset,s_in,metric,value_mm\nh36m_351,all frames,5,MPJPE,45.7\nh36m_351,all frames,20,MPJPE,47.8\n"
MM = {"": 46.0, "sequence_9": 46.2, "both": 44.5, "linear": 47.0, "cubic": 45.0, "plain": 49.0}  # at s_in 5; 2 more at 20


@pytest.fixture
def manifest(tmp_path: Path, scores_of):
    """One experiment with two seeds; of the variant ``cubic``, nothing was run at s_in 20."""
    variants: dict = {}
    for name, mm in MM.items():
        seeds: dict = {"0": {}, "1": {}}
        for seed in seeds:
            for s_in in (5, 20):
                if (name, s_in) == ("cubic", 20):
                    continue
                path = tmp_path / f"seed_{seed}" / f"s_in_{s_in}" / name / "scores.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                protocol = WAYS[name] | ({"blend": 0.3 + 0.1 * int(seed)} if name == "both" else {})
                protocol |= {"is_s_in_trained": False} if name == "linear" else {}
                path.write_text(json.dumps(scores_of(mm + 2 * (s_in == 20), s_in, weights="trained", **protocol)))
                seeds[seed][str(s_in)] = str(path)
        variants[name] = {"scores": {"h36m_351": seeds}, "published_scores": {}}
    (tmp_path / "published.csv").write_text(PUBLISHED)
    experiment = {"name": "h36m_351", "dataset": "h36m", "s_in": [5, 20], "seeds": [0, 1], "model": MODEL, "evaluations": WAYS}
    jobs = [
        {"experiment": "h36m_351", "seed": 0, "stage": "predict", "s_in": 5, "record": "none", "benchmark": "none", "variant": name}
        for name in WAYS
    ]
    return manifest_from_mapping(
        {
            "study": "trial",
            "note": "",
            "experiments": [experiment],
            **variants.pop(""),
            "variants": variants,
            "published": str(tmp_path / "published.csv"),
            "jobs": jobs,
        }
    )


@pytest.fixture
def results(manifest) -> Results:
    return collected(manifest)


def test_each_read_out_has_a_line(results: Results) -> None:
    rows = rows_of(readouts.document(results).sections[0])
    assert [row["evaluation"] for row in rows if row["s_in"].rstrip("†") == "5"] == ["as configured", *list(WAYS)[1:]]
    own, hop = (find(rows, s_in="20", evaluation=name) for name in ("as configured", "sequence_9"))
    assert (own["MPJPE"], own["MPJVE (mm/frame)"], own["difference"]) == ("48.00 ± 0.00", "4.80 ± 0.00", "+0.00 ± 0.00")
    assert (hop["MPJPE"], hop["difference"]) == ("48.20 ± 0.00", "+0.20 ± 0.00")
    assert hop["read-out"] == "sequence head, mean over windows 9 tokens apart"
    assert float(hop["MACs per 3D pose, M"]) < float(own["MACs per 3D pose, M"]) / 8
    both = find(rows, s_in="5", evaluation="both")
    assert both["read-out"] == "sequence head, mean over all windows, and central head (weight chosen in training)"
    assert both["weight of the central head"] == "0.3 to 0.4"
    assert own["weight of the central head"] == "–"
    assert find(rows, evaluation="linear", s_in="20†")["read-out"].endswith("; 2D poses interpolated linearly")
    assert find(rows, evaluation="cubic", s_in="20")["MPJPE"] == "NOT RUN"
    assert (
        find(rows, evaluation="plain", s_in="20")["read-out"] == "central head of one window a pose; mirror off; precision bfloat16"
    )


def test_the_mark_of_interpolated_input_is_explained_below_each_table_that_has_it(results: Results) -> None:
    for table in (readouts, systems):
        document = table.document(results)
        assert any(row["s_in"] == "20†" for row in rows_of(document.sections[0]))
        assert [line for line in document.footer if line.startswith("†")] == [
            "† The model was not trained with a 2D pose at every token: h36m_351, linear."
        ]


def test_other_tables_show_the_own_evaluation_alone(results: Results) -> None:
    kind = {"frames": "all_frames", "metric": "mpjpe", "average": "frame_wise", "weights": "trained"}
    for document in (main_results.document(results), comparison.document(results)):
        assert [row["mean_mm"] for row in document.rows if kind.items() <= row.items()] == [46.0, 48.0]
        assert "Read-out: central head of one window a pose." in document.footer


def test_published_figures_stand_beside_the_central_read_out_alone(results: Results, manifest, tmp_path: Path) -> None:
    [experiment] = manifest.experiments
    assert reasons_against_published(results, experiment) == []
    assert results.published
    assert all(not variant.published for variant in results.variants.values())
    expected = ["readout is sequence, not central", "hop is 3, not 1"]
    # An experiment whose own evaluation is another one. At s_in 5 each token has a 2D pose, and none is interpolated.
    for s_in, reasons in ((5, expected), (20, [*expected, "input_interpolation is linear, not none"])):
        for seed in "01":
            path = tmp_path / f"seed_{seed}" / f"s_in_{s_in}" / "scores.json"
            document = json.loads(path.read_text())
            document["protocol"] |= {"readout": "sequence", "hop": 3, "input_interpolation": "linear"}
            path.write_text(json.dumps(document))
        assert reasons_against_published(collected(manifest), experiment) == reasons


def test_interpolated_input_has_columns_beside_learned_upsampling(results: Results) -> None:
    document = learned_upsampling.document(results)
    row = find(rows_of(document.sections[0]), s_in="5")
    assert (row["learned, frame-wise"], row["2D linear, frame-wise"]) == ("46.00 ± 0.00", "47.00 ± 0.00 ‡")
    assert (row["2D cubic, frame-wise"], row["gain on 2D cubic, frame-wise"]) == ("45.00 ± 0.00", "-1.00 ± 0.00")
    assert row["against 2D linear"] == "equal: s_in = s_out"
    row = find(rows_of(document.sections[0]), s_in="20")
    assert (row["learned upsampling"], row["against 2D linear"], row["against 2D cubic"]) == ("helps", "helps", "NOT RUN")
    linear = [row for row in document.rows if row["upsampling"] == "input_linear" and row["s_in"] == 20]
    assert {row["metric"]: round(row["gain_mm"], 6) for row in linear} == {
        "mpjpe": 1.0, "nmpjpe": 1.0, "pampjpe": 1.0, "mpjve": 0.1, "accel": 0.05
    }  # fmt: skip
    assert any("not trained with a 2D pose at every token" in remark for remark in document.remarks)


def test_costs_and_numbers_name_the_evaluation(results: Results, manifest, tmp_path: Path) -> None:
    jobs = [row for row in cost.document(results).rows if row["stage"] == "predict"]
    assert [row["variant"] for row in jobs] == ["n/a", *list(WAYS)[1:]]
    assert len(rows_of(cost.document(results).sections[1])) == len(WAYS)
    write_tables(manifest, tmp_path / "tables")
    with open(tmp_path / "tables" / "scores.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert {row["variant"] for row in rows} == {"n/a", *list(WAYS)[1:]}
    kind = {"frames": "all_frames", "average": "frame_wise", "metric": "mpjpe", "upsampling": "learned", "s_in": "5", "seed": "1"}
    found = {row["variant"]: float(row["value_mm"]) for row in rows if kind.items() <= row.items()}
    assert found == {name or "n/a": mm for name, mm in MM.items()}
    assert [row["value_mm"] for row in rows if (row["variant"], row["s_in"]) == ("cubic", "20")] == ["NOT RUN", "NOT RUN"]


def test_read_outs_stand_in_the_figure_of_costs(results: Results) -> None:
    drawn = error_over_cost.figure(Material(results, {}))
    [axes] = drawn.axes
    points = {(round(float(x), 6), round(float(y), 6)) for line in axes.lines for x, y in zip(*line.get_data(), strict=True)}
    assert {y for _, y in points} >= {46.0, 48.0, 46.2, 48.2, 44.5, 46.5}
    cheap = [x for x, y in points if y == 46.2]
    own = [x for x, y in points if y == 46.0]
    assert max(cheap) < min(own) / 8


def live_results(tmp_path: Path, scores_of, ways: dict, mm: dict[str, float]) -> Results:
    """An experiment under some evaluations, with two seeds. mm: MPJPE of seed 0 at s_in 0."""
    variants: dict = {}
    for name in ways:
        seeds: dict = {"0": {}, "1": {}}
        for seed in seeds:
            for s_in in (5, 20):
                path = tmp_path / f"live/seed_{seed}/s_in_{s_in}_{name}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(scores_of(mm[name] + int(seed) + s_in, s_in, weights="trained", **ways[name])))
                seeds[seed][str(s_in)] = str(path)
        variants[name] = {"scores": {"h36m_351": seeds}, "published_scores": {}}
    experiment = {"name": "h36m_351", "dataset": "h36m", "s_in": [5, 20], "seeds": [0, 1], "model": MODEL, "evaluations": ways}
    document = {"study": "trial", "note": "", "experiments": [experiment], **variants.pop(""), "variants": variants}
    return collected(manifest_from_mapping(document))


def test_error_over_look_ahead(tmp_path: Path, scores_of) -> None:
    """A line for each stride over the look-aheads, with the standard deviation of the seeds; the whole video beside it."""
    ways = {"": {}, "live_10": {"look_ahead": 10}, "live_0": {"look_ahead": 0}, "other": {"look_ahead": 0, "mirror": False}}
    results = live_results(tmp_path, scores_of, ways, {"": 46.0, "live_10": 48.0, "live_0": 52.0, "other": 60.0})
    [axes] = error_over_look_ahead.figure(Material(results, {})).axes
    lines = [(line.get_xdata(), line.get_ydata()) for line in axes.lines if len(line.get_xdata()) and line.get_linestyle() == "-"]
    assert [list(map(float, x)) for x, _ in lines] == [[0.0, 200.0]] * 2
    assert [list(map(float, y)) for _, y in lines] == [[57.5, 53.5], [72.5, 68.5]]
    dashed = [float(line.get_ydata()[0]) for line in axes.lines if line.get_linestyle() == "--"]
    assert dashed == [51.5, 66.5]
    rows = readouts.document(results).rows
    row = next(row for row in rows if row["variant"] == "live_10")
    assert (row["look_ahead"], row["readout"]) == (10, "central")
    macs = {(row["variant"], row["s_in"]): row["macs_per_pose"] for row in rows}
    for s_in, windows in ((5, 2), (20, 1.25)):  # for each token: the first, and one more for a 2D pose that comes in meanwhile
        own, spatial = macs["n/a", s_in], results.manifest.experiments[0].cost(s_in).spatial_per_pose / s_in
        assert macs["live_10", s_in] == pytest.approx(windows * (own - spatial) + spatial)


@pytest.mark.parametrize(
    ("ways", "expected"), [({"": {"look_ahead": 10}}, []), ({"": {"look_ahead": 10}, "whole": {}}, [51.0, 66.0])]
)
def test_an_evaluation_that_is_live_is_not_that_of_the_whole_video(tmp_path: Path, scores_of, ways, expected) -> None:
    ways |= {"live_0": {"look_ahead": 0}}
    results = live_results(tmp_path, scores_of, ways, {"": 48.0, "whole": 45.5, "live_0": 52.0})
    drawn = error_over_look_ahead.figure(Material(results, {}))
    [axes] = drawn.axes
    assert [float(line.get_ydata()[0]) for line in axes.lines if line.get_linestyle() == "--"] == expected
    assert ("with the whole video" in {text.get_text() for text in drawn.legends[0].get_texts()}) == bool(expected)


def test_one_name_for_a_live_evaluation_and_another(tmp_path: Path, scores_of) -> None:
    """Only the one that is not live stands in the figure of costs."""
    both = live_results(tmp_path, scores_of, {"": {}, "other": {"mirror": False}}, {"": 46.0, "other": 60.0})
    [one] = both.manifest.experiments
    live = replace(one, name="live", evaluations=one.evaluations | {"other": EvaluateConfig(look_ahead=0)})
    for experiments in ((one, live), (live, one)):
        results = replace(both, manifest=replace(both.manifest, experiments=experiments))
        [axes] = error_over_cost.figure(Material(results, {})).axes
        heights = {round(float(y), 6) for line in axes.lines for y in line.get_ydata()}
        assert heights == {51.5, 66.5, 65.5, 80.5}


def test_no_look_ahead_is_said(results: Results) -> None:
    [axes] = error_over_look_ahead.figure(Material(results, {})).axes
    assert "evaluate_variants" in axes.texts[-1].get_text()
