"""The table of sources, manifests of original files, recorded checksums."""

import errno
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.amass.table import SPLITS
from uplift_upsample.data.download import source_files
from uplift_upsample.data.download.source_files import (
    ChecksumLock,
    SourceFile,
    read_source,
    read_sources,
    source_named,
    sums_of_file,
    write_source_manifest,
)
from uplift_upsample.plan.surroundings import rows_of_sources

HEAD = "name,file,url,access,checksum,size,licence,notes\n"
ROW = "a,x/a.zip,https://example.org/a.zip,open,,about 1 MB,free,\n"


@pytest.fixture
def table(project: Path) -> Path:
    return project / "workflow" / "resources" / "sources.csv"


def test_the_table_has_a_row_for_each_file(table: Path) -> None:
    sources = read_sources(table)
    names = [f"h36m_S{number}" for number in (1, 5, 6, 7, 8, 9, 11)]
    names += ["h36m_cpn_ft_h36m_dbb", *(f"amass_{subset}" for split in SPLITS.values() for subset in split)]
    names += ["smplh", "dmpls", "h36m_regressor", "weights_h36m_351", "weights_h36m_351_pt", "weights_h36m_81", "weights_amass_351"]
    names += ["weights_videopose3d_243", "weights_poseformer_81", "weights_strided_transformer_243"]
    assert list(sources) == [*names, "cmu_all", "mediapipe_pose"]
    assert all(source.checksum.startswith("md5:") == (source.access == "h36m_cookie") for source in sources.values())
    assert all(source.size and source.licence for source in sources.values())


@pytest.mark.parametrize(
    ("subset", "archive"), [("CMU", "CMU"), ("MPILimits", "PosePrior"), ("MPIHDM05", "HDM05"), ("TCDhandMocap", "TCDHands")]
)
def test_archives_of_amass_bear_the_names_of_today(table: Path, subset: str, archive: str) -> None:
    source = read_sources(table)[f"amass_{subset}"]
    assert source.file == f"amass/{archive}.tar.bz2"
    assert source.url.endswith(f"/smplh/gender_specific/mosh_results/{archive}.tar.bz2")


def test_the_table_agrees_with_the_golden_one(table: Path, shared: Path) -> None:
    sources = read_sources(table).values()
    rows = [line.split(",") for line in (shared / "spec" / "sources.csv").read_text().splitlines()[1:]]
    given = {row[2]: row[4] for row in rows if row[2] and "{" not in row[2]}
    assert set(given) <= {source.url for source in sources}
    for source in sources:
        if source.url in given and given[source.url].startswith("md5:"):
            assert source.checksum == given[source.url]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (ROW.replace("open", "opens"), r"line 2: unknown access 'opens', did you mean 'open'\?; known are open, google_drive"),
        (ROW.replace("open,", "open,md5:123"), "line 2: the checksum 'md5:123' must be md5: or sha256:"),
        (ROW.replace("open,", "open,crc:" + "0" * 32), "line 2: the checksum"),
        (ROW.replace("x/a.zip", "/x/a.zip"), "line 2: the file '/x/a.zip' must be a plain path"),
        (ROW.replace("x/a.zip", "x/../../a.zip"), "line 2: the file 'x/../../a.zip' must be a plain path"),
        (ROW.replace("x/a.zip", "./a.zip"), "line 2: the file"),
        (ROW.replace("x/a.zip", ""), "line 2: the file ''"),
        (ROW.replace("https:", "ftp:"), "line 2: the url 'ftp://example.org/a.zip' must be"),
        (ROW.replace("example", "[example"), r"line 2: the url 'https://\[example\.org/a\.zip' must be"),
        (ROW.replace("a,x", "a b,x"), "line 2: the name 'a b' must be"),
        (ROW + ROW, "line 3: a is listed twice\n.*line 3: the file x/a.zip is also that of a"),
        (ROW + "\n" + ROW.replace("a,x", "b,x"), "line 4: the file x/a.zip is also that of a"),
        (ROW.replace("free,", "free"), "line 2: 7 cells where the header has 8"),
        ('a,"x\n', "cannot be read"),
    ],
)
def test_faults_are_told_with_their_line(tmp_path: Path, rows: str, fault: str) -> None:
    (tmp_path / "t.csv").write_text(HEAD + rows)
    with pytest.raises(InputError, match=fault):
        read_sources(tmp_path / "t.csv")


def test_all_faults_at_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEAD + ROW.replace("open", "?").replace("a,x/", "a,/") + ROW.replace("https", "file"))
    with pytest.raises(InputError) as error:
        read_sources(tmp_path / "t.csv")
    assert [line.partition("line ")[2][0] for line in str(error.value).splitlines()] == ["2", "2", "3", "3"]


