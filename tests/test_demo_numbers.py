"""What the README and docs/numbers.md show of the demo, against results that are at hand or invented."""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BASE = {5: 64.7, 10: 65.2, 20: 68.0}  # people_351, as docs/numbers.md of the project below shows it
Make = Callable[[float], Path]


@pytest.fixture
def demo_numbers(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(project / "benchmarks")
    return importlib.import_module("demo_numbers")


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """A project with documents and a demo whose errors are by some mm larger than the documents show."""

    def make(more: float) -> Path:
        demo, docs = tmp_path / "results/demo", tmp_path / "docs"
        for folder in ("tables", "figures", "people_351_pt/seed_0/s_in_20/animation"):
            (demo / folder).mkdir(parents=True, exist_ok=True)
        (docs / "images").mkdir(parents=True, exist_ok=True)
        (demo / "figures/error_over_s_in.png").write_bytes(b"figure")
        (demo / "people_351_pt/seed_0/s_in_20/animation/14_Climb_cam1.gif").write_bytes(b"animation")
        kind = {"frames": "all_frames", "metric": "mpjpe", "average": "frame_wise", "weights": "trained"}
        records = [{**kind, "experiment": "people_351", "s_in": s_in, "mean_mm": error + more} for s_in, error in BASE.items()]
        records.append({**records[0], "metric": "pampjpe", "mean_mm": 1.0})
        (demo / "tables/main_results.json").write_text(json.dumps({"records": records}))
        for s_in, error in BASE.items():
            both = {"frame_wise": metrics(error + more), "action_wise": metrics(error + more - 0.3)}
            scores = {"all_frames": both, "key_frames": both, "no_learned_upsampling": {"all_frames": both}}
            (demo / f"people_351/seed_0/s_in_{s_in}").mkdir(parents=True, exist_ok=True)
            (demo / f"people_351/seed_0/s_in_{s_in}/scores.json").write_text(json.dumps({str(s_in): scores}))
        told = "people_351 64.7, 65.2, 68.0 mm at s_in 5, 10, 20"
        (tmp_path / "README.md").write_text(
            f"# A\n\n![Error of the demo over the stride: {told}](docs/images/demo_error_over_s_in.png)\n\nB\n"
        )
        rows = ["| switch | in the protocol | changed to | s_in=5 | s_in=10 | s_in=20 |", "|---|---|---|---:|---:|---:|"]
        rows.append("| **as configured** | | | **64.7** | **65.2** | **68.0** |")
        changed = {"over actions (action-wise)": -0.3, "those with a 2D pose (key frames)": 0.0, "scale (N-MPJPE)": -2.0}
        changed |= {"linear between predictions at multiples of s_in": 0.0, "similarity (P-MPJPE)": -12.0}
        rows += [f"| what | so | {row} | {value:+.1f} | {value:+.1f} | {value:+.1f} |" for row, value in changed.items()]
        (docs / "numbers.md").write_text("\n".join(rows))
        return tmp_path

    return make


def metrics(mpjpe: float) -> dict[str, float]:
    return {"mpjpe": mpjpe, "nmpjpe": mpjpe - 2, "pampjpe": mpjpe - 12, "mpjve": 5.0, "accel": 3.0}


def test_what_processors_differ_by_is_accepted(demo_numbers: Any, made: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_numbers.main(["--check"], made(1.9)) == 0
    assert "the documents show this demo" in capsys.readouterr().out


def test_numbers_of_another_demo_are_named(demo_numbers: Any, made: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_numbers.main(["--check"], made(2.2)) == 1
    told = capsys.readouterr()
    assert "README.md: people_351 at s_in 5 is 64.7 mm, the demo has 66.9 mm" in told.err
    assert "docs/numbers.md: **as configured** at s_in 20 is 68.0 mm, the demo has 70.2 mm" in told.err
    assert "make numbers writes them" in told.out


def test_numbers_that_are_not_there_are_named(demo_numbers: Any, made: Make, capsys: pytest.CaptureFixture[str]) -> None:
    project = made(0.0)
    (project / "README.md").write_text("![Error of the demo](docs/images/demo_error_over_s_in.png)")
    shutil.rmtree(project / "results/demo/people_351/seed_0/s_in_20")
    assert demo_numbers.main(["--check"], project) == 1
    told = capsys.readouterr().err
    assert "README.md: people_351 at s_in 5 is not there" in told
    assert "docs/numbers.md: **as configured** at s_in 20 is 68.0 mm, the demo has no such number" in told


def test_what_is_written_is_what_is_read(demo_numbers: Any, made: Make) -> None:
    project = made(3.0)
    assert demo_numbers.main([], project) == 0
    text = (project / "README.md").read_text()
    assert "people_351 67.7, 68.2, 71.0 mm at s_in 5, 10, 20](docs/images/demo_error_over_s_in.png)\n\nB\n" in text
    assert demo_numbers.shown_in_readme(project) == {("people_351", s_in): pytest.approx(e + 3) for s_in, e in BASE.items()}
    assert (project / "docs/images/demo_animation.gif").read_bytes() == b"animation"


def test_documents_of_the_project_have_the_numbers(demo_numbers: Any, project: Path) -> None:
    """Each experiment of the demo is in the README, each row that is compared in docs/numbers.md."""
    assert {name for name, _ in demo_numbers.shown_in_readme(project)} == {"mocap_351", "people_351", "people_351_pt", "people_81"}
    assert {row for row, _ in demo_numbers.shown_in_numbers(project)} == set(demo_numbers.ROWS)


def test_without_a_demo(demo_numbers: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo_numbers.main(["--check"], tmp_path)
    assert "the demo is not built; run make first" in capsys.readouterr().err
