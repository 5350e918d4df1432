"""What command lines share: errors in one line, messages with a time, the end of a run by a signal, and flags that several have."""

import argparse
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn, get_args

# TensorFlow's start-up chatter hides the messages that matter; a user who wants it sets the variable.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from uplift_upsample.base.errors import InputError
from uplift_upsample.plan.evaluation import BEYOND_THE_PAPER, InputInterpolation, Precision, Readout
from uplift_upsample.plan.thresholds import Checks

BAD_INPUT = 2  # exit status, as argparse has for bad flags
TERMINATED = 128 + signal.SIGTERM  # exit status, as shells have for it
# Of ``Checks``, those of 2D poses beside 3D poses.
_CHECKS_OF_2D = {
    "reprojection_px": ("PX", "refuse 2D poses that are farther from the projected 3D poses, pixels"),
    "exact_px": ("PX", "the same for exact 2D poses of Human3.6M, gt"),
    "shift_px": ("PX", "the same in recordings of S9 that are known to be displaced"),
    "surplus": ("SHARE", "refuse more 2D frames behind the end of the 3D poses, a share of these"),
}
SPLITS = 'subjects of each split as JSON: {"train": ["01", "02"], "test": ["03"]}'


def run(main: Callable[[], int | None], *, cleans_up: bool = True) -> int:
    """Run a command line: ``InputError`` becomes ``error: ...`` and status 2, other exceptions keep their traceback.

    cleans_up: whether SIGTERM (a cluster's time limit) leaves it the time to remove its temporary files, status 143; without, the
    process ends at once.
    """
    if cleans_up:
        signal.signal(signal.SIGTERM, _end)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("uplift_upsample").setLevel(logging.INFO)
    try:
        return main() or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        gc.freeze()  # the process ends: nobody has to look through a framework's million objects for garbage


def _end(*_: object) -> NoReturn:
    raise SystemExit(TERMINATED)


