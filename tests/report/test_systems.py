"""The systems around the paper stand in the tables of its study: beside their published figures, with a verdict and a cost."""

import pytest
from documents import find, plain, rows_of

from uplift_upsample.report.figures import error_over_cost, error_over_s_in
from uplift_upsample.report.figures.material import Material
from uplift_upsample.report.manifest import manifest_from_mapping
from uplift_upsample.report.results import Results, collected
from uplift_upsample.report.tables import comparison, cost, main_results

NETWORKS = {
    "videopose3d_243": {"network": "videopose3d", "num_tokens": 243},
    "poseformer_81": {"network": "poseformer", "num_tokens": 81},
    "strided_transformer_243": {"network": "strided_transformer", "num_tokens": 243},
}


@pytest.fixture
def results(study, planned, project) -> Results:
    planned[:] = [
        {
            "name": name,
            "dataset": "h36m",
            "s_in": [1, 10],
            "seeds": [0],
            "model": model,
            "published_weights": "weights",
            "evaluations": {"": {"input_interpolation": "linear"}},
        }
        for name, model in NETWORKS.items()
    ]
    measured = dict(zip(NETWORKS, (44.83, 42.3, 43.2), strict=True))  # action-wise, as their figures are: 2 mm more
    values = {(name, "published", s_in): mm + s_in - 1 for name, mm in measured.items() for s_in in (1, 10)}
    manifest = study(values, s_out=1, input_interpolation="linear")
    published = str(project / "workflow/resources/paper_results.csv")
    return collected(manifest_from_mapping(plain(manifest, published=published)))


def test_their_published_weights_beside_their_figures(results: Results) -> None:
    rows = rows_of(comparison.document(results).sections[0])
    assert {row["model"]: (row["published"], row["verdict, published weights"]) for row in rows if row["s_in"] == "1"} == {
        "videopose3d_243": ("46.8", "PASS"),
        "poseformer_81": ("44.3", "PASS"),
        "strided_transformer_243": ("44.0", "FAIL"),
    }
    sparse = find(rows, model="videopose3d_243", s_in="10")
    assert (sparse["published"], sparse["published weights, our code"]) == ("–", "55.83")
    told = "Published weights, largest distance from the published figures: 1.20 mm action-wise (3 of 3 figures)."
    assert told in main_results.document(results).remarks  # how far the frame-wise means are says nothing
    networks = rows_of(cost.document(results).sections[0])
    assert find(networks, model="videopose3d_243", s_in="1")["parameters"] == "16,952,371"
    # of one window: 8.5 million for the first convolution's 81 outputs, 4.2 million for each of 40 others, and the last layer
    assert find(networks, model="videopose3d_243", s_in="1")["MACs per 3D pose, M"] == "176.3"
    assert find(networks, model="strided_transformer_243", s_in="1")["spatial"] == "2.12"  # 243 frames of 34 numbers, 256 wide


@pytest.mark.parametrize(("figure", "word"), [(error_over_s_in.figure, "published"), (error_over_cost.figure, "published error")])
def test_pictures_say_that_their_figures_are_another_average(results: Results, figure, word: str) -> None:
    """The axis is frame-wise."""
    [legend] = figure(Material(results, {})).legends
    labels = {" ".join(text.get_text().split()) for text in legend.get_texts()}
    assert f"{word} (action-wise: {', '.join(NETWORKS)})" in labels
