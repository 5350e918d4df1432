"""docs/results.md from invented tables: what was run is shown as it stands, what was not is left out."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

SYSTEMS = {
    "sections": [
        {
            "header": ["s_in", "model", "network", "between key poses", "MPJPE", "parameters", "MACs per 3D pose, M"],
            "rows": [
                ["5", "a", "uplift_upsample", "nothing: dense", "50.00 ± 0.10", "1", "2.60"],
                ["5", "b", "videopose3d", "nothing: dense", "60.00 ± 0.10", "2", "0.465"],
                ["20", "a", "uplift_upsample", "upsampling token", "51.00 ± 0.10", "1", "2.58"],
                ["20", "b", "videopose3d", "2D linear", "NOT RUN", "2", "0.465"],
                ["20", "b", "videopose3d", "2D cubic", "61.00 ± 0.10", "2", "0.465"],
            ],
        }
    ],
    "remarks": ["What a column means."],
}


def write_training(study: Path, experiment: str, seed: int, time: str = "2026-03-04T05:06:07", **git: Any) -> None:
    environment = {"cpu": "Some CPU", "num_cores": 2, "time": time, "git": {"commit": "0123456789abcdef", "is_clean": True, **git}}
    path = study / f"{experiment}/seed_{seed}/training.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"environment": environment}))


@pytest.fixture
def results_page(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(project / "benchmarks")
    return importlib.import_module("results_page")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    study = tmp_path / "results/systems"
    for folder in (study / "tables", study / "figures", tmp_path / "docs/images"):
        folder.mkdir(parents=True)
    (study / "tables/systems.json").write_text(json.dumps(SYSTEMS))
    (study / "figures/systems.png").write_bytes(b"figure")
    write_training(study, "a", 0)
    (tmp_path / "README.md").write_text("before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n")
    return tmp_path


def test_page_and_readme_show_the_tables(results_page: Any, made: Path) -> None:
    assert results_page.main([], made) == 0
    page = (made / "docs/results.md").read_text("utf-8")
    assert "| 5 | a | uplift_upsample | nothing: dense | 50.00 ± 0.10 | 1 | 2.60 |" in page
    assert "- What a column means." in page
    assert "\nStudy `systems`, seeds 0; 2026-03-04, Some CPU (2 cores), commit 0123456.\n" in page
    assert "## What these numbers do not say" in page
    assert "in a quarter of the steps, 4,000 instead of 16,000" in page
    assert "a 5,800th in" in page
    assert "NOT RUN yet: `make results` runs the study `open`." in page
    assert (made / "docs/images/results_systems_systems.png").read_bytes() == b"figure"
    readme = (made / "README.md").read_text("utf-8")
    assert readme.startswith("before\n<!-- results -->\nOn real people")
    assert "\n\n![What one would use instead" in readme
    assert readme.endswith("<!-- end of results -->\nafter\n")
    assert readme.splitlines()[-7:-2] == [  # one line for each system and way, without the columns that are too many
        "| model | network | between key poses | s_in = 5 | s_in = 20 | MACs per 3D pose, M |",
        "| --- | --- | --- | --- | --- | --- |",
        "| a | uplift_upsample | upsampling token | 50.00 ± 0.10 | 51.00 ± 0.10 | 2.58 |",
        "| b | videopose3d | 2D linear | 60.00 ± 0.10 | NOT RUN | 0.465 |",
        "| b | videopose3d | 2D cubic | 60.00 ± 0.10 | 61.00 ± 0.10 | 0.465 |",
    ]
    assert "old" not in readme


def test_when_and_with_which_code_and_seeds_is_what_the_records_say(results_page: Any, made: Path) -> None:
    """Not the day and the commit of the page, which may be made long after; and who has fewer seeds than the others is named."""
    study = made / "results/systems"
    for experiment, seeds in (("a", (0, 1)), ("b", (1,))):
        for seed in seeds:
            write_training(study, experiment, seed)
    write_training(study, "a", 1, "2026-03-05T00:00:00", commit="fedcba9876543210", is_clean=False)
    jobs = [{"experiment": name, "stage": stage} for name in "abc" for stage in ("train", "predict")]
    (study / "tables/manifest.json").write_text(json.dumps({"jobs": [*jobs, {"experiment": "published", "stage": "predict"}]}))
    scored = {"scoring": {"environment": {"time": "2026-03-07T00:00:00", "cpu": "Some CPU", "num_cores": 2}}, "prediction": None}
    result = study / "a/seed_0/s_in_5/linear/provenance.json"
    result.parent.mkdir(parents=True)
    result.write_text(json.dumps(scored))
    results_page.main([], made)
    assert (
        "Study `systems`, seeds 0, 1 (b: 1; c: none); 2026-03-04 to 2026-03-07, Some CPU (2 cores), commits 0123456, fedcba9 with "
        "changes that were not committed.\n"
    ) in (made / "docs/results.md").read_text("utf-8")


def test_the_picture_in_the_readme_is_called_what_it_shows(results_page: Any, made: Path) -> None:
    results_page.main([], made)
    assert "![What one would use instead: error over the 2D poses that are needed](docs/" in (made / "README.md").read_text("utf-8")
    study = made / "results/systems"
    study.rename(made / "results/open")
    (made / "docs/results.md").unlink()
    for name in ("main_results", "readouts", "learned_upsampling", "ablations"):
        (made / f"results/open/tables/{name}.json").write_text(json.dumps(SYSTEMS))
    for name in ("error_over_s_in", "error_over_cost", "error_over_look_ahead"):
        (made / f"results/open/figures/{name}.png").write_bytes(b"figure")
    results_page.main([], made)
    readme = (made / "README.md").read_text("utf-8")
    assert "![The paper's network: error over the frames between two 2D poses](docs/" in readme


def test_what_is_not_built_here_stays_as_it_stands(results_page: Any, made: Path) -> None:
    live = "## Live\n\nMeasured on another day.\n\n![Live](images/results_open_error_over_look_ahead.png)\n"
    (made / "docs/results.md").write_text(f"# Results\n\n## Gone\n\nold\n\n{live}\n## What these numbers do not say\n\nold\n")
    results_page.main([], made)
    page = (made / "docs/results.md").read_text("utf-8")
    assert live in page
    assert "old" not in page
    results_page.main([], made)
    assert (made / "docs/results.md").read_text("utf-8") == page


def test_readme_keeps_the_systems_where_only_others_are_built(results_page: Any, made: Path) -> None:
    results_page.main([], made)
    readme = (made / "README.md").read_text("utf-8")
    (made / "results/systems").rename(made / "results/ablations")
    (made / "results/ablations/tables/systems.json").rename(made / "results/ablations/tables/ablations.json")
    results_page.main([], made)
    assert (made / "README.md").read_text("utf-8") == readme
    assert "| 5 | a | uplift_upsample | nothing: dense | 50.00 ± 0.10 | 1 | 2.60 |" in (made / "docs/results.md").read_text("utf-8")


def test_nothing_is_written_without_a_study(results_page: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        results_page.main([], tmp_path)
    assert "make results builds them" in capsys.readouterr().err


def test_parts_name_tables_and_figures_that_exist(results_page: Any, project: Path) -> None:
    from uplift_upsample.report import topics

    config = (project / "config.yaml").read_text("utf-8")
    for part in results_page.PARTS:
        assert part.table is None or part.table in topics.TABLES
        assert part.figure is None or part.figure in topics.FIGURES
        assert f"\n  {part.study}:\n" in config