def test_a_table_that_a_spreadsheet_wrote(tmp_path: Path) -> None:
    """It begins with a byte order mark, which belongs to no column."""
    (tmp_path / "t.csv").write_text(HEAD + ROW, encoding="utf-8-sig")
    assert read_sources(tmp_path / "t.csv")["a"].file == rows_of_sources(tmp_path / "t.csv")["a"]["file"] == "x/a.zip"


def test_table_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,url\n")
    with pytest.raises(InputError, match=r"the columns are name, url; needed are name, file"):
        read_sources(tmp_path / "t.csv")
    with pytest.raises(InputError, match=r"no\.csv: cannot be read"):
        read_sources(tmp_path / "no.csv")


def test_name_that_is_not_in_the_table(table: Path) -> None:
    with pytest.raises(InputError, match=r"has no 'amass_KITT', did you mean 'amass_KIT'\?"):
        source_named(read_sources(table), "amass_KITT")


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceFile:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.zip").write_bytes(b"content")
    file = SourceFile("a", "a.zip", hashlib.sha256(b"content").hexdigest(), 7, "https://example.org/a.zip", "first_download")
    write_source_manifest("a.json", file)
    return file


def test_manifests_come_back(original: SourceFile) -> None:
    assert read_source("a.json") == original
    first = Path("a.json").read_bytes()
    write_source_manifest("a.json", original)
    assert Path("a.json").read_bytes() == first


def test_file_that_changed_or_is_gone(original: SourceFile) -> None:
    for content in (b"cOntent", b"content and more"):
        Path("a.zip").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.zip: this is another file .* delete a\.json and start again"):
            read_source("a.json")
    Path("a.zip").unlink()
    with pytest.raises(InputError, match=r"a\.zip: the original file is gone"):
        read_source("a.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": 1}', "{}"])
def test_damaged_manifest(original: SourceFile, text: str) -> None:
    Path("a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json"):
        read_source("a.json")


@pytest.fixture
def lock(tmp_path: Path) -> ChecksumLock:
    return ChecksumLock(tmp_path / "data" / "checksums.lock")


def test_a_checksum_is_recorded_once_and_enforced(lock: ChecksumLock, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    sums = sums_of_file(tmp_path / "a")
    assert (sums.bytes, sums.md5) == (7, hashlib.md5(b"content").hexdigest())
    assert lock.fault("a", sums) is None
    assert not lock.has("a")
    lock.record("b", sums)
    lock.record("a", sums)
    text = lock.path.read_text()
    lock.record("a", sums)
    assert lock.path.read_text() == text
    assert text.splitlines()[2:] == [f"{sums.sha256}  7  a", f"{sums.sha256}  7  b"]
    other = replace(sums, sha256="0" * 64)
    assert lock.has("a")
    with pytest.raises(InputError, match=r"if the publisher really changed the file, delete the line of a from .*checksums\.lock"):
        lock.record("a", other)
    assert lock.path.read_text() == text
    assert [path.name for path in lock.path.parent.iterdir()] == ["checksums.lock"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOLCK])
def test_a_lock_that_cannot_be_written(lock: ChecksumLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """It is needed only where there is something to record; a file of NFS may not be lockable."""
    (tmp_path / "a").write_bytes(b"content")
    sums = sums_of_file(tmp_path / "a")
    lock.record("a", sums)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(lock.path))

    monkeypatch.setattr(source_files, "locked", refuse)
    lock.record("a", sums)
    with pytest.raises(
        InputError, match=r"checksums\.lock: the checksum of b cannot be recorded \(.*\); see that this file .* is kept"
    ):
        lock.record("b", sums)


@pytest.mark.parametrize("line", ["nonsense", "0" * 64 + "  x  a", "0" * 64 + "  7  a\n" + "0" * 64 + "  7  a"])
def test_damaged_lock(lock: ChecksumLock, line: str) -> None:
    lock.path.parent.mkdir()
    lock.path.write_text(f"# comment\n\n{line}\n")
    with pytest.raises(InputError, match=r"checksums\.lock, line [34]: "):
        lock.has("a")


def test_many_processes_record_at_once(lock: ChecksumLock) -> None:
    code = (
        "import sys\nfrom uplift_upsample.data.download.source_files import ChecksumLock, Sums\n"
        "for number in range(20): ChecksumLock(sys.argv[1]).record(f'{sys.argv[2]}_{number}', Sums(number, '0' * 64, ''))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(lock.path), name]) for name in "abcd"]
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    names = [line.split()[2] for line in lock.path.read_text().splitlines() if not line.startswith("#")]
    assert names == sorted(f"{name}_{number}" for name in "abcd" for number in range(20))
