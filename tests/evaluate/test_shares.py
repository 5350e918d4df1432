"""PCK and AUC, which MPI-INF-3DHP alone has; the whole path of that data set on miniatures, up to the table that compares."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from world.mpi_inf_3dhp import public_files, write_public

from uplift_upsample.base.skeleton import MODEL_17, NUM_JOINTS, ROOT
from uplift_upsample.data.frames import FramesTable, read_frames_table, subjects_of
from uplift_upsample.data.mpi_inf_3dhp.table import write_mpi_inf_3dhp_table
from uplift_upsample.evaluate.metrics import METRICS, metrics_of, mpjpe
from uplift_upsample.evaluate.predict import PAPER, predict_poses
from uplift_upsample.evaluate.score_file import Scores, read_scores, write_scores
from uplift_upsample.evaluate.scores import ground_truth, mean_pose_scores, scores
from uplift_upsample.evaluate.shares import auc, pck
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import ModelConfig
from uplift_upsample.report.manifest import manifest_from_mapping
from uplift_upsample.report.render import markdown
from uplift_upsample.report.results import collected, read_published
from uplift_upsample.report.tables import comparison, main_results
from uplift_upsample.report.tables.tables import write_tables

UNCOUNTED = ("pelvis", "torso", "head")
COUNTED = [index for index, name in enumerate(MODEL_17) if name not in UNCOUNTED]
# s_out 2 and 50 Hz: the tokens of a video of 25 Hz are its recorded frames
MODEL = ModelConfig(num_tokens=9, s_out=2, s_in=(4, 20), spatial_dim=8, temporal_dim=16, num_heads=2, spatial_blocks=1,
                    temporal_blocks=1, strides=(3, 3))  # fmt: skip


def off_by(distances_mm: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """A pose for each distance, by which all joints but the root are off."""
    target = np.random.default_rng(1).normal(size=(len(distances_mm), NUM_JOINTS, 3))
    off = np.zeros_like(target)
    off[:, np.arange(NUM_JOINTS) != ROOT, 0] = np.array(distances_mm)[:, None] / 1000
    return target + off, target


def test_pck_is_strictly_below_150_mm() -> None:
    prediction, target = off_by([0, 149.9, 150.1, np.nan])
    shares = pck(mpjpe(prediction, target))
    np.testing.assert_array_equal(shares[:3, COUNTED], np.repeat([[1.0], [1.0], [0.0]], 14, axis=1))
    assert np.isnan(shares[3, COUNTED]).all()
    assert (shares[:, [MODEL_17.index(name) for name in UNCOUNTED]] == -1).all()


@pytest.mark.parametrize(
    ("distance", "expected"), [(0.0, 30), (4.9, 30), (5.1, 29), (77.0, 15), (149.9, 1), (150.1, 0), (900.0, 0)]
)
def test_auc_counts_the_thresholds_above(distance: float, expected: int) -> None:
    """0, 5, …, 150 mm: 31 of them, of which no error is below the first."""
    assert auc(mpjpe(*off_by([distance])))[0, COUNTED] == pytest.approx(np.full(14, expected / 31))


def test_auc_as_it_is_defined() -> None:
    generator = np.random.default_rng(3)
    prediction, target = generator.normal(scale=0.06, size=(2, 40, NUM_JOINTS, 3))
    errors = mpjpe(prediction, target)
    expected = np.mean([errors[:, COUNTED] < threshold / 1000 for threshold in range(0, 151, 5)], axis=0)
    np.testing.assert_allclose(auc(errors)[:, COUNTED], expected)


def test_other_data_sets_have_neither() -> None:
    assert set(METRICS) - set(metrics_of(["h36m", None])) == {"pck", "auc"}
    assert metrics_of(["mpi_inf_3dhp"]) == METRICS


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> FramesTable:
    folder = tmp_path_factory.mktemp("mpi")
    write_mpi_inf_3dhp_table(folder / "table.h5", *write_public(folder, *public_files()), "universal", 25)
    return read_frames_table(folder / "table.h5")


@pytest.fixture(scope="module")
def scored(table: FramesTable, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scores, Path]:
    """An untrained network, on every test sequence; and the file of its scores."""
    keras.utils.set_random_seed(2)
    videos = table.videos_of(subjects_of(table, "test"))
    predictions = predict_poses(Lifter(build_network(MODEL), 32, mirror=True), table, videos, 20, PAPER)
    metadata = {"s_in": 20, "s_out": 2, "subjects": subjects_of(table, "test"), "mirror": True, **predictions.metadata}
    found = scores(type(predictions)(predictions.poses_3d, predictions.video, predictions.frame, metadata), table)
    path = tmp_path_factory.mktemp("scores") / "scores.json"
    write_scores(path, found.document())
    return found, path


def test_only_valid_recorded_frames_are_scored(scored: tuple[Scores, Path]) -> None:
    protocol = scored[0].protocol
    assert protocol.frames_per_action["all_frames"] == {"Seq1": 0, "Seq2": 0} | dict.fromkeys(
        ("TS1", "TS2", "TS3", "TS4", "TS5", "TS6"), 24
    )
    assert protocol.num_frames["all_frames"] == 6 * 24


def test_scores_have_shares_in_per_cent(table: FramesTable, scored: tuple[Scores, Path]) -> None:
    """Those of the mean pose by hand: with frames that are no matter made to be far off."""
    assert read_scores(scored[1], "20") == scored[0]
    found = mean_pose_scores(table, "trainval", "test")
    value = {row.metric: row.value for row in found.rows if row.average == "frame_wise"}
    videos, train = table.videos_of(subjects_of(table, "test")), table.videos_of(subjects_of(table, "trainval"))

    def truths(of: np.ndarray) -> np.ndarray:
        assert table.is_scored is not None
        pairs = [(video, frame) for video in of for frame in range(table.video_length[video])
                 if table.is_scored[table.video_start_3d[video] + frame]]  # fmt: skip
        return ground_truth(table, *np.array(pairs).T)

    errors = 1000 * np.linalg.norm(truths(train).mean(axis=0) - truths(videos), axis=-1)  # (F, 17)
    assert value["mpjpe"] == pytest.approx(errors.mean(), abs=0.01)
    assert value["pck"] == pytest.approx(100 * (errors[:, COUNTED] < 150).mean(), abs=0.2)
    assert 0 < value["auc"] < value["pck"] < 100


def manifest_of(project: Path, scores_path: Path | None) -> dict:
    experiment = {"name": "mpi_inf_3dhp_81", "dataset": "mpi_inf_3dhp", "s_in": [4, 20], "seeds": [0]}
    found = {"mpi_inf_3dhp_81": {"0": {"20": str(scores_path)}}} if scores_path else {}
    return {
        "study": "mpi_inf_3dhp", "note": "", "experiments": [experiment], "scores": found,
        "published": str(project / "workflow/resources/paper_results.csv"),
        "published_test_set": str(project / "workflow/resources/paper_test_set.yaml"),
    }  # fmt: skip


def test_without_the_data_all_is_not_run(project: Path) -> None:
    document = comparison.document(collected(manifest_from_mapping(manifest_of(project, None))))
    text = re.sub(" +", " ", markdown(document))
    for cells in ("46.9", "PCK | 95.4", "AUC | 67.6"):
        assert f"| mpi_inf_3dhp_81 | 20 | {cells} | NOT RUN |" in text


def test_results_stand_beside_the_figures_without_a_verdict(project: Path, scored: tuple[Scores, Path], tmp_path: Path) -> None:
    manifest = manifest_from_mapping(manifest_of(project, scored[1]))
    results = collected(manifest)
    text = markdown(comparison.document(results))
    [row] = [row for row in comparison.document(results).rows if (row["s_in"], row["average"]) == (20, "frame_wise")]
    assert (row["published_mm"], row["verdict"]) == (46.9, "–")
    assert row["difference_mm"] == pytest.approx(row["mean_mm"] - 46.9)
    assert "3D annotations: universal; the other kind gives other numbers." in text
    assert "Frames a second of the test videos, as configured (their files leave it open): 25." in text
    assert "No verdict (–), because the s_in, the 3D annotations and the training behind the figure are stated nowhere" in text
    assert "PCK (%), frame-wise" in markdown(main_results.document(results))
    write_tables(manifest, tmp_path)  # each of them can do with shares
    assert json.loads((tmp_path / "comparison.json").read_text("utf-8"))


def test_published_shares(project: Path) -> None:
    figures = read_published(project / "workflow/resources/paper_results.csv").shares
    assert figures == {("mpi_inf_3dhp_81", 20, "pck"): 95.4, ("mpi_inf_3dhp_81", 20, "auc"): 67.6}
