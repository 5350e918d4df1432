"""Properties of files: what is written is read back, equal content gives equal bytes, and secrets are in none."""

import html
import json
import math
import pickle
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import numpy as np
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from world.quick import QUICK

from uplift_upsample.base.cameras import h36m_cameras
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import LARGEST, from_mapping, to_mapping
from uplift_upsample.data.download.credentials import HIDDEN, Secret, redacted
from uplift_upsample.data.download.source_files import ChecksumLock, Source, Sums, read_sources
from uplift_upsample.data.frames import SequenceRecord, build_frames_table, read_frames_table, write_frames_table
from uplift_upsample.data.h36m.archives import SubjectPoses, read_subject, write_subject
from uplift_upsample.data.mocap.clips import MocapClip, SubjectClips
from uplift_upsample.data.mocap.cmu_clips import read_clips, write_clips
from uplift_upsample.data.public_npz import (
    read_amass_subset,
    read_positions_2d,
    read_positions_3d,
    write_amass_subset,
    write_positions_2d,
    write_positions_3d,
)
from uplift_upsample.evaluate.predictions import Predictions, read_predictions, write_predictions
from uplift_upsample.plan.evaluation import EvaluateConfig
from uplift_upsample.plan.experiment import ModelConfig, TrainConfig
from uplift_upsample.plan.runs import Run, read_run, write_run
from uplift_upsample.report.cells import plain

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


def poses(*shape: int) -> st.SearchStrategy[np.ndarray]:
    """One to four frames; the numbers are of any size that a person can have."""

    def drawn(frames: int, size: float, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).normal(0, size, (frames, *shape)).astype(np.float32)

    return st.builds(drawn, st.integers(1, 4), st.sampled_from([0.0, 1e-30, 1.0, 1e4]), st.integers(0, 99))


def tree(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, dict[str, Any]]]:
    return st.dictionaries(NAMES, st.dictionaries(NAMES, leaves, min_size=1, max_size=2), min_size=1, max_size=2)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return np.array_equal(one, other) and getattr(one, "dtype", None) == getattr(other, "dtype", None)


def written_twice(folder: Path, suffix: str, write: Callable[[Path], None]) -> Path:
    """A file that was written twice with equal bytes."""
    for name in "ab":
        write(folder / f"{name}{suffix}")
    assert (folder / f"a{suffix}").read_bytes() == (folder / f"b{suffix}").read_bytes()
    return folder / f"a{suffix}"


# ---- files of poses


@QUICK
@given(content=tree(poses(32, 3)))
def test_public_3d_poses(content: Any, tmp_path: Path) -> None:
    path = written_twice(tmp_path, ".npz", lambda path: write_positions_3d(path, content))
    assert equal(read_positions_3d(path), content)


@QUICK
@given(content=tree(st.lists(poses(17, 2), min_size=1, max_size=4)), note=st.text(max_size=9))
def test_public_2d_poses(content: Any, note: str, tmp_path: Path) -> None:
    path = written_twice(tmp_path, ".npz", lambda path: write_positions_2d(path, content, {"note": note}))
    found, metadata = read_positions_2d(path)
    assert equal(found, content) and metadata["note"] == note and metadata["num_joints"] == 17


@QUICK
@given(content=tree(st.builds(dict, positions_3d=poses(17, 3), frame_rate=st.sampled_from([24.0, 29.97, 50.0, 240.0]))))
def test_public_amass_subsets(content: Any, tmp_path: Path) -> None:
    path = written_twice(tmp_path, ".npz", lambda path: write_amass_subset(path, content))
    assert equal(read_amass_subset(path), content)


@QUICK
@given(content=st.dictionaries(NAMES, poses(32, 3), min_size=1, max_size=3), left_out=st.lists(NAMES, max_size=2))
def test_converted_subjects(content: dict[str, np.ndarray], left_out: list[str], tmp_path: Path) -> None:
    subject = SubjectPoses("S1", content, left_out, {"file": "x", "sha256": "0"})
    found = read_subject(written_twice(tmp_path, ".npz", lambda path: write_subject(path, subject)))
    assert equal(dict(found.recordings), content) and list(found.left_out) == left_out and found.subject == "S1"


