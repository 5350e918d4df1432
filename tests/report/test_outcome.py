"""What a finished run ends with, for invented studies."""

from pathlib import Path

import pytest
from documents import plain

from uplift_upsample.report.manifest import Manifest, manifest_from_mapping
from uplift_upsample.report.outcome import outcome
from uplift_upsample.report.tables.tables import write_tables


@pytest.fixture
def told(tmp_path: Path):
    def tell(manifest: Manifest) -> list[str]:
        write_tables(manifest, tmp_path / "tables")
        return outcome("trial", "results/trial/index.html", tmp_path / "tables")

    return tell


def test_where_to_look_and_the_main_numbers(told, study, planned, values):
    planned[1]["published_weights"] = "weights_h36m_351"
    lines = told(study(values | {("h36m_351", "published", 5): 45.72, ("h36m_351", "published", 20): 47.95}))
    assert lines == [
        "trial: results/trial/index.html; MPJPE on all frames, frame-wise:",
        "  mean pose 200.0 mm",
        "  h36m_351, published weights, 45.7 / 48.0 mm at s_in 5 / 20",
        "  h36m_351 45.9 / 48.0 mm at s_in 5 / 20",
        "  h36m_351_pt 42.5 / 49.2 mm at s_in 5 / 20",
        "  h36m_81 NOT RUN",
    ]


def test_the_note_and_a_stride_that_is_not_run(told, study, values):
    del values["h36m_351", 0, 20], values["h36m_351", 1, 20]
    lines = told(study(values, note="simulated detections"))
    assert lines[0].endswith("frame-wise; simulated detections:")
    assert "  h36m_351 45.9 / NOT RUN mm at s_in 5 / 20" in lines


def test_the_average_that_is_compared(told, study, values):
    manifest = manifest_from_mapping(plain(study(values), verdict={"average": "action_wise"}))
    assert told(manifest)[:3] == [
        "trial: results/trial/index.html; MPJPE on all frames, action-wise:",
        "  mean pose 202.0 mm",
        "  h36m_351 47.9 / 50.0 mm at s_in 5 / 20",
    ]


def test_a_line_says_the_average_where_it_is_another_one(told, study, planned, values, tmp_path):
    planned.append({**planned[1], "name": "videopose3d_243", "s_in": [1]})
    manifest = study(values | {("videopose3d_243", 0, 1): 44.8})
    figures = tmp_path / "published.csv"
    header, *rows = figures.read_text().splitlines()
    other = "VideoPose3D,videopose3d_243,cpn_ft_h36m_dbb,all frames,1,MPJPE,46.8,action_wise"
    figures.write_text("\n".join([f"{header},average", *(f"{row}," for row in rows), other]) + "\n")
    lines = told(manifest)
    assert lines[0].endswith("MPJPE on all frames, frame-wise:")
    assert "  h36m_351 45.9 / 48.0 mm at s_in 5 / 20" in lines
    assert "  videopose3d_243 46.8 mm at s_in 1, action-wise" in lines


@pytest.mark.parametrize("name", ["comparison", "main_results"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\x00", b"a,b\n1,2\n", b"is_compared,data\nyes\n", b'"open\n'])
def test_tables_that_cannot_be_read_cost_the_numbers_alone(tmp_path, told, study, values, name, content):
    told(study(values))
    path = tmp_path / "tables" / f"{name}.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    first, *_ = outcome("trial", "results/trial/index.html", tmp_path / "tables")
    assert first.startswith("trial: results/trial/index.html")
