"""How time and memory grow, each series in a process of its own: ``python benchmarks/growth_probes.py NAME`` prints one JSON
object.

Networks are small where theory says the same of small ones. The sizes of a series rise, because processes keep the memory that
they had once; where each size is compiled anew, it has a process of its own.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.data.frames import FramesTable, read_frames_table
from uplift_upsample.data.frames_stream import write_frames
from uplift_upsample.data.recordings import SequenceRecord
from uplift_upsample.evaluate.predictions import Predictions
from uplift_upsample.evaluate.scores import scores
from uplift_upsample.model.cost import network_cost
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.train.inputs import InputReader
from uplift_upsample.train.source import example_reader, training_stream

FULL = ModelConfig(71, 5, (5, 10, 20), strides=(3, 10, 3), paddings=((0, 0),) * 3)  # h36m_351
SMALL = ModelConfig(27, 5, (5, 10, 20), spatial_dim=16, temporal_dim=64, num_heads=4, spatial_blocks=1, temporal_blocks=1)
CENTRAL = EvaluateConfig()
LENGTHS = (1_800, 9_000, 36_000, 180_000)  # frames of a video; the last is an hour at 50 Hz
VIDEOS, VIDEO_LENGTH = (4, 40, 400), 150
WINDOWS = (1, 10, 100)
TOKENS = (9, 45, 225, 729)
STRIDES = (5, 20, 100, 500)
# Seconds and calls, of which the quickest counts; a call as long as the last one is timed once.
ENOUGH, LEAST_ROUNDS, MOST_ROUNDS, LONG = 0.4, 3, 30, 1.5
WATCHED = 0.03  # seconds for which memory is looked at, at least
Call = Callable[[], object]
Made = tuple[Call, float]


@dataclass(frozen=True)
class Point:
    """One size of a series.

    seconds: of the quickest call, compilation left out; what else a machine does only adds. memory: most private bytes,
    compilation with it, beyond what the process held before the first call. work: what theory says of the time, in any unit.
    """

    size: int
    seconds: float
    memory: int
    work: float


def prediction_over_video_length() -> Iterator[Point]:
    """A video through the network, with mirroring."""
    yield from _prediction(LENGTHS, [1] * len(LENGTHS), LENGTHS)


def sequence_over_video_length() -> Iterator[Point]:
    """The same with the read-out ``sequence``, windows nine tokens apart."""
    yield from _prediction(LENGTHS, [1] * len(LENGTHS), LENGTHS, EvaluateConfig(readout="sequence", hop=9))


def prediction_over_videos() -> Iterator[Point]:
    """Short videos through the network, with mirroring."""
    yield from _prediction([VIDEO_LENGTH] * len(VIDEOS), VIDEOS, VIDEOS)


def scoring_over_video_length() -> Iterator[Point]:
    """Interpolation and every metric of a video's predictions."""
    rng = np.random.default_rng(0)
    with _tables(LENGTHS, [1] * len(LENGTHS)) as tables:

        def make(length: int) -> Made:
            table, frame = tables[LENGTHS.index(length)], np.arange(0, length, 5)
            poses_3d = rng.normal(size=(len(frame), 17, 3)).astype(np.float32)
            metadata = {"s_in": 10, "s_out": 5, "subjects": ["S9"], "frames_sha256": table.sha256}
            predictions = Predictions(poses_3d, np.zeros_like(frame), frame, metadata)
            return lambda: scores(predictions, table), length

        yield from _points(LENGTHS, make, is_compiled=True)


def training_input_over_videos() -> Iterator[Point]:
    """The rows and arrays of one training batch of 512, of an epoch that the first batch has shuffled."""
    train = TrainConfig(batch_size=512)
    with _tables([VIDEO_LENGTH] * len(VIDEOS), VIDEOS) as tables:

        def make(count: int) -> Made:
            table = tables[VIDEOS.index(count)]
            reader = InputReader(example_reader(table, FULL, train), has_twins=True)
            stream = training_stream(table, np.arange(count), FULL, train, seed=0)
            stream.next_rows()
            return lambda: reader.read(stream.next_rows()), 1

        yield from _points(VIDEOS, make, is_compiled=True)


