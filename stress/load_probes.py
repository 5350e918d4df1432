"""What the load runs measure, each in a process of its own: ``python stress/load_probes.py NAME ...`` prints one JSON object."""

import json
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from uplift_upsample.data.frames import FramesTable, read_frames_table, subjects_of
from uplift_upsample.evaluate.predictions import Predictions, write_predictions
from uplift_upsample.evaluate.scores import ground_truth
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.plan.runs import read_run
from uplift_upsample.train.inputs import InputReader
from uplift_upsample.train.source import example_reader, training_stream

BLOCK = 1 << 16  # poses


def open_table(path: str) -> dict[str, float]:
    """Seconds until a table is open."""
    start = time.monotonic()
    table = read_frames_table(path)
    return {"seconds": time.monotonic() - start, "videos": table.num_videos, "camera_frames": int(table.video_length.sum())}


def training(path: str, num_batches: str) -> dict[str, float]:
    """Seconds until the first training batch of the published network, and for each one behind it; batches of 512."""
    start = time.monotonic()
    table = read_frames_table(path)
    model = ModelConfig(num_tokens=71, s_out=5, s_in=(5, 10, 20), strides=(3, 10, 3), paddings=((0, 0),) * 3)
    train = TrainConfig(batch_size=512, mirror=True, in_batch_mirror=True, random_shift=True)
    stream = training_stream(table, table.videos_of(subjects_of(table, "trainval")), model, train, seed=0)
    reader = InputReader(example_reader(table, model, train), has_twins=True)
    reader.read(stream.next_rows())
    first = time.monotonic() - start
    start = time.monotonic()
    for _ in range(int(num_batches)):
        reader.read(stream.next_rows())
    return {"first": first, "each": (time.monotonic() - start) / int(num_batches), "rows": stream.sampler.num_rows}


def whole(path: str) -> dict[str, float]:
    """Read every pose of a table once; the sum of all coordinates shows whether all readers saw the same."""
    start = time.monotonic()
    table = read_frames_table(path)
    total = sum(float(block.sum(dtype=np.float64)) for block in _blocks(table))
    return {"seconds": time.monotonic() - start, "sum": total}


def _blocks(table: FramesTable) -> Iterator[np.ndarray]:
    for poses in (table.poses_3d, table.poses_2d):
        for begin in range(0, 0 if poses is None else len(poses), BLOCK):
            yield poses[begin : begin + BLOCK]


def weights(run: str, path: str) -> dict[str, float]:
    """Untrained weights of a network."""
    from uplift_upsample.model.network import build_network
    from uplift_upsample.model.weights import save_weights

    settings, _ = read_run(run)
    save_weights(build_network(settings.model), path)
    return {}


def predictions(path: str, subjects: str, s_out: str, output: str) -> dict[str, float]:
    """A prediction for every frame that counts, which is the truth with an error of a few centimetres."""
    table, step = read_frames_table(path), int(s_out)
    videos = table.videos_of(subjects.split(","))
    counts = -(-table.video_length[videos] // step)
    video = np.repeat(videos, counts)
    frame = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) * step
    poses_3d = np.empty((len(video), 17, 3), np.float32)
    rng = np.random.default_rng(0)
    for begin in range(0, len(video), BLOCK):
        part = slice(begin, begin + BLOCK)
        truth = ground_truth(table, video[part], frame[part])
        poses_3d[part] = truth + rng.normal(scale=0.03, size=truth.shape)
    metadata = {"s_in": step, "s_out": step, "subjects": subjects.split(","), "frames_sha256": table.sha256}
    write_predictions(output, Predictions(poses_3d, video, frame, metadata))
    return {"predictions": len(video), "camera_frames": int(table.video_length[videos].sum())}


PROBES: dict[str, Callable[..., dict[str, float]]] = {
    probe.__name__: probe for probe in (open_table, training, whole, weights, predictions)
}

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](*sys.argv[2:])))