@QUICK
@given(content=st.lists(st.tuples(NAMES, NAMES, poses(17, 3)), max_size=3))
def test_clips(content: list[tuple[str, str, np.ndarray]], tmp_path: Path) -> None:
    clips = [MocapClip(name, f"{name}/1", action, array) for name, action, array in content]
    path = written_twice(tmp_path, ".npz", lambda path: write_clips(path, SubjectClips("01", clips, [], [{"file": "é"}])))
    found = read_clips(path)
    assert [(clip.trial, clip.name, clip.action) for clip in found.clips] == [(c.trial, c.name, c.action) for c in clips]
    assert all(np.array_equal(one.poses_3d, other.poses_3d) for one, other in zip(found.clips, clips, strict=True))


RECORD = st.tuples(NAMES, NAMES, NAMES, st.integers(1, 5), st.integers(0, 2), st.sampled_from([50.0, 100.0]))


@QUICK
@given(content=st.lists(RECORD, min_size=1, max_size=4), has_2d=st.booleans(), seed=st.integers(0, 99))
def test_frames_tables(content: list[Any], has_2d: bool, seed: int, tmp_path: Path) -> None:
    """Whatever the names, also two videos of one name; also videos of one frame."""
    rng = np.random.default_rng(seed)
    records = []
    for subject, name, action, length, num_cameras, rate in content:
        cameras = list(range(num_cameras + 1)) if has_2d else []
        views = [rng.normal(size=(length, 17, 2)).astype(np.float32) for _ in cameras]
        records.append(
            SequenceRecord(subject, name, action, rng.normal(size=(length, 17, 3)).astype(np.float32), views, cameras, rate)
        )
    table = build_frames_table(records, h36m_cameras(), {"dataset": "é", "splits": {"train": [content[0][0]]}})
    found = read_frames_table(written_twice(tmp_path, ".h5", lambda path: write_frames_table(path, table)))
    for attribute in ("poses_3d", "poses_2d", "sequence_start", "sequence_frame_rate", "video_camera", "video_start_2d"):
        assert np.array_equal(getattr(found, attribute), getattr(table, attribute)), attribute
    assert found.subjects == table.subjects and found.actions == table.actions and found.sha256 == table.sha256
    assert found.sequence_name.tolist() == [record.name for record in records]


@QUICK
@given(array=poses(17, 3), note=st.text(max_size=9), number=st.floats(allow_nan=False, allow_infinity=False))
def test_predictions(array: np.ndarray, note: str, number: float, tmp_path: Path) -> None:
    count = np.arange(len(array))
    predictions = Predictions(array, count, 5 * count, {"note": note, "number": number})
    found = read_predictions(written_twice(tmp_path, ".h5", lambda path: write_predictions(path, predictions)))
    assert equal(found.poses_3d, array) and equal(found.frame, 5 * count)
    assert (found.metadata["note"], found.metadata["number"]) == (note, number)


# ---- configurations and tables