def prediction_over_batch() -> Iterator[Point]:
    """Windows at once through the network, without mirroring."""
    return _points_apart(WINDOWS, lambda count: _lifting(_network_of(81), 10, count))


def prediction_over_tokens() -> Iterator[Point]:
    """One window of N tokens through the network, without mirroring."""
    return _points_apart(TOKENS, lambda num_tokens: _lifting(_network_of(num_tokens), 10, 1))


def prediction_over_s_in() -> Iterator[Point]:
    """Sixteen windows of h36m_351 at full size, without mirroring."""
    return _points(STRIDES, lambda s_in: _lifting(FULL, s_in, 16))


def training_over_batch() -> Iterator[Point]:
    """A training step."""
    return _points_apart(WINDOWS, lambda count: _training(_network_of(81), 10, count))


def training_over_tokens() -> Iterator[Point]:
    """A training step of two examples of N tokens."""
    return _points_apart(TOKENS, lambda num_tokens: _training(_network_of(num_tokens), 10, 2))


def training_over_s_in() -> Iterator[Point]:
    """A training step of 16 examples, with the whole spatial stage of the published networks and one temporal block."""
    model = ModelConfig(71, 5, (5, 10, 20), temporal_blocks=1, strides=(3, 24))
    return _points(STRIDES, lambda s_in: _training(model, s_in, 16))


