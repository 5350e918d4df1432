"""A table, a metric, a loss and a network are added as docs/changing.md says, in a copy of the project."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from workflow_copy import Workflow, copy_of_project

from uplift_upsample.machine.used_code import used_code

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

# Trains the network of the document for some steps, as its configuration says, and predicts with weights from a file.
TRAINED = """
import json, math, pathlib
from dataclasses import replace
import numpy as np, yaml
from snakemake.utils import update_config
from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.data.frames import build_frames_table
from uplift_upsample.evaluate.predict import predict_subset
from uplift_upsample.model.cost import network_cost
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import load_weights, save_weights
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.runs import Run
from uplift_upsample.plan.study import plan
from uplift_upsample.train.training import TrainingData, train
from world.people import swinging_record

config = yaml.safe_load(pathlib.Path("config.yaml").read_text())
update_config(config, yaml.safe_load(pathlib.Path("recurrent.yaml").read_text()))
planned = plan(config)["demo"].experiments["recurrent_27"]
generator = np.random.default_rng(0)
table = build_frames_table([swinging_record("S1", "Walking", 40, generator)], h36m_cameras(), {"splits": {"test": ["S1"]}})
short = replace(planned.experiment.train, steps_per_epoch=3, epochs=1)
run = Run(planned.experiment.model, short, planned.name)
result = train(run, TrainingData(table, table.videos_of(["S1"])), pathlib.Path("checkpoints"), 0)
save_weights(result.network, "weights.h5", result.weights)
network = build_network(run.model)
load_weights(network, "weights.h5")
[predictions] = predict_subset(network, table, "test", [1], EvaluateConfig(batch_size=8, test_step=10))
print(json.dumps({
    "network": planned.to_mapping()["model"]["network"],
    "predicted": len(predictions.poses_3d),
    "is_finite": bool(np.isfinite(predictions.poses_3d).all()),
    "parameters": sum(math.prod(variable.shape) for variable in network.trainable_variables),
    "by_formula": network_cost(run.model, 1).parameters,
}))
"""


# The loss of the document on poses of a person, and two steps with it that start from poses whose joints lie in one point.
LOSS = """
import json
from dataclasses import replace
import numpy as np
from uplift_upsample.base.strict import to_mapping
from uplift_upsample.model.lifting import Lifted
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.plan.networks import VideoPose3D
from uplift_upsample.train.trainer import Trainer, bone_lengths, pose_loss

generator = np.random.default_rng(0)
targets = generator.normal(size=(4, 9, 17, 3)).astype(np.float32)
lifted = Lifted(None, generator.normal(size=(4, 17, 3)).astype(np.float32))
train = TrainConfig(batch_size=4, jit_compile=False)
with_bones = replace(train, loss_weight_bones=0.5)
network = build_network(VideoPose3D(num_tokens=9, filter_widths=(3, 3), channels=8))
for variable in network.trainable_variables[-2:]:
    variable.assign(np.zeros(variable.shape))
trainer = Trainer(network, with_bones)
losses = [trainer.step(targets[..., :2], np.ones((4, 9), bool), targets) for _ in range(2)]
print(json.dumps({
    "plain": float(pose_loss(lifted, targets, train)),
    "loss": float(pose_loss(lifted, targets, with_bones)),
    "bones": float(np.abs(bone_lengths(lifted.central) - bone_lengths(targets[:, 4])).mean()),
    "is_finite": all(np.isfinite(loss) for loss in losses) and all(np.isfinite(w).all() for w in network.get_weights()),
    "is_said": "loss_weight_bones" in to_mapping(train),
}))
"""


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Workflow:
    return copy_of_project(project, tmp_path / "project", is_real=True)


def follow(project: Path, heading: str, workflow: Workflow) -> list[str]:
    """Do what a section of the document says; the files that this touches."""
    section = (project / "docs/changing.md").read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    touched = []
    for kind, block in re.findall(r"```((?!sh)\w+)\n(.*?)```", section, re.DOTALL):
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


def run_in(workflow: Workflow, program: str) -> str:
    """What a program says that works in the copy, with its library."""
    path = os.pathsep.join([str(workflow.folder / "src"), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=workflow.folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tables(workflow: Workflow) -> Path:
    run_in(workflow, SCORED)
    return workflow.folder / "tables"


@pytest.mark.long
def test_a_table_is_a_module_and_a_caption(project: Path, copy: Workflow) -> None:
    assert follow(project, "A table or a figure of your own", copy) == [
        "src/uplift_upsample/report/tables/key_frames.py",
        "workflow/report/tables/key_frames.rst",
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


def test_a_loss_is_two_files(project: Path, copy: Workflow) -> None:
    """It is a sum of its terms, has gradients at the start, and what was trained before stays as it is."""
    before = copy.jobs("demo")
    assert follow(project, "A loss of your own", copy) == [
        "src/uplift_upsample/plan/experiment.py",
        "src/uplift_upsample/train/trainer.py",
    ]
    found = json.loads(run_in(copy, LOSS).splitlines()[-1])
    assert found["loss"] == pytest.approx(found["plain"] + 0.5 * found["bones"], rel=1e-5)
    assert found["bones"] > 0.01
    assert found["is_finite"]
    assert not found["is_said"]
    assert sorted(job.rule for job in copy.jobs("demo")) == sorted(job.rule for job in before)
    changes = {"experiments": {"mini_351": {"train": {"loss_weight_bone": 0.1}}}}
    refused = copy.snakemake("-n", "demo", **changes)
    assert "unknown key 'loss_weight_bone', did you mean 'loss_weight_bones'?" in refused.stdout + refused.stderr


@pytest.mark.long
def test_a_network_is_one_file(project: Path, copy: Workflow) -> None:
    """It is planned, trained, evaluated and counted; a change of it is a change of the code of training."""
    before = used_code(copy.folder / "scripts/train.py")
    file, configuration = follow(project, "A network of your own", copy)
    assert (file, configuration) == ("src/uplift_upsample/model/own/recurrent.py", "recurrent.yaml")
    changes = yaml.safe_load((copy.folder / configuration).read_text("utf-8"))
    jobs = copy.jobs("demo", **changes)
    assert {(job.rule, job.s_in) for job in jobs if job.experiment == "recurrent_27"} >= {
        ("train_network", None),
        ("predict_poses", "1"),
    }
    changes["experiments"]["recurrent_27"]["model"]["widths"] = 3
    refused = copy.snakemake("-n", "demo", **changes)
    assert "experiments.recurrent_27.model: unknown key 'widths', did you mean 'width'?" in refused.stdout + refused.stderr
    found = json.loads(run_in(copy, TRAINED).splitlines()[-1])
    assert found["network"] == "recurrent"
    assert (found["predicted"], found["is_finite"]) == (4 * 4, True)  # every tenth of 40 frames, four cameras
    assert found["parameters"] == found["by_formula"]
    with_it = used_code(copy.folder / "scripts/train.py")
    path = copy.folder / file
    path.write_text(path.read_text("utf-8").replace("self.num_joints * 3", "3 * self.num_joints"), encoding="utf-8")
    assert with_it not in (before, used_code(copy.folder / "scripts/train.py"))
