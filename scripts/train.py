"""Train a network, or resume an interrupted run with the same command. Takes the flags of the official train.py."""

import argparse
import contextlib
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from _command import TERMINATED, add_checks_flags, add_determinism_flag, add_device_flags, checks_of, run

from uplift_upsample.base.errors import InputError, WriteError
from uplift_upsample.base.files import require_writable, write_text
from uplift_upsample.base.progress import Stop, TrainingProgress
from uplift_upsample.data.frames import FramesTable, read_frames_table, subjects_of
from uplift_upsample.data.public_places import H36M_2D, H36M_3D, open_amass, open_h36m
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.machine.meter import Meter, add_usage
from uplift_upsample.machine.provenance import code_fingerprint, describe_run
from uplift_upsample.model.device import Device, Wish, check_device, log_device, open_device, set_determinism
from uplift_upsample.plan.experiment import devices_faults
from uplift_upsample.plan.runs import Run, read_run
from uplift_upsample.train.lock import sole_writer

if TYPE_CHECKING:
    from uplift_upsample.train.state import Progress
    from uplift_upsample.train.training import TrainingData

logger = logging.getLogger("uplift_upsample.train")


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--config", required=True, help="run configuration (YAML), or a JSON file of the official code")
    add_device_flags(parser)
    add("--devices", type=int, default=1, help="GPUs that share each batch (1)")
    add("--dataset", choices=["h36m", "amass"], default=None, help="training data set (default: as configured)")
    add("--dataset_val", choices=["h36m", "amass"], help="validation data set (default: the training data set)")
    add("--h36m_path", help=f"3D poses ({H36M_3D})")
    add("--dataset_2d_path", help=f"2D poses ({H36M_2D})")
    add("--amass_path", help="folder of the converted AMASS subsets")
    add("--amass_frame_rate", type=int, default=50, help="Hz (50)")
    add("--frames", help="a converted frames table, instead of the public files")
    add_checks_flags(parser)
    add("--train_subset", help="split or subjects to train on (default: as configured)")
    add(
        "--val_subset",
        help="split or subjects to validate on (default: as configured; none: no validation, the last epoch is kept)",
    )
    add("--test_subset", help="accepted as in the official script; eval.py evaluates")
    add("--weights", help="weights to start from")
    add("--continue_training", action="store_true", help="fail if there is no interrupted run (resuming itself needs no flag)")
    add("--out_dir", required=True, help="folder of the results and checkpoints")
    add("--seed", type=int, default=0, help="of initial values, dropout and data order (0)")
    add_determinism_flag(parser)
    add(
        "--attempt",
        type=int,
        default=0,
        help="how often Snakemake has started this job; what was refused before is not tried again",
    )
    add("--retrain_on_code_change", action="store_true", help="start anew if the run was begun with other code")
    return parser.parse_args(argv)


def configured(options: argparse.Namespace) -> Run:
    """The run configuration with what the command line changes."""
    settings, _ = read_run(options.config)
    if not 0 <= options.seed < 2**32:
        raise InputError(f"--seed is {options.seed}; it must be from 0 to 4294967295")
    changes = {name: getattr(options, name) for name in ("dataset", "train_subset", "val_subset") if getattr(options, name)}
    if changes.get("val_subset") == "none":
        changes["val_subset"] = None
    return replace(settings, **changes)


def open_dataset(dataset: str, options: argparse.Namespace) -> FramesTable:
    """The data set that the flags of the official scripts name."""
    if dataset == "amass":
        return open_amass(options.amass_path, options.amass_frame_rate, checks_of(options))
    return open_h36m(options.h36m_path, options.dataset_2d_path, checks_of(options), ("--h36m_path", "--dataset_2d_path"))


def tables(options: argparse.Namespace, settings: Run) -> tuple[FramesTable, FramesTable | None]:
    """Training and validation data."""
    table = read_frames_table(options.frames) if options.frames else open_dataset(settings.dataset, options)
    if settings.val_subset is None:
        if options.dataset_val:
            logger.warning("without --val_subset nothing is validated; --dataset_val is not used, and the last epoch is kept")
        return table, None
    is_other = options.dataset_val not in (None, settings.dataset)
    return table, open_dataset(options.dataset_val, options) if is_other else table


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    refusal = Path(options.out_dir) / "checkpoints" / "refused.txt"
    if options.attempt > 1 and refusal.is_file():
        raise InputError(f"{refusal.read_text('utf-8')} (not tried again: the same start would fail again)")
    require_writable(refusal.parent)
    refusal.unlink(missing_ok=True)
    try:
        return train_as_asked(options)
    except WriteError:  # there may be room by now
        raise
    except InputError as error:
        if options.attempt:  # by hand nobody tries again unasked, and no folder is left behind
            with contextlib.suppress(OSError):
                write_text(refusal, str(error))
        raise


