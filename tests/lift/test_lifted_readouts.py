"""Read-outs of clips: those of an evaluation, on the same windows; what training chose; what is said of it."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lift.conftest import SIZE, evaluated, walking

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.base.records import ChosenBlend, TrainingRecord, write_record
from uplift_upsample.base.strict import to_mapping
from uplift_upsample.data.keypoints.arrays import found_in_array
from uplift_upsample.lift.known_weights import weights_named
from uplift_upsample.lift.own_clips import own_clips
from uplift_upsample.lift.uplifter import Uplifter
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.people import PeoplePlan

SECONDS = np.arange(181) / 50  # 37 tokens
CHOSEN = ChosenBlend(blend=0.35, mpjpe_mm={"1.0": 50.0}, hops_mpjpe_mm={"1": 49.0, "3": 50.2, "9": 51.0})


@pytest.mark.parametrize(
    ("readout", "hop", "blend", "s_in"),
    [
        ("sequence", 1, "auto", 10),
        ("sequence", 4, "auto", 20),
        ("sequence", 9, "auto", 5),
        ("both", 1, 0.3, 20),
        ("both", 3, 0.5, 10),
    ],
)
def test_at_50_hz_it_is_the_read_out_of_the_evaluation(readout: Any, hop: int, blend: Any, s_in: int, weights: Path) -> None:
    evaluate = EvaluateConfig(readout=readout, hop=hop, blend=blend)
    done: list[tuple[int, int]] = []
    lifter = Uplifter.load(weights, batch_size=16, readout=readout, hop=hop, blend=blend)
    poses = lifter(walking(SECONDS), frame_rate=50, s_in=s_in, size=SIZE, on_windows=lambda *each: done.append(each))
    assert np.abs(poses.positions - evaluated(weights, SECONDS, s_in, evaluate)).max() < 1e-5
    assert np.abs(poses.positions - evaluated(weights, SECONDS, s_in)).max() > 1e-3  # the central head says something else
    assert done == [(-(-37 // hop), -(-37 // hop))]
    expected = {"readout": readout, "hop": hop, "blend": blend}
    plain = {"readout": "central", "hop": 1, "blend": "auto"}
    assert {key: poses.metadata.get(key, plain[key]) for key in plain} == expected


def test_the_default_says_nothing_new(lifter: Uplifter) -> None:
    poses = lifter(walking(SECONDS), frame_rate=50, s_in=10, size=SIZE)
    assert not poses.metadata.keys() & {"readout", "hop", "blend"}
    task = lifter.prepared(found_in_array(walking(SECONDS)), frame_rate=50, size=SIZE)
    assert len(lifter.described(task)) == 3


@pytest.mark.parametrize(("readout", "hop"), [("sequence", 1), ("sequence", 7), ("both", 5)])
def test_where_nobody_is_in_reach_it_is_nan(readout: Any, hop: int, weights: Path) -> None:
    """Windows that see nobody do not count, not even for tokens that others reach."""
    points = walking(np.arange(301) / 50)
    points[15:95] = np.nan  # tokens 3 to 18; the network reaches four
    points[200:] = np.nan  # from token 40 on
    lifter = Uplifter.load(weights, batch_size=16, readout=readout, hop=hop, blend=0.5 if readout == "both" else "auto")
    central = Uplifter.load(weights, batch_size=16)
    found, expected = (
        np.isfinite(each(points, frame_rate=50, s_in=5, size=SIZE).positions).all(axis=(1, 2)) for each in (lifter, central)
    )
    assert not (found & ~expected).any()
    assert found[[0, 10, 95, 199]].all()
    if hop == 1:
        assert np.array_equal(found, expected)


@pytest.fixture
def trained(weights: Path, tmp_path: Path) -> Path:
    """The weights with the record of a training that chose."""
    shutil.copytree(weights.parents[1], tmp_path / "tiny")
    path = tmp_path / "tiny/seed_0/weights.h5"
    write_record(path.with_name("training.json"), TrainingRecord(weights_sha256=sha256_of_file(path), readout_both=CHOSEN))
    return path


def test_auto_is_what_training_chose(trained: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = weights_named(trained)
    assert Uplifter(known, readout="both").evaluate == EvaluateConfig(readout="both", blend=0.35)
    assert Uplifter(known, readout="sequence", hop="auto").evaluate == EvaluateConfig(readout="sequence", hop=3)
    packed = replace(known, path=Path("nowhere.h5"), card=replace(known.card, provenance={"readout_both": to_mapping(CHOSEN)}))
    assert Uplifter(packed, readout="both").evaluate.blend == 0.35
    worse = to_mapping(replace(CHOSEN, hops_mpjpe_mm={"1": 50.4}))
    packed = replace(known, card=replace(known.card, provenance={"readout_both": worse}))
    with caplog.at_level(logging.WARNING):
        assert Uplifter(packed, readout="sequence", hop="auto").evaluate == EvaluateConfig()
    assert "no hop of the readout sequence is within 0.3 mm of the readout central, which is taken" in caplog.text


def test_clips_of_the_workflow(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    for name in ("walk.json", "run.mp4", "jump.npz"):
        (tmp_path / "people" / name).touch()
    shared = {"folder": str(tmp_path / "people"), "weights": str(trained), "s_in": 10}
    clips = {"run": {"readout": "both"}, "jump": {"readout": "central", "hop": 1}}
    found = own_clips(PeoplePlan(**shared, readout="sequence", hop="auto", clips=clips | {"run": {"readout": "both", "hop": 2}}))
    assert {name: dict(clip.readout) for name, clip in found.items()} == {
        "walk": {"readout": "sequence", "hop": 3},
        "run": {"readout": "both", "hop": 2, "blend": 0.35},
        "jump": {},
    }
    with pytest.raises(InputError, match=r"people\.clips\.run: hop is auto with the readout both"):
        own_clips(PeoplePlan(**shared, readout="sequence", hop="auto", clips=clips))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"readout": "middle"}, "read-out.readout: expected one of"),
        ({"hop": 3}, "hop is 3 with the readout central"),
        ({"hop": "auto"}, "hop is auto with the readout central; trainings measure the hops of the readout sequence"),
        ({"readout": "sequence", "hop": 10}, "hop is 10; windows of 9 tokens that far apart leave poses out"),
        ({"readout": "sequence", "hop": 2.5}, "read-out.hop"),
        ({"readout": "sequence", "blend": 0.5}, "blend is 0.5 with the readout sequence"),
        ({"readout": "both"}, "blend is auto, and no training record has the best one"),
        ({"readout": "sequence", "hop": "auto"}, "hop is auto, and no training record has the best one"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], message: str, weights: Path) -> None:
    with pytest.raises(InputError, match=message):
        Uplifter.load(weights, **settings)


def test_networks_without_a_sequence_head(load_tiny: Any) -> None:
    known = load_tiny(sequence_head=False).known
    with pytest.raises(InputError, match=r"readout is sequence, but the network has no sequence head"):
        Uplifter(known, readout="sequence")


def test_it_is_said_beside_the_result(weights: Path) -> None:
    lifter = Uplifter(weights_named(weights), readout="sequence", hop=3)
    task = lifter.prepared(found_in_array(walking(SECONDS)), frame_rate=50, size=SIZE)
    assert lifter.described(task)[-1] == "readout sequence, hop 3; errors of weights are those of the readout central"
    json.dumps(lifter.evaluate.hop)