@QUICK
@given(
    name=st.text(max_size=9),
    s_in=st.lists(st.integers(1, 9).map(lambda number: 5 * number), max_size=3),
    rate=st.floats(0, 1, exclude_max=True),
    weight_decay=st.none() | st.floats(0, 1, exclude_max=True),
    epochs=st.integers(1, LARGEST),
)
def test_run_configurations(
    name: str, s_in: list[int], rate: float, weight_decay: float | None, epochs: int, tmp_path: Path
) -> None:
    assume(name.encode("utf-8", "replace").decode() == name)
    model = ModelConfig(num_tokens=9, s_out=5, s_in=tuple(s_in), strides=(3, 3), drop_rate=rate)
    run = Run(model, TrainConfig(weight_decay=weight_decay, epochs=epochs), name=name)
    path = written_twice(tmp_path, ".yaml", lambda path: write_run(path, run))
    assert read_run(path) == (run, EvaluateConfig())
    assert from_mapping(Run, json.loads(json.dumps(to_mapping(run))), "run") == run


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@QUICK
@given(
    group=st.sampled_from(["model", "train"]),
    key=st.sampled_from(sorted({*ModelConfig.__dataclass_fields__, *TrainConfig.__dataclass_fields__})) | st.text(max_size=9),
    value=JSON,
)
def test_any_value_of_any_key_is_told_in_a_line_or_sound(group: str, key: str, value: Any, tmp_path: Path) -> None:
    values = Run(ModelConfig(num_tokens=9, s_out=5, strides=(3, 3))).to_mapping()
    values[group][key] = value
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=False))
    try:
        run, _ = read_run(path)
    except InputError as error:
        assert all(line.startswith(str(path)) for line in str(error).splitlines())
        assert str(error).replace("\n", "").isprintable() and len(str(error)) < 25_000
    else:
        assert from_mapping(Run, to_mapping(run), "run") == run


CELLS = st.text(string.ascii_letters + string.digits + " ,;\"'é日本#-", max_size=12).map(str.strip)


@QUICK
@given(size=CELLS, licence=CELLS, notes=CELLS, checksum=st.sampled_from(["", "md5:" + "0" * 32, "sha256:" + "f" * 64]))
def test_tables_of_sources(size: str, licence: str, notes: str, checksum: str, tmp_path: Path) -> None:
    source = Source("name_1", "a/b.tgz", "https://example.org/x?a=1", "open", checksum, size, licence, notes)
    cells = [f'"{value.replace(chr(34), chr(34) * 2)}"' for value in vars(source).values()]
    path = tmp_path / "sources.csv"
    path.write_text(f"{','.join(Source.__dataclass_fields__)}\n{','.join(cells)}\n", encoding="utf-8")
    assert read_sources(path) == {"name_1": source}


SUMS = st.builds(Sums, st.integers(0, 10**15), st.text("0123456789abcdef", min_size=64, max_size=64), st.just(""))


@QUICK
@given(content=st.dictionaries(st.from_regex(r"\w{1,9}", fullmatch=True), SUMS, min_size=1, max_size=4), other=SUMS)
def test_recorded_checksums(content: dict[str, Sums], other: Sums, tmp_path: Path) -> None:
    path = tmp_path / "checksums.lock"
    path.unlink(missing_ok=True)
    for name, sums in content.items():
        ChecksumLock(path).record(name, sums)
    text = path.read_bytes()
    for name, sums in content.items():
        ChecksumLock(path).record(name, sums)
        assert ChecksumLock(path).fault(name, sums) is None
        if other != sums:
            with pytest.raises(InputError, match="from when it first came"):
                ChecksumLock(path).record(name, other)
    assert path.read_bytes() == text and not ChecksumLock(path).has("no such name")


@QUICK
@given(value=st.floats(0, 1e6) | st.just(math.nan))
def test_cells_of_tables_are_short_and_right(value: float) -> None:
    cell = plain(value)
    assert cell.isprintable() and "|" not in cell and "nan" not in cell.lower()
    if not math.isnan(value):
        assert abs(float(cell) - value) <= 0.0500001


# ---- secrets


@QUICK
@given(word=st.text(st.characters(codec="utf-8"), min_size=4, max_size=20), before=st.text(max_size=9), after=st.text(max_size=9))
def test_secrets_are_in_no_text(word: str, before: str, after: str) -> None:
    assume(not set(word) <= set(HIDDEN + before + after))
    secret = Secret(word)
    for spelling in (word, quote(word), quote(word, safe=""), quote_plus(word), html.escape(word), repr(word)[1:-1]):
        found = redacted(before + spelling + after, [secret])
        assert word not in found and spelling not in found and HIDDEN in found
    assert word not in repr(secret) and word not in str(secret) and word not in f"{[secret]} {secret!r}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
