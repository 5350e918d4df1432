"""The data sets where the official scripts look for them: the public files of Human3.6M, and a folder of AMASS subsets."""

import logging
from pathlib import Path

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.h36m.table import h36m_table
from uplift_upsample.plan.amass_subsets import SUBSETS, subset_name
from uplift_upsample.plan.thresholds import DEFAULT_CHECKS, Checks

# Where the official scripts look for the public files.
H36M_3D, H36M_2D = "data/data_3d_h36m.npz", "data/data_2d_h36m_cpn_ft_h36m_dbb.npz"
logger = logging.getLogger(__name__)


def open_h36m(
    poses_3d: str | None,
    poses_2d: str | None,
    checks: Checks = DEFAULT_CHECKS,
    flags: tuple[str, str] = ("--dataset", "--dataset_2d"),
) -> FramesTable:
    """Human3.6M from the public files; the 2D source is read off the file name.

    Without a path the default place of the official code is taken. flags: what names the files on the command line.
    """
    poses_3d, poses_2d = poses_3d or H36M_3D, poses_2d or H36M_2D
    absent = [
        f"{path} ({flag} names another place)"
        for path, flag in zip((poses_3d, poses_2d), flags, strict=True)
        if not Path(path).exists()
    ]
    if absent:
        raise InputError(f"the data set h36m needs the public 3D and 2D pose files; there is no {' and no '.join(absent)}")
    return h36m_table(poses_3d, poses_2d, Path(poses_2d).stem.removeprefix("data_2d_h36m_"), checks=checks)


def open_amass(folder: str | None, frame_rate: int, checks: Checks = DEFAULT_CHECKS) -> FramesTable:
    """All AMASS subsets that lie in a folder, under any of their names; a warning names the other files."""
    if not folder:
        raise InputError("the data set amass needs the folder of its converted subsets; --amass_path names it, e.g. data/amass")
    if frame_rate != 50:
        raise InputError(f"AMASS at {frame_rate} Hz: this project converts to 50 Hz only, the rate of the published experiments")
    files = sorted(file for file in Path(folder).glob("*.npz") if not file.name.startswith("."))
    present = [file for file in files if subset_name(file.stem) in SUBSETS]
    if not present:
        raise InputError(f"{folder}: there is no converted AMASS subset ({', '.join(SUBSETS[:3])}, ...).npz")
    if others := [file.name for file in files if file not in present]:
        logger.warning("%s: not used, because no subset of AMASS has these names: %s", folder, ", ".join(others))
    return amass_table(present, checks=checks)
