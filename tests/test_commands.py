"""The command lines with the official flags, as a user types them."""

import csv
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from world.people import swinging_record
from world.warm_python import FRAMEWORK, warm_python

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.data.frames import build_frames_table, write_frames_table

METRICS = ("mpjpe", "nmpjpe", "pampjpe")
TINY = {"SEQUENCE_LENGTH": 9, "SEQUENCE_STRIDE": 2, "MASK_STRIDE": [4, 10, 20], "SPATIAL_EMBED_DIM": 8, "TEMPORAL_EMBED_DIM": 16,
        "SPATIAL_TRANSFORMER_BLOCKS": 1, "TEMPORAL_TRANSFORMER_BLOCKS": 1, "STRIDES": [3, 3], "NUM_HEADS": 2, "BATCH_SIZE": 8,
        "EPOCHS": 2, "STEPS_PER_EPOCH": 3, "DATASET_VAL_3D_SUBSAMPLE_STEP": 40, "IN_BATCH_AUGMENT": True, "EMA_ENABLED": True,
        "EMA_DECAY": 0.9}  # fmt: skip


def _run(project: Path, script: str, *arguments: object, python: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [python or warm_python(*FRAMEWORK), project / "scripts" / f"{script}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_job_that_is_ended_removes_what_it_had_begun(project, tmp_path, number, status) -> None:
    code = (
        "import sys, time\n"
        f"sys.path.insert(0, {str(project / 'scripts')!r})\n"
        "from _command import run\n"
        "from uplift_upsample.base.files import replacing\n"
        "def main():\n"
        f"    with replacing({str(tmp_path / 'table.csv')!r}) as path:\n"
        "        path.write_text('half of it')\n"
        "        print('writing', flush=True)\n"
        "        time.sleep(60)\n"
        "sys.exit(run(main))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "writing\n"
        assert len(list(tmp_path.iterdir())) == 1
        process.send_signal(number)
        assert process.wait(timeout=30) == status
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        pytest.param("rand_n71_S11", "n71_h351like_first1", marks=pytest.mark.long),
        ("rand_n41_S11_nolearned", "n41_h81like_first2"),
    ],
)
def test_eval_reproduces_the_golden_evaluations(name, weights, project, golden, tmp_path, golden_count) -> None:
    """Every average, metric, action and s_in within 1e-3 mm, on errors of metres."""
    files = ["--dataset", golden / "data/data_3d_h36m.npz", "--dataset_2d", golden / "data/data_2d_h36m_cpn_ft_h36m_dbb.npz"]
    where = ["--weights", golden / f"models/{weights}.h5", "--config", golden / f"evaluation/{name}.json"]
    done = _run(project, "eval", *where, *files, "--test_subset", "S11", "--output", tmp_path / "o.json")
    assert done.returncode == 0, done.stderr
    ours = json.loads((tmp_path / "o.json").read_text())
    for case in json.loads((golden / "evaluation/evaluations.json").read_text())[name]["evals"]:
        for frames in ("all_frames", "key_frames"):
            expected, scored = case[frames], ours[str(case["mask_stride"])][frames]
            pairs = [(expected["frame"], scored["frame_wise"]), (expected["average"], scored["action_wise"])]
            pairs += [(expected["per_action"][action], scored["per_action"][action]) for action in expected["per_action"]]
            for theirs, mine in pairs:
                for metric in METRICS:
                    assert mine[metric] == pytest.approx(theirs[metric], abs=1e-3)
                    golden_count("evaluation scores", 1)


@pytest.fixture(scope="module")
def files(golden) -> dict[str, Path]:
    data = golden / "data"
    return {"3d": data / "data_3d_h36m.npz", "2d": data / "data_2d_h36m_cpn_ft_h36m_dbb.npz", "amass": data / "amass"}


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.json"
    path.write_text(json.dumps(TINY))
    return path


@pytest.fixture(scope="module")
def trained(project, files, config, tmp_path_factory) -> Path:
    """Weights trained on motion capture and validated on Human3.6M, through the official flags."""
    out = tmp_path_factory.mktemp("trained")
    data = ["--amass_path", files["amass"], "--amass_frame_rate", 50, "--h36m_path", files["3d"], "--dataset_2d_path", files["2d"]]
    subsets = [
        "--dataset",
        "amass",
        "--dataset_val",
        "h36m",
        "--train_subset",
        "train",
        "--val_subset",
        "val",
        "--test_subset",
        "test",
    ]
    done = _run(project, "train", "--config", config, "--gpu_id", -1, *data, *subsets, "--out_dir", out)
    assert done.returncode == 0, done.stderr
    weights, validated, blend, following = done.stdout.splitlines()[-4:]
    assert weights.startswith(f"weights: {out}/weights.h5")
    assert "validation AW-MPJPE" in validated
    assert blend.startswith("readout both: the central head has the weight ")
    assert following.startswith(
        f"next: python scripts/eval.py --weights {out}/weights.h5 --config {config} --dataset {files['3d']}"
    )
    return out


def test_train_leaves_weights_history_and_a_record(trained) -> None:
    with (trained / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert all(float(row["validation_aw_mpjpe_mm"]) > 0 for row in history)
    record = json.loads((trained / "training.json").read_text())
    assert record["identity"]["data"]["train"]["subjects"] == ["ACCAD", "CMU"]
    assert record["identity"]["data"]["validation"]["subjects"] == ["S8"]
    assert record["steps"] == 6
    assert list(trained.glob("tensorboard/*/events*"))
    with h5py.File(trained / "weights.h5") as file:
        assert file.attrs["backend"] == "tensorflow"


@pytest.mark.long
def test_trained_weights_are_fine_tuned_and_evaluated(project, files, config, trained, tmp_path) -> None:
    data = ["--h36m_path", files["3d"], "--dataset_2d_path", files["2d"], "--train_subset", "S1", "--val_subset", "none"]
    start = ["--config", config, "--weights", trained / "weights.h5", "--dataset", "h36m"]
    done = _run(project, "train", *start, *data, "--out_dir", tmp_path, python=Path(sys.executable))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "training.json").read_text())["identity"]["initial_weights_sha256"]
    assert "not validated: these are the weights of the last epoch" in done.stdout
    said = [line for line in done.stderr.splitlines() if not re.match(r"\d\d:\d\d:\d\d (INFO|WARNING) ", line)]
    assert said == []  # nothing that a framework says of itself
    where = ["--weights", tmp_path / "weights.h5", "--config", config, "--dataset", files["3d"], "--dataset_2d", files["2d"]]
    done = _run(
        project, "eval", *where, "--test_subset", "S9", "--forced_mask_stride", 10, "--no_learned_upsampling", "--frame_wise"
    )
    assert done.returncode == 0, done.stderr
    result = done.stdout.splitlines()
    assert [line.partition("MPJPE")[0].split() for line in result[:2]] == [
        ["s_in", "10", "all_frames", "frame_wise"],
        ["s_in", "10", "key_frames", "frame_wise"],
    ]
    assert result[2:] == ["--output scores.json writes all scores: both averages, each action and joint, and the protocol"]


