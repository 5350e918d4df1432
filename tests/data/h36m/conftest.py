"""Files of Human3.6M of a few people, whose shapes are right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from world.people import h36m_pair

from uplift_upsample.data.public_npz import write_positions_2d, write_positions_3d

LENGTHS = {"S1": {"Walking 1": 150, "Greeting": 120}, "S9": {"Greeting": 150, "Photo 1": 130}, "S11": {"Sitting": 140}}


@pytest.fixture
def pair() -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, list[np.ndarray]]]]:
    """3D poses of five recordings, and their exact 2D poses in four cameras."""
    return h36m_pair(LENGTHS)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Writes both, and the metadata of the 2D poses, and gives the paths."""

    def write(poses_3d: Any, poses_2d: Any, metadata: Any = None) -> tuple[Path, Path]:
        paths = tmp_path / "data_3d_h36m.npz", tmp_path / "data_2d_h36m_gt.npz"
        write_positions_3d(paths[0], poses_3d)
        write_positions_2d(paths[1], poses_2d, metadata)
        return paths

    return write