def add_device_flags(parser: argparse.ArgumentParser) -> None:
    """``--device``, and the official flag for a certain GPU."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--device",
        choices=["auto", "gpu", "cpu"],
        default="auto",
        help="auto takes a GPU if there is one, gpu fails without one (auto)",
    )
    choice.add_argument("--gpu_id", type=int, help="a certain GPU, by its number in nvidia-smi; negative for none")


def add_precision_flag(parser: argparse.ArgumentParser) -> None:
    """``--precision`` of an evaluation."""
    choices = get_args(Precision)
    parser.add_argument("--precision", choices=choices, default="float32", help="what the network computes in (float32)")


def add_readout_flags(parser: argparse.ArgumentParser) -> None:
    """What makes a pose, and what stands between two 2D poses; the defaults are those of the paper."""
    add = parser.add_argument
    _add_head_flags(parser, int, "tokens between two windows, with the readouts sequence and both (1)")
    add(
        "--look_ahead",
        type=int,
        metavar="FRAMES",
        help="frames at 50 Hz that a pose waits for later 2D poses, as live (all of them)",
    )
    add(
        "--input_interpolation",
        choices=get_args(InputInterpolation),
        help="2D poses between those of every s_in-th frame (none)",
    )


def _add_head_flags(parser: argparse.ArgumentParser, hop: Callable[[str], float | str], about_hop: str) -> None:
    add = parser.add_argument
    add(
        "--readout",
        choices=get_args(Readout),
        help="the head of the network that poses are of (as configured, else central)",
    )
    add("--hop", type=hop, help=about_hop)
    share = _auto_or(float, "a number from 0 to 1")
    add("--blend", type=share, metavar="auto|0..1", help="weight of the central head in the readout both (auto: training chose it)")


def readout_changes(options: argparse.Namespace) -> dict[str, Any]:
    """What the flags change in ``EvaluateConfig``, or in the read-out of an ``Uplifter``."""
    return {name: getattr(options, name) for name in BEYOND_THE_PAPER if getattr(options, name, None) is not None}


def _auto_or(number: Callable[[str], float], what: str) -> Callable[[str], float | str]:
    """The type of a flag that takes the word auto or a number."""

    def read(text: str) -> float | str:
        try:
            return text if text == "auto" else number(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor {what}") from None

    return read


def add_weights_flags(parser: argparse.ArgumentParser) -> None:
    """Which weights, as ``weights_named`` takes them."""
    from uplift_upsample.data.keypoints.to_model import SKELETONS

    add = parser.add_argument
    add("--weights", default="open", help="a name or a weight file (open, which comes with the project)")
    add("--config", help="configuration of a weight file that has no run.yaml in the folder above")
    add("--skeleton", choices=SKELETONS, help="whose joints the weights put out, if their data set leaves it open")


def add_clip_flags(parser: argparse.ArgumentParser) -> None:
    """What lifts a clip, and what is to be known of it."""
    from uplift_upsample.data.keypoints.layouts import LAYOUTS

    add = parser.add_argument
    add("--layout", help=f"joints of the keypoints, where the file leaves it open: {', '.join(LAYOUTS)}")
    add("--frame_rate", type=float, help="frames a second, if the file does not contain it")
    add(
        "--size",
        type=float,
        nargs=2,
        metavar=("W", "H"),
        help="width and height of the picture, pixels, if the file does not contain it",
    )
    add(
        "--s_in",
        type=_auto_or(int, "a whole number"),
        help="the network, and the detector of a video, see every s_in-th frame at 50 Hz; a number, or auto: the largest that "
        "costs little (keypoints: the smallest that it was trained for; videos: the largest)",
    )
    add("--person", type=int, help="which person (the largest)")
    add("--min_confidence", type=float, help="joints below it are missing (0.3; of MediaPipe 0)")
    add("--roll", type=float, default=0.0, help="degrees by which the camera was turned clockwise, seen from behind it (0)")
    add("--root", action="store_true", help="add where the person is, approximately")
    add("--focal", type=float, help="focal length in pixels, for --root (the diagonal of the picture)")
    add_weights_flags(parser)
    add("--no_mirror", action="store_true", help="do not average with the lifted mirror image; half the time")
    hops = "tokens between two windows, with the readouts sequence and both (1); auto: the largest that costs at most 0.3 mm, as "
    _add_head_flags(parser, _auto_or(int, "a whole number"), hops + "training measured it")
    add_device_flags(parser)


def clip_settings(options: argparse.Namespace) -> dict[str, Any]:
    """What the flags set for a clip, as ``Uplifter.prepared`` takes it."""
    names = ("frame_rate", "layout", "s_in", "size", "person", "min_confidence", "roll", "root", "focal")
    return {name: getattr(options, name) for name in names}


def add_determinism_flag(parser: argparse.ArgumentParser) -> None:
    """``--deterministic``."""
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="only operations that give equal bytes in equal runs; slower, and without XLA on TensorFlow (CPUs do so in any case)",
    )


def add_checks_flags(parser: argparse.ArgumentParser, *, has_2d: bool = True) -> None:
    """has_2d: whether there are 2D poses to be compared with 3D poses."""
    default, add = Checks(), parser.add_argument
    smallest, largest = default.body_size
    add(
        "--body_size",
        type=float,
        nargs=2,
        default=default.body_size,
        metavar=("MIN", "MAX"),
        help=f"refuse people who are smaller or larger, m ({smallest:g} {largest:g})",
    )
    for name, (metavar, text) in _CHECKS_OF_2D.items() if has_2d else ():
        value = getattr(default, name)
        add(f"--{name}", type=float, default=value, metavar=metavar, help=f"{text} ({value:g})")


def checks_of(options: argparse.Namespace) -> Checks:
    """The thresholds that the flags give."""
    given = {name: getattr(options, name) for name in _CHECKS_OF_2D if hasattr(options, name)}
    return Checks(tuple(options.body_size), **given)


def read_splits(text: str) -> dict[str, list[str]]:
    """Splits by their names. Raises ``InputError`` for text that gives none."""
    try:
        splits = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"--splits is not JSON: {error}") from None
    is_valid = isinstance(splits, dict) and all(
        isinstance(members, list) and all(isinstance(member, str) for member in members) for members in splits.values()
    )
    if not is_valid:
        raise InputError('--splits must give lists of subjects as text: {"train": ["01", "02"], "test": ["03"]}')
    return splits
