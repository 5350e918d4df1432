"""The weights that come with the project, on a real person before four calibrated cameras: the whole way from pictures to poses."""

from pathlib import Path

import numpy as np
import pytest
from world.real_clips import RealClips, triangulated

pytest.importorskip("av")
pytest.importorskip("ai_edge_litert")

from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.data.keypoints.layouts import LAYOUTS
from uplift_upsample.data.keypoints.people import people_of
from uplift_upsample.data.keypoints.times import KeyFrames
from uplift_upsample.evaluate.metrics import p_mpjpe
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.lift.video.blazepose import BlazePose
from uplift_upsample.lift.video.detected import detected
from uplift_upsample.lift.video.video_file import VideoFile

JOINTS = [f"{side}_{joint}" for side in "lr" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")]
LIMIT_MM, MORE_MM = 95.0, 6.0  # P-MPJPE at s_in 20, and how much more than at s_in 5; 79 and 1.4 were measured


@pytest.mark.long
def test_error_on_a_calibrated_clip(pose_models: Path, real_clips: RealClips) -> None:
    """The truth: where the rays of the four cameras to the detected joints meet, of every frame."""
    detector, keypoints, sizes = BlazePose(pose_models, "heavy"), [], []
    for path in real_clips.cameras:
        video = VideoFile(path)
        every = np.arange(len(video.times))
        found = detected(video, KeyFrames(video.times, 1, 1, every, every, len(every)), detector)
        person = people_of(found)[0]
        points = np.full((len(every), 33, 2), np.nan)
        points[found.frame[person.rows]] = found.points[person.rows]
        keypoints.append(points)
        sizes.append(video.size)
    length = min(map(len, keypoints))
    names = LAYOUTS["mediapipe_33"].joints
    seen = np.array([points[:length] for points in keypoints])[:, :, [names.index(joint) for joint in JOINTS]]
    truth = triangulated(real_clips.projections, seen.reshape(4, -1, 2)).reshape(length, len(JOINTS), 3)
    assert 0.3 < np.median(np.linalg.norm(truth[:, JOINTS.index("l_hip")] - truth[:, JOINTS.index("l_knee")], axis=-1)) < 0.5
    lifter, own = Uplifter.load(), [MODEL_17.index(joint) for joint in JOINTS]
    errors = {}
    for s_in in (5, 10, 20):
        of_cameras = []
        for points, size in zip(keypoints, sizes, strict=True):
            poses = lifter(points[:length], frame_rate=60, layout="mediapipe", size=size, s_in=s_in).positions[:, own]
            of_cameras.append(np.nanmean(p_mpjpe(poses, truth)) * 1000)
        errors[s_in] = float(np.mean(of_cameras))
    assert errors[20] < LIMIT_MM, errors
    assert errors[20] < errors[5] + MORE_MM, errors