def test_eval_takes_the_blend_that_training_chose(project, files, config, trained, tmp_path) -> None:
    where = ["--weights", trained / "weights.h5", "--config", config, "--dataset", files["3d"], "--dataset_2d", files["2d"]]
    more = ["--test_subset", "S9", "--forced_mask_stride", 10, "--readout", "both", "--hop", 2, "--output", tmp_path / "o.json"]
    done = _run(project, "eval", *where, *more)
    assert done.returncode == 0, done.stderr
    units = re.findall(r"(\w+) +[\d.]+ (\S+)", done.stdout.splitlines()[0].partition("action_wise")[2])
    motion = {"MPJVE": "mm/frame", "ACCEL": "mm/frame²"}  # no metric has the unit of another one
    assert dict(units) == {"MPJPE": "mm", "NMPJPE": "mm", "PAMPJPE": "mm"} | motion
    protocol = json.loads((tmp_path / "o.json").read_text())["protocol"]["10"]
    chosen = json.loads((trained / "training.json").read_text())["readout_both"]
    assert (protocol["readout"], protocol["hop"], protocol["blend"]) == ("both", 2, chosen["blend"])
    assert chosen["mpjpe_mm"][str(chosen["blend"])] == min(chosen["mpjpe_mm"].values())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--hop", 3], "hop is 3 with the readout central"),
        (["--forced_mask_stride", 7], "s_in 7 is not a multiple of s_out 2"),
        (["--forced_mask_stride", 0], "s_in 0 is not a multiple of s_out 2"),
        (["--batch_size", 0], "batch_size is 0; it must be at least 1"),
        (["--test_subset", "S11,S11"], "names a subject twice"),
        (["--test_subset", "S2"], "no subset 'S2'"),
        (["--weights", "nowhere.h5"], "nowhere.h5: no such weight file"),
        (["--dataset", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_eval_refuses_in_one_line(project, files, config, trained, arguments, told) -> None:
    where = {"--weights": trained / "weights.h5", "--config": config, "--dataset": files["3d"], "--dataset_2d": files["2d"]}
    where |= dict([arguments])
    done = _run(project, "eval", *[part for pair in where.items() for part in pair])
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert told in errors[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--dataset", "h36m"], "needs the public 3D and 2D pose files"),
        (["--dataset", "amass", "--amass_path", "."], "there is no converted AMASS subset"),
        (["--dataset", "amass", "--amass_path", ".", "--amass_frame_rate", "60"], "converts to 50 Hz only"),
        (["--frames", "nowhere.h5"], "no such frames table"),
        (["--seed", "-1"], "it must be from 0 to 4294967295"),
    ],
)
def test_train_refuses_in_one_line(project, config, tmp_path, arguments, told) -> None:
    done = _run(project, "train", "--config", config, "--out_dir", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_packing_people_refuses_in_one_line(project, tmp_path) -> None:
    words = ["--subjects", "01.npz", "--recordings", tmp_path / "missing.txt", "--output", tmp_path / "out"]
    done = _run(project, "pack_people", *words)
    assert (done.returncode, done.stderr.count("missing.txt: no list of recordings (")) == (2, 1)
    assert "Traceback" not in done.stderr


def test_nothing_to_continue(project, files, config, tmp_path) -> None:
    data = ["--h36m_path", files["3d"], "--dataset_2d_path", files["2d"]]
    done = _run(project, "train", "--config", config, *data, "--out_dir", tmp_path, "--continue_training")
    assert done.returncode == 2
    assert "no checkpoint to continue from" in done.stderr


SOUND = ["--weights", "sound.h5", "--config", "tiny.json", "--frames", "frames.h5"]
MISSING = {
    "eval": [
        ([*SOUND, "--test_subset", "S2"], "no subset 'S2'"),
        ([*SOUND, "--test_subset", "S9,S9"], "names a subject twice"),
        ([*SOUND, "--forced_mask_stride", 7], "s_in 7 is not a multiple of s_out 2"),
        ([*SOUND, "--readout", "sequence", "--hop", 10], "hop is 10; windows of 9 tokens"),
        ([*SOUND, "--output", "."], "cannot be written (Is a directory)"),
        ([*SOUND, "--output", "tiny.json/scores.json"], "tiny.json: cannot be written ("),
        (["--weights", "w.h5", "--config", "tiny.json"], "w.h5: no such weight file"),
        (["--weights", "page.h5", "--config", "tiny.json"], "page.h5: not a weight file of the official layout"),
        (["--weights", "empty.h5", "--config", "tiny.json"], "the file is empty; get it again"),
        (["--weights", "empty.h5", "--config", "note.json"], "note.json: unknown key '_comment'"),
        (
            ["--weights", "sound.h5", "--config", "tiny.json"],
            "the data set h36m needs the public 3D and 2D pose files; there is no data/data_3d_h36m.npz (--dataset names "
            "another place) and no data/data_2d_h36m_cpn_ft_h36m_dbb.npz (--dataset_2d names another place)",
        ),
    ],
    "train": [
        (["--config", "tiny.json", "--out_dir", "out"], "no data/data_3d_h36m.npz (--h36m_path names another place) and no data/"),
        (["--config", "tiny.json", "--out_dir", "out", "--weights", "page.h5"], "a web page, not an HDF5 file"),
        (["--config", "tiny.json", "--out_dir", "out", "--dataset", "amass"], "--amass_path names it"),
    ],
    "predict_poses": [
        ([*SOUND, "--output", "o", "--s_in", 4, "--test_subset", "S2"], "no subset 'S2'"),
        ([*SOUND, "--output", "o", "--s_in", 7], "s_in 7 is not a multiple of s_out 2"),
        ([*SOUND, "--output", ".", "--s_in", 4], "cannot be written (Is a directory)"),
        ([*SOUND, "--output", "o", "--provenance", "tiny.json/record.json", "--s_in", 4], "tiny.json: cannot be written ("),
        (["--weights", "w", "--config", "tiny.json", "--frames", "f.h5", "--s_in", 4, "--output", "o"], "no such frames table"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", MISSING)
def test_what_is_wrong_is_found_before_a_framework_is_loaded(name, project, tmp_path, config) -> None:
    (tmp_path / "tiny.json").write_text(config.read_text())
    (tmp_path / "note.json").write_text(json.dumps({"_comment": "my run", **TINY}))
    (tmp_path / "page.h5").write_text("<!DOCTYPE html><html><head><title>Virus scan warning</title>")
    (tmp_path / "empty.h5").touch()
    with h5py.File(tmp_path / "sound.h5", "w") as file:
        file.attrs["layer_names"] = np.zeros(0, "S1")
    people = [swinging_record("S9", "Walking", 6, np.random.default_rng(0))]
    write_frames_table(tmp_path / "frames.h5", build_frames_table(people, h36m_cameras(), {"dataset": "h36m", "splits": {}}))
    cases = [[str(part) for part in arguments] for arguments, _ in MISSING[name]]
    code = (
        f"import json, sys; sys.path.insert(0, {str(project / 'scripts')!r}); import {name} as script\n"
        f"for case in json.loads({json.dumps(cases)!r}):\n"
        "    try: script.main(case)\n"
        "    except script.run.__globals__['InputError'] as error: print(error, end='\\0')\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for (_, told), said in zip(MISSING[name], done.stdout.split("\0")[:-1], strict=True):
        assert told in said
        assert "\n" not in said
