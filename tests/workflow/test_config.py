"""The shipped configuration is right, and what is wrong with another one is said all at once."""

import copy
import dataclasses
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from uplift_upsample.base.strict import nearest
from uplift_upsample.plan.checks import config_faults
from uplift_upsample.plan.configuration import Configuration, Resources
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.plan.network_base import NetworkConfig, networks
from uplift_upsample.plan.official import experiment_from_official
from uplift_upsample.plan.optimisation import SCHEDULES, OptimizerParams, ScheduleParams
from uplift_upsample.plan.people import ClipPlan, PeoplePlan
from uplift_upsample.plan.repeated_keys import repeated_keys
from uplift_upsample.plan.schema import schema_text
from uplift_upsample.plan.study import plan, studies_of
from uplift_upsample.plan.thresholds import Checks, Tolerance, VerdictRule
from uplift_upsample.plan.ways import Surroundings

Config = dict[str, Any]
SUBJECTS = {"01", "02", "03", "05", "07", "09", "11", "14", "16", "17", "29", "35", "49", "131", "135"}
ACTIONS_OF = {"workflow/resources/cmu_trials.csv": SUBJECTS}
WEIGHTS = ["weights_h36m_351", "weights_h36m_351_pt", "weights_h36m_81", "weights_amass_351"]


def faults(config: Config) -> list[str]:
    return config_faults(config, {"all", "train"}, ACTIONS_OF.get, WEIGHTS)


def put(config: Config, place: str, value: Any) -> None:
    """Set a value, or change the one that is there with a function."""
    *folders, last = place.split("/")
    for folder in folders:
        config = config[folder]
    config[last] = value(config[last]) if callable(value) else value


def test_shipped_configuration_has_no_fault(config: Config) -> None:
    assert faults(config) == []


def test_schema_is_made_of_the_models(project: Path) -> None:
    assert (project / "workflow/schemas/config.schema.yaml").read_text("utf-8") == schema_text(), "make schema"


def test_schema_finds_the_shipped_configuration_right_and_a_wrong_one_wrong(config: Config, schema: Config) -> None:
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(config)) == []
    put(config, "experiments/h36m_81/train/epoch", 3)
    put(config, "experiments/h36m_81/model/drop_rate", 1)
    put(config, "studies/demo/seeds", [0, 0])
    put(config, "studies/open/data/cmu/splits", {})
    assert len(list(validator.iter_errors(config))) == 4


def test_schema_knows_every_knob_and_no_other(schema: Config) -> None:
    groups = (
        (TrainConfig,),
        (EvaluateConfig,),
        (Resources,),
        (Checks,),
        (Tolerance,),
        (VerdictRule,),
        (ClipPlan,),
        (PeoplePlan, ClipPlan),
        (NetworkConfig, *networks().values()),
        (ScheduleParams, *SCHEDULES.values()),
        (OptimizerParams,),
    )
    for classes in groups:
        known = {f.name for cls in classes for f in dataclasses.fields(cls)}
        assert set(schema["$defs"][classes[0].__name__]["properties"]) == known


def test_schema_describes_every_knob(schema: Config) -> None:
    assert len(schema["$defs"]) == 19
    for name, part in {"": schema, **schema["$defs"]}.items():
        assert part["description"], name
        for key, knob in part["properties"].items():
            assert knob.get("description"), f"{name}.{key}"


