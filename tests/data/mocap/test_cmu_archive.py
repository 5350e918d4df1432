"""The zip file of the whole CMU database: one subject out of it, and nothing but right files."""

import functools
import hashlib
import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from world import killing
from world.acclaim_files import HEADER, amc_text, asf_text
from world.cmu_archive import FOLDER, database_files, trial_rows, write_archive, write_trials

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.download import fetch as fetch_module
from uplift_upsample.data.download.archives import Limits
from uplift_upsample.data.mocap.cmu_archive import unpack_subject
from uplift_upsample.data.mocap.cmu_clips import convert_subject, write_clips
from uplift_upsample.data.mocap.cmu_table import cmu_table
from uplift_upsample.data.mocap.cmu_trials import Trial, fetch_subject, read_manifest, read_trials, trials_of, write_manifest

SUBJECT = trials_of(trial_rows(), "01")
NAMES = ["subjects/01/01.asf", "subjects/01/01_01.amc", "subjects/01/01_02.amc"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "allasfamc.zip")


@pytest.mark.parametrize("folder", [FOLDER, "", "a/b"])
def test_a_subject_is_unpacked(tmp_path: Path, folder: str) -> None:
    archive = write_archive(tmp_path / "all.zip", folder=folder)
    fetched = unpack_subject(archive, SUBJECT, tmp_path / "cache")
    assert list(fetched) == NAMES
    for name, file in fetched.items():
        assert file.path == tmp_path / "cache" / name
        assert file.path.read_bytes() == database_files()[name]
        assert file.origin == f"{archive}/{name}"
    assert sorted(path.name for path in (tmp_path / "cache").rglob("*.*")) == ["01.asf", "01_01.amc", "01_02.amc"]


