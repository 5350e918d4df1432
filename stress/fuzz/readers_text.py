"""Readers of tables, configurations and other texts."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import yaml
from world.acclaim_files import HEADER, amc_text, asf_text
from world.cmu_archive import trial_rows

from fuzz.damage import damaged_text, damaged_tree
from fuzz.readers import Reader, check_array, check_texts, of_bytes, of_text
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.download.source_files import ChecksumLock, SourceFile, Sums, read_source, read_sources, sums_of_file
from uplift_upsample.data.mocap.acclaim import bone_ends
from uplift_upsample.data.mocap.amc import read_amc
from uplift_upsample.data.mocap.asf import read_asf
from uplift_upsample.data.mocap.cmu_trials import Trial, read_manifest, read_trials
from uplift_upsample.plan.checks import config_faults
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import Experiment, ModelConfig
from uplift_upsample.plan.runs import Run, read_run
from uplift_upsample.plan.study import plan
from uplift_upsample.report.manifest import Manifest, ShownExperiment
from uplift_upsample.report.manifest import read_manifest as read_tables_manifest
from uplift_upsample.report.results import collected, read_published

PROJECT = Path(__file__).parents[2]
_RESOURCES = PROJECT / "workflow/resources"
MODEL = {"num_tokens": 9, "s_out": 5, "s_in": [5, 10], "spatial_dim": 16, "temporal_dim": 24, "spatial_blocks": 1,
         "temporal_blocks": 1, "strides": [3, 3], "paddings": [[1, 1], [1, 1]]}  # fmt: skip
OFFICIAL = {
    "ARCH": "UpliftUpsampleTransformer", "SEQUENCE_LENGTH": 351, "SEQUENCE_STRIDE": 5, "MASK_STRIDE": [5, 10, 20],
    "NUM_KEYPOINTS": 17, "STRIDES": [3, 9, 13], "PADDINGS": None, "OPTIMIZER": "AdamW",
    "OPTIMIZER_PARAMS": {"amsgrad": True, "epsilon": 1e-8},
    "SCHEDULE": "ExponentialDecay", "SCHEDULE_PARAMS": {"initial_learning_rate": 1e-4, "decay_steps": 10, "decay_rate": 0.9},
    "WEIGHT_DECAY": 1e-4, "TEMPORAL_EMBED_DIM": 384, "EMA_ENABLED": True, "EMA_DECAY": 0.999, "DROP_PATH_RATE": [0.1, 0.1, 0.0],
    "USE_REFINE": False, "EVAL_DISABLE_LEARNED_UPSAMPLING": False, "AUGM_FLIP_PROB": 0.5, "BATCH_SIZE": 64,
}  # fmt: skip
_GROUP = {"mpjpe": 51.2, "nmpjpe": 49.0, "pampjpe": 40.0, "mpjve": 5.0, "accel": None}
_PART = {"frame_wise": _GROUP, "action_wise": _GROUP, "per_action": {"Walking": _GROUP, "Photo": dict.fromkeys(_GROUP)}}
_BOTH = {
    "all_frames": _PART, "key_frames": _PART, "per_joint": dict.fromkeys(MODEL_17, 51.2),
    "by_distance": {"0": {"mpjpe": 50.0, "num_frames": 7}},
}  # fmt: skip
SCORES = {
    "10": {**_BOTH, "no_learned_upsampling": _BOTH},
    "protocol": {
        "learned_upsampling": True,
        "frames_per_action": {"all_frames": {"Walking": 7, "Photo": 0}},
    },
}
TABLES = {
    "study": "paper", "note": "", "scores": {"a": {"0": {"10": "scores.json"}}}, "published": "p.csv", "mean_pose": None,
    "experiments": [
        {"name": "a", "dataset": "h36m", "s_in": [5, 10], "seeds": [0, 1]},
        {"name": "a_pt", "dataset": "h36m", "s_in": [5], "seeds": [0], "initial_weights": "a", "published_weights": "w"},
    ],
    "published_scores": {"a_pt": {"5": "x.json"}},
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "reproduce": "s",
    "experiments": {
        "a": {"model": MODEL, "evaluate": {"mirror": True}, "train": {
            "epochs": 2, "schedule_params": {"initial_learning_rate": 1e-4, "decay_steps": 9, "decay_rate": 0.9}}},
    },
    "studies": {"s": {
        "seeds": [0], "data_seed": 3, "resources": {"gpus": 0},
        "data": {"h36m": {"kind": "h36m", "poses_3d": "a.npz", "poses_2d": "b_{input_2d}.npz", "input_2d": "gt"},
                 "amass": {"kind": "amass", "folder": "x", "subsets": ["CMU", "SFU"]},
                 "own": {"kind": "mocap", "folder": "y", "splits": {"train": ["anna"], "test": ["ben"]}}},
        "experiments": {"a": {"dataset": "h36m", "train_subset": "trainval", "val_subset": None, "test_subset": "test",
                              "evaluate_s_in": [10]},
                        "b": {"base": "a", "dataset": "own", "train_subset": "train", "test_subset": "test", "initial_weights": "a",
                              "test_dataset": "own", "model": {"s_in": [10]}}},
        "run": ["a"]}},
}  # fmt: skip


def text_readers() -> list[Reader]:
    """Readers of texts."""
    return [
        *_acclaim(),
        _csv("list of CMU trials", _trials_csv(), _read_trials),
        _csv(
            "manifest of CMU files",
            b"file,origin,path,sha256,bytes\nsubjects/01/01.asf,http://x/01.asf,data/01.asf," + b"a" * 64 + b",12\n",
            _read_cmu_manifest,
        ),
        _csv("table of sources", (_RESOURCES / "sources.csv").read_bytes()[:3000].rpartition(b"\n")[0] + b"\n", _read_sources),
        _csv(
            "published figures",
            (_RESOURCES / "paper_results.csv").read_bytes()[:2500].rpartition(b"\n")[0] + b"\n",
            _read_published,
        ),
        _lock(),
        _source_manifest(),
        _tree(
            "run configuration (YAML)", [Run(ModelConfig(9, 5, (5, 10), strides=(3, 3))).to_mapping()], _yaml, _read_run, ".yaml"
        ),
        _tree("configuration of the official code (JSON)", [OFFICIAL], _json, _read_official, ".json"),
        _tree("config.yaml", [CONFIG], _yaml, _read_config, ".yaml", share=1.0),
        _tree("scores (JSON)", [SCORES], _json, _read_scores, ".json"),
        _tree("manifest of the tables (JSON)", [TABLES], _json, _read_tables, ".json"),
    ]


def _csv(name: str, intact: bytes, read: Callable[[Path], object]) -> Reader:
    return Reader(name, [intact], [of_text([intact])], read, ".csv")


def _tree(
    name: str, trees: list[Any], dump: Callable[[Any], bytes], read: Callable[[Path], object], suffix: str, share: float = 1.0
) -> Reader:
    intact = [dump(tree) for tree in trees]

    def damaged_values(rng: Random) -> bytes:
        return dump(damaged_tree(rng, rng.choice(trees)))

    def damaged_both(rng: Random) -> bytes:
        return damaged_text(rng, damaged_values(rng))

    return Reader(name, intact, [of_text(intact), damaged_values, damaged_values, damaged_both], read, suffix, share)


def _json(tree: Any) -> bytes:
    try:
        return json.dumps(tree, indent=1).encode("utf-8", "surrogatepass")
    except (RecursionError, TypeError, ValueError):
        return b"[" * 20_000


def _yaml(tree: Any) -> bytes:
    try:
        return yaml.dump(tree, sort_keys=False, allow_unicode=True, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)).encode(
            "utf-8", "surrogatepass"
        )
    except (RecursionError, UnicodeError, yaml.YAMLError, ValueError):
        return b"{a: " * 2000


# ---- Acclaim


def _acclaim() -> list[Reader]:
    asf, amc = asf_text().encode(), amc_text(8).encode()
    folder = Path(os.environ["FUZZ_FOLDER"])
    (folder / "skeleton.asf").write_bytes(asf)
    skeleton = read_asf(folder / "skeleton.asf")

    def read_motion(path: Path) -> None:
        motion = read_amc(path, skeleton)
        check_array(motion, "f", None, skeleton.num_channels)
        assert len(motion)
        check_array(bone_ends(skeleton, motion), "f", len(motion), len(skeleton.names), 3)

    def read_bones(path: Path) -> None:
        found = read_asf(path)
        check_texts(found.names)
        check_array(found.offsets, "f", len(found.names), 3)
        check_array(found.axes, "f", len(found.names), 3, 3)
        assert found.metres_per_unit > 0

    return [
        Reader("ASF (skeletons)", [asf], [of_text([asf]), of_text([asf]), of_bytes([asf])], read_bones, ".asf", 1.2),
        Reader("AMC (motions)", [amc], [of_text([amc]), of_text([amc]), of_bytes([amc])], read_motion, ".amc", 1.2),
    ]


# ---- tables


def _trials_csv() -> bytes:
    names = HEADER.strip().split(",")
    rows = [
        ",".join(str(getattr(trial, name)) for name in names)
        for trial in trial_rows({"01_01": ("Walk", 3, 0.05, None), "02_01": ("Run", 2, 0.3, None)})
    ]
    return (HEADER + "# a comment\n" + "\n".join(rows) + "\n").encode()


def _read_trials(path: Path) -> None:
    trials = read_trials(path)
    assert trials and len({trial.trial for trial in trials}) == len(trials)
    for trial in trials:
        assert isinstance(trial, Trial) and (trial.frames is None or trial.frames > 0) and 0 < trial.fps < float("inf")
        assert ".." not in trial.amc and not trial.amc.startswith("/")


def _read_cmu_manifest(path: Path) -> None:
    assert all(row.bytes >= 0 for row in read_manifest(path).values())


def _read_sources(path: Path) -> None:
    for name, source in read_sources(path).items():
        assert name == source.name and not source.faults()


def _read_published(path: Path) -> None:
    for (name, s_in), value in read_published(path).mpjpe.items():
        assert isinstance(name, str) and s_in > 0 and 0 <= value < float("inf"), f"{name} {s_in} {value}"


def _lock() -> Reader:
    intact = f"# a comment\n{'a' * 64}  123  name\n{'0' * 64}  5  other\n".encode()

    def read(path: Path) -> None:
        ChecksumLock(path).fault("name", Sums(123, "a" * 64, ""))
        assert isinstance(ChecksumLock(path).has("other"), bool)

    return Reader("checksums of fetched files", [intact], [of_text([intact])], read, ".lock")


def _source_manifest() -> Reader:
    original = Path(os.environ["FUZZ_FOLDER"]) / "original.tgz"
    original.write_bytes(b"x" * 100)
    manifest = {
        "source": "h36m_S1",
        "path": str(original),
        "sha256": sums_of_file(original).sha256,
        "bytes": 100,
        "origin": "http://x/y",
    }

    def read(path: Path) -> None:
        found = read_source(path)
        assert isinstance(found, SourceFile) and Path(found.path).is_file()

    return _tree("manifest of an original file", [manifest], _json, read, ".json")


# ---- configurations


def _check_experiment(model: ModelConfig, values: Mapping[str, Any]) -> None:
    assert model.strided_lengths[-1] == 1 or not model.strides
    assert Experiment.from_mapping(values).to_mapping() == values, "it does not survive being written"


def _read_run(path: Path) -> None:
    run, evaluate = read_run(path)
    _check_experiment(run.model, Experiment(run.model, run.train, evaluate).to_mapping())
    check_texts([run.name, run.study, run.dataset, run.train_subset])


def _read_official(path: Path) -> None:
    run, evaluate = read_run(path)
    _check_experiment(run.model, Experiment(run.model, run.train, evaluate).to_mapping())
    assert isinstance(evaluate, EvaluateConfig)


def _read_config(path: Path) -> None:
    """As the workflow reads it: Snakemake parses the YAML, the project judges what comes out."""
    try:
        config = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except Exception as error:
        raise InputError(f"{path}: Snakemake does not read it ({type(error).__name__})") from None
    if not isinstance(config, dict):
        raise InputError(f"{path}: Snakemake does not take it")
    faults = config_faults(config, {"all"}, lambda path: {"01", "anna", "ben"}, ["weights_a"])
    if faults:
        check_texts(faults)
        raise InputError("\n".join([str(path), *faults]))
    for study in plan(config).values():
        assert study.used_datasets is not None and study.evaluated is not None


# ---- documents of the workflow


def _read_scores(path: Path) -> None:
    planned = ShownExperiment("a", "h36m", (10,), (0,))
    results = collected(Manifest("s", "", (planned,), {"a": {"0": {"10": str(path)}}}))
    values = results.scores["value_mm"]
    assert values.dtype.kind == "f" and not (values < 0).any() and not (values == float("inf")).any()
    check_texts(results.actions)


def _read_tables(path: Path) -> None:
    manifest = read_tables_manifest(path)
    for experiment in manifest.experiments:
        assert isinstance(experiment.label, str) and all(isinstance(s_in, int) for s_in in experiment.s_in)
