"""Training windows a second that reach the training loop, from Human3.6M and from motion capture with projection."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from published import published
from straightforward.examples import Draw, Example, amass_examples, amass_twins, h36m_examples, h36m_twins, loaded_videos
from world.people import write_amass_file

from uplift_upsample.base.skeleton import root_relative
from uplift_upsample.data.amass.table import amass_table
from uplift_upsample.data.frames import FramesTable
from uplift_upsample.data.sampler import Rows
from uplift_upsample.train.inputs import InputReader
from uplift_upsample.train.inputs import examples as computed
from uplift_upsample.train.source import batches_ahead, example_reader, training_stream

PLAIN_BATCHES = 2  # of the straightforward version in one call
OURS_BATCHES = 40
EXPERIMENTS = {"Human3.6M": "h36m_351", "AMASS with projection": "amass_351"}


@pytest.fixture(scope="module")
def amass(tmp_path_factory: pytest.TempPathFactory) -> FramesTable:
    """Miniature AMASS: recorded people."""
    folder: Path = tmp_path_factory.mktemp("amass")
    write_amass_file(folder / "amass/CMU.npz", 56)
    return amass_table([folder / "amass/CMU.npz"])


@pytest.mark.parametrize("data", EXPERIMENTS)
def test_training_input(data: str, table: FramesTable, amass: FramesTable, versus) -> None:
    """Batches of the published size; ours are read ahead in a second thread, as in training."""
    experiment = published(EXPERIMENTS[data])
    model, train = experiment.model, experiment.train
    source = table if data == "Human3.6M" else amass
    videos = loaded_videos(source)
    examples = h36m_examples(videos, model) if data == "Human3.6M" else amass_examples(videos, source.cameras, model)
    plain = batches_of(examples, train.batch_size)
    stream = training_stream(source, np.arange(source.num_videos), model, train, seed=0)
    reader = InputReader(example_reader(source, model, train), has_twins=True)
    compiled = tf.function(computed, autograph=False, jit_compile=True)  # as a GPU has it: the steps of a CPU wait for no input

    def ours() -> None:
        with batches_ahead(stream, reader) as next_batch:  # a new thread: nothing is ready yet
            for _ in range(OURS_BATCHES):
                compiled(next_batch().inputs)

    for _ in range(3):  # compiled once for each number of visible tokens that occurs
        ours()
    versus(
        f"training input, {data}",
        lambda: [next(plain) for _ in range(PLAIN_BATCHES)],
        ours,
        units=(PLAIN_BATCHES * train.batch_size, OURS_BATCHES * train.batch_size),
    )


def batches_of(examples: Iterator[Example], batch_size: int) -> Iterator[list[tf.Tensor]]:
    """Not through ``tf.data``: what its threads leave of memory would make every allocation of ours slower, threefold in all."""
    while True:
        yield [tf.constant(np.stack(parts)) for parts in zip(*itertools.islice(examples, batch_size), strict=True)]


@pytest.mark.parametrize("data", EXPERIMENTS)
def test_straightforward_examples_are_ours(data: str, table: FramesTable, amass: FramesTable) -> None:
    experiment = published(EXPERIMENTS[data])
    source = table if data == "Human3.6M" else amass
    model, videos = experiment.model, loaded_videos(source)
    for draw in (Draw(1, 0, 20, 1, 3), Draw(2, 77, 10, -1, 5), Draw(0, 140, 5, 0, 0)):
        if source is table:
            draw = draw._replace(camera=int(table.video_camera[draw.video]))
        twins = h36m_twins(videos, draw, model) if source is table else amass_twins(videos, source.cameras, draw, model)
        video, frame, s_in, shift, camera = (np.array([value, value]) for value in draw)
        ours = example_reader(source, model, experiment.train).read(
            Rows(video, frame, np.array([False, True]), s_in, shift, camera)
        )
        expected = (ours.poses_2d, ours.visible, root_relative(ours.poses_3d))
        for array, parts in zip(expected, zip(*twins, strict=True), strict=True):
            np.testing.assert_allclose(np.stack(parts), array, atol=1e-5)
            assert parts[0].dtype == array.dtype
