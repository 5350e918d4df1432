"""From a video to 3D poses: the detector on the key frames of a stride against the detector on every frame."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from published import untrained
from world.real_clips import clips_of, fetch_clips, fetch_models

from uplift_upsample.data.keypoints.times import KeyFrames, key_frames
from uplift_upsample.lift.video.blazepose import BlazePose
from uplift_upsample.lift.video.detected import detected
from uplift_upsample.lift.video.video_file import VideoFile

REPEATS = 6  # of a clip of 100 frames: ten seconds at 60 Hz
DENSE_REPEATS = 2  # where the detector looks at every frame, a tenth of a second each on a slow machine


def test_video(versus, tmp_path: Path) -> None:
    """A real clip of 1088 x 1920 pixels at 60 Hz, decoded, detected and lifted by the published network at full size."""
    project = Path(__file__).parents[1]
    files = fetch_clips(tmp_path)
    models = fetch_models(project, tmp_path)
    if isinstance(files, str) or not Path(models).exists():
        pytest.skip(files if isinstance(files, str) else models)
    original = clips_of(files).cameras[2]
    clip = repeated(original, tmp_path / "clip.mp4", REPEATS)
    short = repeated(original, tmp_path / "short.mp4", DENSE_REPEATS)
    lifter = untrained("h36m_351", tmp_path, mirror=False)

    def lifted(clip: Path, detector: BlazePose, s_in: int, *, is_dense: bool) -> None:
        """is_dense: every frame goes through the detector, whatever the network sees of it."""
        video = VideoFile(clip)
        every = np.arange(len(video.times))
        keys = KeyFrames(video.times, 1, 1, every, every, len(every)) if is_dense else key_frames(video.times, s_in, 5)
        lifter.lifted(lifter.prepared(detected(video, keys, detector), s_in=s_in))

    for model, strides in (("heavy", (20, 10)), ("full", (20,))):
        detector = BlazePose(Path(models), model)
        for s_in in strides:
            versus(
                f"video to 3D, {model} detector, s_in {s_in}",
                lambda detector=detector: lifted(short, detector, 5, is_dense=True),
                lambda detector=detector, s_in=s_in: lifted(clip, detector, s_in, is_dense=False),
                units=(len(VideoFile(short).times), len(VideoFile(clip).times)),
                rounds=3,
            )


def repeated(clip: Path, path: Path, times: int) -> Path:
    """A clip several times behind itself; nothing is encoded again."""
    if times == 1:
        return Path(shutil.copyfile(clip, path))
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        start = 0
        for _ in range(times):
            source.seek(0)
            end = start
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is None:
                    continue
                length = packet.duration or 1
                packet.pts, packet.dts = packet.pts + start, packet.dts + start
                end = max(end, packet.pts + length)
                packet.stream = stream
                target.mux(packet)
            start = end
    return path