def train_as_asked(options: argparse.Namespace) -> int:
    settings = configured(options)
    if faults := devices_faults(settings.model, settings.train, max(1, options.devices)):
        raise InputError("\n".join(faults))
    wish = Wish(options.device, options.gpu_id, options.devices)
    check_device(wish, os.environ)
    if options.weights:
        read_weight_file(options.weights)  # wrong files are found before a framework is loaded
    table, validation_table = tables(options, settings)
    videos = table.videos_of(subjects_of(table, settings.train_subset))
    validation_videos = validation_table.videos_of(subjects_of(validation_table, settings.val_subset)) if validation_table else None
    if not options.weights and settings.initial_weights is not None:
        logger.warning(
            "the configuration starts from the weights of %s; without --weights this run starts from scratch",
            settings.initial_weights,
        )
    device = open_device(wish, os.environ)
    if options.deterministic:
        set_determinism(os.environ)

    from uplift_upsample.train.training import TrainingData

    data = TrainingData(table, videos, validation_table, validation_videos)
    # Runs of other settings have other checkpoints, but the same outputs: one that was left behind must not write over ours.
    with sole_writer(Path(options.out_dir) / "checkpoints"):
        return train_network(options, settings, data, device)


def train_network(options: argparse.Namespace, settings: Run, data: "TrainingData", device: Device) -> int:
    from uplift_upsample.train.history import TensorBoardLog
    from uplift_upsample.train.records import checkpoint_folder, run_identity, write_result
    from uplift_upsample.train.training import TrainingInterrupted, train

    meter = Meter(device.names)
    weights = Path(options.weights) if options.weights else None
    code = code_fingerprint(__file__)
    out_dir = Path(options.out_dir)
    identity = run_identity(settings, data, options.seed, weights)
    if options.deterministic:  # a folder of its own: resuming from steps that were not would spoil it
        identity |= {"deterministic": True} | ({"devices": options.devices} if options.devices > 1 else {})
    folder, code_of_run = checkpoint_folder(
        out_dir / "checkpoints", identity, code, retrain_on_code_change=options.retrain_on_code_change
    )
    if options.continue_training and not any(folder.glob("step_*.npz")):
        raise InputError(f"{folder}: there is no checkpoint to continue from")
    if code_of_run != code:
        logger.warning("this run was begun with other code; it continues nevertheless (--retrain_on_code_change starts anew)")
    device_name = log_device(device)
    progress = TrainingProgress(settings.train.epochs, settings.train.steps_per_epoch)

    def on_step(step: int, loss: float) -> None:
        stop.listen()
        progress.step(step, loss)

    def on_epoch(row: dict) -> None:
        board.add(row)
        progress.epoch(row)

    with Stop() as stop, progress, TensorBoardLog(out_dir / "tensorboard" / folder.name) as board:
        try:
            result = train(
                settings,
                data,
                folder,
                options.seed,
                initial_weights=weights,
                num_devices=options.devices,
                should_stop=stop.is_asked,
                on_step=on_step,
                on_epoch=on_epoch,
            )
        except TrainingInterrupted as interruption:
            logger.warning("%s", interruption)
            add_usage(folder / "usage.json", meter.read())
            return TERMINATED
    provenance = {"code_fingerprint": code_of_run, "device": device_name, "devices": options.devices}
    provenance |= {"environment": describe_run(), "measured": add_usage(folder / "usage.json", meter.read())}
    write_result(out_dir, result, settings, identity, provenance)
    print_result(options, settings, result.progress)
    return 0


def print_result(options: argparse.Namespace, settings: Run, progress: "Progress") -> None:
    """Where the weights are, how good they were in validation, and what comes next."""
    out_dir, last = Path(options.out_dir), progress.history[-1]
    print(f"weights: {out_dir / 'weights.h5'}; learning curves: {out_dir / 'history.csv'}; record: {out_dir / 'training.json'}")
    loss = f"loss of the last epoch {last['loss_mm']:.1f} mm"
    if progress.best_epoch is None:
        print(f"{loss}; not validated: these are the weights of the last epoch")
    else:
        metric, best, epoch = settings.train.best_metric, progress.best_value, progress.best_epoch
        print(f"{loss}; validation {metric} {best:.1f} mm, the best, in epoch {epoch} of {last['epoch']}: these are its weights")
    if progress.readout_both is not None:
        print(
            f"readout both: the central head has the weight {progress.readout_both['blend']:g}, the best on the validation people"
        )
    data = f"--frames {options.frames}" if options.frames else f"--dataset {options.h36m_path or H36M_3D}"
    data += "" if options.frames else f" --dataset_2d {options.dataset_2d_path or H36M_2D}"
    print(f"next: python scripts/eval.py --weights {out_dir / 'weights.h5'} --config {options.config} {data}")


if __name__ == "__main__":
    sys.exit(run(main, cleans_up=False))  # before its first step there is nothing to keep, and a compiler may take minutes