def test_only_the_wanted_members_are_decompressed(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = zipfile.ZipFile.open

    @functools.wraps(real)
    def spy(self: zipfile.ZipFile, name: zipfile.ZipInfo, *arguments: object, **options: object) -> object:
        opened.append(getattr(name, "filename", str(name)))
        return real(self, name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(zipfile.ZipFile, "open", spy)
    unpack_subject(archive, SUBJECT, tmp_path / "cache")
    assert sorted(opened) == sorted(f"{FOLDER}/{name}" for name in NAMES)


def test_manifest_says_the_same_wherever_the_files_came_from(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in database_files().items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    write_manifest("zip.csv", unpack_subject(archive, SUBJECT, "cache", origin="http://site/all.zip"))
    write_manifest("again.csv", unpack_subject(archive, SUBJECT, "cache", origin="http://site/all.zip"))
    write_manifest("folder.csv", fetch_subject("folder", SUBJECT, "unused"))
    assert Path("zip.csv").read_bytes() == Path("again.csv").read_bytes()
    rows, others = read_manifest("zip.csv"), read_manifest("folder.csv")
    assert list(rows) == list(others) == NAMES
    for name in NAMES:
        assert rows[name] == replace(others[name], origin=f"http://site/all.zip/{name}", path=f"cache/{name}")


def test_files_in_the_cache_are_kept_if_they_are_right(archive: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    unpack_subject(archive, SUBJECT, cache)
    (cache / NAMES[1]).write_bytes(b":FULLY-SPECIFIED\nhalf a fi")
    (cache / NAMES[2]).unlink()
    kept = (cache / NAMES[0]).stat().st_mtime_ns
    unpack_subject(archive, SUBJECT, cache)
    assert {name: (cache / name).read_bytes() for name in NAMES} == {name: database_files()[name] for name in NAMES}
    assert (cache / NAMES[0]).stat().st_mtime_ns == kept
    archive.unlink()
    assert list(unpack_subject(archive, SUBJECT, cache)) == NAMES  # nothing is missing, nothing is asked for


def test_files_are_read_twice_at_most(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for the comparison with their checksum, once for the manifest; a database has thousands."""
    summed: list[Path] = []
    real = fetch_module.sha256_of_file
    monkeypatch.setattr(fetch_module, "sha256_of_file", lambda path: summed.append(path) or real(path))
    for _ in range(2):  # unpacked now, and in the cache
        unpack_subject(archive, SUBJECT, tmp_path / "cache")
        assert len(summed) <= 2 * len(NAMES)
        summed.clear()


def test_missing_trial_is_named_with_the_other_ways(archive: Path, tmp_path: Path) -> None:
    files = {name: content for name, content in database_files().items() if name != NAMES[2]}
    write_archive(archive, files)
    with pytest.raises(InputError, match=r"allasfamc\.zip: it has no subjects/01/01_02\.amc;.*mirror"):
        unpack_subject(archive, SUBJECT, tmp_path / "cache")
    assert (tmp_path / "cache" / NAMES[1]).exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b":FULLY-SPECIFIED\n:DEGREES\n1\n", "its SHA-256 is"),
        (b"<html>please log in</html>", "a web page"),
        (b"GIF89a", "no :fully-specified in its first lines"),
    ],
)
def test_wrong_content_never_reaches_the_cache(archive: Path, tmp_path: Path, content: bytes, message: str) -> None:
    write_archive(archive, database_files() | {NAMES[1]: content})
    with pytest.raises(InputError) as error:
        unpack_subject(archive, SUBJECT, tmp_path / "cache")
    assert str(error.value).startswith(f"{archive}: the member '{FOLDER}/{NAMES[1]}': {message}")
    assert [path.name for path in (tmp_path / "cache" / "subjects" / "01").iterdir()] == ["01.asf"]


def test_two_members_for_one_file(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(f"copy/{NAMES[1]}", database_files()[NAMES[1]])
    with pytest.raises(InputError, match=r"both 'all_asfamc/.*' and 'copy/.*' may be subjects/01/01_01\.amc"):
        unpack_subject(archive, SUBJECT, tmp_path / "cache")


@pytest.mark.parametrize("kind", ["cut", "html", "empty", "gone", "bomb"])
def test_broken_archive(archive: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = archive.read_bytes()
    if kind == "gone":
        archive.unlink()
    elif kind == "bomb":
        monkeypatch.setattr("uplift_upsample.data.mocap.cmu_archive._LIMITS", Limits(max_member_bytes=1000))
    else:
        archive.write_bytes({"cut": whole[: len(whole) // 2], "html": b"<!DOCTYPE html><html>", "empty": b""}[kind])
    with pytest.raises(InputError, match=r"allasfamc\.zip"):
        unpack_subject(archive, SUBJECT, tmp_path / "cache")


def test_line_ends_do_not_matter(archive: Path, tmp_path: Path) -> None:
    trials = [Trial(**(vars(trial) | {"asf_sha256": "", "sha256": "0" * 64})) for trial in SUBJECT]
    write_archive(
        archive, {name: content.replace(b"\r", b"").replace(b"\n", b"\r\n") for name, content in database_files().items()}
    )
    assert list(unpack_subject(archive, trials, tmp_path / "cache")) == NAMES


def fetch_command(place: str, *more: str) -> list[str]:
    return ["fetch_cmu.py", place, *more, "--trials", "trials.csv", "--subject", "01", "--cache", "cache", "--output", "out/01.csv"]


def test_script_takes_the_zip_or_its_manifest(archive: Path, tmp_path: Path) -> None:
    write_trials(tmp_path / "trials.csv")
    killing.finish(fetch_command("--source", "allasfamc.zip"), tmp_path)
    by_path = read_manifest(tmp_path / "out" / "01.csv")
    content = archive.read_bytes()
    manifest = {
        "source": "cmu_all",
        "path": "allasfamc.zip",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "origin": "http://mocap.cs.cmu.edu/allasfamc.zip",
    }
    (tmp_path / "cmu_all.json").write_text(json.dumps(manifest))
    killing.finish(fetch_command("--archive", "cmu_all.json"), tmp_path)
    by_manifest = read_manifest(tmp_path / "out" / "01.csv")
    assert {name: row.sha256 for name, row in by_path.items()} == {name: row.sha256 for name, row in by_manifest.items()}
    assert by_path[NAMES[0]].origin == f"allasfamc.zip/{NAMES[0]}"
    assert by_manifest[NAMES[0]].origin == f"http://mocap.cs.cmu.edu/allasfamc.zip/{NAMES[0]}"
    assert {row.path for row in by_path.values()} == {f"cache/{name}" for name in NAMES}
    for arguments in ([], ["--archive", "cmu_all.json"]):
        both = killing.start(fetch_command("--source", "x.zip", *arguments) if arguments else ["fetch_cmu.py"], tmp_path)
        said, _ = both.communicate(timeout=60)
        assert both.returncode == 2, said


def test_from_the_archive_to_the_table(archive: Path, tmp_path: Path) -> None:
    """The miniature gives clips of every subject; the trial that begins elsewhere loses its first frames."""
    write_trials(tmp_path / "trials.csv")
    paths = []
    for subject in dict.fromkeys(trial.subject for trial in trial_rows()):
        trials = trials_of(read_trials(tmp_path / "trials.csv"), subject)
        write_manifest(tmp_path / f"{subject}.csv", unpack_subject(archive, trials, tmp_path / "cache"))
        files = {
            name: replace(row, path=str(tmp_path / "cache" / name))
            for name, row in read_manifest(tmp_path / f"{subject}.csv").items()
        }
        clips, glitches = convert_subject(trials, files)
        assert {trial: [glitch.frame for glitch in found] for trial, found in glitches.items() if found} == (
            {"01_02": [0, 1, 2, 3, 4, 5]} if subject == "01" else {}
        )
        paths.append(tmp_path / f"{subject}.npz")
        write_clips(paths[-1], clips)
    table = cmu_table(paths, {"train": ["01", "02"], "val": ["07"], "test": ["14"]})
    assert table.subjects == ["01", "02", "07", "14"]
    assert table.actions == ["Walk", "Run", "Jump", "Sit"]
    assert table.metadata["share_of_joints_outside"] < 0.01


@pytest.fixture
def busy(tmp_path: Path) -> list[str]:
    """Enough long trials of one subject that a kill hits between two of them; their files."""
    text = amc_text(1500, jump_at=5)
    files = {NAMES[0]: asf_text().encode()}
    rows = []
    for number in range(1, 11):
        files[f"subjects/01/01_{number:02d}.amc"] = f"# trial {number}\n{text}".encode()
        rows.append(f"01,01_{number:02d},made by code,Walk,1500,120,,,,\n")
    write_archive(tmp_path / "all.zip", files)
    (tmp_path / "trials.csv").write_text(HEADER + "".join(rows))
    return list(files)


@pytest.mark.long
def test_unpacking_that_is_killed_ends_in_the_same_bytes(busy: list[str], tmp_path: Path) -> None:
    """The outputs are the manifest and the files in the cache."""
    command = fetch_command("--source", "all.zip")
    cache = tmp_path / "cache" / "subjects" / "01"
    names = ["out/01.csv", *(f"cache/{name}" for name in busy)]
    killing.finish(command, tmp_path)
    expected = killing.sums(tmp_path, names)
    assert set(expected) == set(names)
    for files_before in (1, 4, 7):
        for path in (*cache.iterdir(), tmp_path / "out" / "01.csv"):
            path.unlink()
        assert killing.kill_at(lambda count=files_before: len(os.listdir(cache)) >= count, command, tmp_path)  # type: ignore[misc]
        assert not (tmp_path / "out" / "01.csv").exists()
        killing.finish(command, tmp_path)
        assert killing.sums(tmp_path, names) == expected


@pytest.mark.long
def test_conversion_that_is_killed_ends_in_the_same_bytes(busy: list[str], tmp_path: Path) -> None:
    killing.finish(fetch_command("--source", "all.zip"), tmp_path)
    outputs = ["clips/01.npz", "clips/01.glitches.csv"]
    command = [
        "convert_cmu.py",
        "--manifest",
        "out/01.csv",
        "--trials",
        "trials.csv",
        "--output",
        outputs[0],
        "--glitches",
        outputs[1],
    ]
    seconds = killing.finish(command, tmp_path)
    expected = killing.sums(tmp_path, outputs)
    assert set(expected) == set(outputs)
    hits = 0
    moments: list[float | killing.Moment] = [0.6 * seconds, 0.8 * seconds, lambda: any((tmp_path / "clips").glob(".*"))]
    for moment in moments:
        for path in (tmp_path / "clips").iterdir():
            path.unlink()
        hits += killing.kill_at(moment, command, tmp_path)
        killing.finish(command, tmp_path)
        assert killing.sums(tmp_path, outputs) == expected
    assert hits >= 2


def test_the_miniature_is_made_alike_twice(tmp_path: Path) -> None:
    first, second = write_archive(tmp_path / "a.zip"), write_archive(tmp_path / "b.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(io.BytesIO(first.read_bytes())) as archive:
        assert "all_asfamc/subjects/01/01_01.amc" in archive.namelist()
