"""A small study as files, a page made of it, and a browser that opens it."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from world.lifted import standing

from uplift_upsample.base.skeleton import MODEL_17, PARENTS
from uplift_upsample.report.page.build import page
from uplift_upsample.report.page.contents import animations, figure, table
from uplift_upsample.report.page.poses import packed, write_poses
from uplift_upsample.report.page.provenance_facts import runs

NUM_FRAMES = 60


def poses_document() -> dict[str, Any]:
    """Two experiments with different strides; predictions are 10 mm and 20 mm beside a truth that sways."""
    sway = 0.1 * np.sin(np.arange(NUM_FRAMES + 20) / 10)[:, None, None] * np.ones((1, 17, 3))
    sway[:, MODEL_17.index("pelvis")] = 0
    truth = standing() + sway
    start = {"frame_rate": 50.0, "num_frames": NUM_FRAMES, "up": [0.0, -1.0, 0.0], "truth": packed(truth[:NUM_FRAMES])}
    tracks = []
    for experiment, s_out, strides, error in (("small", 5, (5, 20), 0.01), ("other", 2, (4, 20), 0.02)):
        for s_in in strides:
            for sequence in range(2):
                poses = packed(truth[: NUM_FRAMES + s_out : s_out] + np.array([error, 0, 0]))
                track = {"experiment": experiment, "run": "seed_0", "s_in": s_in, "sequence": sequence, "step": s_out}
                tracks.append({**track, "key_step": s_in, "num_poses": len(truth[: NUM_FRAMES + s_out : s_out]), "poses": poses})
    names = ("S9_Walking_cam0", "S11_Sitting_cam1")
    return {
        "unit_mm": 0.1,
        "joints": list(MODEL_17),
        "parents": PARENTS.tolist(),
        "note": None,
        "sequences": [{"name": name, "title": name.replace("_", " "), **start} for name in names],
        "tracks": tracks,
    }


def comparison_record(experiment: str, s_in: int, mean: float | str, verdict: str, **values: Any) -> dict[str, Any]:
    record = {"experiment": experiment, "weights": "trained", "s_in": s_in, "average": "frame_wise", "is_compared": "yes"}
    return {**record, "mean_mm": mean, "std_mm": "n/a", "published_mm": 45.0, "difference_mm": 0.3, "verdict": verdict, **values}


def comparison() -> dict[str, Any]:
    rows = [
        ["small", "5", "45.0", "45.30", "PASS"],
        ["small", "20", "47.0", "9.10", "FAIL"],
        ["other", "4", "40.0", "NOT RUN", "NOT RUN"],
    ]
    return {
        "title": "Comparison <of> figures",
        "note": None,
        "sections": [
            {
                "title": "MPJPE, mm",
                "header": ["model", "s_in", "published", "trained here", "verdict"],
                "rows": rows,
                "remarks": ["a remark"],
                "row_links": [[{"label": "seed 0", "path": "../small/seed_0/s_in_5/provenance.json"}], [], []],
                "table_links": [],
            }
        ],
        "remarks": ["Rule of the verdict: near enough."],
        "footer": ["2D input: exact.", "Metrics: 17 joints."],
        "records": [
            comparison_record("small", 5, 45.3, "PASS"),
            comparison_record("small", 20, 9.1, "FAIL"),
            comparison_record("other", 4, "NOT RUN", "NOT RUN", difference_mm="NOT RUN"),
        ],
    }


def cost() -> dict[str, Any]:
    network = {"experiment": "small", "stage": "network", "parameters": 162166, "wall_seconds": "n/a", "poses_per_second": "n/a"}
    return {
        "title": "Cost",
        "note": None,
        "sections": [{"title": "Networks", "header": ["model", "parameters"], "rows": [["small", "162,166"]], "remarks": []}],
        "remarks": [],
        "footer": ["Measured when the jobs ran."],
        "records": [
            {**network, "s_in": 5, "macs_per_pose": 2.5e5},
            {**network, "s_in": 20, "macs_per_pose": 2.4e5},
            {**network, "stage": "train", "s_in": "n/a", "macs_per_pose": "n/a", "wall_seconds": 125.0},
        ],
    }


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The folder of a study: tables, a figure with its caption, an animation, poses and a record."""
    root = tmp_path / "study"
    (root / "tables").mkdir(parents=True)
    for name, document in {"comparison": comparison(), "cost": cost()}.items():
        (root / "tables" / f"{name}.json").write_text(json.dumps({"name": name, **document}), encoding="utf-8")
    (root / "tables/comparison.csv").write_text("model\n", encoding="utf-8")
    (root / "figures").mkdir()
    for name in ("error_over_s_in", "per_action"):
        svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><path d="M0 0L40 20" stroke="black"/></svg>'
        (root / f"figures/{name}.svg").write_text(svg, encoding="utf-8")
        (root / f"figures/{name}.rst").write_text("**A title**\n\nA text\nin two lines.\n", encoding="utf-8")
    place = root / "small/seed_0/s_in_20"
    (place / "animation").mkdir(parents=True)
    images = [Image.new("P", (64, 36), color) for color in (0, 1)]
    images[0].save(place / "animation/S9_Walking_cam0.gif", save_all=True, append_images=images[1:], duration=40)
    environment = {
        "git": {"commit": "0123456789abcdef", "is_clean": False},
        "time": "2026-01-01",
        "command": ["train.py", "--seed", "0"],
    }
    training = {
        "environment": environment,
        "seconds": 12.0,
        "run": {"model": {"num_tokens": 15}},
        "identity": {"seed": 0, "data": {}},
    }
    record = {
        "weights_sha256": "abc",
        "frames_sha256": "def",
        "training": training,
        "prediction": None,
        "scoring": {"seconds": 1.0},
    }
    (place / "provenance.json").write_text(json.dumps(record), encoding="utf-8")
    write_poses(root / "page/poses.json", poses_document())
    return root


