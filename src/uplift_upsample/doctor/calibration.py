"""The speed of a network on this machine: a few real steps of training and of prediction, on random poses."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from uplift_upsample.doctor.estimate import Speed
from uplift_upsample.model.backend import is_on_cpu
from uplift_upsample.model.lifter import Lifter
from uplift_upsample.model.network import build_network
from uplift_upsample.plan.experiment import Experiment
from uplift_upsample.train.trainer import Trainer

MOST_STEPS = 40  # calls; chosen: more would hardly move the median


def measured_speed(
    name: str, experiment: Experiment, multiply_accumulates: float, most_work: float, seconds: float, import_seconds: float
) -> Speed:
    """Train and predict for about ``seconds``, compilation aside.

    most_work: multiply-accumulates of a step; batches are the configured ones, or smaller ones of this work. import_seconds: that
    loading the framework took.
    Networks are compiled as in the jobs; on a GPU without XLA, which takes longer to compile there than all the rest, so that GPUs
    are somewhat faster in the jobs. Reading of data is left out; it goes on in a second thread.
    """
    model, most = experiment.model, max(2, int(most_work / multiply_accumulates) // 2 * 2)
    train_batch, predict_batch = min(experiment.train.batch_size, most), min(experiment.evaluate.batch_size, 2 * most)
    begin = time.perf_counter()
    network = build_network(model)
    trainer = Trainer(network, replace(experiment.train, jit_compile=False))
    memory = _memory()
    random = np.random.default_rng(0)
    size = max(train_batch, predict_batch)
    poses_2d = random.normal(size=(size, model.num_tokens, model.num_joints, 2)).astype(np.float32)
    share = np.mean([model.s_out / s_in for s_in in model.evaluated_s_in])  # a step costs more, the more tokens are visible
    visible = random.random((size, model.num_tokens)) < share
    targets = random.normal(size=(size, model.num_tokens, model.num_joints, 3)).astype(np.float32)
    batch = (poses_2d[:train_batch], visible[:train_batch], targets[:train_batch])
    trainer.step(*batch)
    train_start = time.perf_counter() - begin
    train_seconds = _seconds(lambda: trainer.step(*batch), seconds / 2)
    begin = time.perf_counter()
    lifter = Lifter(network, predict_batch, mirror=False, jit_compile="auto" if is_on_cpu() else False)
    inputs = (poses_2d[:predict_batch, 0], np.zeros((predict_batch, model.num_tokens), np.int64), visible[:predict_batch])
    lifter.lift(*inputs)
    predict_start = time.perf_counter() - begin
    predict_seconds = _seconds(lambda: lifter.lift(*inputs), seconds / 2)
    return Speed(
        name,
        multiply_accumulates,
        import_seconds,
        train_start,
        train_batch,
        train_seconds,
        predict_start,
        predict_batch,
        predict_seconds,
        memory,
    )


def _memory() -> int:
    """Most bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _seconds(function: Callable[[], object], budget: float) -> float:
    """Median seconds of a call; as many calls as the budget allows, at least two."""
    found: list[float] = []
    while len(found) < 2 or (len(found) < MOST_STEPS and sum(found) < budget):
        begin = time.perf_counter()
        function()
        found.append(time.perf_counter() - begin)
    return float(np.median(found))
