"""Figures of invented studies: what is drawn, and that every study can be drawn."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.model.cost import network_cost
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.report.figures import (
    error_over_cost,
    error_over_distance,
    error_over_s_in,
    error_per_joint,
    learning_curves,
    per_action,
    style,
)
from uplift_upsample.report.figures.figures import drawings, write_figures
from uplift_upsample.report.figures.material import Material, gathered
from uplift_upsample.report.results import collected
from uplift_upsample.report.topics import FIGURES, FILES_OF_FIGURES

NOTE = "simulated detections"

MODEL = {"num_tokens": 27, "s_out": 5, "s_in": [5, 20], "temporal_dim": 64, "num_heads": 4}
HISTORY = """epoch,step,loss_mm,learning_rate,validation_mpjpe_mm,validation_aw_mpjpe_mm
1,1000,200.0,0.001,,
2,2000,100.0,0.001,90.0,91.0
"""


def with_breakdowns(path: Path) -> None:
    """Add to invented scores where the errors are: joint number i has i mm, a distance of d frames 50 + d mm."""
    document = json.loads(path.read_text())
    for s_in, scores in document.items():
        if s_in == "protocol":
            continue
        for part, factor in ((scores, 1), (scores["no_learned_upsampling"], 2)):
            part["per_joint"] = {joint: float(number) for number, joint in enumerate(MODEL_17)}
            part["by_distance"] = {str(d): {"mpjpe": 50.0 + factor * d, "num_frames": 10} for d in range(int(s_in))}
    path.write_text(json.dumps(document))


@pytest.fixture
def material(study, planned, tmp_path):
    """Make the material of a study from (experiment, seed, s_in) -> MPJPE; ``curves`` are the trainings with a learning curve."""
    for experiment in planned:
        experiment["model"] = MODEL if experiment["name"] != "h36m_81" else {**MODEL, "s_out": 2, "s_in": [4, 20]}

    def make(values, curves=(("h36m_351", 0), ("h36m_351", 1)), **protocol) -> Material:
        manifest = study(values, **protocol)
        for path in tmp_path.glob("*-*-*.json"):
            with_breakdowns(path)
        paths = [tmp_path / name / f"seed_{seed}" / "history.csv" for name, seed in curves]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(HISTORY)
        return gathered(collected(manifest), paths)

    return make


def words(figure: Figure) -> str:
    """Everything that is written in a figure."""
    texts = [figure.get_suptitle()]
    for axes in figure.axes:
        texts += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in axes.texts)]
        texts += [label.get_text() for label in axes.get_yticklabels()]
    texts += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return "\n".join(texts)


def line(axes: Axes, colour: str, marker_face: str | None = None) -> list[tuple[float, float]]:
    """The points of the first line of a colour that has some, and markers of a face."""
    for drawn in axes.lines:
        if drawn.get_color() == colour and len(drawn.get_xdata()) and marker_face in (None, drawn.get_markerfacecolor()):
            return list(zip(drawn.get_xdata(), drawn.get_ydata(), strict=True))
    return []


def test_error_over_s_in_shows_published_and_own_numbers_with_their_spread(material, values):
    figure = error_over_s_in.figure(material(values))
    axes = figure.axes[0]
    colour = style.look(1).colour  # h36m_351 is the second experiment of the study
    assert line(axes, colour, "none") == [(5, 45.7), (20, 47.8)]
    assert line(axes, colour, colour) == [(5, pytest.approx(45.9)), (20, pytest.approx(48.05))]
    lengths = [segment[1][1] - segment[0][1] for segment in axes.containers[0].lines[2][0].get_segments()]
    assert lengths == [pytest.approx(2 * 0.1414, abs=1e-3), pytest.approx(2 * 0.0707, abs=1e-3)]
    said = words(figure)
    assert "h36m_351, 2 seeds" in said
    assert "h36m_351_pt, 1 seed" in said
    assert "h36m_81: NOT RUN" in said
    assert NOTE not in said


@pytest.mark.parametrize("name", FIGURES)
def test_the_note_of_a_study_stands_on_every_figure(material, values, name):
    drawn = drawings()[name](material(values, note=NOTE))
    assert [drawn.get_supxlabel(), *(legend.get_title().get_text() for legend in drawn.legends)].count(NOTE) == 1


@pytest.mark.parametrize("name", FIGURES)
def test_a_study_of_which_nothing_was_run_is_drawn_too(material, name, tmp_path):
    drawn = drawings()[name](material({}, curves=()))
    assert "NOT RUN" in words(drawn)
    style.write_figure(drawn, tmp_path, name)


def test_published_weights_have_panels_and_dots_of_their_own(material, planned):
    planned[1]["published_weights"] = "weights_h36m_351"
    whole = material({("h36m_351", "published", 5): 45.72, ("h36m_351", 0, 5): 46.0, ("h36m_351", 0, 20): 48.0})
    assert "published weights, our code" in words(error_over_s_in.figure(whole))
    assert "h36m_351\npublished weights" in [axes.get_title() for axes in per_action.figure(whole).axes]


def test_error_over_cost_has_the_multiply_accumulates_of_a_pose(material, values):
    axes = error_over_cost.figure(material(values)).axes[0]
    model = ModelConfig(num_tokens=27, s_out=5, s_in=(5, 20), temporal_dim=64, num_heads=4)
    points = line(axes, style.look(1).colour, style.look(1).colour)
    costs = [network_cost(model, s_in).per_pose_of("central", 1) for s_in in (5, 20)]
    assert [cost for cost, _ in points] == pytest.approx([cost / 1e6 for cost in costs])
    assert axes.get_xscale() == "log"


def test_error_over_cost_has_no_labels_that_could_stand_on_each_other(material, values):
    """Strides hardly differ in cost: their points differ in size, in the order of the strides."""
    figure = error_over_cost.figure(material(values))
    axes = figure.axes[0]
    assert not axes.texts
    own = [each for each in axes.lines if each.get_color() == style.look(1).colour and each.get_marker() == style.look(1).marker]
    filled = sorted((each.get_markersize(), float(each.get_ydata()[0])) for each in own if each.get_markerfacecolor() != "none")
    assert [error for _, error in filled] == [pytest.approx(45.9), pytest.approx(48.05)]  # s_in 5 and 20
    assert filled[0][0] < filled[1][0]
    labels = [text.get_text() for text in figure.legends[0].texts]
    assert {"$s_{in}$ = 4", "$s_{in}$ = 5", "$s_{in}$ = 20"} <= set(labels)


def test_learning_curves_have_a_panel_for_each_training(material, values):
    figure = learning_curves.figure(material(values))
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert list(panels) == ["amass_351", "h36m_351", "h36m_351_pt", "h36m_81"]
    steps, losses = panels["h36m_351"].lines[0].get_data()
    assert (list(steps), list(losses)) == ([1, 2], [200, 100])
    assert list(panels["h36m_351"].lines[1].get_data()[1]) == [90]
    assert len(panels["h36m_351"].lines) == 4  # of two seeds
    assert [text.get_text() for text in panels["h36m_81"].texts] == ["NOT RUN"]


def test_bars_per_action(material, values):
    figure = per_action.figure(material(values))
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Eating", "Walking", "mean of actions"]
    first = panels["h36m_351"].containers
    widths = [bar.get_width() for container in first if hasattr(container, "patches") for bar in container.patches]
    assert widths[:3] == [pytest.approx(43.9), pytest.approx(51.9), pytest.approx(47.9)]
    assert not panels["h36m_81"].patches


def test_a_stride_looks_alike_in_each_panel_and_in_the_legend(material, values):
    """One experiment has s_in 5 and 20, another one 4 and 20."""
    figure = per_action.figure(material({**values, ("h36m_81", 0, 4): 50.0, ("h36m_81", 0, 20): 52.0}))
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["$s_{in}$ = 4", "$s_{in}$ = 5", "$s_{in}$ = 20"]
    looks = [(mpl.colors.to_hex(patch.get_facecolor()), patch.get_hatch()) for patch in legend.get_patches()]
    assert [shade for shade, _ in looks] == style.tints(style.GREY, 3)
    for axes, number, places in ((figure.axes[0], 1, (1, 2)), (figure.axes[2], 3, (0, 2))):
        bars = [container.patches[0] for container in axes.containers if hasattr(container, "patches")]
        shades = style.tints(style.look(number).colour, 3)
        assert [mpl.colors.to_hex(bar.get_facecolor()) for bar in bars] == [shades[place] for place in places]
        assert [bar.get_hatch() for bar in bars] == [looks[place][1] for place in places]


def test_joints_have_their_numbers_beside_them(material, values):
    figure = error_per_joint.figure(material(values))
    said = [text.get_text() for text in figure.axes[0].texts]
    expected = [str(number) if joint != "pelvis" else "root" for number, joint in enumerate(MODEL_17)]
    assert said == expected
    assert "MPJPE" in words(figure)


def test_error_over_distance_ends_at_half_a_stride(material, values):
    axes = error_over_distance.figure(material(values)).axes[0]
    lines = [drawn.get_data() for drawn in axes.lines]
    longest = [(list(x), list(y)) for x, y in lines if len(x) == 11]
    assert longest == [(list(range(11)), [50.0 + d for d in range(11)]), (list(range(11)), [50.0 + 2 * d for d in range(11)])]


@pytest.mark.long
def test_files_are_whole_and_equal_when_made_again(material, values, tmp_path):
    whole = material(values, note=NOTE)
    first = write_figures(whole, tmp_path / "a")
    second = write_figures(whole, tmp_path / "b")
    assert [path.name for path in first] == list(FILES_OF_FIGURES)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
        assert b"2026-" not in one.read_bytes()
        if one.suffix == ".png":
            with Image.open(one) as image:
                assert image.width == round((3.4 if image.width < 1000 else 7) * style.DPI)
        else:
            ElementTree.parse(one)
            assert one.stat().st_size < 400_000


def test_looks_differ_in_more_than_colour():
    looks = [style.look(number) for number in range(20)]
    assert len({(look.marker, str(look.line)) for look in looks}) == 20
    assert len({look.colour for look in looks[:7]}) == 7


def test_damaged_inputs_are_named(material, values, tmp_path):
    whole = material(values)
    damaged = tmp_path / "h36m_351" / "seed_0" / "history.csv"
    for text in ("", "epoch,step\n1,2\n", HISTORY.replace("200.0", "many"), HISTORY + "3,4\n"):
        damaged.write_text(text)
        with pytest.raises(InputError, match=r"history\.csv: not a learning curve"):
            gathered(whole.results, [damaged])
    stray = tmp_path / "history.csv"
    stray.write_text(HISTORY)
    with pytest.raises(InputError, match="EXPERIMENT/seed_NUMBER"):
        gathered(whole.results, [stray])


@pytest.mark.long
def test_command(study, planned, tmp_path, project):
    manifest = study({})
    document = {"study": "trial", "note": NOTE, "experiments": planned, "scores": {}, "published": manifest.published}
    (tmp_path / "manifest.json").write_text(json.dumps(document))

    def command(name: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(project / "scripts/draw_figures.py"), "--study", name, "--out_dir", str(tmp_path / "out")]
        line += ["--manifest", str(tmp_path / "manifest.json"), "--histories"]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    done = command("trial")
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in (tmp_path / "out").iterdir()} == set(FIGURES)
    failed = command("another")
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
