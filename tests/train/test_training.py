"""A run from start to end: resumed runs equal uninterrupted ones, damage costs little, impossible things are refused."""

import dataclasses
import itertools
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from uplift_upsample.base.errors import InputError
from uplift_upsample.model.network import build_network
from uplift_upsample.model.weights import network_variables
from uplift_upsample.train.checkpoint import CheckpointFolder
from uplift_upsample.train.inputs import Inputs
from uplift_upsample.train.parallel import build_trainer
from uplift_upsample.train.trainer import Trainer, mean_distance
from uplift_upsample.train.training import TrainingData, TrainingInterrupted, train

SEED = 3


class _Stopper:
    """Asks for an end once a step is reached."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.is_reached = False

    def on_step(self, step: int, loss: float) -> None:
        self.is_reached = step >= self.step

    def should_stop(self) -> bool:
        return self.is_reached


def _train(run, data, folder, stops):
    """Train with interruptions after the given numbers of steps, each time beginning again as a new process would."""
    for step in stops:
        stopper = _Stopper(step)
        with pytest.raises(TrainingInterrupted):
            train(run, data, folder, SEED, on_step=stopper.on_step, should_stop=stopper.should_stop)
    return train(run, data, folder, SEED)


@pytest.fixture(scope="module")
def whole(tiny_run, data, tmp_path_factory):
    """An uninterrupted run: its folder and its result."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(tiny_run, data, folder, SEED)


def _assert_equal_results(first, second) -> None:
    assert first.progress.history == second.progress.history
    assert first.progress.best_epoch == second.progress.best_epoch
    assert first.progress.readout_both == second.progress.readout_both
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.long
def test_resumed_run_equals_uninterrupted(tiny_run, data, tmp_path, whole) -> None:
    """Stops in the middle of an epoch, at its end, and behind the end of a pass through the data; dropout and averages included."""
    _assert_equal_results(whole[1], _train(tiny_run, data, tmp_path, stops=(7, 15, 38)))


def _split(vector: np.ndarray, variables) -> list[np.ndarray]:
    ends = np.cumsum([np.prod(variable.shape, dtype=int) for variable in variables])
    parts = zip(np.split(vector, ends[:-1]), variables, strict=True)
    return [part.reshape(variable.shape) for part, variable in parts]


def _heads_last(weights: list[np.ndarray]) -> list[np.ndarray]:
    """From norm (4 weights), head (2), norm, head."""
    others, tail = weights[:-12], weights[-12:]
    return [*others, *tail[:4], *tail[6:10], *tail[4:6], *tail[10:]]


@pytest.mark.long
def test_checkpoint_of_version_0_1(tiny_run, data, tmp_path, traced_once) -> None:
    """Each averaged weight and moment was an array; averaged and best weights had both norms of ``output_bn`` before both heads.
    The run goes on to the same bytes.
    """
    run = dataclasses.replace(tiny_run, model=dataclasses.replace(tiny_run.model, output_bn=True))
    stopper = _Stopper(20)  # behind the first validation, so that there is a best epoch
    with pytest.raises(TrainingInterrupted):
        train(run, data, tmp_path / "former", SEED, on_step=stopper.on_step, should_stop=stopper.should_stop)
    shutil.copytree(tmp_path / "former", tmp_path / "as_it_is")
    checkpoints = CheckpointFolder(tmp_path / "former")
    checkpoint = checkpoints.newest()
    assert checkpoint is not None
    trainer = build_trainer(run)
    variables, weights = trainer.trainable_variables, network_variables(trainer.network)
    kinds: dict[str, list[np.ndarray]] = {}
    for name, array in checkpoint.arrays.items():
        kinds.setdefault(name[:-6], []).append(array)
    steps, *moments = kinds["optimizer"]
    split = zip(*(_split(vector, variables) for vector in moments), strict=True)
    kinds["optimizer"] = [steps, *itertools.chain.from_iterable(split)]  # both moments of one variable after the other
    place = [variable.path for variable in trainer.variables].index("average")
    averages = _split(kinds["variables"][place], weights)
    kinds["variables"][place : place + 1] = _heads_last(averages)
    kinds["best"] = _heads_last(kinds["best"])
    arrays = {f"{kind}_{index:05d}": array for kind, arrays in kinds.items() for index, array in enumerate(arrays)}
    assert len(arrays) == len(checkpoint.arrays) + len(weights) - 1 + 2 * (len(variables) - 1)
    checkpoints.save(dataclasses.replace(checkpoint, arrays=arrays))
    _assert_equal_results(train(run, data, tmp_path / "former", SEED), train(run, data, tmp_path / "as_it_is", SEED))


