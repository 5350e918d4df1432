"""Training batches, read ahead in a second thread, each with the state from which the stream continues after it."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from uplift_upsample.data.examples import ExampleReader
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.sampler import RowStream, Sampler, SamplerSettings
from uplift_upsample.plan.experiment import TrainConfig
from uplift_upsample.plan.network_base import NetworkConfig
from uplift_upsample.train.inputs import InputReader, Inputs

NUM_AHEAD = 3  # batches; chosen: some, so that a slow one does not stop the steps, few, for memory


@dataclass(frozen=True)
class TrainingBatch:
    """The inputs of one step (``train.inputs``), and the state of the stream after it."""

    inputs: Inputs
    stream_state: dict[str, Any]


def example_reader(
    table: FramesTable, model: NetworkConfig, train: TrainConfig, *, random_key_frames: bool = False
) -> ExampleReader:
    """The reader of training and validation examples. Those of a validation always have regular key frames."""
    return ExampleReader(
        table,
        model.num_tokens,
        model.s_out,
        padding=train.padding,
        has_strided_input=model.has_strided_input,
        random_key_frames=random_key_frames,
    )


def training_stream(table: FramesTable, videos: np.ndarray, model: NetworkConfig, train: TrainConfig, seed: int) -> RowStream:
    """The endless stream of training rows; ``seed`` is added to the configured ``shuffle_seed``."""
    settings = SamplerSettings(
        s_in=model.s_in if model.has_strided_input else (),
        s_out=model.s_out,
        mirror=train.mirror,
        in_batch_mirror=train.in_batch_mirror,
        random_shift=train.random_shift,
        random_key_frames=train.key_frames == "random",
        step=train.train_step,
        shuffle=True,
        seed=train.shuffle_seed + seed,
    )
    return RowStream(Sampler(table, videos, settings), train.batch_size)


@contextmanager
def batches_ahead(stream: RowStream, reader: InputReader) -> Iterator[Callable[[], TrainingBatch]]:
    """Read batches in a second thread. Yields a function that returns the next one; errors of the thread are raised there."""
    ready: queue.Queue[TrainingBatch | BaseException] = queue.Queue(NUM_AHEAD)
    is_over = threading.Event()

    def put(item: TrainingBatch | BaseException) -> None:
        while not is_over.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def produce() -> None:
        try:
            while not is_over.is_set():
                inputs = reader.read(stream.next_rows())
                put(TrainingBatch(inputs, stream.state()))
        except BaseException as error:
            put(error)

    def take() -> TrainingBatch:
        item = ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    thread = threading.Thread(target=produce, name="training batches", daemon=True)
    thread.start()
    try:
        yield take
    finally:
        is_over.set()
        thread.join()
