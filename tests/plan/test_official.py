"""Official JSON configurations load as they are; wrong ones are refused with every fault named."""

import json

import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.plan.experiment import Experiment
from uplift_upsample.plan.official import experiment_from_official
from uplift_upsample.plan.runs import Run, read_run, write_run

FULL = {"SEQUENCE_LENGTH": 27, "TEMPORAL_EMBED_DIM": 384}


def test_all_golden_configurations(golden, golden_count) -> None:
    paths = [path for path in golden.rglob("*.json") if "SEQUENCE_LENGTH" in path.read_text()[:3000]]
    for path in paths:
        document = json.loads(path.read_text())
        experiment = experiment_from_official(document, str(path))
        assert experiment.model.num_tokens == document["SEQUENCE_LENGTH"]
        assert experiment.evaluate.learned_upsampling is not document["EVAL_DISABLE_LEARNED_UPSAMPLING"]
        assert Experiment.from_mapping(experiment.to_mapping()) == experiment
    assert len(paths) >= 15
    golden_count("official configurations", len(paths))


# h36m_81 with every key of the official configuration, as its file has them.
PUBLISHED = {
    "ARCH": "UpliftUpsampleTransformer",
    "ATTENTION_DROP_RATE": 0.0,
    "AUGM_FLIP_KEYPOINT_ORDER": [5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 10, 16, 15, 14, 13, 12, 11],
    "AUGM_FLIP_PROB": 0.5,
    "BATCH_SIZE": 256,
    "BEST_CHECKPOINT_METRIC": "AW-MPJPE",
    "CHECKPOINT_INTERVAL": 10,
    "DATASET_TEST_3D_SUBSAMPLE_STEP": 1,
    "DATASET_TRAIN_3D_SUBSAMPLE_STEP": 1,
    "DATASET_VAL_3D_SUBSAMPLE_STEP": 4,
    "DROP_PATH_RATE": [0.1, 0.1, 0.0],
    "DROP_RATE": 0.0,
    "EMA_DECAY": 0.999,
    "EMA_ENABLED": True,
    "EPOCHS": 120,
    "EVAL_DISABLE_LEARNED_UPSAMPLING": False,
    "EVAL_FLIP": True,
    "FIRST_STRIDED_TOKEN_ATTENTION_LAYER": 1,
    "GPU_ID": 0,
    "IN_BATCH_AUGMENT": False,
    "LEARNABLE_MASKED_TOKEN": False,
    "LOSS_WEIGHT_CENTER": 0.5,
    "LOSS_WEIGHT_SEQUENCE": 0.5,
    "MASK_STRIDE": [4, 10, 20],
    "MLP_RATIO": 2,
    "NUM_HEADS": 8,
    "NUM_KEYPOINTS": 17,
    "OPTIMIZER": "AdamW",
    "OPTIMIZER_PARAMS": {},
    "OUTPUT_BN": False,
    "PADDINGS": [[1, 1], [0, 0], [0, 0]],
    "PADDING_TYPE": "copy",
    "QKV_BIAS": True,
    "REFINE_DROP_RATE": 0.5,
    "REFINE_FC_SIZE": 1024,
    "ROOT_KEYTPOINT": 6,
    "SCHEDULE": "ExponentialDecay",
    "SCHEDULE_PARAMS": {"decay_rate": 0.99, "decay_steps": 6000, "initial_learning_rate": 4e-05, "staircase": True},
    "SEQUENCE_LENGTH": 41,
    "SEQUENCE_STRIDE": 2,
    "SHUFFLE_SEED": 0,
    "SPATIAL_EMBED_DIM": 32,
    "SPATIAL_TRANSFORMER_BLOCKS": 4,
    "STEPS_PER_EPOCH": 6000,
    "STRIDES": [4, 4, 3],
    "STRIDE_MASK_RAND_SHIFT": True,
    "TEMPORAL_EMBED_DIM": 384,
    "TEMPORAL_TRANSFORMER_BLOCKS": 4,
    "TEST_STRIDED_EVAL": True,
    "TOKEN_MASK_RATE": 0.0,
    "USE_REFINE": False,
    "VALIDATION_EXAMPLES": -1,
    "VALIDATION_INTERVAL": 2,
    "WEIGHT_DECAY": 4e-06,
}
# Another value of each key, and where that is to be found in the experiment.
HONOURED = {
    "ATTENTION_DROP_RATE": (0.2, "model.attention_drop_rate", 0.2),
    "AUGM_FLIP_PROB": (0, "train.mirror", False),
    "BATCH_SIZE": (128, "train.batch_size", 128),
    "BEST_CHECKPOINT_METRIC": ("MPJPE", "train.best_metric", "MPJPE"),
    "CHECKPOINT_INTERVAL": (3, "train.checkpoint_interval", 3),
    "DATASET_TEST_3D_SUBSAMPLE_STEP": (2, "evaluate.test_step", 2),
    "DATASET_TRAIN_3D_SUBSAMPLE_STEP": (2, "train.train_step", 2),
    "DATASET_VAL_3D_SUBSAMPLE_STEP": (2, "train.validation_step", 2),
    "DROP_PATH_RATE": (0.3, "model.drop_path_rate", (0.3, 0.3, 0.3)),
    "DROP_RATE": (0.3, "model.drop_rate", 0.3),
    "EMA_DECAY": (0.9, "train.ema_decay", 0.9),
    "EMA_ENABLED": (False, "train.ema_decay", None),
    "EPOCHS": (2, "train.epochs", 2),
    "EVAL_DISABLE_LEARNED_UPSAMPLING": (True, "evaluate.learned_upsampling", False),
    "EVAL_FLIP": (False, "evaluate.mirror", False),
    "FIRST_STRIDED_TOKEN_ATTENTION_LAYER": (0, "model.first_attention_layer", 0),
    "IN_BATCH_AUGMENT": (True, "train.in_batch_mirror", True),
    "LEARNABLE_MASKED_TOKEN": (True, "model.learnable_masked_token", True),
    "LOSS_WEIGHT_CENTER": (0.4, "train.loss_weight_center", 0.4),
    "LOSS_WEIGHT_SEQUENCE": (0.4, "train.loss_weight_sequence", 0.4),
    "MASK_STRIDE": (6, "model.s_in", (6,)),
    "MLP_RATIO": (4, "model.mlp_ratio", 4),
    "NUM_HEADS": (4, "model.num_heads", 4),
    "OPTIMIZER": ("Adam", "train.optimizer", "Adam"),
    "OPTIMIZER_PARAMS": ({"amsgrad": True}, "train.optimizer_params", {"amsgrad": True}),
    "OUTPUT_BN": (True, "model.output_bn", True),
    "PADDINGS": ([[0, 0], [1, 1], [0, 0]], "model.paddings", ((0, 0), (1, 1), (0, 0))),
    "PADDING_TYPE": ("zeros", "train.padding", "zeros"),
    "QKV_BIAS": (False, "model.qkv_bias", False),
    "SCHEDULE": ("CosineDecayRestarts", "train.schedule", "CosineDecayRestarts"),
    "SCHEDULE_PARAMS": ({"initial_learning_rate": 1}, "train.schedule_params", {"initial_learning_rate": 1}),
    "SEQUENCE_LENGTH": (43, "model.num_tokens", 43),
    "SEQUENCE_STRIDE": (1, "model.s_out", 1),
    "SHUFFLE_SEED": (1, "train.shuffle_seed", 1),
    "SPATIAL_EMBED_DIM": (16, "model.spatial_dim", 16),
    "SPATIAL_TRANSFORMER_BLOCKS": (2, "model.spatial_blocks", 2),
    "STEPS_PER_EPOCH": (10, "train.steps_per_epoch", 10),
    "STRIDES": ([3, 5, 3], "model.strides", (3, 5, 3)),
    "STRIDE_MASK_RAND_SHIFT": (False, "train.random_shift", False),
    "TEMPORAL_EMBED_DIM": (64, "model.temporal_dim", 64),
    "TEMPORAL_TRANSFORMER_BLOCKS": (2, "model.temporal_blocks", 2),
    "TEST_STRIDED_EVAL": (False, "evaluate.interpolate", False),
    "TOKEN_MASK_RATE": (0.1, "model.token_mask_rate", 0.1),
    "USE_REFINE": (True, "model.sequence_head", False),
    "VALIDATION_EXAMPLES": (100, "train.validation_examples", 100),
    "VALIDATION_INTERVAL": (3, "train.validation_interval", 3),
    "WEIGHT_DECAY": (None, "train.weight_decay", None),
}
REFUSED = {
    "ARCH": ("StridedTransformer", "UpliftUpsampleTransformer only"),
    "AUGM_FLIP_KEYPOINT_ORDER": (list(range(17)), "not the mirror order"),
    "AUGM_FLIP_PROB": (0.3, "write 0.5 for that, or 0"),
    "NUM_KEYPOINTS": (16, "every data set and weight file here has 17"),
    "ROOT_KEYTPOINT": (0, "the root is joint 6, the pelvis"),
    "SEQUENCE_LENGTH": (40, "must be odd"),
}
TOLD = {
    "GPU_ID": (1, "--gpu_id on the command line"),
    "REFINE_DROP_RATE": (0.1, "nothing in the official code uses it"),
    "REFINE_FC_SIZE": (512, "nothing in the official code uses it"),
}


