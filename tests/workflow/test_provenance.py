"""Digests of data, fingerprints of code, and the record of a run."""

import json
import os
import stat
from pathlib import Path

import pytest
from world.modules import code_modules

from uplift_upsample.machine import provenance
from uplift_upsample.machine.provenance import CodeFingerprints, code_fingerprint, describe_run, digest

MODULES = {
    "scripts/entry.py": '"""An entry."""\nfrom _helper import run\nfrom uplift_upsample.room import near\n\nrun(near.value())\n',
    "scripts/_helper.py": "def run(value):\n    return value\n",
    "scripts/other.py": "print('another entry')\n",
    "src/uplift_upsample/__init__.py": "",
    "src/uplift_upsample/room/__init__.py": '"""A room."""\n',
    "src/uplift_upsample/room/near.py": (
        "import numpy\n\nfrom . import sibling\n\n\ndef value():\n"
        "    from ..far import number\n\n    return numpy.sqrt(number()), sibling\n"
    ),
    "src/uplift_upsample/room/sibling.py": "NAME = 'table.json'\n",
    "src/uplift_upsample/room/table.json": "[1]\n",
    "src/uplift_upsample/room/unused.json": "[1]\n",
    "src/uplift_upsample/far.py": 'def number():\n    """A number."""\n    return 1  # of something\n',
    "src/uplift_upsample/unrelated.py": "VALUE = 1\n",
}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def change(path: Path, text: str) -> None:
    before = path.stat().st_mtime_ns
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_modules_are_found_transitively(code: Path) -> None:
    assert sorted(code_modules(code / "scripts/entry.py")) == [
        "__main__",
        "_helper",
        "uplift_upsample",
        "uplift_upsample.far",
        "uplift_upsample.room",
        "uplift_upsample.room.near",
        "uplift_upsample.room.sibling",
    ]


def test_the_modules_that_python_would_take(code: Path) -> None:
    """A package before a module, the script's folder before the library, and no folder that is not a package."""
    for name in ("scripts/uplift_upsample.py", "src/uplift_upsample/far/__init__.py", "src/uplift_upsample/bare/module.py"):
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).write_text("from uplift_upsample import bare\nfrom uplift_upsample.bare import module\n", encoding="utf-8")
    (code / "scripts/first.py").write_text("import uplift_upsample.far, json.decoder\n", encoding="utf-8")
    found = code_modules(code / "scripts/first.py")
    assert {name: path.relative_to(code).as_posix() for name, path in found.items()} == {
        "__main__": "scripts/first.py",
        "uplift_upsample": "scripts/uplift_upsample.py",
        "uplift_upsample.far": "src/uplift_upsample/far/__init__.py",
    }


def test_a_changed_module_counts_within_one_process(code: Path) -> None:
    """What is remembered of a module is that of its time."""
    change(code / "src/uplift_upsample/far.py", "from uplift_upsample.unrelated import VALUE\n")
    assert "uplift_upsample.unrelated" in code_modules(code / "scripts/entry.py")


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("src/uplift_upsample/far.py", "def number():\n    return 1\n"),
        ("src/uplift_upsample/far.py", '"""New docstring."""\n\n\ndef number():\n    """Other."""\n\n    return (1)  # other\n'),
        ("src/uplift_upsample/unrelated.py", "VALUE = 2\n"),
        ("src/uplift_upsample/room/unused.json", "[2]\n"),
        ("src/uplift_upsample/room/__init__.py", ""),
        ("src/uplift_upsample/__init__.py", "VERSION = 1\n"),
        ("scripts/other.py", "print('changed')\n"),
        ("scripts/_helper.py", "def run(\n    value,\n):\n    return value\n"),
    ],
)
def test_what_has_no_effect_keeps_the_fingerprint(code: Path, module: str, text: str) -> None:
    before = code_fingerprint(code / "scripts/entry.py")
    change(code / module, text)
    assert code_fingerprint(code / "scripts/entry.py") == before


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("src/uplift_upsample/far.py", "def number():\n    return 2\n"),
        ("src/uplift_upsample/far.py", "def number():\n    return True\n"),
        ("src/uplift_upsample/far.py", "def number():\n    return 1.0\n"),
        ("src/uplift_upsample/far.py", "def number(x=None):\n    return 1\n"),
        ("src/uplift_upsample/room/sibling.py", "NAME = 'other.json'\n"),
        ("src/uplift_upsample/room/table.json", "[2]\n"),
        ("src/uplift_upsample/__init__.py", "print('imported')\n"),
        ("scripts/_helper.py", "def run(value):\n    return -value\n"),
    ],
)
def test_what_has_an_effect_changes_the_fingerprint(code: Path, module: str, text: str) -> None:
    before = code_fingerprint(code / "scripts/entry.py")
    change(code / module, text)
    assert code_fingerprint(code / "scripts/entry.py") != before