@pytest.mark.parametrize("name", ["h36m_351", "h36m_351_pt", "h36m_81", "amass_351"])
def test_published_hyper_parameters(config: Config, shared: Path, name: str) -> None:
    published = yaml.safe_load((shared / "spec/configs.yaml").read_text(encoding="utf-8"))
    expected = experiment_from_official({**published["common"], **published[name]}, name).to_mapping()
    actual = plan(config)["paper"].experiments[name].experiment.to_mapping()
    for group in ("model", "train"):
        assert actual[group] == expected[group]


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("experiments/h36m_81/train/epoch", 3, "experiments.h36m_81.train: unknown key 'epoch', did you mean 'epochs'?"),
        ("studies/demo/experiment", {}, "studies.demo: unknown key 'experiment', did you mean 'experiments'?"),
        ("reproduces", [], "unknown key 'reproduces', did you mean 'reproduce'?"),
        ("experiments/h36m_81/train/epochs", "ten", "experiments.h36m_81.train.epochs: expected a whole number, not 'ten'"),
        (
            "experiments/h36m_81/train/schedule_params/initial_learning_rate",
            "4e-5",
            "experiments.h36m_81.train.schedule_params.initial_learning_rate: expected a number, not '4e-5' "
            "(YAML takes it for text: write 4.0e-5)",
        ),
        ("experiments/h36m_81/train/epochs", 0, "experiments.h36m_81.train.epochs: 0 is too small; it must be at least 1"),
        ("experiments/h36m_81/model/drop_rate", 1, "experiments.h36m_81.model.drop_rate: 1 is too large; it must be below 1"),
        (
            "experiments/h36m_81/train/optimizer",
            "AdanW",
            "experiments.h36m_81.train.optimizer: expected one of AdamW, Adam, not 'AdanW', did you mean 'AdamW'?",
        ),
        ("experiments/h36m_81/model", {"s_out": 2}, "experiments.h36m_81.model: the key 'num_tokens' is missing"),
        (
            "experiments/h36m_81/model/s_in",
            [4, 7],
            "experiments.h36m_81.model: s_in 7 is not a multiple of s_out 2; "
            "a 2D pose can only be placed at a token, every 2 frames",
        ),
        (
            "studies/paper/experiments/h36m_81/evaluate_s_in",
            [4, 5],
            "studies.paper.experiments.h36m_81.evaluate_s_in: s_in 5 is not a multiple of s_out 2; "
            "a 2D pose can only be placed at a token, every 2 frames",
        ),
        (
            "studies/paper/experiments/amass_351",
            {"dataset": "amass", "train_subset": "train", "evaluate_s_in": [5]},
            "studies.paper.experiments.amass_351: evaluate_s_in without a test_subset; there is nothing to evaluate on",
        ),
        (
            "studies/paper/experiments/amass_351/test_subset",
            None,
            "studies.paper.experiments.amass_351: test_dataset without a test_subset; there is nothing to evaluate on",
        ),
        (
            "studies/paper/experiments/amass_351/test_dataset",
            "h36",
            "studies.paper.experiments.amass_351.test_dataset: the study has no data set 'h36', did you mean 'h36m'?; "
            "it has h36m, amass",
        ),
        (
            "studies/paper/experiments/amass_351/test_subset",
            "SFU",
            "studies.paper.experiments.amass_351.test_subset: h36m has no 'SFU'; "
            "it has train, val, trainval, test, S1, S5, S6, S7, S8, S9, S11",
        ),
        ("studies/demo/seeds", [0, 0], "studies.demo.seeds: [0, 0] repeats an entry"),
        ("studies/demo/seeds", [0.5], "studies.demo.seeds.0: expected a whole number, not 0.5"),
        ("studies/demo/seeds", [], "studies.demo.seeds: it is empty"),
        ("studies/demo/seeds", [-1], "studies.demo.seeds.0: -1 is too small; it must be at least 0"),
        (
            "reproduce",
            ["demo", "papers"],
            "reproduce: no study 'papers', did you mean 'paper'?; there are demo, open, systems, ablations, paper, mpi_inf_3dhp",
        ),
        (
            "reproduce",
            "papers",
            "reproduce: no study 'papers', did you mean 'paper'?; there are demo, open, systems, ablations, paper, mpi_inf_3dhp",
        ),
        (
            "studies/paper/run",
            ["h36m_82"],
            "studies.paper.run: no experiment 'h36m_82', did you mean 'h36m_81'?; "
            "the study has amass_351, h36m_351, h36m_351_pt, h36m_81",
        ),
        (
            "studies/paper/experiments/h36m_81/base",
            "mini_18",
            "studies.paper.experiments.h36m_81: no experiment 'mini_18' to start from, did you mean 'mini_81'?; "
            "set 'base' to one of h36m_351, h36m_351_pt, h36m_81, mpi_inf_3dhp_81, amass_351, videopose3d_243, "
            "poseformer_81, strided_transformer_243, cmu_351, cmu_small, cmu_small_plus, cmu_short, cmu_short_videopose3d, "
            "cmu_short_poseformer, cmu_short_strided_transformer, mini_351, mini_81",
        ),
        (
            "studies/paper/experiments/h36m_351_pt/initial_weights",
            "amas_351",
            "studies.paper.experiments.h36m_351_pt.initial_weights: the study has no experiment 'amas_351', "
            "did you mean 'amass_351'?; "
            ""
            "it has amass_351, h36m_351, h36m_351_pt, h36m_81",
        ),
        (
            "studies/paper/experiments/amass_351/initial_weights",
            "h36m_351_pt",
            "studies.paper.experiments: initial_weights go in a circle: amass_351 <- h36m_351_pt <- amass_351",
        ),
        (
            "studies/paper/experiments/h36m_81/initial_weights",
            "h36m_81",
            "studies.paper.experiments: initial_weights go in a circle: h36m_81 <- h36m_81",
        ),
        (
            "studies/paper/experiments/h36m_351_pt/model",
            {"temporal_dim": 32},
            "studies.paper.experiments.h36m_351_pt.initial_weights: amass_351 has another network: temporal_dim 384, here 32",
        ),
        (
            "studies/paper/experiments/h36m_81/dataset",
            "h36",
            "studies.paper.experiments.h36m_81.dataset: the study has no data set 'h36', did you mean 'h36m'?; it has h36m, amass",
        ),
        (
            "studies/paper/experiments/h36m_81/test_subset",
            "S9,S10",
            "studies.paper.experiments.h36m_81.test_subset: h36m has no 'S10', did you mean 'S1'?; "
            "it has train, val, trainval, test, S1, S5, S6, S7, S8, S9, S11",
        ),
        (
            "studies/paper/experiments/h36m_81/train_subset",
            "S1,S9",
            "studies.paper.experiments.h36m_81: S9 in train_subset and in test_subset; the numbers would mean nothing",
        ),
        (
            "studies/paper/experiments/amass_351",
            {"base": "mini_351", "dataset": "amass", "train_subset": "train", "test_subset": "val"},
            "studies.paper.experiments.amass_351.test_subset: amass has no 2D poses to test with; "
            "name another data set with test_dataset, or set it to null",
        ),
        (
            "studies/open/data/cmu/splits/val",
            ["07", "14"],
            "studies.open.data.cmu.splits: subject 14 in val and in test; a subject belongs to one split",
        ),
        (
            "studies/open/data/cmu/splits/val",
            ["07", "99"],
            "studies.open.data.cmu.splits.val: workflow/resources/cmu_trials.csv has no trial of subject 99",
        ),
        ("studies/open/data/cmu/trials", "other.csv", "studies.open.data.cmu.trials: there is no table other.csv"),
        (
            "studies/open/data/cmu/kind",
            "cmo",
            "studies.open.data.cmu.kind: expected one of h36m, amass, mpi_inf_3dhp, cmu, mocap, not 'cmo', did you mean 'cmu'?",
        ),
        (
            "studies/open/data/cmu/kind",
            ["cmu"],
            "studies.open.data.cmu.kind: expected one of h36m, amass, mpi_inf_3dhp, cmu, mocap, not ['cmu']",
        ),
        ("studies/open/data/cmu/folder", "x", "studies.open.data.cmu: unknown key 'folder'"),
        ("studies/demo/data/people", {"kind": "h36m"}, "studies.demo.data.people: the key 'input_2d' is missing"),
        ("studies/train", {}, "studies.train: 'train' is the name of a target or rule; call the study something else"),
        ("studies/my study", {}, "studies: 'my study' cannot be a name here; letters, digits and underscores can, a letter first"),
        (
            "studies/open/data/h36m",
            {"kind": "amass", "folder": "x", "subsets": ["CMU"]},
            "studies: the data set 'h36m' is amass in open and h36m in paper; a name must mean one kind",
        ),
        (
            "studies/paper/experiments/h36m_81/test_subset",
            "S9",
            "studies.paper: its experiments are tested on different data, but stand in one table "
            "(amass_351 on h36m test; h36m_81 on h36m S9); make them separate studies",
        ),
        (
            "studies/paper/experiments/h36m_81/published_weights",
            "weights_h36m_18",
            "studies.paper.experiments.h36m_81.published_weights: the table of sources has no weights 'weights_h36m_18', "
            "did you mean 'weights_h36m_81'?; it has weights_h36m_351, weights_h36m_351_pt, weights_h36m_81, weights_amass_351",
        ),
        (
            "studies/paper/experiments/h36m_81/test_subset",
            None,
            "studies.paper.experiments.h36m_81: published_weights without a test_subset; there is nothing to evaluate them on",
        ),
        (
            "studies/demo/run",
            [],
            "studies.demo.run: it is empty and no experiment names published_weights, so there is nothing to do",
        ),
        (
            "studies/paper",
            lambda paper: paper | {"run": [], "evaluate_published": False},
            "studies.paper.run: it is empty and evaluate_published is false, so there is nothing to do",
        ),
        (
            "studies/paper",
            lambda paper: (
                paper
                | {
                    "run": [],
                    "experiments": paper["experiments"] | {"h36m_81": paper["experiments"]["h36m_81"] | {"test_subset": "S9"}},
                }
            ),
            "studies.paper: its experiments are tested on different data, but stand in one table "
            "(amass_351 on h36m test; h36m_81 on h36m S9); make them separate studies",
        ),
        ("studies/paper/run", None, "studies.paper.run: expected a list, not None"),
        (
            "studies/paper/experiments/h36m_81/evaluate_s_in",
            None,
            "studies.paper.experiments.h36m_81.evaluate_s_in: expected a list, not None",
        ),
        ("studies/paper/experiments/h36m_81/base", None, "studies.paper.experiments.h36m_81.base: expected text, not None"),
        ("checks/surplus", None, "checks.surplus: expected a number, not None"),
        ("evaluate_published", "no", "evaluate_published: expected true or false, not 'no'"),
        (
            "verdict/trained_here/pass_mm",
            9.0,
            "verdict.trained_here: pass_mm is 9.0 and warn_mm 1.5; it must be 0 <= pass_mm <= warn_mm",
        ),
        ("checks/body_size", [4, 0.3], "checks: body_size is 4 to 0.3; it must be two rising sizes in metres"),
        ("checks/reprojection_px", -1, "checks.reprojection_px: -1 is too small; it must be at least 0"),
        ("verdict/average", "mean", "verdict.average: expected one of auto, frame_wise, action_wise, not 'mean'"),
        ("studies", [], "studies: expected keys and values, not []"),
        ("experiments", None, "experiments: expected keys and values, not None"),
    ],
)
def test_each_fault_is_told(config: Config, place: str, value: Any, expected: str) -> None:
    put(config, place, value)
    assert expected in faults(config)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda config: put(config, "experiments/h36m_81/train/epoch", 3),
        lambda config: put(config, "studies/demo/seeds", "0"),
        lambda config: put(config, "studies/demo/seeds", [-1]),
        lambda config: put(config, "studies/open/data/cmu/splits/val", [7]),
        lambda config: put(config, "checks/body_size", [0.3, "4e0"]),
        lambda config: put(config, "experiments/h36m_81/train/schedule_params/decay_stps", 6000),
        lambda config: put(config, "experiments/h36m_81/train/schedule_params/initial_learning_rate", "4e-5"),
        lambda config: put(
            config,
            "experiments/h36m_81/train",
            {"schedule": "PiecewiseConstantDecay", "schedule_params": {"boundaries": ["10"], "values": [0.1, 0.01]}},
        ),
        lambda config: put(config, "experiments/h36m_81/train", {"optimizer_params": {"beta_1": "0.9"}}),
        lambda config: put(config, "experiments/h36m_81/model/paddings", [[1, 2], [0, 0], [0, 0]]),
        lambda config: put(config, "experiments/h36m_81/model/mlp_ratio", 0),
        lambda config: put(config, "studies/open/experiments/cmu_small/base", "cmu_smal"),
        lambda config: put(config, "experiments/cmu_small/evaluate/blend", "atuo"),
        lambda config: put(config, "experiments/cmu_small/evaluate/blend", [0.5]),
        lambda config: put(config, "experiments/cmu_small/evaluate/blend", 2),
    ],
)
def test_one_fault_is_one_line(config: Config, break_it: Callable[[Config], None]) -> None:
    break_it(config)
    assert len(faults(config)) == 1


