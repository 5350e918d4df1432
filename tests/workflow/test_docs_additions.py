"""A table and a metric are added as docs/changing.md says, in a copy of the project."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_copy import Workflow, copy_of_project

# Scores a person who moves, and writes the tables of a study that has nothing else.
SCORED = """
import json
import numpy as np
from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.data.frames import SequenceRecord, build_frames_table
from uplift_upsample.evaluate.predictions import Predictions
from uplift_upsample.evaluate.score_file import write_scores
from uplift_upsample.evaluate.scores import ground_truth, scores
from uplift_upsample.report.manifest import manifest_from_mapping
from uplift_upsample.report.tables.tables import write_tables
from uplift_upsample.base.skeleton import ROOT

poses = np.random.default_rng(1).normal([0, 0, 1], 0.4, (20, 17, 3)).astype(np.float32)
record = SequenceRecord("S9", "Eating", "Eating", poses, [poses[..., :2]], [4], 50)
table = build_frames_table([record], h36m_cameras(), {"dataset": "h36m", "splits": {"test": ["S9"]}})
video, frame = np.zeros(20, int), np.arange(20)
off = np.zeros((17, 3))
off[np.arange(17) != ROOT, 2] = 0.017  # 17 mm in depth, at 16 of 17 joints
predictions = Predictions(ground_truth(table, video, frame) + off, video, frame, {"s_in": 5, "s_out": 1, "subjects": ["S9"]})
write_scores("scores.json", scores(predictions, table).document())
experiment = {"name": "a", "dataset": "h36m", "s_in": [5], "seeds": [0]}
manifest = {"study": "trial", "note": "", "experiments": [experiment], "scores": {"a": {"0": {"5": "scores.json"}}}}
write_tables(manifest_from_mapping(manifest), "tables")
"""


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Workflow:
    return copy_of_project(project, tmp_path / "project", is_real=True)


def follow(project: Path, heading: str, workflow: Workflow) -> list[str]:
    """Do what a section of the document says; the files that this touches."""
    section = (project / "docs/changing.md").read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    touched = []
    for kind, block in re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL):
        first, _, rest = block.partition("\n")
        path = re.search(r"[\w/]+\.\w+", first)[0]
        file = workflow.folder / path
        assert file.exists() == (kind == "diff"), path
        file.write_text(with_lines(file.read_text("utf-8"), rest) if kind == "diff" else block, encoding="utf-8")
        touched.append(path)
    return touched


def with_lines(text: str, diff: str) -> str:
    """A text with the lines that start with +, each behind the line before it."""
    lines, place = text.splitlines(), 0
    for line in diff.splitlines():
        if line.startswith("+"):
            lines.insert(place, line[1:])
            place += 1
        else:
            place = lines.index(line[1:], place) + 1
    return "\n".join([*lines, ""])


def tables(workflow: Workflow) -> Path:
    environment = {**os.environ, "PYTHONPATH": str(workflow.folder / "src")}
    done = subprocess.run(
        [sys.executable, "-c", SCORED], cwd=workflow.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return workflow.folder / "tables"


@pytest.mark.long
def test_a_table_is_a_module_a_caption_and_its_lines_in_the_list(project: Path, copy: Workflow) -> None:
    assert follow(project, "A table or a figure of your own", copy) == [
        "src/uplift_upsample/report/tables/key_frames.py",
        "workflow/report/tables/key_frames.rst",
        "src/uplift_upsample/report/topics.py",
    ]
    made = tables(copy)
    assert re.search(r"^\| a +\| +5 \| +\d+\.\d\d \| +\d+\.\d\d \| ", (made / "key_frames.md").read_text("utf-8"), re.MULTILINE)
    assert {path.name for path in made.glob("key_frames.*")} == {f"key_frames.{form}" for form in ("csv", "md", "tex", "json")}
    assert [job.rule for job in copy.jobs("results/demo/tables/key_frames.md")][-1] == "write_tables"


def test_a_metric_is_one_file(project: Path, copy: Workflow) -> None:
    assert follow(project, "A metric of your own", copy) == ["src/uplift_upsample/evaluate/metrics.py"]
    made = tables(copy)
    scores = json.loads((copy.folder / "scores.json").read_text("utf-8"))["5"]["all_frames"]
    assert scores["frame_wise"]["depth"] == pytest.approx(scores["frame_wise"]["mpjpe"]) == pytest.approx(16)
    assert "depth error, frame-wise" in (made / "main_results.md").read_text("utf-8")
    assert ",all_frames,depth,frame_wise,run," in (made / "main_results.csv").read_text("utf-8")
    assert "depth error is the distance along the camera's axis" in (made / "comparison.md").read_text("utf-8")
