"""Locks, pyproject.toml, conda environments and the list of licences say the same; nothing is under terms nobody looked at."""

import csv
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

# The groups of pyproject.toml behind each lock.
COMMON = ["runtime", "workflow", "video", "export", "slurm", "test", "lint", "audit", "build"]
GROUPS = {"cpu": [*COMMON, "cpu"], "gpu": [*COMMON, "gpu"], "jax": [*COMMON, "cpu", "jax"]}
PYTHONS = ("3.11.7", "3.12.7", "3.13.1")
PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",  # which takes conditions away
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "PSF-2.0",
    "Public-Domain",
    "Zlib",
}
FILE_WISE = {"MPL-2.0"}  # asks something only of whoever changes the package itself
# Terms that ask for more, by package: what they are, and why they are no matter here.
NAMED = {
    "codespell": "GPL-2.0-only; a spelling checker of the sources, never imported",
    "docutils": "partly GPL; only the editor support is, the parts that Snakemake uses are in the public domain",
}
NVIDIA = "LicenseRef-NVIDIA-Proprietary"  # CUDA: what NVIDIA lets everybody install and nobody change

Lock = dict[str, list[Requirement]]


@pytest.fixture(scope="module", params=list(GROUPS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def lock_of(project: Path, kind: str) -> Lock:
    found: Lock = {}
    for text in blocks(project, kind):
        requirement = Requirement(text.partition(" \\\n")[0])
        found.setdefault(requirement.name, []).append(requirement)
    return found


def blocks(project: Path, kind: str) -> list[str]:
    """Each package of a lock with its checksums."""
    return re.split(r"\n(?=\S)", (project / f"envs/{kind}.lock").read_text("utf-8").rstrip("\n"))


def pyproject(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_text("utf-8"))


def test_locks_hold_versions_and_checksums_and_nothing_else(project: Path, kind: str) -> None:
    """No index, no address, no path, no range, nothing without a checksum."""
    for block in blocks(project, kind):
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[^\s;/@]+( ; [^\n\\:]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+", block), block


def test_lock_holds_what_the_project_asks_for(project: Path, kind: str) -> None:
    """Each group of pyproject.toml, within its bounds, for each Python that the project runs with."""
    metadata = pyproject(project)["project"]
    wanted = {"runtime": metadata["dependencies"], **metadata["optional-dependencies"]}
    assert set(wanted) == set().union(*GROUPS.values()), "a new group: add it to the locks and to this test"
    lock = lock_of(project, kind)
    for python in PYTHONS:
        for text in (text for group in GROUPS[kind] for text in wanted[group]):
            asked = Requirement(text)
            assert version_for(lock, canonicalize_name(asked.name), python) in asked.specifier, f"{text}, Python {python}"


def version_for(lock: Lock, name: str, python: str) -> Version:
    """The version that a lock installs on Linux."""
    surroundings = {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    fitting = [one for one in lock.get(name, []) if one.marker is None or one.marker.evaluate(surroundings)]
    assert len(fitting) == 1, f"{name}: {len(fitting)} versions for Python {python}"
    return Version(next(iter(fitting[0].specifier)).version)


def test_locks_agree() -> None:
    """What several locks have, they have in one version: a result does not depend on whether it came from a CPU."""
    project = Path(__file__).parents[2]
    cpu, gpu, jax = (dict.fromkeys(blocks(project, kind)) for kind in GROUPS)
    assert [block for block in cpu if block not in gpu or block not in jax] == []
    only_gpu = {block.partition("==")[0] for block in gpu if block not in cpu}
    assert only_gpu and all(name.startswith("nvidia-") for name in only_gpu), only_gpu
    assert {block.partition("==")[0] for block in jax if block not in cpu} == {"jax", "jaxlib"}


def test_lock_is_closed(project: Path) -> None:
    """What an installed package of the lock asks for here is in the lock, too, in a version that it takes."""
    lock = lock_of(project, "cpu")
    python = ".".join(map(str, sys.version_info[:3]))
    checked = 0
    for name in lock:
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of another system
        for asked in map(Requirement, requires):
            if asked.marker is None or asked.marker.evaluate({"extra": ""}):
                found = version_for(lock, canonicalize_name(asked.name), python)
                assert asked.specifier.contains(found, prereleases=True), f"{name} asks for {asked}; the lock has {found}"
                checked += 1
    assert checked > 150


def test_python_is_the_same_everywhere(project: Path) -> None:
    settings = pyproject(project)
    python = SpecifierSet(settings["project"]["requires-python"])
    lowest = next(iter(python)).version
    assert settings["tool"]["mypy"]["python_version"] == lowest
    assert settings["tool"]["ruff"]["target-version"] == "py" + lowest.replace(".", "")
    assert f"sys.version_info < ({lowest.replace('.', ', ')})" in (project / "Makefile").read_text("utf-8")
    for kind in ("cpu", "gpu"):
        dependencies = yaml.safe_load((project / f"envs/{kind}.yaml").read_text("utf-8"))["dependencies"]
        pinned = next(text for text in dependencies if text.startswith("python "))
        assert pinned.removeprefix("python =") in python


def module_of(name: str) -> ModuleType:
    """``envs/{name}.py``."""
    specification = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / f"envs/{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look there
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    """What writes the list of licences."""
    return module_of("licences")


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    """What asks for known holes."""
    return module_of("audit")


@pytest.fixture(scope="module")
def listed(licences: ModuleType) -> dict[tuple[str, str], tuple[str, list[str]]]:
    """Package and version -> licence, groups."""
    lines = licences.DOCUMENT.read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]
    assert len({(name, version) for name, version, *_ in rows}) == len(rows)
    return {(name, version): (licence, groups.split(", ")) for name, version, licence, groups in rows}


def test_licences_are_those_of_the_locks(licences: ModuleType, listed: dict) -> None:
    """Neither a package too few nor one too many; and what is installed says what the list says."""
    locked = {(name, version) for kind in GROUPS for name, versions in licences.locked(kind).items() for version in versions}
    assert set(listed) == locked, "make licences writes the list again"
    metadata = {package: licences.installed_metadata(*package) for package in listed}
    installed = {package: one for package, one in metadata.items() if one is not None}
    assert len(installed) > 100
    wrong = [name for (name, version), one in installed.items() if licences.licence(name, one) != listed[name, version][0]]
    assert not wrong, "make licences writes the list again"


def test_licences_are_allowed(listed: dict) -> None:
    """Whatever is none of the known permissive ones has to be named here with the reason why it may stay."""
    assert not set(NAMED) - {name for name, _ in listed}
    for (name, _), (licence, groups) in listed.items():
        assert groups != [""], f"{name}: nothing asks for it"
        choices = [set(re.split(r" AND |[()]+", choice)) for choice in licence.split(" OR ")]
        if name in NAMED or any(choice <= PERMISSIVE | FILE_WISE for choice in choices):
            continue
        assert licence == NVIDIA, f"{name}: {licence}"
        assert name.startswith("nvidia-")
        assert groups == ["gpu"]


def test_what_the_library_imports_asks_for_nothing(listed: dict, project: Path) -> None:
    """The packages that the project itself imports when it runs are permissive, so that it may be under the MIT licence."""
    metadata = pyproject(project)["project"]
    wanted = [*metadata["dependencies"], *metadata["optional-dependencies"]["workflow"]]
    direct = {canonicalize_name(Requirement(text).name) for text in wanted}
    for (name, _), (licence, _) in listed.items():
        if name in direct:
            assert any(set(choice.split(" AND ")) <= PERMISSIVE | FILE_WISE for choice in licence.split(" OR ")), name


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"expression": "MIT", "license": "", "classifiers": []}, "MIT"),
        ({"expression": "", "license": "MIT License\n\nCopyright ...", "classifiers": []}, "MIT"),
        ({"expression": "", "license": "BSD", "classifiers": ["License :: OSI Approved :: BSD License"]}, "BSD"),
        ({"expression": "", "license": "BSD 3-Clause", "classifiers": ["License :: OSI Approved :: BSD License"]}, "BSD-3-Clause"),
    ],
)
def test_licence_of_metadata(licences: ModuleType, metadata: dict, expected: str) -> None:
    assert licences.licence("anything", metadata) == expected


