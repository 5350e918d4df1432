"""The JSON configuration files of the official code, which load as they are.

Keys that a file leaves out take the defaults of the official code, which differ from the published experiments.
"""

import logging
from collections.abc import Collection, Mapping
from typing import Any

from uplift_upsample.base.skeleton import MIRROR, ROOT
from uplift_upsample.base.strict import UNKNOWN, examined, is_number, nearest, raise_all, shown, suggestion
from uplift_upsample.plan.experiment import Experiment

logger = logging.getLogger(__name__)

# Key of the official file -> (group, name) here.
_KEYS = {
    "SEQUENCE_LENGTH": ("model", "num_tokens"),
    "SEQUENCE_STRIDE": ("model", "s_out"),
    "MASK_STRIDE": ("model", "s_in"),
    "NUM_KEYPOINTS": ("model", "num_joints"),
    "SPATIAL_EMBED_DIM": ("model", "spatial_dim"),
    "TEMPORAL_EMBED_DIM": ("model", "temporal_dim"),
    "SPATIAL_TRANSFORMER_BLOCKS": ("model", "spatial_blocks"),
    "TEMPORAL_TRANSFORMER_BLOCKS": ("model", "temporal_blocks"),
    "STRIDES": ("model", "strides"),
    "PADDINGS": ("model", "paddings"),
    "NUM_HEADS": ("model", "num_heads"),
    "MLP_RATIO": ("model", "mlp_ratio"),
    "QKV_BIAS": ("model", "qkv_bias"),
    "DROP_RATE": ("model", "drop_rate"),
    "ATTENTION_DROP_RATE": ("model", "attention_drop_rate"),
    "DROP_PATH_RATE": ("model", "drop_path_rate"),
    "FIRST_STRIDED_TOKEN_ATTENTION_LAYER": ("model", "first_attention_layer"),
    "TOKEN_MASK_RATE": ("model", "token_mask_rate"),
    "LEARNABLE_MASKED_TOKEN": ("model", "learnable_masked_token"),
    "OUTPUT_BN": ("model", "output_bn"),
    "USE_REFINE": ("model", "sequence_head"),
    "BATCH_SIZE": ("train", "batch_size"),
    "EPOCHS": ("train", "epochs"),
    "STEPS_PER_EPOCH": ("train", "steps_per_epoch"),
    "OPTIMIZER": ("train", "optimizer"),
    "OPTIMIZER_PARAMS": ("train", "optimizer_params"),
    "SCHEDULE": ("train", "schedule"),
    "SCHEDULE_PARAMS": ("train", "schedule_params"),
    "WEIGHT_DECAY": ("train", "weight_decay"),
    "EMA_DECAY": ("train", "ema_decay"),
    "LOSS_WEIGHT_CENTER": ("train", "loss_weight_center"),
    "LOSS_WEIGHT_SEQUENCE": ("train", "loss_weight_sequence"),
    "AUGM_FLIP_PROB": ("train", "mirror"),
    "IN_BATCH_AUGMENT": ("train", "in_batch_mirror"),
    "STRIDE_MASK_RAND_SHIFT": ("train", "random_shift"),
    "PADDING_TYPE": ("train", "padding"),
    "DATASET_TRAIN_3D_SUBSAMPLE_STEP": ("train", "train_step"),
    "DATASET_VAL_3D_SUBSAMPLE_STEP": ("train", "validation_step"),
    "VALIDATION_INTERVAL": ("train", "validation_interval"),
    "VALIDATION_EXAMPLES": ("train", "validation_examples"),
    "BEST_CHECKPOINT_METRIC": ("train", "best_metric"),
    "CHECKPOINT_INTERVAL": ("train", "checkpoint_interval"),
    "SHUFFLE_SEED": ("train", "shuffle_seed"),
    "EVAL_FLIP": ("evaluate", "mirror"),
    "TEST_STRIDED_EVAL": ("evaluate", "interpolate"),
    "DATASET_TEST_3D_SUBSAMPLE_STEP": ("evaluate", "test_step"),
    "EVAL_DISABLE_LEARNED_UPSAMPLING": ("evaluate", "learned_upsampling"),
}
# Keys of which another value would change the result: the published one is read, others are refused.
_FIXED_KEYS = {"ARCH", "AUGM_FLIP_KEYPOINT_ORDER", "ROOT_KEYTPOINT"}
# Keys that change no number, in the official code neither: (published value, why); another value is read with a warning.
_REFINE = "nothing in the official code uses it: USE_REFINE only removes the head for all tokens"
WITHOUT_EFFECT = {
    "GPU_ID": (0, "a free GPU is taken; --gpu_id on the command line takes a certain one"),
    "REFINE_DROP_RATE": (0.5, _REFINE),
    "REFINE_FC_SIZE": (1024, _REFINE),
}
_KNOWN = _KEYS.keys() | _FIXED_KEYS | WITHOUT_EFFECT.keys() | {"EMA_ENABLED"}
_DEFAULTS: dict[str, Any] = {
    "BATCH_SIZE": 256,
    "SEQUENCE_LENGTH": 27,
    "SEQUENCE_STRIDE": 1,
    "SPATIAL_EMBED_DIM": 32,
    "TEMPORAL_EMBED_DIM": 348,
    "MLP_RATIO": 2,
    "NUM_HEADS": 8,
    "SPATIAL_TRANSFORMER_BLOCKS": 4,
    "TEMPORAL_TRANSFORMER_BLOCKS": 4,
    "STRIDES": [3, 3, 3],
    "PADDINGS": None,
    "DROP_PATH_RATE": [0.1, 0.1, 0.0],
    "MASK_STRIDE": None,
    "STRIDE_MASK_RAND_SHIFT": False,
    "FIRST_STRIDED_TOKEN_ATTENTION_LAYER": 0,
    "IN_BATCH_AUGMENT": False,
    "OPTIMIZER": "Adam",
    "OPTIMIZER_PARAMS": {"amsgrad": True, "epsilon": 1e-8},
    "SCHEDULE": "ExponentialDecayWithSteps",
    "SCHEDULE_PARAMS": {
        "initial_learning_rate": 1e-3,
        "decay_steps": 12000,
        "decay_rate": 0.95,
        "large_decay_steps": 60000,
        "large_decay_rate": 0.5,
    },
    "LOSS_WEIGHT_CENTER": 1.0,
    "LOSS_WEIGHT_SEQUENCE": 1.0,
    "EPOCHS": 120,
    "STEPS_PER_EPOCH": 6000,
    "EMA_ENABLED": False,
    "WEIGHT_DECAY": None,
}


