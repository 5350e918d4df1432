"""Official JSON configurations load as they are; wrong ones are refused with every fault named."""

import json

import pytest

from uplift_upsample.config import Experiment
from uplift_upsample.errors import InputError
from uplift_upsample.official import experiment_from_official, read_official_config
from uplift_upsample.runs import Run, read_run, write_run

FULL = {"SEQUENCE_LENGTH": 27, "TEMPORAL_EMBED_DIM": 384}


def test_all_golden_configurations(golden, golden_count) -> None:
    paths = [path for path in golden.rglob("*.json") if "SEQUENCE_LENGTH" in path.read_text()[:3000]]
    for path in paths:
        experiment = read_official_config(path)
        document = json.loads(path.read_text())
        assert experiment.model.num_tokens == document["SEQUENCE_LENGTH"]
        assert experiment.evaluate.learned_upsampling is not document["EVAL_DISABLE_LEARNED_UPSAMPLING"]
        assert Experiment.from_mapping(experiment.to_mapping()) == experiment
    assert len(paths) >= 15
    golden_count("official configurations", len(paths))


def test_defaults_of_left_out_keys() -> None:
    experiment = experiment_from_official(FULL, "config.json")
    assert experiment.model.s_in == ()
    assert not experiment.model.has_strided_input
    assert (experiment.train.optimizer, experiment.train.optimizer_params["amsgrad"]) == ("Adam", True)
    assert experiment.train.schedule == "ExponentialDecayWithSteps"
    assert experiment.train.loss_weight_center == 1.0
    assert experiment.train.ema_decay is None


@pytest.mark.parametrize(
    ("mask_stride", "s_in", "is_strided"),
    [(None, (), False), (1, (1,), False), ([1, 5], (1, 5), False), (5, (5,), True), ([5, 10], (5, 10), True)],
)
def test_mask_stride(mask_stride, s_in, is_strided) -> None:
    model = experiment_from_official(FULL | {"MASK_STRIDE": mask_stride}, "config.json").model
    assert (model.s_in, model.has_strided_input) == (s_in, is_strided)


def test_single_drop_path_rate_and_repeated_epsilon() -> None:
    experiment = experiment_from_official(FULL | {"DROP_PATH_RATE": 0.2, "OPTIMIZER_PARAMS": {"epsilon": 1e-7}}, "config.json")
    assert experiment.model.drop_path_rate == (0.2, 0.2, 0.2)
    assert experiment.train.optimizer_params == {"epsilon": 1e-7}


@pytest.mark.parametrize(
    ("document", "messages"),
    [
        (
            {"EPOCH": 3, "STEPS_PER_EPOC": 1},
            ["'EPOCH', did you mean 'EPOCHS'?", "'STEPS_PER_EPOC', did you mean 'STEPS_PER_EPOCH'?"],
        ),
        ({"SEQUENCE_STRIDE": 5, "MASK_STRIDE": [5, 12]}, ["s_in 12 is no multiple of s_out 5"]),
        ({"EPOCHS": "ten"}, ["train.epochs: expected a whole number, not 'ten'"]),
        ({"TEMPORAL_EMBED_DIM": 348}, ["temporal_dim 348 cannot be divided among 8 heads"]),
        ({"SEQUENCE_LENGTH": 26}, ["must be odd"]),
        ({"ARCH": "Another"}, ["UpliftUpsampleTransformer only"]),
        ({"AUGM_FLIP_KEYPOINT_ORDER": list(range(17))}, ["mirror order"]),
        ({"ROOT_KEYTPOINT": 0}, ["the pelvis"]),
        ({"OPTIMIZER_PARAMS": {"amsgrd": True}}, ["unknown key 'amsgrd', did you mean 'amsgrad'?"]),
        ({"BATCH_SIZE": 511, "IN_BATCH_AUGMENT": True}, ["must be even"]),
        ({"BATCH_SIZE": 0, "EPOCHS": 0}, ["batch_size is 0", "epochs is 0"]),
        ({"AUGM_FLIP_KEYPOINT_ORDER": None}, ["mirror order"]),
        ({"USE_REFINE": "false", "EVAL_DISABLE_LEARNED_UPSAMPLING": 0}, ["expected true or false, not 'false'", "not 0"]),
        ({"EMA_ENABLED": 1, "EMA_DECAY": 0.9}, ["EMA_ENABLED: expected true or false, not 1"]),
        ({"EMA_ENABLED": True}, ["EMA_DECAY is missing"]),
        ({"AUGM_FLIP_PROB": "0.5", "OPTIMIZER_PARAMS": [1], "PADDINGS": 1}, ["mirror: ", "optimizer_params: ", "paddings: "]),
        (
            {"OPTIMIZER_PARAMS": {"epsilon": None, "amsgrad": 1}},
            ["epsilon is None; it must be a number", "amsgrad is 1; it must be"],
        ),
        ({"VALIDATION_EXAMPLES": 0, "SHUFFLE_SEED": -1}, ["validation_examples is 0", "shuffle_seed is -1"]),
        ({"MLP_RATIO": float("nan")}, ["mlp_ratio is nan"]),
    ],
)
def test_faults(document, messages) -> None:
    with pytest.raises(InputError) as error:
        experiment_from_official(FULL | document, "config.json")
    for message in messages:
        assert message in str(error.value)
    assert all(line.startswith("config.json") for line in str(error.value).splitlines())


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "<html>"])
def test_unreadable_file(text, tmp_path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        read_official_config(path)


def test_run_file_round_trip(tmp_path) -> None:
    experiment = experiment_from_official(FULL | {"MASK_STRIDE": 5}, "config.json")
    run = Run(experiment.model, experiment.train, name="mine", study="demo", val_subset="val")
    write_run(tmp_path / "run.yaml", run)
    assert read_run(tmp_path / "run.yaml")[0] == run


def test_run_file_faults(tmp_path) -> None:
    (tmp_path / "run.yaml").write_text("model: {num_tokens: 27, s_out: 5, sin: [5]}\ntrian: {}\n")
    with pytest.raises(InputError) as error:
        read_run(tmp_path / "run.yaml")
    assert "unknown key 'sin', did you mean 's_in'?" in str(error.value)
    assert "unknown key 'trian', did you mean 'train'?" in str(error.value)