def test_all_faults_come_at_once_whatever_found_them(config: Config) -> None:
    put(config, "experiments/h36m_81/train/epoch", 3)
    put(config, "experiments/h36m_351/model/num_tokens", 70)
    put(config, "studies/demo/seeds", [1, 1])
    put(config, "studies/paper/experiments/h36m_351/datasets", "h36m")
    put(config, "studies/paper/experiments/h36m_351_pt/initial_weights", "nothing")
    put(config, "studies/open/data/cmu/splits/val", ["99"])
    put(config, "reproduce", ["nothing"])
    told = "\n".join(faults(config))
    for part in [
        "epoch",
        "num_tokens is 70",
        "repeats",
        "'datasets'",
        "no experiment 'nothing'",
        "subject 99",
        "no study 'nothing'",
    ]:
        assert part in told


TWO_PHASES = {  # place of a fault of the schema, and of one that only several values together show: both are reported
    "another group": (
        "train/batch_size",
        -4,
        {"model/num_tokens": 40, "model/s_in": [3, 7]},
        ["num_tokens is 40", "s_in 3", "s_in 7"],
    ),
    "the same group": ("model/num_heads", -1, {"model/num_tokens": 40}, ["num_tokens is 40"]),
    "a part of the check": ("model/num_tokens", -3, {"model/s_in": [7]}, ["s_in 7 is"]),
    "a misspelt key": ("model/num_token", 3, {"train/batch_size": 3, "train/in_batch_mirror": True}, ["batch_size is 3"]),
    "a wrong word": ("train/optimizer", "adamw", {"train/loss_weight_center": 0, "train/loss_weight_sequence": 0}, ["both 0"]),
    "a part of the parameters": (
        "train/schedule_params/decay_rate",
        "x",
        {"train/batch_size": 3, "train/in_batch_mirror": True},
        ["batch_size is 3"],
    ),
}


