"""Names of outputs at the limit of the file system."""

from pathlib import Path

import pytest

from uplift_upsample.base.errors import WriteError
from uplift_upsample.base.files import remove_leftovers, replacing, replacing_folder, require_writable, write_text

LONGEST = 255  # bytes of a name


@pytest.mark.parametrize("letter", ["a", "é", "日"])
def test_names_up_to_the_longest_can_be_written(letter: str, tmp_path: Path) -> None:
    """The temporary file has a shorter one."""
    stem = letter * ((LONGEST - 4) // len(letter.encode()))
    write_text(tmp_path / f"{stem}.npz", "poses")
    with replacing_folder(tmp_path / stem) as aside:
        aside.mkdir()
    require_writable(tmp_path, [f"{stem}.npz"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"{stem}.npz", stem])


def test_names_that_are_too_long_are_told(tmp_path: Path) -> None:
    path = tmp_path / ("a" * LONGEST + ".npz")
    told = r"a\.npz: cannot be written \(File name too long\).* To go on, take a shorter name"
    with pytest.raises(WriteError, match=told):
        write_text(path, "poses")
    with pytest.raises(WriteError, match=told):
        require_writable(tmp_path, ["walk.npz", path.name])
    with pytest.raises(WriteError, match="take a shorter name"), replacing_folder(path) as aside:
        aside.mkdir()
    assert list(tmp_path.iterdir()) == []


def test_folders_below_a_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file/new", tmp_path / "file/below/new"):
        with pytest.raises(WriteError, match=r"new: cannot be written \((File exists|Not a directory)\)"), replacing_folder(path):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_in_the_place_of_a_file_is_told_before_the_work(tmp_path: Path) -> None:
    told = r"scores: cannot be written \(Is a directory\).* To go on, name a file"
    (tmp_path / "scores").mkdir()
    with pytest.raises(WriteError, match=told):
        require_writable(tmp_path, ["scores"])
    with pytest.raises(WriteError, match=told), replacing(tmp_path / "scores"):
        pytest.fail("begun")
    assert [path.name for path in tmp_path.rglob("*")] == ["scores"]


def test_leftovers_of_long_names_are_removed(tmp_path: Path) -> None:
    name = "weights_" * 20 + ".h5"
    with replacing(tmp_path / name) as aside:
        aside.with_name(aside.name.replace(aside.stem[-8:], "12345678")).touch()
        remove_leftovers(tmp_path, name)
        assert list(tmp_path.iterdir()) == []
        aside.touch()
