"""A training that was refused is not tried again in the same start of the workflow; a new start tries it."""

import sys
from pathlib import Path

import pytest

from uplift_upsample.base.errors import InputError


def test_what_cannot_get_better_is_not_tried_again(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(project / "scripts"))
    monkeypatch.delitem(sys.modules, "train", raising=False)
    import train

    tried = []

    def refuse(options: object) -> int:
        tried.append(options)
        raise InputError("the loss is infinite")

    monkeypatch.setattr(train, "train_as_asked", refuse)
    command = ["--config", "run.yaml", "--out_dir", str(tmp_path / "seed_0")]
    for attempt, told in (("1", "the loss is infinite"), ("2", "not tried again"), ("3", "not tried again")):
        with pytest.raises(InputError, match=told):
            train.main([*command, "--attempt", attempt])
    assert len(tried) == 1
    with pytest.raises(InputError):
        train.main(command)  # another start
    assert len(tried) == 2


def test_a_file_in_the_place_of_the_results(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(project / "scripts"))
    import train

    (tmp_path / "seed_0").touch()
    with pytest.raises(InputError, match="seed_0/checkpoints: cannot be written"):
        train.main(["--config", "run.yaml", "--out_dir", str(tmp_path / "seed_0")])


def test_what_was_killed_is_tried_again(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(project / "scripts"))
    import train

    monkeypatch.setattr(train, "train_as_asked", lambda options: 143)
    for attempt in ("1", "2"):
        assert train.main(["--config", "run.yaml", "--out_dir", str(tmp_path / "seed_0"), "--attempt", attempt]) == 143
