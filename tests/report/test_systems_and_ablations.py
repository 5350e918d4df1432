"""The table and the figure of systems, and the table of ablations: what is compared with what, and in which order it stands."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from documents import find, rows_of

from uplift_upsample.report.figures import systems as systems_figure
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.manifest import Job, manifest_from_mapping
from uplift_upsample.report.results import Results, collected
from uplift_upsample.report.tables import ablations, systems

TOKEN = {"num_tokens": 27, "s_out": 5, "s_in": [5, 20], "strides": [3, 3, 3]}
DENSE = {"network": "videopose3d", "num_tokens": 27, "s_out": 5, "filter_widths": [3, 3, 3], "channels": 64}
LINEAR, CUBIC = {"input_interpolation": "linear"}, {"input_interpolation": "cubic"}
# experiment -> evaluation -> MPJPE at s_in 5 and 20; seed 1 has 1 mm more, of "worse" 3 mm more
MM = {
    "token": {"": (50.0, 55.0), "linear": (51.0, 60.0), "unmirrored": (52.0, 56.0)},
    "dense": {"": (48.0, 58.0), "cubic": (48.0, 57.0)},
    "worse": {"": (52.5, 58.5)},
    "same": {"": (50.2, 54.9)},
    "planned": {"": (0.0, 0.0)},
}
EVALUATIONS = {
    "token": {"": {}, "linear": LINEAR, "unmirrored": {"mirror": False}},
    "dense": {"": LINEAR, "cubic": CUBIC},
}


@pytest.fixture
def results(tmp_path: Path, scores_of) -> Results:
    by_variant: dict = {}
    for name, evaluations in MM.items():
        for variant, values in evaluations.items():
            for seed in (0, 1):
                for s_in, mm in zip((5, 20), values, strict=True):
                    if name == "planned":
                        continue
                    path = tmp_path / name / f"seed_{seed}" / f"s_in_{s_in}" / variant / "scores.json"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    protocol = EVALUATIONS.get(name, {"": {}})[variant]
                    mm_of_seed = mm + seed * (3 if name == "worse" else 1)
                    document = scores_of(mm_of_seed, s_in, weights="trained", **protocol)
                    if name == "worse":  # far off, and smooth: the order is that of MPJPE
                        document[str(s_in)]["all_frames"]["frame_wise"]["accel"] = 0.0
                    path.write_text(json.dumps(document))
                    paths = by_variant.setdefault(variant, {}).setdefault(name, {}).setdefault(str(seed), {})
                    paths[str(s_in)] = str(path)
    common = {"dataset": "cmu", "s_in": [5, 20], "seeds": [0, 1]}
    experiments = [
        {"name": "token", **common, "model": TOKEN, "evaluations": EVALUATIONS["token"]},
        {"name": "dense", **common, "model": DENSE, "evaluations": EVALUATIONS["dense"]},
        *({"name": name, **common, "model": TOKEN, "compared_with": "token"} for name in ("same", "planned", "worse")),
    ]
    return collected(
        manifest_from_mapping(
            {
                "study": "trial",
                "note": "",
                "experiments": experiments,
                "scores": by_variant.pop(""),
                "variants": {name: {"scores": scores} for name, scores in by_variant.items()},
            }
        )
    )


def test_systems_stand_by_stride_and_error_with_what_fills_the_gaps(results: Results) -> None:
    rows = rows_of(systems.document(results).sections[0])
    assert [(row["s_in"], row["model"], row["between key poses"]) for row in rows if row["MPJPE"] != "NOT RUN"] == [
        ("5", "dense", "nothing: dense"),
        ("5", "token", "nothing: dense"),
        ("5", "same", "nothing: dense"),
        ("5", "worse", "nothing: dense"),
        ("20", "same", "upsampling token"),
        ("20", "token", "upsampling token"),
        ("20", "dense", "2D cubic"),
        ("20", "dense", "2D linear"),
        ("20", "worse", "upsampling token"),
        ("20", "token", "2D linear"),
    ]
    cubic = find(rows, model="dense", s_in="20", **{"between key poses": "2D cubic"})
    assert (cubic["key poses/s"], cubic["network"], cubic["MPJPE"]) == ("2.5", "videopose3d", "57.50 ± 0.71")
    assert cubic["frames/s"] == "NOT RUN"
    token = find(rows, model="token", s_in="20", **{"between key poses": "upsampling token"})
    assert float(token["MACs per 3D pose, M"]) > 0
    assert not any("unmirrored" in str(row) for row in rows)


def test_speed_is_that_of_the_fastest_seed(results: Results, tmp_path: Path) -> None:
    """400 frames; seed 1 had other jobs beside it."""
    jobs = []
    for seed, seconds in ((0, 2.0), (1, 8.0)):
        path = tmp_path / f"prediction_{seed}.json"
        path.write_text(json.dumps({"seconds_of_prediction": seconds}))
        jobs.append(Job("token", seed, "predict", 5, str(path), "none"))
    document = systems.document(replace(results, manifest=replace(results.manifest, jobs=tuple(jobs))))
    assert find(rows_of(document.sections[0]), model="token", s_in="5")["frames/s"] == "200"
    assert "of the fastest seed, because other jobs ran beside" in document.remarks[0]


def test_figure_of_systems(results: Results) -> None:
    [axes] = systems_figure.figure(Material(results, {})).axes
    lines = {
        (line.get_linestyle(), tuple(map(float, line.get_xdata())), tuple(map(float, line.get_ydata())))
        for line in axes.lines
        if len(line.get_xdata()) > 1 and line.get_linestyle() != "None"
    }
    assert ("-", (2.5, 10.0), (55.5, 50.5)) in lines
    assert ("--", (2.5, 10.0), (57.5, 48.5)) in lines
    assert len(lines) == 6


def test_ablations_are_differences_of_the_same_seeds_sorted_by_effect(results: Results) -> None:
    rows = rows_of(ablations.document(results).sections[0])
    assert [row["change"] for row in rows] == ["worse", "token, linear", "token, unmirrored", "same", "planned"]
    worse, same = find(rows, change="worse"), find(rows, change="same")
    assert (worse["s_in 5"], worse["s_in 20"], worse["mean"]) == ("+3.50 ± 1.41", "+4.50 ± 1.41", "+4.00")
    assert (same["s_in 5"], same["s_in 20"]) == ("+0.20 ± 0.00", "-0.10 ± 0.00")
    # two seeds that differ by 2 mm say little: 3.5 mm are 12.7 standard deviations of the mean only from 12.7 mm on;
    # "same" is worse at one stride and better at the other
    assert [row["beyond the seeds"] for row in rows] == ["no", "yes", "yes", "at 5, 20", "NOT RUN"]
    assert find(rows, change="planned")["s_in 20"] == "NOT RUN"
    tidy = [row for row in ablations.document(results).rows if row["experiment"] == "worse" and row["metric"] == "mpjpe"]
    assert {row["s_in"]: row["difference_mm"] for row in tidy if row["average"] == "frame_wise"} == {5: 3.5, 20: 4.5}


def test_seeds_of_a_difference_are_those_that_both_sides_plan(results: Results) -> None:
    experiments = tuple(replace(each, seeds=(0, 1, 2)) if each.name == "worse" else each for each in results.manifest.experiments)
    document = ablations.document(replace(results, manifest=replace(results.manifest, experiments=experiments)))
    assert find(rows_of(document.sections[0]), change="worse")["seeds"] == "2"
    assert {row["status"] for row in document.rows if row["experiment"] == "worse"} == {"run"}


def test_other_evaluations_of_a_change_are_compared_too(results: Results) -> None:
    """With the reference as that is configured: whether a change makes up for a read-out with less work."""
    experiments = (replace(each, compared_with="same" if each.name == "token" else None) for each in results.manifest.experiments)
    rows = rows_of(
        ablations.document(replace(results, manifest=replace(results.manifest, experiments=tuple(experiments)))).sections[0]
    )
    line = find(rows, change="token, linear", **{"compared with": "same"})
    assert (line["s_in 5"], line["s_in 20"]) == ("+0.80 ± 0.00", "+5.10 ± 0.00")


def test_a_change_that_another_one_is_compared_with_has_a_line_for_each(results: Results) -> None:
    """Its other evaluations differ from its reference by something else than from itself."""
    to = {"token": "worse", "same": "token"}
    experiments = tuple(replace(each, compared_with=to.get(each.name)) for each in results.manifest.experiments)
    document = ablations.document(replace(results, manifest=replace(results.manifest, experiments=experiments)))
    lines = [row for row in rows_of(document.sections[0]) if row["change"] == "token, linear"]
    assert {row["compared with"]: row["s_in 20"] for row in lines} == {"token": "+5.00 ± 0.00", "worse": "+0.50 ± 1.41"}


def test_a_change_that_has_more_steps_says_so(results: Results) -> None:
    assert not any("on top of" in remark for remark in ablations.document(results).remarks)
    experiments = [
        replace(each, initial_weights="others") if each.name == "worse" else each for each in results.manifest.experiments
    ]
    document = ablations.document(replace(results, manifest=replace(results.manifest, experiments=tuple(experiments))))
    told = "worse has the training steps of others, whose weights it starts from, on top of as many as token."
    assert told in document.remarks


def test_a_change_with_several_evaluations_has_one_remark(results: Results) -> None:
    experiments = (
        replace(each, initial_weights="others" if each.name == "dense" else None) for each in results.manifest.experiments
    )
    experiments = tuple(replace(each, compared_with="token") if each.name == "dense" else each for each in experiments)
    document = ablations.document(replace(results, manifest=replace(results.manifest, experiments=experiments)))
    assert len([remark for remark in document.remarks if remark.startswith("dense has the training steps of others")]) == 1


def at_strides(results: Results, strides: dict[str, tuple[int, ...]]) -> Results:
    """The results where some experiments are evaluated at other strides; of these nothing may have been run."""
    manifest = results.manifest
    scores = {
        name: {
            seed: {s_in: path for s_in, path in paths.items() if int(s_in) in strides.get(name, (5, 20))}
            for seed, paths in seeds.items()
        }
        for name, seeds in manifest.scores.items()
    }
    experiments = (replace(each, s_in=strides.get(each.name, each.s_in)) for each in manifest.experiments if each.name != "planned")
    return replace(results, manifest=replace(manifest, experiments=tuple(experiments), scores=scores))


@pytest.mark.parametrize(("strides", "mean"), [((5,), "+3.50"), ((20,), "–")])
def test_changes_that_share_no_stride_have_no_mean(results: Results, strides: tuple[int, ...], mean: str) -> None:
    """Every line was run; a mean over no stride is not one that was not run."""
    rows = rows_of(ablations.document(at_strides(results, {"same": (5,), "worse": strides})).sections[0])
    assert find(rows, change="worse")["mean"] == mean
    assert "NOT RUN" not in {cell for row in rows for cell in row.values()}


def test_a_change_without_a_stride_of_its_reference_is_told(results: Results) -> None:
    document = ablations.document(at_strides(results, {"same": (10,)}))
    assert "same is not shown: it is evaluated at no s_in of token." in document.remarks
    assert find(rows_of(document.sections[0]), change="worse")["mean"] == "+4.00"


def test_a_study_without_comparisons_says_so() -> None:
    nothing = manifest_from_mapping({"study": "trial", "note": "", "experiments": [], "scores": {}})
    document = ablations.document(Results(nothing, {}, None, {}))
    assert document.rows == []
    assert "compared_with" in document.remarks[0]
