"""Lists the licences of everything that the locks install: ``make licences`` writes docs/licences.md.

What is installed is read from its own metadata; for the rest (CUDA, other systems, other versions of Python) pip is asked for the
metadata alone.
"""

import argparse
import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from email.message import Message
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "docs/licences.md"
LOCKS = ("cpu", "gpu", "jax")
# What packages write, as SPDX writes it.
SPDX = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd": "BSD",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd license": "BSD",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "gnu general public license (gpl)": "GPL",
    "mit": "MIT",
    "mit license": "MIT",
    "mit or apache-2.0": "MIT OR Apache-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl-2.0": "MPL-2.0",
    "mpl-2.0 and mit": "MPL-2.0 AND MIT",
    "nvidia proprietary software": "LicenseRef-NVIDIA-Proprietary",
    "licenseref-nvidia-proprietary": "LicenseRef-NVIDIA-Proprietary",
    "other/proprietary license": "LicenseRef-NVIDIA-Proprietary",
    "psf-2.0": "PSF-2.0",
    "psfl": "PSF-2.0",
    "public domain": "Public-Domain",
    "python software foundation license": "PSF-2.0",
}
# Whose metadata say nothing, or something vague; read in the licence files that they install.
READ = {
    "conda-inject": "MIT",
    "docutils": "Public-Domain AND BSD-2-Clause AND PSF-2.0 AND GPL-3.0-or-later",
    "namex": "Apache-2.0",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "snakemake-interface-common": "MIT",
    "snakemake-interface-logger-plugins": "MIT",
    "snakemake-interface-report-plugins": "MIT",
    "snakemake-interface-scheduler-plugins": "MIT",
    "snakemake-interface-storage-plugins": "MIT",
}

Locked = dict[str, set[str]]  # name -> versions
Metadata = Mapping[str, Any]


def locked(kind: str) -> Locked:
    """What a lock installs, on any system."""
    found: Locked = {}
    for line in (PROJECT / f"envs/{kind}.lock").read_text("utf-8").splitlines():
        if match := re.match(r"([a-z0-9][a-z0-9.-]*)==([^\s;]+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def licence(name: str, metadata: Metadata) -> str:
    """The licence as an SPDX expression. Raises ``ValueError`` where the metadata have none that is known here."""
    if name in READ:
        return READ[name]
    if metadata["expression"]:
        return SPDX.get(metadata["expression"].lower(), metadata["expression"])
    words = metadata["license"].strip().partition("\n")[0].strip().lower()  # some put the whole text there
    classifiers = [SPDX.get(text.rpartition(" :: ")[2].lower(), "") for text in metadata["classifiers"]]
    if SPDX.get(words, "BSD") != "BSD":  # the bare word is no licence yet
        return SPDX[words]
    found = [text for text in dict.fromkeys(classifiers) if text]
    if not found and words in SPDX:
        found = [SPDX[words]]
    if not found:
        raise ValueError(f"{name}: the metadata name no licence known here; read its licence file and add it to READ")
    return " OR ".join(found)


def installed_metadata(name: str, version: str) -> Metadata | None:
    """What an installed package says of itself; None unless it is there in this version."""
    try:
        message = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return _plain(message) if message["Version"] == version else None


def _plain(message: Any) -> Metadata:
    assert isinstance(message, Message)
    return {
        "expression": message["License-Expression"] or "",
        "license": message["License"] or "",
        "classifiers": [text for text in message.get_all("Classifier") or [] if text.startswith("License")],
        "requires": message.get_all("Requires-Dist") or [],
    }


def fetched_metadata(packages: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Metadata]:
    """What packages of the index say of themselves. Nothing is installed; the index mostly has metadata apart from packages."""
    found: dict[tuple[str, str], Metadata] = {}
    waiting = sorted(packages)
    while waiting:  # one version of a package at a time
        now = list({name: (name, version) for name, version in waiting}.values())
        waiting = [package for package in waiting if package not in now]
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            options = ["--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--report", str(report)]
            other = ["--python-version", "3.13", "--only-binary", ":all:", "--target", folder]
            wanted = [f"{name}=={version}" for name, version in now]
            subprocess.run([sys.executable, "-m", "pip", "install", *options, *other, *wanted], check=True)
            for item in json.loads(report.read_text("utf-8"))["install"]:
                metadata = item["metadata"]
                found[canonicalize_name(metadata["name"]), metadata["version"]] = {
                    "expression": metadata.get("license_expression", ""),
                    "license": metadata.get("license", ""),
                    "classifiers": [text for text in metadata.get("classifier", []) if text.startswith("License")],
                    "requires": metadata.get("requires_dist", []),
                }
    return found


def needed_by(requirements: Mapping[str, list[str]], everything: Mapping[str, Metadata]) -> dict[str, list[str]]:
    """Package -> the groups of pyproject.toml behind it. requirements: group -> what it asks for. everything: by name."""
    found: dict[str, list[str]] = {name: [] for name in everything}
    for group, wanted in requirements.items():
        waiting = [Requirement(text) for text in wanted]
        seen = set()
        while waiting:
            requirement = waiting.pop()
            name = canonicalize_name(requirement.name)
            key = (name, frozenset(requirement.extras))
            if name not in everything or key in seen:
                continue
            seen.add(key)
            if group not in found[name]:
                found[name].append(group)
            waiting += _behind(everything[name], requirement.extras)
    return found


def _behind(metadata: Metadata, extras: set[str]) -> list[Requirement]:
    """What a package asks for with some extras, on any system."""
    behind = []
    for text in metadata["requires"]:
        requirement = Requirement(text)
        marker = str(requirement.marker or "")
        asked = set(re.findall(r"extra == ['\"]([^'\"]+)['\"]", marker))
        if not asked or asked & {canonicalize_name(extra) for extra in extras} or asked & extras:
            behind.append(requirement)
    return behind


def groups() -> dict[str, list[str]]:
    """What pyproject.toml asks for: ``runtime``, and each extra."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    return {"runtime": project["dependencies"], **project["optional-dependencies"]}


def document() -> str:
    """The list as Markdown."""
    versions: Locked = {}
    for kind in LOCKS:
        for name, own in locked(kind).items():
            versions.setdefault(name, set()).update(own)
    packages = {(name, version): installed_metadata(name, version) for name in versions for version in versions[name]}
    packages |= fetched_metadata(package for package, metadata in packages.items() if metadata is None)
    everything: dict[str, Metadata] = {}
    for (name, _), metadata in packages.items():
        assert metadata is not None
        requires = everything.get(name, {}).get("requires", [])
        everything[name] = {**metadata, "requires": [*requires, *metadata["requires"]]}
    needs = needed_by(groups(), everything)
    rows = [
        f"| {name} | {version} | {licence(name, packages[name, version])} | {', '.join(needs[name])} |"
        for name, version in sorted(packages)
    ]
    return "\n".join([*INTRODUCTION, "", "| package | version | licence | needed by |", "|---|---|---|---|", *rows, ""])


INTRODUCTION = [
    "# Licences of the dependencies",
    "",
    "Everything that the locks in `envs/` install, on any system and Python. Written by `make licences`; a test compares it with",
    "the locks and knows which licences are allowed where. None of these packages is part of this project: they are installed",
    "beside it. *Needed by* names the groups of `pyproject.toml`: `runtime`, and the extras. Two versions of a package are for",
    "different versions of Python. A plain BSD is one whose metadata do not say which.",
]


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    DOCUMENT.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
