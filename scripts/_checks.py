"""The thresholds of the checks of meaning, as flags."""

import argparse

from uplift_upsample.plan.thresholds import Checks


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
    if has_2d:
        add(
            "--reprojection_px",
            type=float,
            default=default.reprojection_px,
            metavar="PX",
            help=f"refuse 2D poses that are farther from the projected 3D poses, pixels ({default.reprojection_px:g})",
        )
        add(
            "--shift_px",
            type=float,
            default=default.shift_px,
            metavar="PX",
            help=f"the same in recordings of S9 that are known to be displaced ({default.shift_px:g})",
        )
        add(
            "--surplus",
            type=float,
            default=default.surplus,
            metavar="SHARE",
            help=f"refuse more 2D frames behind the end of the 3D poses, a share of these ({default.surplus:g})",
        )


def checks_of(options: argparse.Namespace) -> Checks:
    """The thresholds that the flags give."""
    names = [name for name in ("reprojection_px", "shift_px", "surplus") if hasattr(options, name)]
    return Checks(tuple(options.body_size), **{name: getattr(options, name) for name in names})
