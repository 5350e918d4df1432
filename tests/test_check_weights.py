"""Published weights are taken only where they fill the experiment's network one to one."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.download.source_files import SourceFile, write_source_manifest
from uplift_upsample.data.weight_files import read_weight_file

MODELS = ("n71_h351like_first1", "n9_learntoken")
Check = Callable[..., dict[str, Any]]


@pytest.fixture
def check(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Check a weight file against a configuration; the report, with the bytes of the copy among the outputs."""
    monkeypatch.syspath_prepend(project / "scripts")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.chdir(tmp_path)

    def run(weights: Path, config: Path) -> dict[str, Any]:
        file = SourceFile(
            "weights_trial", str(weights), sha256_of_file(weights), weights.stat().st_size, "https://example.org/x", "publisher"
        )
        write_source_manifest("source.json", file)
        flags = ["--source", "source.json", "--config", str(config), "--output", "out/weights.h5", "--report", "out/weights.json"]
        assert importlib.import_module("check_weights").main(flags) == 0
        return json.loads(Path("out/weights.json").read_text(encoding="utf-8"))

    return run


@pytest.mark.parametrize("name", MODELS)
def test_weights_of_the_official_code_are_matched(name: str, check: Check, golden_file: Callable[[str], Path]) -> None:
    weights = golden_file(f"models/{name}.h5")
    found = check(weights, golden_file(f"models/{name}.json"))
    assert Path("out/weights.h5").read_bytes() == weights.read_bytes()
    assert (found["source"], found["experiment"], found["sha256"]) == ("weights_trial", name, sha256_of_file(weights))
    with h5py.File(weights) as file:
        shapes: list[tuple[int, ...]] = []
        file.visititems(lambda _, item: shapes.append(item.shape) if isinstance(item, h5py.Dataset) else None)
        assert list(found["groups"]) == [group.decode() for group in file.attrs["layer_names"]]
    assert found["checked_against"] == "publisher"
    assert found["num_weights"] == sum(found["groups"].values()) == len(shapes)


def test_checkpoints_of_pytorch_become_files_of_ours(check: Check, golden_file: Callable[[str], Path], tmp_path: Path) -> None:
    """The record has the checksum of the copy, which predictions are compared by, and that of the published file."""
    network = {"network": "videopose3d", "num_tokens": 27, "filter_widths": [3, 3, 3], "channels": 32}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump({"model": network, "name": "videopose3d_27"}))
    weights = golden_file("baselines/videopose3d_27.bin")
    found = check(weights, tmp_path / "run.yaml")
    assert found["sha256"] == sha256_of_file("out/weights.h5")
    assert found["original_sha256"] == sha256_of_file(weights)
    own, theirs = read_weight_file("out/weights.h5"), read_weight_file(weights)
    assert found["num_weights"] == len(own)
    assert all(np.array_equal(array, theirs[name][0]) for name, [array] in own.items())


def test_equal_files_give_equal_bytes(check: Check, golden_file: Callable[[str], Path]) -> None:
    reports = []
    for _ in range(2):
        check(*(golden_file(f"models/{MODELS[1]}.{suffix}") for suffix in ("h5", "json")))
        reports.append(Path("out/weights.json").read_bytes())
    assert reports[0] == reports[1]
    assert sorted(path.name for path in Path("out").iterdir()) == ["weights.h5", "weights.json"]


def test_weights_of_another_experiment(check: Check, golden_file: Callable[[str], Path]) -> None:
    with pytest.raises(InputError) as error:
        check(golden_file(f"models/{MODELS[0]}.h5"), golden_file(f"models/{MODELS[1]}.json"))
    told = str(error.value)
    assert "do not fit the configured network" in told
    assert "of (9, " in told
    assert f"Are weights_trial the weights of another experiment than {MODELS[1]}?" in told
    assert not Path("out").exists()


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x89HDF\r\n\x1a\n" + bytes(40)])
def test_what_is_no_weight_file(content: bytes, check: Check, golden_file: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "page.h5").write_bytes(content)
    with pytest.raises(InputError, match=r"page.h5: not a weight file of the official layout"):
        check(tmp_path / "page.h5", golden_file(f"models/{MODELS[1]}.json"))
    assert not Path("out").exists()