def test_learns_and_keeps_the_best_epoch(whole) -> None:
    progress = whole[1].progress
    losses = [row["loss_mm"] for row in progress.history]
    assert losses[-1] < losses[0]
    values = [row["validation_aw_mpjpe_mm"] for row in progress.history]
    assert progress.best_value == min(values)
    assert progress.best_epoch == 1 + int(np.argmin(values))


def test_learning_curves_have_the_rate_of_the_last_step_made(whole) -> None:
    """Not that of the step to come: schedules with restarts would seem to end where they began."""
    history = whole[1].progress.history
    assert [row["step"] for row in history] == [15, 30, 45]
    assert [row["learning_rate"] for row in history] == pytest.approx([1e-3 * 0.9 ** ((row["step"] - 1) / 10) for row in history])


def test_finished_run_is_not_trained_again(tiny_run, data, whole) -> None:
    folder, result = whole
    _assert_equal_results(result, train(tiny_run, data, folder, SEED, on_step=lambda *_: pytest.fail("trained again")))


@pytest.mark.long
def test_stop_within_validation_saves_at_once_and_validates_again(tiny_run, data, tmp_path, whole, traced_once) -> None:
    """The time that a cluster leaves after SIGTERM is shorter than a validation."""
    is_asked = []

    def should_stop() -> bool:  # asked after step 30, which is to be followed by a validation, and then within it
        is_asked.append(steps[-1] == 30)
        return is_asked[-2:] == [True, True]

    steps = [0]
    with pytest.raises(TrainingInterrupted, match="stopped after step 30;"):
        train(tiny_run, data, tmp_path, SEED, on_step=lambda step, _: steps.append(step), should_stop=should_stop)
    assert CheckpointFolder(tmp_path).newest_step() == 30
    assert [row["epoch"] for row in CheckpointFolder(tmp_path).newest().state["progress"]["history"]] == [1]
    _assert_equal_results(whole[1], train(tiny_run, data, tmp_path, SEED))


def test_another_seed_without_validation(tiny_run, data, tmp_path, whole, traced_once) -> None:
    """The last epoch counts; weights are kept at the configured interval."""
    run = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, checkpoint_interval=2))
    result = train(run, TrainingData(data.table, data.videos), tmp_path, SEED + 1)
    assert result.progress.best_epoch is None
    assert all(row["validation_mpjpe_mm"] is None for row in result.progress.history)
    assert [row["loss_mm"] for row in result.progress.history] != [row["loss_mm"] for row in whole[1].progress.history]
    assert [path.name for path in tmp_path.glob("weights_epoch_*.h5")] == ["weights_epoch_0002.h5"]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:500] + bytes(64) + b[564:]], ids=["cut", "zeroed"])
def test_damaged_checkpoint_costs_only_the_way_from_the_one_before(
    tiny_run, data, tmp_path, whole, damage, caplog, traced_once
) -> None:
    shutil.copytree(whole[0], tmp_path / "run")
    newest = max((tmp_path / "run").glob("step_*.npz"))
    newest.write_bytes(damage(newest.read_bytes()))
    result = train(tiny_run, data, tmp_path / "run", SEED)
    assert "is damaged" in caplog.text
    _assert_equal_results(whole[1], result)