@pytest.fixture
def page_text(study: Path) -> Callable[..., str]:
    """Make the text of the study's page; what is given stands in for what the files say."""

    def make(**changes: Any) -> str:
        target = study / "index.html"
        contents = {
            "study": "trial",
            "tables": [table(study / f"tables/{name}.json", target) for name in ("comparison", "cost")],
            "figures": [figure(study / f"figures/{name}.svg", study / "figures") for name in ("error_over_s_in", "per_action")],
            "animations": animations([str(path) for path in study.rglob("*.gif")], target),
            "poses": poses_document(),
            "runs": runs([str(study / "small/seed_0/s_in_20/provenance.json")], target),
            "rules": {"train": ["convert"], "convert": [], "write_page": ["train", "convert"]},
        }
        return page(**{**contents, **changes})

    return make


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium of the system, driven by playwright; skips where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright, one of the packages for tests")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if program is None:
        pytest.skip("needs Chromium, which is not on the PATH (Debian: apt-get install chromium)")
    with api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opening(browser: Any) -> Callable[[Path], AbstractContextManager[Callable[..., Any]]]:
    """Opens a page with some options of the browser; at the end, nothing was said on the console and nothing was asked for."""

    @contextmanager
    def pages_of(path: Path) -> Iterator[Callable[..., Any]]:
        contexts, said, asked = [], [], []

        def open_page(**options: Any) -> Any:
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
            contexts.append(context)
            tab = context.new_page()
            tab.set_default_timeout(5000)
            tab.on("console", lambda message: said.append(message.text))
            tab.on("pageerror", lambda error: said.append(str(error)))
            tab.on("request", lambda request: asked.append(request.url) if not request.url.startswith("data:") else None)
            tab.goto(path.as_uri())
            tab.locator("#readout:not(:empty)").wait_for()
            return tab

        yield open_page
        for context in contexts:
            context.close()
        assert said == []
        assert set(asked) == {path.as_uri()}

    return pages_of


@pytest.fixture
def opened(opening: Any, study: Path, page_text: Callable[..., str]) -> Iterator[Callable[..., Any]]:
    """Opens the page of the study."""
    (study / "index.html").write_text(page_text(), encoding="utf-8")
    with opening(study / "index.html") as open_page:
        yield open_page