@pytest.mark.parametrize("case", TWO_PHASES)
@pytest.mark.parametrize("where", ["experiments/h36m_351", "studies/paper/experiments/h36m_351"])
def test_faults_of_the_schema_hide_no_others(config: Config, case: str, where: str) -> None:
    place, value, others, expected = TWO_PHASES[case]
    for group in ("model", "train"):
        put(config, f"{where}/{group}", dict(config["experiments"]["h36m_351"][group]))
    for key, other in others.items():
        put(config, f"{where}/{key}", other)
    put(config, f"{where}/{place}", value)
    told = faults(config)
    prefix = where.replace("/", ".")
    assert [line for line in told if line.startswith(f"{prefix}.{place.split('/')[0]}") and place.split("/")[-1] in line]
    for part in expected:
        assert sum(line.startswith(prefix) and part in line for line in told) == 1, (part, told)
    assert not [line for line in told if "missing" in line]


def test_faults_of_one_study_hide_none_of_another(config: Config) -> None:
    put(config, "studies/my-lab", copy.deepcopy(config["studies"]["open"]))  # cannot be a name
    put(config, "studies/paper/seeds", [0, -1])
    put(config, "studies/paper/run", ["h36m_351", 5, "h36m_352"])
    put(config, "studies/paper/experiments/h36m_81/test_subset", "S12")
    put(config, "studies/paper/experiments/h36m_81/resources", {"gpus": -1})
    put(config, "studies/open/data/cmu/splits/train", ["01", 3])
    put(config, "studies/open/data/cmu/splits/test", ["01"])
    put(config, "reproduce", ["demo", 7, "papr"])
    told = "\n".join(faults(config))
    for part in [
        "'my-lab' cannot",
        "-1 is too small",
        "not 5",
        "'h36m_352', did you mean 'h36m_351'",
        "'S12'",
        "not 7",
        "'papr'",
        "subject 01 in",
    ]:
        assert part in told, part


@pytest.mark.parametrize("part", ["studies", "experiments", "studies/demo/data", "studies/demo/experiments"])
def test_parts_without_any_right_entry(config: Config, part: str) -> None:
    put(config, part, {"my-lab": {}, "other": 3, 7: {}})
    told = faults(config)
    place = part.replace("/", ".")
    assert f"{place}: 'my-lab' cannot be a name here; letters, digits and underscores can, a letter first" in told
    assert f"{place}.other: expected keys and values, not 3" in told
    assert f"{place}: the key 7 is not text; write it in quotes" in told


