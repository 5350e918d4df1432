"""Flags that say what makes a pose, and what stands between two 2D poses; the defaults are those of the paper."""

import argparse
import typing
from typing import Any

from uplift_upsample.plan.evaluation import InputInterpolation, Readout

FLAGS = ("readout", "hop", "blend", "input_interpolation")


def add_readout_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--readout",
        choices=typing.get_args(Readout),
        help="the head of the network that poses are of (as configured, else central)",
    )
    add("--hop", type=int, help="tokens between two windows, with the readouts sequence and both (1)")
    add(
        "--blend", type=_blend, metavar="auto|0..1", help="weight of the central head in the readout both (auto: training chose it)"
    )
    add(
        "--input_interpolation",
        choices=typing.get_args(InputInterpolation),
        help="2D poses between those of every s_in-th frame (none)",
    )


def readout_changes(options: argparse.Namespace) -> dict[str, Any]:
    """What the flags change in ``EvaluateConfig``."""
    return {name: getattr(options, name) for name in FLAGS if getattr(options, name) is not None}


def _blend(text: str) -> float | str:
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a number from 0 to 1") from None
