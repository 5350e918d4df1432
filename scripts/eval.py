"""Evaluate weights on Human3.6M under the test protocol, for every s_in. Takes the flags of the official eval.py."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from _command import (
    add_checks_flags,
    add_determinism_flag,
    add_device_flags,
    add_precision_flag,
    add_readout_flags,
    checks_of,
    readout_changes,
    run,
)

from uplift_upsample.base.files import require_writable, sha256_of_file
from uplift_upsample.base.progress import CountProgress
from uplift_upsample.base.strict import raise_all
from uplift_upsample.data.frames import FramesTable, read_frames_table, subjects_of
from uplift_upsample.data.public_places import H36M_2D, H36M_3D, open_h36m
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.evaluate.blend import with_chosen_blend
from uplift_upsample.evaluate.metrics import METRICS
from uplift_upsample.evaluate.score_file import write_scores
from uplift_upsample.evaluate.scores import scores
from uplift_upsample.model.device import Wish, check_device, log_device, open_device, set_determinism
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import evaluation_faults
from uplift_upsample.plan.runs import Run, read_run


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--weights", required=True, help="weight file in the official layout")
    add("--config", required=True, help="JSON file of the official code, or a run configuration (YAML)")
    add_device_flags(parser)
    add_determinism_flag(parser)
    add_precision_flag(parser)
    add("--batch_size", type=int, help="windows at once (256)")
    add("--dataset", help=f"3D poses ({H36M_3D})")
    add("--dataset_2d", help=f"2D poses ({H36M_2D})")
    add("--frames", help="a converted frames table, instead of the public files")
    add("--test_subset", default="test", help="split or subjects, e.g. S9,S11 (test)")
    average = add_average = parser.add_mutually_exclusive_group()
    add_average.add_argument(
        "--action_wise", dest="average", action="store_const", const="action_wise", help="print the mean over actions"
    )
    average.add_argument(
        "--frame_wise", dest="average", action="store_const", const="frame_wise", help="print the mean over frames"
    )
    add("--forced_mask_stride", type=int, help="evaluate this s_in only")
    add("--no_learned_upsampling", action="store_true", help="use predictions at multiples of s_in only, interpolated")
    add("--no_interpolation", action="store_true", help="score every frame's own prediction (TEST_STRIDED_EVAL: false)")
    add_readout_flags(parser)
    add_checks_flags(parser)
    add("--output", help="write all scores to this JSON file: all averages, per action, per joint, over the distance")
    parser.set_defaults(average="action_wise")
    return parser.parse_args(argv)


def evaluate_strides(
    options: argparse.Namespace, settings: Run, evaluate: EvaluateConfig, table: FramesTable, strides: Sequence[int]
) -> dict[str, Any]:
    """The scores of every s_in in one document."""
    from uplift_upsample.evaluate.predict import predict_subset
    from uplift_upsample.model.network import build_network
    from uplift_upsample.model.weights import load_weights

    network = build_network(settings.model)
    load_weights(network, options.weights)
    origin = {"experiment": settings.name, "weights_sha256": sha256_of_file(options.weights)}
    document: dict[str, Any] = {}
    protocols = {}
    progress = CountProgress("prediction", "window")
    padding = settings.train.padding
    for predictions in predict_subset(network, table, options.test_subset, strides, evaluate, padding, progress):
        predictions = replace(predictions, metadata=origin | dict(predictions.metadata))
        scored = scores(predictions, table, learned_upsampling=evaluate.learned_upsampling).document()
        key = str(predictions.metadata["s_in"])
        document[key] = scored[key]
        protocols[key] = scored["protocol"]
        for frames in ("all_frames", "key_frames"):
            values = scored[key][frames][options.average]
            shown = {metric: value for metric, value in values.items() if value is not None}
            text = "  ".join(f"{metric.upper()} {value:8.3f} {METRICS[metric].unit}" for metric, value in shown.items())
            print(f"s_in {key:>3}  {frames:<10}  {options.average}  {text}")
    progress.close()
    return document | {"protocol": protocols}


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    settings, evaluate = read_run(options.config)
    changes: dict[str, Any] = {"batch_size": options.batch_size} if options.batch_size is not None else {}
    if options.precision != "float32":
        changes["precision"] = options.precision
    if options.no_learned_upsampling:
        changes["learned_upsampling"] = False
    if options.no_interpolation:
        changes["interpolate"] = False
    evaluate = replace(evaluate, **changes, **readout_changes(options))
    strides = [options.forced_mask_stride] if options.forced_mask_stride is not None else settings.model.evaluated_s_in
    raise_all(evaluation_faults(settings.model, evaluate, strides))
    if options.output:  # an evaluation may take hours
        require_writable(Path(options.output).parent, [Path(options.output).name])
    wish = Wish(options.device, options.gpu_id)
    check_device(wish, os.environ)
    read_weight_file(options.weights)  # what is wrong is found before a framework is loaded
    evaluate = with_chosen_blend(evaluate, options.weights)
    table = (
        read_frames_table(options.frames) if options.frames else open_h36m(options.dataset, options.dataset_2d, checks_of(options))
    )
    table.videos_of(subjects_of(table, options.test_subset))
    device = open_device(wish, os.environ)
    if options.deterministic:
        set_determinism(os.environ)
    log_device(device)
    document = evaluate_strides(options, settings, evaluate, table, strides)
    if options.output:
        write_scores(options.output, document)
        print(f"all scores: {options.output}")
    else:
        print("--output scores.json writes all scores: both averages, each action and joint, and the protocol")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