def test_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_state(
    tiny_run, data, tmp_path, monkeypatch, traced_once
) -> None:
    step = Trainer.step_on

    def step_20_fails(self: Trainer, inputs: Inputs) -> float:
        return step(self, inputs) if int(self.optimizer.iterations) < 20 else float("nan")

    monkeypatch.setattr(Trainer, "step_on", step_20_fails)
    with pytest.raises(InputError, match="the loss of step 21 is nan; the last good state, step 15, is kept in"):
        train(tiny_run, data, tmp_path, SEED)
    assert [path.name for path in tmp_path.glob("step_*.npz")] == ["step_000000015.npz"]


def test_weights_that_are_no_numbers_are_never_saved(tiny_run, data, tmp_path, monkeypatch, traced_once) -> None:
    """The last step of an epoch overflows: its loss is still a number, what it leaves is not."""
    step = Trainer.step_on

    def step_30_overflows(self: Trainer, inputs: Inputs) -> float:
        loss = step(self, inputs)
        if int(self.optimizer.iterations) == 30:
            self.averaged.assign(np.r_[np.inf, self.averaged[1:]])
        return loss

    monkeypatch.setattr(Trainer, "step_on", step_30_overflows)
    without_validation = TrainingData(data.table, data.videos)
    with pytest.raises(InputError, match="the weights are not finite after step 30; the last good state, step 15, is kept in"):
        train(tiny_run, without_validation, tmp_path, SEED)
    assert [path.name for path in tmp_path.glob("step_*.npz")] == ["step_000000015.npz"]


def test_a_second_writer_is_refused(tiny_run, data, tmp_path, traced_once) -> None:
    code = (
        "import sys; from uplift_upsample.train.checkpoint import CheckpointFolder\n"
        "with CheckpointFolder(sys.argv[1]).locked(): print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # until its standard input ends
        assert holder.stdout.readline() == b"\n"
        with pytest.raises(InputError, match="another process"):
            train(tiny_run, data, tmp_path, 0)


def test_checkpoint_of_other_data_is_refused(tiny_run, data, whole) -> None:
    fewer = TrainingData(data.table, data.videos[:3])
    with pytest.raises(InputError, match="examples a pass"):
        train(tiny_run, fewer, whole[0], SEED)


def test_distance_has_a_gradient_where_poses_coincide() -> None:
    import tensorflow as tf

    predicted = tf.Variable([[[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]]])
    with tf.GradientTape() as tape:
        loss = mean_distance(predicted, tf.constant([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]]))
    assert float(loss) == 0.5
    np.testing.assert_array_equal(tape.gradient(loss, predicted), [[[0, 0, 0], [0.5, 0, 0]]])


def test_batch_norm_statistics_are_averaged_too(tiny_run) -> None:
    """Every weight is averaged, trainable or not, by the published rule."""
    keras.utils.set_random_seed(0)
    model = dataclasses.replace(tiny_run.model, output_bn=True)
    trainer = Trainer(build_network(model), dataclasses.replace(tiny_run.train, ema_decay=0.5))
    variables = network_variables(trainer.network)
    assert len(trainer.result_weights()) == len(variables) > len(trainer.trainable_variables)
    expected = [ops.convert_to_numpy(v).astype(np.float64) for v in variables]
    generator = np.random.default_rng(0)
    for step in range(12):
        poses_2d = generator.normal(size=(8, 9, 17, 2)).astype(np.float32)
        trainer.step(poses_2d, generator.random((8, 9)) < 0.5, generator.normal(size=(8, 9, 17, 3)).astype(np.float32))
        decay = min(0.5, (1 + step) / (10 + step))
        expected = [e - (1 - decay) * (e - ops.convert_to_numpy(v)) for e, v in zip(expected, variables, strict=True)]
    for average, value, variable in zip(trainer.result_weights(), expected, variables, strict=True):
        np.testing.assert_allclose(average, value, atol=1e-6, err_msg=variable.path)