def test_every_official_key_is_honoured_refused_or_told() -> None:
    assert HONOURED.keys() | REFUSED.keys() | TOLD.keys() == PUBLISHED.keys()
    assert len(PUBLISHED) == 54


@pytest.mark.parametrize("key", HONOURED)
def test_honoured_key(key: str) -> None:
    value, place, expected = HONOURED[key]
    before, after = (experiment_from_official(document, "c.json") for document in (PUBLISHED, PUBLISHED | {key: value}))
    group, name = place.split(".")
    assert getattr(getattr(after, group), name) == expected
    assert after != before


@pytest.mark.parametrize("key", REFUSED)
def test_refused_key(key: str) -> None:
    value, message = REFUSED[key]
    with pytest.raises(InputError, match=message):
        experiment_from_official(PUBLISHED | {key: value}, "c.json")


@pytest.mark.parametrize("key", TOLD)
def test_key_without_effect_is_told(key: str, caplog: pytest.LogCaptureFixture) -> None:
    value, message = TOLD[key]
    assert experiment_from_official(PUBLISHED, "c.json") == experiment_from_official(PUBLISHED | {key: value}, "c.json")
    [told] = caplog.messages
    assert f"c.json: {key} is {value}" in told
    assert message in told


def test_decay_without_averages_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert experiment_from_official(PUBLISHED | {"EMA_ENABLED": False}, "c.json").train.ema_decay is None
    assert "EMA_DECAY is not used" in caplog.text