@pytest.mark.parametrize(
    ("part", "value", "line"),
    [
        ("experiments", {date(2020, 1, 1): {}}, "experiments: the key datetime.date(2020, 1, 1) is not text; write it in quotes"),
        ("studies", {1: {"seedz": 1}}, "studies: the key 1 is not text; write it in quotes"),
        ("studies/demo/[key]", 1, "studies.demo: unknown key '[key]'"),
        ("studies/demo/seeds", {1, 2}, "studies.demo.seeds: expected a list, not {1, 2}"),
        ("studies/demo/run", None, "studies.demo.run: expected a list, not None"),
        ("studies/demo/data/people/kind", None, "studies.demo.data.people.kind: expected text, not None"),
        ("studies/demo/data/people/kind", ["mocap"], "expected one of h36m, amass, mpi_inf_3dhp, cmu, mocap, not ['mocap']"),
        ("studies/demo/experiments/people_351/base", "", "no experiment '' to start from; set 'base' to one of "),
        ("experiments/h36m_81/model/paddings", [[True, 1], [0, 0], [0, 0]], "paddings.0.0: expected a whole number, not True"),
        ("experiments/h36m_81/model/paddings", [[2, 1], [0, 0], [0, 0]], "paddings.0.0: 2 is too large; it must be at most 1"),
        ("experiments/h36m_81/model/num_joints", 17.0, "model.num_joints: expected a whole number, not 17.0"),
        ("experiments/h36m_81/train", {"epochs": 10**30}, "train.epochs: 1000000000000000000000000000000 is too large"),
        ("experiments/h36m_81/train", {"ema_decay": 2**63}, "train.ema_decay: 9223372036854775808 is too large"),
        ("studies/demo/data/people", 2**63, "studies.demo.data.people: 9223372036854775808 is too large"),
        ("studies/demo/data/people", {"cmu"}, "studies.demo.data.people: expected a list, not {'cmu'}"),
        ("studies/demo/data/people", {"kind": 2**63}, "studies.demo.data.people.kind: 9223372036854775808 is too large"),
    ],
)
def test_what_yaml_can_hold_and_a_configuration_cannot(config: Config, part: str, value: Any, line: str) -> None:
    put(config, part, value)
    found = faults(config)
    assert any(line in told for told in found)
    assert not any(" object at " in told for told in found)


@pytest.mark.parametrize("root", [None, [1], "text"])
def test_a_file_that_holds_something_else(root: Any) -> None:
    assert config_faults(root) == [f"expected keys and values, not {root!r}"]


def test_parts_that_stand_twice_and_parts_that_hold_themselves(config: Config) -> None:
    shared: dict[str, Any] = {"batch_size": 8}
    config["experiments"]["h36m_81"] |= {"model": shared, "train": shared}
    assert "experiments.h36m_81.model: unknown key 'batch_size'" in faults(config)
    shared["more"] = shared
    assert "experiments.h36m_81.train.more: it holds itself" in faults(config)


def test_few_lines_that_stand_for_more_than_memory_holds(config: Config) -> None:
    part: Any = 1
    for _ in range(12):
        part = [part] * 9
    config["more"] = part
    assert any("the configuration has more than 100,000 entries up to here" in line for line in faults(config))


def test_braces_in_a_path_are_not_looked_into(config: Config) -> None:
    put(config, "studies/paper/data/h36m/poses_2d", "{input}/{0}/{input_2d}.npz")
    assert not faults(config)
    source = studies_of(Configuration.model_validate(config))["paper"].data["h36m"]
    around = Surroundings(sources={}, logins=(), exists=lambda path: True)
    assert "{input}/{0}/cpn_ft_h36m_dbb.npz" in [need.own for need in source.needs(around, "results/paper/data/h36m.h5")]


def test_keys_that_are_no_text_hide_no_others(config: Config) -> None:
    put(config, "experiments/h36m_81/train", {7: 1, "epoch": 3})
    told = faults(config)
    assert any("the key 7 is not text" in line for line in told)
    assert any("unknown key 'epoch'" in line for line in told)


@pytest.mark.parametrize(
    ("word", "meant"),
    [("adamw", "AdamW"), ("ADAM", "Adam"), ("adam_w", "AdamW"), ("Adamw2", "AdamW"), ("AW_MPJPE", None), ("sgd", None)],
)
def test_the_nearest_word_is_the_one_that_is_meant(word: str, meant: str | None) -> None:
    assert nearest(word, ["Adam", "AdamW"]) == meant


def test_overrides_are_merged_into_the_base(config: Config) -> None:
    put(config, "studies/paper/experiments/h36m_81/train", {"epochs": 7, "schedule_params": {"decay_rate": 0.5}})
    train = plan(config)["paper"].experiments["h36m_81"].experiment.train
    assert (train.epochs, train.batch_size) == (7, 256)
    assert train.schedule_params == {"initial_learning_rate": 4e-5, "decay_steps": 6000, "decay_rate": 0.5, "staircase": True}


def test_another_schedule_does_not_inherit_parameters(config: Config) -> None:
    other = {"schedule": "PiecewiseConstantDecay", "schedule_params": {"boundaries": [10], "values": [1e-3, 1e-4]}}
    put(config, "studies/paper/experiments/h36m_81/train", other)
    assert plan(config)["paper"].experiments["h36m_81"].experiment.train.schedule_params == other["schedule_params"]


