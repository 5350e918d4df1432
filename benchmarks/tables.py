"""Small frames tables for measurements."""

from dataclasses import replace

import numpy as np

from uplift_upsample.data.frames import FramesTable


def one_video(table: FramesTable, num_frames: int) -> FramesTable:
    """The first frames of a table as one video of its first camera, whoever and whatever is on them."""
    assert table.poses_2d is not None
    return replace(
        table,
        poses_3d=table.poses_3d[:num_frames],
        poses_2d=table.poses_2d[:num_frames],
        sequence_start=np.array([0]),
        sequence_length=np.array([num_frames]),
        sequence_frame_rate=table.sequence_frame_rate[:1],
        sequence_subject=table.sequence_subject[:1],
        sequence_name=table.sequence_name[:1],
        sequence_action=table.sequence_action[:1],
        video_sequence=np.array([0]),
        video_camera=table.video_camera[:1],
        video_start_2d=np.array([0]),
    )