def test_neither_learned_upsampling_nor_interpolation() -> None:
    with pytest.raises(InputError, match="learned_upsampling and interpolate are both off"):
        experiment_from_official(PUBLISHED | {"TEST_STRIDED_EVAL": False, "EVAL_DISABLE_LEARNED_UPSAMPLING": True}, "c.json")


NOTE = {"_comment": "trained on the cluster"}


@pytest.mark.parametrize(
    ("document", "unknown"),
    [
        (NOTE | PUBLISHED, ["'_comment'"]),
        (NOTE | {"SEQUENCE_LENGTH": 27, "note": "x", "TEMPORAL_EMBED_DIM": 64}, ["'_comment'", "'note'"]),
        (PUBLISHED | {"epochs": 3}, ["'epochs', did you mean 'EPOCHS'?"]),
        (
            {"batch_size": 3, "epochs": 1, "temporal_embed_dim": 64},
            [f"'{key.lower()}', did you mean '{key}'?" for key in ("BATCH_SIZE", "EPOCHS", "TEMPORAL_EMBED_DIM")],
        ),
        ({"model": {"num_tokens": 9, "s_out": 1, "strides": [3, 3]}, "EPOCHS": 1}, ["'EPOCHS'"]),
        ({"model": {"num_tokens": 9, "s_out": 1, "strides": [3, 3]}} | NOTE, ["'_comment'"]),
    ],
)
def test_keys_that_do_not_belong_there_are_one_line_each(document, unknown, tmp_path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as error:
        read_run(tmp_path / "config.json")
    assert str(error.value).splitlines() == [f"{tmp_path}/config.json: unknown key {key}" for key in unknown]


def test_every_fault_in_one_answer() -> None:
    """Keys, what this project does not have, values by themselves, and values that do not go together."""
    keys = {"ema_enabled": True, "ARCH": "Another", "EMA_DECAY": 2}
    values = {"BATCH_SIZE": -4, "SEQUENCE_LENGTH": 40, "SEQUENCE_STRIDE": 2, "MASK_STRIDE": [4, 7], "EPOCHS": "ten"}
    with pytest.raises(InputError) as error:
        experiment_from_official(NOTE | PUBLISHED | keys | values, "c.json")
    faults = [
        "c.json: unknown key '_comment'",
        "c.json: unknown key 'ema_enabled', did you mean 'EMA_ENABLED'?",
        "c.json: ARCH is 'Another'; this project has the UpliftUpsampleTransformer only",
        "c.json.model: num_tokens is 40; it must be odd, so that one token is the central one",
        "c.json.model: s_in 7 is not a multiple of s_out 2; a 2D pose can only be placed at a token, every 2 frames",
        "c.json.model: strided block 3: 2 tokens are too few for its kernel of 3",
        "c.json.train.epochs: expected a whole number, not 'ten'",
        "c.json.train: batch_size is -4; it must be at least 1",
        "c.json.train: ema_decay is 2.0; it must be at least 0 and below 1",
    ]
    assert str(error.value).splitlines() == faults


def test_a_misspelt_key_is_not_answered_for_its_default() -> None:
    """348, the default of TEMPORAL_EMBED_DIM, has no share for each of 8 heads."""
    with pytest.raises(InputError) as error:
        experiment_from_official({"SEQUENCE_LENGTH": 27, "TEMPORAL_EMBED_DIMS": 384}, "c.json")
    assert str(error.value) == "c.json: unknown key 'TEMPORAL_EMBED_DIMS', did you mean 'TEMPORAL_EMBED_DIM'?"


def test_defaults_of_left_out_keys() -> None:
    experiment = experiment_from_official(FULL, "config.json")
    assert (experiment.model.first_attention_layer, experiment.train.random_shift, experiment.train.in_batch_mirror) == (
        0,
        False,
        False,
    )
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
        ({"SEQUENCE_STRIDE": 5, "MASK_STRIDE": [5, 12]}, ["s_in 12 is not a multiple of s_out 5"]),
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


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty; get it again"),
        (b"\n", "expected keys and values, found nothing"),
        (b"[1, 2]", "expected keys and values, found list"),
        (b"{", "not a readable configuration ("),
        (b"<!DOCTYPE html>\n<title>Login</title>", "a web page, not a configuration; the download asked for a login or failed"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n",
            "a Git LFS pointer, not a configuration",
        ),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "an HDF5 file, not a configuration; if these are the weights, --weights takes them"),
        (b"PK\x03\x04\xff", "a zip archive, not a configuration; if these are the weights, --weights takes them"),
        (b"\xff\xfe\0", "not a readable configuration ("),
    ],
)
@pytest.mark.parametrize("name", ["config.json", "config.yaml"])
def test_unreadable_file(content, told, name, tmp_path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if content == b"\n" and name == "config.json":
        told = "not a readable configuration (Expecting value"
    with pytest.raises(InputError) as error:
        read_run(path)
    assert str(error.value).startswith(f"{path}: {told}")


def test_a_folder_and_no_file(tmp_path) -> None:
    with pytest.raises(InputError, match="a folder, not a configuration"):
        read_run(tmp_path)
    with pytest.raises(InputError, match="no such configuration file"):
        read_run(tmp_path / "config.json")


def test_run_file_round_trip(tmp_path) -> None:
    experiment = experiment_from_official(FULL | {"MASK_STRIDE": 5}, "config.json")
    run = Run(experiment.model, experiment.train, name="mine", study="demo", val_subset="val")
    write_run(tmp_path / "run.yaml", run)
    assert read_run(tmp_path / "run.yaml")[0] == run


@pytest.mark.parametrize(
    ("train", "told"),
    [
        (
            "loss_weight_velocity: 1",
            "train: loss_weight_velocity is 1, and the network has no sequence head (sequence_head is off)",
        ),
        ("key_frames: random", "train: key_frames is random, and every token has a 2D pose"),
        ("batch_norm_momentum: [0.1, 0.001]", "train: batch_norm_momentum is [0.1, 0.001]; uplift_upsample has no BatchNorm"),
    ],
)
def test_what_a_network_has_no_place_for_is_found_in_a_run_file(train, told, tmp_path) -> None:
    network = "{num_tokens: 27, s_out: 5, sequence_head: false}"
    (tmp_path / "run.yaml").write_text(f"model: {network}\ntrain: {{{train}}}\n")
    with pytest.raises(InputError) as error:
        read_run(tmp_path / "run.yaml")
    assert str(error.value).startswith(f"{tmp_path / 'run.yaml'}: {told}")


def test_run_file_faults(tmp_path) -> None:
    (tmp_path / "run.yaml").write_text("model: {num_tokens: 27, s_out: 5, sin: [5]}\ntrian: {}\n")
    with pytest.raises(InputError) as error:
        read_run(tmp_path / "run.yaml")
    assert "unknown key 'sin', did you mean 's_in'?" in str(error.value)
    assert "unknown key 'trian', did you mean 'train'?" in str(error.value)