def test_parameters_of_the_optimizer_belong_to_it(config: Config) -> None:
    """Also where the base leaves it unsaid and the study says what it is without that."""
    del config["experiments"]["h36m_81"]["train"]["optimizer"]
    put(config, "experiments/h36m_81/train/optimizer_params", {"beta_1": 0.8, "amsgrad": True})

    def params(train: Config) -> Config:
        put(config, "studies/paper/experiments/h36m_81/train", train)
        assert faults(config) == []
        return plan(config)["paper"].experiments["h36m_81"].experiment.train.optimizer_params

    assert params({"optimizer": "AdamW", "optimizer_params": {"beta_2": 0.95}}) == {"beta_1": 0.8, "amsgrad": True, "beta_2": 0.95}
    assert params({"optimizer_params": {"beta_2": 0.95}}) == {"beta_1": 0.8, "amsgrad": True, "beta_2": 0.95}
    assert params({"optimizer": "Adam", "optimizer_params": {"beta_2": 0.95}}) == {"beta_2": 0.95}
    assert params({"optimizer": "Adam"}) == {}
    assert params({}) == {"beta_1": 0.8, "amsgrad": True}


def test_people_of_other_data_sets_are_other_people(config: Config) -> None:
    put(config, "studies/other", copy.deepcopy(config["studies"]["paper"]))
    put(config, "studies/other/data/others", config["studies"]["paper"]["data"]["h36m"])
    put(config, "studies/other/run", ["h36m_81"])
    put(config, "studies/other/animations", [])
    put(config, "studies/other/evaluate_published", False)
    experiment = {"base": "mini_81", "dataset": "others", "train_subset": "trainval", "test_dataset": "h36m", "test_subset": "S8"}
    put(config, "studies/other/experiments/h36m_81", experiment)
    assert faults(config) == []
    put(config, "studies/other/experiments/h36m_81/dataset", "h36m")
    expected = "studies.other.experiments.h36m_81: S8 in train_subset and in test_subset; the numbers would mean nothing"
    assert faults(config) == [expected]


def test_plan_of_the_shipped_studies(config: Config) -> None:
    studies = plan(config)
    assert [e.name for e in studies["paper"].pretraining] == ["amass_351"]
    assert [e.name for e in studies["paper"].tested] == ["amass_351", "h36m_351", "h36m_351_pt", "h36m_81"]
    assert [(e.dataset, e.test_dataset) for e in studies["paper"].tested] == [("amass", "h36m"), *[("h36m", "h36m")] * 3]
    assert {e.name: e.evaluated_s_in for e in studies["paper"].tested}["h36m_81"] == (4, 10, 20)
    assert [e.name for e in studies["open"].run] == ["cmu_small"]
    assert "simulated detections" in studies["demo"].note


def test_what_is_not_run_is_trained_where_others_start_from_it(config: Config) -> None:
    put(config, "studies/paper/run", ["h36m_351_pt"])
    study = plan(config)["paper"]
    assert [e.name for e in study.trained] == ["amass_351", "h36m_351_pt"]
    assert [e.name for e in study.tested] == ["h36m_351_pt"]


@pytest.mark.parametrize(
    ("study", "run", "evaluate_published", "shown"),
    [
        ("open", None, True, ["cmu_small"]),
        ("demo", ["people_351_pt"], True, ["mocap_351", "people_351_pt"]),  # with what it starts from
        ("paper", [], True, ["amass_351", "h36m_351", "h36m_351_pt", "h36m_81"]),  # their published weights are evaluated
        ("paper", ["h36m_81"], False, ["h36m_81"]),
    ],
)
def test_what_is_not_run_is_not_shown(
    config: Config, study: str, run: list[str] | None, evaluate_published: bool, shown: list[str]
) -> None:
    put(config, "evaluate_published", evaluate_published)
    if run is not None:
        put(config, f"studies/{study}/run", run)
    assert [experiment.name for experiment in plan(config)[study].shown] == shown


def test_mean_pose_is_one_of_the_tested_data_set(config: Config) -> None:
    baseline = plan(config)["paper"].baseline
    assert baseline is not None
    assert baseline.name == "h36m_351"
    put(config, "studies/paper/run", ["amass_351"])
    assert plan(config)["paper"].baseline == dataclasses.replace(baseline, is_run=False)  # its published weights are tested
    put(config, "evaluate_published", False)
    study = plan(config)["paper"]
    assert study.baseline is None
    assert study.used_datasets == ["amass", "h36m"]


def test_published_weights_alone(config: Config) -> None:
    put(config, "studies/paper/run", [])
    assert faults(config) == []
    study = plan(config)["paper"]
    assert (study.trained, study.tested, study.used_datasets) == ([], [], ["h36m"])
    assert [experiment.name for experiment in study.published] == ["amass_351", "h36m_351", "h36m_351_pt", "h36m_81"]
    assert study.baseline is not None


def test_a_blend_is_chosen_by_trainings_with_validation_people(config: Config) -> None:
    both = {"readout": "both"}
    put(config, "studies/open/evaluate_variants", {})  # each would say the same
    put(config, "studies/paper/experiments/h36m_81/evaluate_variants", {})
    put(config, "studies/open/experiments/cmu_small/evaluate", both)
    assert faults(config) == []
    put(config, "studies/open/experiments/cmu_small/val_subset", None)
    put(config, "studies/paper/experiments/h36m_81/evaluate", both)
    assert faults(config) == [
        "studies.open.experiments.cmu_small.evaluate.blend is auto, but without a val_subset, no training chooses it; "
        "give a number from 0 to 1",
        "studies.paper.experiments.h36m_81.evaluate.blend is auto, but without a val_subset, no training chooses it; "
        "give a number from 0 to 1",
        "studies.paper.experiments.h36m_81.evaluate.blend is auto, but no training chose one for published weights; "
        "give a number from 0 to 1",
    ]
    put(config, "studies/paper/run", [])  # h36m_81 is not trained
    assert len(faults(config)) == 2
    put(config, "studies/open/experiments/cmu_small/evaluate/blend", 0.5)
    put(config, "studies/paper/experiments/h36m_81/evaluate/blend", 1)
    assert faults(config) == []