def is_official(document: Mapping[str, Any]) -> bool:
    """Whether a configuration has the flat, upper-case keys of the official files, even among others that do not belong there.

    A run configuration always has the key ``model``, which no official file has.
    """
    keys = [key for key in document if isinstance(key, str)]
    if "model" in keys:
        return False
    return any(key.upper() in _KNOWN for key in keys) or (bool(keys) and all(key.isupper() for key in keys))


def experiment_from_official(document: Mapping[str, Any], where: str) -> Experiment:
    """Translate the keys of an official file. Raises ``InputError`` naming every fault; ``where`` starts each line.

    Values that change nothing here give a warning.
    """
    unknown = [key for key in document if key not in _KNOWN]
    given = {key: value for key, value in document.items() if key in _KNOWN}
    # a misspelt key: its default must not be checked as if the user had meant it
    meant = {near: UNKNOWN for key in unknown if (near := nearest(key, _KNOWN)) is not None}
    values = _DEFAULTS | meant | given
    wrong = _wrong_values(values)
    groups: dict[str, dict[str, Any]] = {"model": {}, "train": {}, "evaluate": {}}
    for key, value in _translated(values, wrong).items():
        group, name = _KEYS[key]
        groups[group][name] = value
    experiment, misfits = examined(Experiment, groups, where)
    faults = [f"{where}: unknown key {shown(key)}{suggestion(key, _KNOWN)}" for key in unknown]
    raise_all([*faults, *(f"{where}: {fault}" for fault in wrong.values()), *misfits])
    assert experiment is not None
    for key, (published, reason) in WITHOUT_EFFECT.items():
        if values.get(key, published) != published:
            logger.warning("%s: %s is %s, which changes nothing: %s", where, key, shown(values[key]), reason)
    if values.get("EMA_DECAY") is not None and not values["EMA_ENABLED"]:
        logger.warning("%s: EMA_DECAY is not used, because EMA_ENABLED is false: weights are not averaged", where)
    return experiment


