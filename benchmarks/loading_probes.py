"""What is loaded in a process of its own, whose memory is measured: ``python benchmarks/loading_probes.py NAME TABLE``."""

import sys

import numpy as np

BLOCK = 4096  # poses


def straightforward(path: str) -> float:
    """All recordings in nested dictionaries; each pose read once."""
    from straightforward.loading import loaded

    from uplift_upsample.base.cameras import h36m_cameras

    videos = [video for own in loaded(path, h36m_cameras()).values() for views in own.values() for video in views]
    return sum(float(poses.sum(dtype=np.float64)) for video in videos for poses in video.values())


def ours(path: str) -> float:
    """The table; each pose read once."""
    from uplift_upsample.data.frames import read_frames_table

    table = read_frames_table(path)
    assert table.poses_2d is not None
    blocks = (poses[start : start + BLOCK] for poses in (table.poses_3d, table.poses_2d) for start in range(0, len(poses), BLOCK))
    return sum(float(block.sum()) for block in blocks)


if __name__ == "__main__":
    print({probe.__name__: probe for probe in (straightforward, ours)}[sys.argv[1]](sys.argv[2]))