def test_variants_of_an_evaluation(config: Config) -> None:
    """Those of the study for each experiment that is tested, with the experiment's own settings otherwise; its own instead."""
    put(config, "studies/open/evaluate_variants", {"sequence_9": {"readout": "sequence", "hop": 9}, "both": {"readout": "both"}})
    put(config, "studies/open/experiments/cmu_small/evaluate", {"mirror": False})
    put(config, "studies/open/experiments/cmu_351/evaluate_variants", {"linear": {"input_interpolation": "linear"}})
    assert faults(config) == []
    small, full = (plan(config)["open"].experiments[name] for name in ("cmu_small", "cmu_351"))
    assert list(small.evaluations) == ["", "sequence_9", "both"]
    assert small.evaluations["sequence_9"] == dataclasses.replace(small.experiment.evaluate, readout="sequence", hop=9)
    assert small.evaluations["sequence_9"].mirror is False
    assert list(full.variants) == ["linear"]
    put(config, "studies/open/experiments/cmu_small/test_subset", None)
    put(config, "studies/open/animations", [])
    assert plan(config)["open"].experiments["cmu_small"].variants == {}


@pytest.mark.parametrize(
    ("variant", "value", "expected"),
    [
        ("x", {"readout": "sequence", "hop": 28}, ".x (cmu_small): hop is 28; windows of 27 tokens that far apart leave poses out"),
        ("x", {"hop": 2}, ".x (cmu_small): hop is 2 with the readout central"),
        ("x", {"look_ahead": 7}, ".x (cmu_small): look_ahead is 7; a token comes every 5 frames: take a multiple of that"),
        ("x", {"look_ahead": -5}, ".x.look_ahead: -5 is too small; it must be at least 0"),
        (
            "x",
            {"look_ahead": 5, "readout": "sequence"},
            ".x (cmu_small): look_ahead is 5, and live there is nothing but that: take readout central",
        ),
        ("x", {"hops": 2}, ".x: unknown key 'hops', did you mean 'hop'?"),
        ("animation", {}, ".animation (cmu_small): 'animation' is the folder of the animations"),
        ("a-b", {}, ": 'a-b' cannot be a name here"),
    ],
)
def test_variants_that_cannot_be(config: Config, variant: str, value: Any, expected: str) -> None:
    for other in ("cmu_351", "cmu_small_plus"):
        put(config, f"studies/open/experiments/{other}/evaluate_variants", {})
    put(config, "studies/open/evaluate_variants", {variant: value})
    [fault] = faults(config)
    assert fault.startswith("studies.open.evaluate_variants" + expected)


def test_a_blend_of_a_variant_needs_validation_people_too(config: Config) -> None:
    put(config, "studies/demo/evaluate_variants", {"both": {"readout": "both"}})
    assert [line.partition(".blend")[0] for line in faults(config)] == [  # mocap_351 has a val_subset
        f"studies.demo.evaluate_variants.both ({name})" for name in ("people_351", "people_351_pt", "people_81")
    ]


def test_interpolated_input_gives_a_network_without_masks_any_stride(config: Config) -> None:
    put(config, "studies/open/experiments/cmu_small/model", {"s_in": []})
    put(config, "studies/open/experiments/cmu_small/evaluate_s_in", [5, 20])
    [fault] = faults(config)
    assert "s_in 20: this network has no strided input" in fault
    put(config, "studies/open/experiments/cmu_small/evaluate", {"input_interpolation": "cubic"})
    assert faults(config) == []
    put(config, "studies/open/evaluate_variants", {"masked": {"input_interpolation": "none"}})
    for other in ("cmu_351", "cmu_small_plus"):
        put(config, f"studies/open/experiments/{other}/evaluate_variants", {})
    [fault] = faults(config)
    assert fault.startswith("studies.open.evaluate_variants.masked (cmu_small): s_in 20: this network has no strided input")


@pytest.mark.parametrize("place", ["evaluate_published", "studies/paper/evaluate_published"])
def test_switches_of_published_weights(config: Config, place: str) -> None:
    assert len(plan(config)["paper"].published) == 4
    put(config, place, False)
    study = plan(config)["paper"]
    assert study.published == []
    assert study.experiments["h36m_81"].published_weights == "weights_h36m_81"  # the tables say NOT RUN
    assert plan(config)["demo"].published == []


def test_published_weights_are_no_part_of_what_training_depends_on(config: Config) -> None:
    before = plan(config)["paper"].experiments["h36m_81"].to_mapping()
    del config["studies"]["paper"]["experiments"]["h36m_81"]["published_weights"]
    assert plan(config)["paper"].experiments["h36m_81"].to_mapping() == before