def _wrong_values(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with values that this project does not have, or has in another form: key -> fault."""
    faults = {}
    architecture, order, root = (values.get(key, UNKNOWN) for key in ("ARCH", "AUGM_FLIP_KEYPOINT_ORDER", "ROOT_KEYTPOINT"))
    if architecture not in (UNKNOWN, "UpliftUpsampleTransformer"):
        faults["ARCH"] = f"ARCH is {shown(architecture)}; this project has the UpliftUpsampleTransformer only"
    if order not in (UNKNOWN, MIRROR.tolist()):
        faults["AUGM_FLIP_KEYPOINT_ORDER"] = f"AUGM_FLIP_KEYPOINT_ORDER is not the mirror order of the 17 joints, {MIRROR.tolist()}"
    if root not in (UNKNOWN, ROOT):
        faults["ROOT_KEYTPOINT"] = f"ROOT_KEYTPOINT is {shown(root)}; the root is joint {ROOT}, the pelvis"
    is_averaged, decay = values["EMA_ENABLED"], values.get("EMA_DECAY")
    if is_averaged is not UNKNOWN and not isinstance(is_averaged, bool):
        faults["EMA_ENABLED"] = f"EMA_ENABLED: expected true or false, not {shown(is_averaged)}"
    elif is_averaged is True and decay is None:
        faults["EMA_DECAY"] = "EMA_ENABLED is true, but EMA_DECAY is missing; the published one is 0.999"
    probability = values.get("AUGM_FLIP_PROB", 0.5)
    if is_number(probability) and probability not in (0, 0.5):
        faults["AUGM_FLIP_PROB"] = (
            f"AUGM_FLIP_PROB is {shown(probability)}; the official code only asks whether it is above 0, and "
            "then trains on every example and its mirror image: write 0.5 for that, or 0 for no mirror images"
        )
    return faults


def _translated(values: Mapping[str, Any], wrong: Collection[str]) -> dict[str, Any]:
    """Values in the form that this project uses, for the keys that it uses; those of a wrong type stay for the check of types.

    wrong: keys whose fault is known. Nothing more is to be said of them, nor of what needs them.
    """
    result = {key: value for key, value in values.items() if key in _KEYS}
    s_in = result["MASK_STRIDE"]
    result["MASK_STRIDE"] = [] if s_in is None else [s_in] if isinstance(s_in, int) else s_in
    rate = result["DROP_PATH_RATE"]
    result["DROP_PATH_RATE"] = [rate] * 3 if isinstance(rate, int | float) else rate
    paddings = result["PADDINGS"]
    result["PADDINGS"] = [[1, 1] if pair is None else pair for pair in paddings] if isinstance(paddings, list) else paddings
    for key in ("USE_REFINE", "EVAL_DISABLE_LEARNED_UPSAMPLING"):  # their opposites have a name here
        value = result.get(key, False)
        result[key] = not value if isinstance(value, bool) else value
    probability = result.get("AUGM_FLIP_PROB", 0.5)
    result["AUGM_FLIP_PROB"] = probability > 0 if is_number(probability) else probability
    if values["EMA_ENABLED"] is False:
        result["EMA_DECAY"] = None
    # The official code passes its own epsilon; a key that repeats it crashed there and is harmless here.
    params = {} if result["OPTIMIZER_PARAMS"] is None else result["OPTIMIZER_PARAMS"]
    is_mapping = isinstance(params, Mapping)
    result["OPTIMIZER_PARAMS"] = {("epsilon" if k == "eps" else k): v for k, v in params.items()} if is_mapping else params
    return {key: UNKNOWN if key in wrong else value for key, value in result.items()}