def test_silent_metadata_are_refused(licences: ModuleType) -> None:
    with pytest.raises(ValueError, match="anything: the metadata name no licence known here"):
        licences.licence("anything", {"expression": "", "license": "see the site", "classifiers": []})


def test_nothing_is_abandoned(project: Path, licences: ModuleType) -> None:
    """A package that the project names had a release in the three years before the list was made, or the list says why it stays."""
    with (project / "envs/releases.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["package"]: row for row in csv.DictReader(line for line in file if not line.startswith("#"))}
    groups = {name: {canonicalize_name(Requirement(text).name) for text in wanted} for name, wanted in licences.groups().items()}
    assert not set().union(*groups.values()) - set(rows), "add the month of its last release to envs/releases.csv"
    assert not set(rows) - {name for kind in GROUPS for name in licences.locked(kind)}, "no longer in any lock"
    newest = max(row["last_release"] for row in rows.values())
    limit = f"{int(newest[:4]) - 3}{newest[4:]}"
    old = {name for name, row in rows.items() if row["last_release"] < limit}
    assert all(rows[name]["why"] for name in old)
    assert not old & (groups["runtime"] | groups["workflow"] | groups["cpu"] | groups["gpu"])


def test_audit_asks_about_every_locked_package(audit: ModuleType, licences: ModuleType, project: Path) -> None:
    """Those for other systems and other versions of Python too."""
    asked = audit.rounds((project / f"envs/{kind}.lock").read_text("utf-8") for kind in GROUPS)
    assert all(re.fullmatch(r"[^;]+( \\\n    --hash=sha256:[0-9a-f]{64})+", block) for one in asked for block in one.values())
    found = {tuple(block.partition(" ")[0].split("==")) for one in asked for block in one.values()}
    assert found == {(name, version) for kind in GROUPS for name, versions in licences.locked(kind).items() for version in versions}


@pytest.mark.parametrize(
    ("answers", "code", "told"),
    [
        ({"pypi": {"vulns": []}}, 0, "3 of 3 packages looked up, 0 known holes"),
        ({"pypi": {"skip_reason": "not found"}, "osv": {"vulns": []}}, 0, "3 of 3 packages looked up"),
        ({"pypi": {"skip_reason": "not found"}}, 2, "NOT AUDITED: 3 packages; the first one, a: not found"),
        ({}, 2, "NOT AUDITED: 3 packages; the first one, a: no route"),
        ({"pypi": {"vulns": [{"id": "CVE-1"}]}}, 1, "a 1.0: CVE-1"),
        ({"pypi": {"skip_reason": "not found"}, "osv": {"vulns": [{"id": "CVE-1"}]}}, 1, "b 1.0: CVE-1"),
    ],
)
def test_audit_is_green_only_if_all_was_looked_up(
    audit: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answers: dict[str, dict],
    code: int,
    told: str,
) -> None:
    """pip-audit itself ends well where it found no service to ask."""

    def pip_audit(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        service = command[command.index("--vulnerability-service") + 1]
        if service not in answers:
            return subprocess.CompletedProcess(command, 1, "", "Traceback\nno route")
        names = [line.partition("==")[0] for line in Path(command[-1]).read_text("utf-8").splitlines() if "==" in line]
        found = [{"name": name, "version": "1.0"} | answers[service] for name in names]
        return subprocess.CompletedProcess(command, 0, json.dumps({"dependencies": found}), "")

    for name, lines in (
        ("one", "a==1.0 \\\n    --hash=x\nb==1.0 \\\n    --hash=x\n"),
        ("two", "a==2.0 ; x == 'y' \\\n    --hash=x\n"),
    ):
        (tmp_path / f"{name}.lock").write_text(lines, encoding="utf-8")
    monkeypatch.setattr(audit, "FOLDER", tmp_path)
    monkeypatch.setattr(audit.subprocess, "run", pip_audit)
    monkeypatch.setattr(sys, "argv", ["audit.py"])
    assert audit.main() == code
    assert told in capsys.readouterr().out
