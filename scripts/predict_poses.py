"""Predict the 3D poses of a test subset for one s_in, under the test protocol."""

import argparse
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from _command import add_determinism_flag, add_device_flags, add_precision_flag, add_readout_flags, readout_changes, run

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import require_writable, sha256_of_file
from uplift_upsample.base.progress import CountProgress
from uplift_upsample.base.records import PredictionRecord, PublishedWeights, described_data, read_record, write_record
from uplift_upsample.base.strict import from_mapping, raise_all
from uplift_upsample.data.frames import read_frames_table, subjects_of
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.evaluate.blend import with_chosen_blend
from uplift_upsample.evaluate.predictions import write_predictions
from uplift_upsample.machine.meter import Meter
from uplift_upsample.machine.provenance import code_fingerprint, describe_run
from uplift_upsample.model.device import Wish, check_device, log_device, open_device, set_determinism
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import evaluation_faults
from uplift_upsample.plan.runs import read_run


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--config", required=True, help="run configuration (YAML), or a JSON file of the official code")
    add("--weights", required=True, help="weight file in the official layout")
    add("--frames", required=True, help="frames table of the test data")
    add("--test_subset", default="test", help="split or subjects (test)")
    add("--s_in", type=int, required=True, help="frames between two 2D poses")
    add("--batch_size", type=int, help="windows at once (256)")
    add("--no_mirror", action="store_true", help="do not average with the prediction for the mirrored input")
    add("--no_interpolation", action="store_true", help="predict every frame by itself, not only multiples of s_out")
    add("--test_step", type=int, help="evaluate every n-th frame only (as configured, else 1)")
    add_readout_flags(parser)
    add_precision_flag(parser)
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument("--seed", type=int, help="the seed that the weights were trained with, for the record")
    origin.add_argument(
        "--published",
        nargs="?",
        const="",
        metavar="JSON",
        help="the weights are published ones, for the record: the report of check_weights.py on them (weights.json beside them)",
    )
    add_device_flags(parser)
    add_determinism_flag(parser)
    add("--output", required=True, help="predictions.h5")
    add("--provenance", metavar="JSON", help="record of this run to write: configuration, sums, machine, time")
    return parser.parse_args(argv)


def evaluation(options: argparse.Namespace, configured: EvaluateConfig) -> EvaluateConfig:
    """How to evaluate: what a JSON file of the official code holds, with what the command line changes."""
    changes: dict[str, Any] = {
        name: getattr(options, name) for name in ("batch_size", "test_step") if getattr(options, name) is not None
    }
    changes |= {"mirror": False} if options.no_mirror else {}
    changes |= {"interpolate": False} if options.no_interpolation else {}
    changes |= readout_changes(options)
    return replace(configured, precision=options.precision, **changes)


def check_published(weights: Path, report: Path) -> None:
    """Raises ``InputError`` unless the weights are the file that ``check_weights.py`` looked at: nothing else is called published.

    Where the publisher gives no checksum, that is the first file that came (``PublishedWeights.checked_against``).
    """
    found = read_record(report, PublishedWeights)
    if found is None or found.sha256 is None:
        what = "no such file" if found is None else "no report of check_weights.py, it has no sha256"
        raise InputError(
            f"{report}: {what}; --published needs the report of check_weights.py on {weights}. "
            "Leave --published out for weights of your own"
        )
    if not weights.exists():
        raise InputError(f"{weights}: no such weight file")
    checksum = sha256_of_file(weights)
    if checksum != found.sha256:
        raise InputError(
            f"{weights}: not the published weights {found.source}: its SHA-256 is {checksum[:12]}..., theirs is "
            f"{found.sha256[:12]}... ({report}). Leave --published out for weights of your own"
        )


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    settings, configured = read_run(options.config)
    evaluate = evaluation(options, configured)
    raise_all(evaluation_faults(settings.model, evaluate, [options.s_in]))
    for output in (options.output, options.provenance):  # a prediction may take hours
        if output:
            require_writable(Path(output).parent, [Path(output).name])
    is_published, weights = options.published is not None, Path(options.weights)
    if is_published:
        check_published(weights, Path(options.published) if options.published else weights.with_name("weights.json"))
    wish = Wish(options.device, options.gpu_id)
    check_device(wish, os.environ)
    table = read_frames_table(options.frames)
    read_weight_file(options.weights)  # what is wrong is found before a framework is loaded
    chosen = with_chosen_blend(evaluate, weights)
    table.videos_of(subjects_of(table, options.test_subset))
    device = open_device(wish, os.environ)
    if options.deterministic:
        set_determinism(os.environ)
    meter = Meter(device.names)

    from uplift_upsample.evaluate.predict import predict_subset
    from uplift_upsample.model.network import build_network
    from uplift_upsample.model.weights import load_weights

    device_name = log_device(device)
    network = build_network(settings.model)
    load_weights(network, options.weights)
    begin = time.perf_counter()
    with CountProgress(f"s_in {options.s_in}", "window") as progress:
        [predictions] = predict_subset(
            network, table, options.test_subset, [options.s_in], chosen, settings.train.padding, progress
        )  # fmt: skip
    seconds, rest = time.perf_counter() - begin, progress.after_first
    origin = {
        "experiment": settings.name,
        "study": settings.study,
        "weights": "published" if is_published else "trained" if options.seed is not None else None,
        "seed": options.seed,
        "train_precision": settings.train.precision if options.seed is not None else None,
        "weights_sha256": sha256_of_file(options.weights),
    }
    write_predictions(options.output, replace(predictions, metadata=origin | dict(predictions.metadata)))
    if options.provenance:
        lengths = table.video_length[table.videos_of(subjects_of(table, options.test_subset))]
        record = {
            **origin,
            "s_in": options.s_in,
            "configuration": {**settings.to_mapping(), "test_subset": options.test_subset, "evaluate": asdict(evaluate)},
            "data": described_data(table.sha256, table.metadata),
            "predictions_sha256": sha256_of_file(options.output),
            "num_frames": int((-(-lengths // chosen.test_step)).sum()),
            "num_windows": progress.total,
            "seconds_of_prediction": round(seconds, 3),  # compilation is part of it
            **({} if rest is None else {"num_windows_after_first": rest[0], "seconds_after_first": round(rest[1], 3)}),
            "code_fingerprint": code_fingerprint(__file__),
            "device": device_name,
            "environment": describe_run(),
            "measured": meter.read(),
        }
        write_record(options.provenance, from_mapping(PredictionRecord, record, "record of the prediction"))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