def _network_of(num_tokens: int) -> ModelConfig:
    """The published widths with one spatial and one temporal block and two strided ones: a depth that does not depend on N."""
    return ModelConfig(num_tokens, 5, (5, 10, 20), spatial_blocks=1, temporal_blocks=1, strides=(3, num_tokens // 3))


def _prediction(
    lengths: Sequence[int], counts: Sequence[int], sizes: Sequence[int], evaluate: EvaluateConfig = CENTRAL
) -> Iterator[Point]:
    from uplift_upsample.evaluate.predict import predict_poses
    from uplift_upsample.model.lifter import Lifter
    from uplift_upsample.model.network import build_network

    lifter = Lifter(build_network(SMALL), 256, mirror=True)
    with _tables(lengths, counts) as tables:
        for _ in range(2):  # compiled, and whatever else the first calls do
            predict_poses(lifter, tables[0], np.array([0]), 10, evaluate)

        def make(size: int) -> Made:
            table = tables[sizes.index(size)]
            return lambda: predict_poses(lifter, table, np.arange(table.num_videos), 10, evaluate), size

        yield from _points(sizes, make, is_compiled=True)


def _lifting(model: ModelConfig, s_in: int, count: int) -> Made:
    from uplift_upsample.model.lifter import Lifter
    from uplift_upsample.model.network import build_network

    lifter = _kept(("lifter", model, count), lambda: Lifter(build_network(model), count, mirror=False))
    visible = np.tile(_visible(model, s_in), (count, 1))
    token_pose = np.zeros(visible.shape, np.int64)
    token_pose[visible] = np.arange(visible.sum())
    poses_2d = np.random.default_rng(0).normal(size=(visible.sum(), 17, 2)).astype(np.float32)
    return lambda: lifter.lift(poses_2d, token_pose, visible), count * network_cost(model, s_in).multiply_accumulates


def _training(model: ModelConfig, s_in: int, count: int) -> Made:
    from uplift_upsample.model.network import build_network
    from uplift_upsample.train.trainer import Trainer

    trainer = _kept(("trainer", model), lambda: Trainer(build_network(model), TrainConfig()))
    rng = np.random.default_rng(0)
    visible = np.tile(_visible(model, s_in), (count, 1))
    poses_2d = (rng.normal(size=(count, model.num_tokens, 17, 2)) * visible[..., None, None]).astype(np.float32)
    targets = rng.normal(size=(count, model.num_tokens, 17, 3)).astype(np.float32)
    cost = network_cost(model, s_in)
    return lambda: trainer.step(poses_2d, visible, targets), count * (cost.multiply_accumulates + cost.sequence_head)


def _visible(model: ModelConfig, s_in: int) -> np.ndarray:
    """The mask with its 2D pose on the first token: ceil(N * s_out / s_in) of them, as the formula counts."""
    return np.arange(model.num_tokens) * model.s_out % s_in == 0


_KEPT: dict[tuple, Any] = {}


def _kept(key: tuple, make: Callable[[], Any]) -> Any:
    """What the last size of a series made, where this one needs the same; nothing else is kept."""
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = make()
    return _KEPT[key]


@contextmanager
def _tables(lengths: Sequence[int], counts: Sequence[int]) -> Iterator[list[FramesTable]]:
    """Tables of ``counts[i]`` videos of noise with ``lengths[i]`` frames each, mapped from files as all data sets are."""
    rng = np.random.default_rng(0)
    poses_3d = rng.normal(size=(max(lengths), 17, 3)).astype(np.float32) * np.float32(0.3)
    poses_2d = rng.normal(size=(max(lengths), 17, 2)).astype(np.float32) * np.float32(0.1)
    cameras = h36m_cameras()
    camera = next(number for number, name in enumerate(cameras.names) if name.startswith("S9/"))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.h5" for number in range(len(lengths))]
        for path, length, count in zip(paths, lengths, counts, strict=True):
            records = (
                SequenceRecord("S9", f"Walking {number}", "Walking", poses_3d[:length], [poses_2d[:length]], [camera])
                for number in range(count)
            )
            write_frames(path, records, cameras, {"dataset": "h36m", "splits": {"test": ["S9"]}})
        yield [read_frames_table(path) for path in paths]


def _points_apart(sizes: Sequence[int], make: Callable[[int], Made]) -> Iterator[Point]:
    """``_points`` with a process for each size: forks of this one, which has loaded the framework but not used it yet."""
    import uplift_upsample.train.trainer  # noqa: F401

    context = multiprocessing.get_context("fork")
    for size in sizes:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=lambda size=size, sender=sender: sender.send(list(_points([size], make))))
        process.start()
        sender.close()
        yield from receiver.recv()
        process.join()


def _points(sizes: Sequence[int], make: Callable[[int], Made], *, is_compiled: bool = False) -> Iterator[Point]:
    """make: gives for a size what is measured, and its work. is_compiled: whether the first call of a size is like the others."""
    before = None
    for size in sizes:
        call, work = make(size)
        before = _private() if before is None else before
        with _watched() as most:
            start = time.perf_counter()
            call()
            first = time.perf_counter() - start
            while time.perf_counter() < start + WATCHED:
                call()
        seconds = first if is_compiled and first > LONG else _least_seconds(call)
        yield Point(size, seconds, max(most) - before, work)


def _least_seconds(call: Call) -> float:
    seconds: list[float] = []
    while len(seconds) < LEAST_ROUNDS or (sum(seconds) < ENOUGH and len(seconds) < MOST_ROUNDS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
        if seconds[0] > LONG:
            break
    return min(seconds)


@contextmanager
def _watched() -> Iterator[list[int]]:
    """What the process holds privately while the block runs, looked at every millisecond."""
    seen, is_over = [_private()], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.001):
            seen.append(_private())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


def _private() -> int:
    """Bytes of this process that are no file's."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))


PROBES: dict[str, Callable[[], Iterator[Point]]] = {
    probe.__name__: probe
    for probe in (
        prediction_over_video_length,
        sequence_over_video_length,
        scoring_over_video_length,
        prediction_over_videos,
        training_input_over_videos,
        prediction_over_batch,
        training_over_batch,
        prediction_over_tokens,
        training_over_tokens,
        prediction_over_s_in,
        training_over_s_in,
    )
}

if __name__ == "__main__":
    points = [asdict(point) for point in PROBES[sys.argv[1]]()]
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"points": points, "peak": peak * 1024}))
