"""The blend of the readout ``both``: chosen on validation people at the end of a training, and kept with its weights."""

import dataclasses

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.records import ChosenBlend, TrainingRecord, read_record, write_record
from uplift_upsample.data.sampler import Sampler, SamplerSettings
from uplift_upsample.evaluate.blend import chosen_hop, with_chosen_blend
from uplift_upsample.model.network import Lifted
from uplift_upsample.model.readout import middle_weights, window_middles
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.train import blend
from uplift_upsample.train.records import write_result
from uplift_upsample.train.source import example_reader
from uplift_upsample.train.training import TrainingData, train

BOTH = EvaluateConfig(readout="both")


class Reader:
    """Remembers the 3D poses of the windows that were read last."""

    def __init__(self, reader) -> None:
        self.reader, self.windows = reader, []

    def __getattr__(self, name):
        return getattr(self.reader, name)

    def read(self, rows):
        self.batch = self.reader.read(rows)
        self.windows.append((rows, self.batch))
        return self.batch


def test_the_best_weight_is_found(tiny_run, data) -> None:
    """The central head is 30 mm too far to the right at all joints but the root, the mean of the others 10 mm to the left."""
    rows = Sampler(data.table, data.validation_videos, SamplerSettings(s_in=(4, 8), s_out=2, step=3)).next_pass()
    reader = Reader(example_reader(data.table, tiny_run.model, tiny_run.train))
    right = np.ones((17, 3)) * [0.001, 0, 0]
    right[6] = 0
    weights = middle_weights(9)
    # errors that grow from the middle of a window on, with a weighted mean of -10 where all windows reach
    errors = -20.0 * (weights < weights.max()) * weights.sum() / (2 * (weights.sum() - weights.max()))

    class Fake:
        def lift_heads(self, heads, poses_2d, token_pose, visible) -> Lifted:
            poses = reader.batch.poses_3d
            return Lifted(poses + errors[:, None, None] * right, poses[:, 4] + 30 * right)

    inner = rows.take((rows.centre >= 8) & (rows.centre < 31))
    found = blend.chosen_blend(Fake(), reader, inner, 0, lambda: False)
    assert found.blend == 0.25
    assert found.mpjpe_mm["0.25"] == pytest.approx(0, abs=1e-3)
    assert found.mpjpe_mm["0.0"] == pytest.approx(10 * 16 / 17, abs=1e-3)
    assert found.mpjpe_mm["1.0"] == pytest.approx(30 * 16 / 17, abs=1e-3)
    for windows, batch in reader.windows:  # one mask for all windows around a pose, which upsampled poses have, too
        positions = windows.centre[:, None] + 2 * (np.arange(9) - 4)
        origin = windows.centre - 2 * windows.shift
        np.testing.assert_array_equal(batch.visible, (positions - origin[:, None]) % windows.s_in[:, None] == 0)
    assert len(inner) == found.num_poses
    has_pose = {
        (int(v), int(c)): bool(m) for w, b in reader.windows for v, c, m in zip(w.video, w.centre, b.visible[:, 4], strict=True)
    }
    assert {True, False} == {has_pose[int(v), int(c)] for v, c in zip(inner.video, inner.centre, strict=True)}
    assert blend.chosen_blend(Fake(), reader, inner, 0, lambda: True) is None


@pytest.mark.long
def test_training_keeps_the_blend_beside_its_weights(tiny_run, data, tmp_path, traced_once) -> None:
    run = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, epochs=1))
    result = train(run, data, tmp_path / "checkpoints", 0)
    write_result(tmp_path, result, run, {}, {})
    record = read_record(tmp_path / "training.json", TrainingRecord)
    chosen = record.readout_both
    assert chosen.mpjpe_mm[str(chosen.blend)] == min(chosen.mpjpe_mm.values())
    assert len(chosen.mpjpe_mm) == 21
    assert list(chosen.hops_mpjpe_mm) == ["1", "3", "9"]
    assert with_chosen_blend(BOTH, tmp_path / "weights.h5") == dataclasses.replace(BOTH, blend=chosen.blend)
    again = train(run, data, tmp_path / "checkpoints", 0)  # complete: nothing is measured again
    assert again.progress.readout_both == result.progress.readout_both

    without = train(run, TrainingData(data.table, data.videos), tmp_path / "without", 0)
    write_result(tmp_path, without, run, {}, {})
    with pytest.raises(InputError, match=r"nothing was validated.*give a number from 0 to 1"):
        with_chosen_blend(BOTH, tmp_path / "weights.h5")