def test_evaluation_is_no_part_of_what_training_depends_on(config: Config) -> None:
    before = plan(config)["paper"].experiments["h36m_81"].to_mapping()
    changed = copy.deepcopy(config)
    put(changed, "experiments/h36m_81/evaluate", {"mirror": False, "batch_size": 1})
    put(changed, "studies/paper/experiments/h36m_81/evaluate_s_in", [20])
    put(changed, "studies/paper/experiments/h36m_81/test_subset", "S11")
    after = plan(changed)["paper"].experiments["h36m_81"].to_mapping()
    assert json.dumps(after) == json.dumps(before)
    tested = plan(config)["paper"].experiments["amass_351"].to_mapping()
    put(config, "studies/paper/experiments/amass_351", {"dataset": "amass", "train_subset": "train", "val_subset": "val"})
    assert json.dumps(plan(config)["paper"].experiments["amass_351"].to_mapping()) == json.dumps(tested)


def test_parameters_keep_the_order_of_the_file(config: Config) -> None:
    """As what is planned is written: the same bytes in each start."""
    params = {"staircase": True, "decay_rate": 0.5, "initial_learning_rate": 1.0e-3, "decay_steps": 9}
    put(config, "experiments/h36m_81/train/schedule_params", params)
    mapping = plan(config)["paper"].experiments["h36m_81"].to_mapping()
    assert list(mapping["train"]["schedule_params"]) == list(params)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (
            "zeros_for_token/compared_with",
            "papr",
            ".compared_with: the study has no other experiment 'papr', did you mean 'paper'?",
        ),
        ("zeros_for_token/compared_with", "zeros_for_token", ".compared_with: the study has no other experiment 'zeros_for_token'"),
        ("zeros_for_token/compared_with", "others", ".compared_with: others has no test_subset, so there is nothing to compare"),
        (
            "velocity_loss/model",
            {"sequence_head": False},
            ": train: loss_weight_velocity is 1, and the network has no sequence head",
        ),
        ("random_key_frames/model", {"s_in": []}, ": train: key_frames is random, and every token has a 2D pose"),
    ],
)
def test_comparisons_and_losses_that_mean_nothing(config: Config, place: str, value: Any, expected: str) -> None:
    put(config, f"studies/ablations/experiments/{place}", value)
    found = faults(config)
    assert len(found) == 1
    assert found[0].startswith(f"studies.ablations.experiments.{place.split('/')[0]}" + expected)


def test_settings_of_clips(config: Config) -> None:
    config["people"] = {
        "detector": "haevy",
        "formats": ["bhv"],
        "s_in": 0,
        "weight": "open",
        "clips": {"walk": {"sin": 5, "size": [1, 2, 3], "roll": "left"}},
    }
    lines = faults(config)
    assert [line for line in lines if line.startswith("people")] == [
        "people.clips.walk.roll: expected a number, not 'left'",
        "people.clips.walk.size: [1, 2, 3] has too many entries",
        "people.clips.walk: unknown key 'sin', did you mean 's_in'?",
        "people.detector: expected one of lite, full, heavy, rtmlib, not 'haevy', did you mean 'heavy'?",
        "people.formats.0: expected one of npz, csv, json, bvh, trc, not 'bhv', did you mean 'bvh'?",
        "people.s_in: 0 is too small; it must be at least 1",
        "people: unknown key 'weight', did you mean 'weights'?",
    ]


def test_test_people_are_not_those_of_a_pretraining(config: Config) -> None:
    put(config, "studies/ablations/experiments/others/train_subset", "02,03,14")
    expected = "02, 14 in test_subset, and in train_subset of others, which its weights start from; the numbers would mean nothing"
    assert faults(config) == [f"studies.ablations.experiments.few_pre_trained: {expected}"]
    put(config, "studies/ablations/experiments/others/train_subset", "01,03")
    put(config, "studies/demo/data/mocap/splits/train", ["02", "05"])  # of the folder that the people of the test are in
    assert [line.split(":")[0] for line in faults(config)] == ["studies.demo.experiments.people_351_pt"]


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("studies/demo/seeds", [2**32], "studies.demo.seeds"),
        ("studies/open/experiments/cmu_small/test_subset", "02,02,14", "test_subset: '02' occurs twice"),
        ("studies/paper/experiments/amass_351/train_subset", "MPI_HDM05,MPIHDM05", "train_subset: 'MPIHDM05' occurs twice"),
        ("studies/paper/data/h36m/poses_2d", "data/data_2d_h36m_gt.npz", "is gt by its name, but input_2d is cpn_ft_h36m_dbb"),
        ("experiments/mini_81/train/schedule", "CosineDecayRestarts", "CosineDecayRestarts takes no"),
        ("experiments/cmu_small/model/s_in", [1, 5, 10], "model.s_in is [1, 5, 10]: it begins with 1"),
    ],
)
def test_found_before_the_start(place: str, value: Any, expected: str, config: Config) -> None:
    put(config, place, value)
    if place.endswith("schedule"):
        put(config, "experiments/mini_81/train/schedule_params", {"initial_learning_rate": 1e-3, "decay_steps": 5})
    found = faults(config)
    assert any(expected in line for line in found), found


def test_keys_that_are_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("base: &base {a: 1}\nstudies:\n  demo: {seeds: [0, 1]}\n  open:\n    - {x: 1, x: 2}\n  demo:\n    <<: *base\n")
    assert repeated_keys(path) == [
        f"{path}, line 5: studies.open[0].x occurs twice, first in line 5; only one of them would count",
        f"{path}, line 6: studies.demo occurs twice, first in line 3; only one of them would count",
    ]
    assert repeated_keys(Path(__file__).parents[2] / "config.yaml") == []