def test_fingerprint_does_not_depend_on_the_place(code: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "clone"
    before = code_fingerprint(code / "scripts/entry.py")
    code.rename(other)
    assert code_fingerprint(other / "scripts/entry.py") == before


@pytest.mark.parametrize("path", ["src/uplift_upsample/far.py", "src/uplift_upsample/room/table.json", "scripts/_helper.py"])
def test_a_remembered_fingerprint_follows_the_code(
    path: str, code: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found once, and again when a module or a data file changes; the place does not count."""
    cache = tmp_path_factory.mktemp("cache") / "fingerprints.json"
    found: list[Path] = []

    def used_code(entry: Path) -> list[str]:
        found.append(entry)
        return of_code(entry)

    of_code = provenance.used_code
    monkeypatch.setattr(provenance, "used_code", used_code)
    for script in ("entry.py", "other.py", "entry.py", "other.py"):
        assert CodeFingerprints(code, cache).of(script) == code_fingerprint(code / "scripts" / script)
    assert len(found) == 4 + 2
    other = code.rename(tmp_path_factory.mktemp("other") / "clone")
    before = CodeFingerprints(other, cache).of("entry.py")
    assert len(found) == 6
    change(other / path, MODULES[path].replace("1", "2").replace("value\n", "-value\n"))
    after = CodeFingerprints(other, cache).of("entry.py")
    assert after == code_fingerprint(other / "scripts/entry.py") != before


def test_digest_of_a_folder_is_that_of_its_files(tmp_path: Path, readings: list[Path]) -> None:
    folder, cache = tmp_path / "clip", tmp_path / "cache.json"
    (folder / "below").mkdir(parents=True)
    for name in ("1.json", "2.json"):
        (folder / name).write_text(name, encoding="utf-8")
    sums = [digest(folder, cache), digest(folder, cache)]
    assert len(readings) == 2  # each file once
    os.utime(folder / "1.json", ns=(0, 0))
    sums.append(digest(folder, cache))
    assert (len(set(sums)), len(readings)) == (1, 4)
    (folder / "2.json").rename(folder / "3.json")
    sums.append(digest(folder, cache))
    (folder / "1.json").write_text("another", encoding="utf-8")
    sums.append(digest(folder, cache))
    (folder / "3.json").unlink()
    assert len({*sums, digest(folder, cache)}) == 4


@pytest.mark.parametrize("damaged", ["", "{", "[1]", '{"files": 3, "entry.py": "f"}'])
def test_damaged_memory_of_fingerprints_is_made_anew(damaged: str, code: Path) -> None:
    cache = code / "fingerprints.json"
    cache.write_text(damaged, encoding="utf-8")
    assert CodeFingerprints(code, cache).of("entry.py") == code_fingerprint(code / "scripts/entry.py")


def test_real_scripts_depend_on_their_stage_only(project: Path) -> None:
    tables = code_modules(project / "scripts/write_tables.py")
    assert "uplift_upsample.report.tables" in tables
    networks = [name for name in tables if ".model." in name or ".train" in name]
    assert networks == ["uplift_upsample.model.cost"]  # formulas only
    scoring = code_modules(project / "scripts/score_predictions.py")
    assert "uplift_upsample.evaluate.metrics" in scoring
    assert not [name for name in scoring if ".model" in name or ".train" in name or ".report" in name]
    training = code_modules(project / "scripts/train.py")
    assert "uplift_upsample.train.training" in training
    assert not [name for name in training if ".report" in name or "uplift_upsample.plan.study" in name]


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose bytes were read."""
    read: list[Path] = []

    def sha256_of_file(path: Path) -> str:
        read.append(path)
        return f"sum of {Path(path).read_text(encoding='utf-8')}"

    monkeypatch.setattr(provenance, "sha256_of_file", sha256_of_file)
    return read


def test_digest_is_the_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(tmp_path / "file", tmp_path / "cache.json") == expected
    assert digest(tmp_path / "file", tmp_path / "cache.json") == expected


def test_digest_reads_a_file_again_only_when_size_or_time_changed(tmp_path: Path, readings: list[Path]) -> None:
    file, cache = tmp_path / "file", tmp_path / "folder" / "cache.json"
    file.write_text("one", encoding="utf-8")
    assert digest(file, cache) == digest(file, cache) == "sum of one"
    assert len(readings) == 1
    os.utime(file, ns=(0, 0))
    assert digest(file, cache) == "sum of one"
    assert len(readings) == 2
    file.write_text("three", encoding="utf-8")
    os.utime(file, ns=(0, 0))
    assert digest(file, cache) == "sum of three"
    assert len(readings) == 3


@pytest.mark.parametrize("damaged", ["", "{", "[1]", '{"file": 3}', "[" * 100_000])
def test_damaged_cache_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readings: list[Path], damaged: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("one", encoding="utf-8")
    Path("cache.json").write_text(damaged, encoding="utf-8")
    assert digest("file", "cache.json") == "sum of one"
    assert json.loads(Path("cache.json").read_text(encoding="utf-8"))["file"][2] == "sum of one"


def test_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readings: list[Path]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(provenance, "write_text", refuse)
    (tmp_path / "file").write_text("one", encoding="utf-8")
    assert digest(tmp_path / "file", tmp_path / "cache.json") == "sum of one"
    assert digest(tmp_path / "file", tmp_path / "cache.json") == "sum of one"
    assert len(readings) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser can write to read-only folders")
def test_read_only_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one", encoding="utf-8")
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert len(digest(tmp_path / "file", tmp_path / "cache.json")) == 64
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_run_is_described(project: Path) -> None:
    described = json.loads(json.dumps(describe_run()))
    assert described["packages"]["numpy"]
    assert described["num_cores"] >= 1
    assert described["memory_bytes"] > 10**8
    assert described["time"].endswith("+00:00")
    if described["git"] is not None:
        assert set(described["git"]) == {"commit", "is_clean"}