def test_auto_needs_the_record_of_these_weights(tmp_path) -> None:
    weights, place = tmp_path / "weights.h5", tmp_path / "training.json"
    weights.write_bytes(b"weights")
    for evaluate in (EvaluateConfig(), EvaluateConfig(readout="sequence"), EvaluateConfig(readout="both", blend=0.5)):
        assert with_chosen_blend(evaluate, weights) == evaluate
    with pytest.raises(InputError, match=f"there is no {place}"):
        with_chosen_blend(BOTH, weights)
    write_record(place, TrainingRecord(weights_sha256="others", readout_both=ChosenBlend(blend=0.4)))
    with pytest.raises(InputError, match="is about other weights"):
        with_chosen_blend(BOTH, weights)
    write_record(place, TrainingRecord(weights_sha256=sha256_of_file(weights), readout_both=ChosenBlend(blend=0.4)))
    assert with_chosen_blend(BOTH, weights).blend == 0.4


def test_hops_are_measured_as_an_evaluation_reads_out(tiny_run, data) -> None:
    """Of a network that gives, at each token of a window, what distinguishes it from all others: by the grid of the evaluation."""
    rows = Sampler(data.table, data.validation_videos, SamplerSettings(s_in=(4, 8), s_out=2, step=3)).next_pass()
    reader = Reader(example_reader(data.table, tiny_run.model, tiny_run.train))
    rng = np.random.default_rng(0)
    right = np.ones((17, 3)) * [0.001, 0, 0]
    right[6] = 0
    offsets = rng.normal(0, 20, (data.table.video_length.max(), 9))  # mm, of the window around each frame

    class Fake:
        def lift_heads(self, heads, poses_2d, token_pose, visible) -> Lifted:
            windows, batch = reader.windows[-1]
            own = offsets[windows.centre]
            return Lifted(batch.poses_3d + own[..., None, None] * right, batch.poses_3d[:, 4])

    found = blend.chosen_blend(Fake(), reader, rows, 0, lambda: False)
    assert list(found.hops_mpjpe_mm) == ["1", "3", "9"]
    for hop in (1, 3, 9):
        errors = []
        for video, centre in zip(rows.video, rows.centre, strict=True):
            length, first = data.table.video_length[video], centre % 2
            frames = np.arange(first, length, 2)
            _, middles = window_middles(np.array([len(frames)]), hop)
            total = weight = 0.0
            for middle in frames[middles]:
                token = 4 + (centre - middle) // 2
                if 0 <= token < 9:
                    share = middle_weights(9, hop)[token]
                    total, weight = total + share * offsets[middle, token], weight + share
            errors.append(abs(total / weight) * 16 / 17)
        assert found.hops_mpjpe_mm[str(hop)] == pytest.approx(np.mean(errors), rel=1e-4), hop
    assert found.mpjpe_mm["0.0"] == found.hops_mpjpe_mm["1"]


def test_the_largest_hop_that_costs_little(tmp_path) -> None:
    weights, place = tmp_path / "weights.h5", tmp_path / "training.json"
    weights.write_bytes(b"weights")
    chosen = ChosenBlend(blend=0.4, mpjpe_mm={"1.0": 50.0}, hops_mpjpe_mm={"1": 49.6, "3": 50.1, "9": 50.29, "27": 50.31})
    write_record(place, TrainingRecord(weights_sha256=sha256_of_file(weights), readout_both=chosen))
    assert chosen_hop(weights) == 9
    assert chosen_hop(tmp_path / "packed.h5", dataclasses.asdict(chosen)) == 9
    worse = dataclasses.replace(chosen, hops_mpjpe_mm={"1": 50.4})
    assert chosen_hop(weights, dataclasses.asdict(worse)) is None
    older = TrainingRecord(weights_sha256=sha256_of_file(weights), readout_both=ChosenBlend(blend=0.4, mpjpe_mm={"1.0": 50.0}))
    write_record(place, older)
    assert with_chosen_blend(BOTH, weights).blend == 0.4
    with pytest.raises(
        InputError, match=r"hop is auto, and no training record has .* an older version trained them\); give a number of t"
    ):
        chosen_hop(weights)
