"""Asks the vulnerability services about every package of the locks, those for other systems too: ``make audit``.

Ends with 0 only if each package was looked up and none has a known hole; with 1 where one has; with 2 where something could not be
looked up. pip-audit alone says "no known vulnerabilities" when it found no service to ask.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
SERVICES = ("pypi", "osv")  # asked in turn, until one knows all packages


@dataclass
class Audit:
    """What came out: holes as ``name version: id``; why packages could not be looked up, by package."""

    holes: list[str] = field(default_factory=list)
    missed: dict[str, str] = field(default_factory=dict)


def rounds(texts: Iterable[str]) -> list[dict[str, str]]:
    """The packages of some locks, without the conditions for systems and Pythons, so that each is looked up.

    A round is a lock with one version of each package: package -> its lines.
    """
    blocks = dict.fromkeys(block for text in texts for block in re.split(r"\n(?=\S)", text.strip("\n")))
    found: list[dict[str, str]] = []
    for block in dict.fromkeys(re.sub(r" ;[^\n\\]*", " ", block, count=1) for block in blocks):
        name = block.partition("==")[0]
        free = next((one for one in found if name not in one), None)
        if free is None:
            found.append(free := {})
        free[name] = block
    return found


def audit(lock: dict[str, str]) -> Audit:
    """Ask the services about a round; the result is that of the one that knew most."""
    best = _asked(SERVICES[0], lock)
    for service in SERVICES[1:]:
        if best.holes or not best.missed:
            break
        other = _asked(service, lock)
        best = other if other.holes or len(other.missed) < len(best.missed) else best
    return best


def _asked(service: str, lock: dict[str, str]) -> Audit:
    options = ["--vulnerability-service", service, "--progress-spinner", "off", "--format", "json", "--aliases", "off"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lock.txt"
        path.write_text("\n".join([*lock.values(), ""]), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", *options, "--require-hashes", "--disable-pip", "--requirement", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answers = {one["name"]: one for one in json.loads(done.stdout)["dependencies"]}
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return Audit(missed=dict.fromkeys(lock, reason))
    return Audit(
        [f"{name} {one['version']}: {hole['id']}" for name, one in answers.items() for hole in one.get("vulns", [])],
        {name: answers.get(name, {}).get("skip_reason", "no answer") for name in lock if "vulns" not in answers.get(name, {})},
    )


def main() -> int:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    locks = sorted(FOLDER.glob("*.lock"))
    asked = rounds(lock.read_text("utf-8") for lock in locks)
    found = [audit(one) for one in asked]
    num_packages, num_missed = sum(map(len, asked)), sum(len(one.missed) for one in found)
    holes = [hole for one in found for hole in one.holes]
    names = ", ".join(lock.name for lock in locks)
    print(f"{names}: {num_packages - num_missed} of {num_packages} packages looked up, {len(holes)} known holes")
    for hole in holes:
        print(f"  {hole}")
    if num_missed:
        name, reason = next(item for one in found for item in one.missed.items())
        print(f"NOT AUDITED: {num_missed} packages; the first one, {name}: {reason}")
    return 1 if holes else 2 if num_missed else 0


if __name__ == "__main__":
    sys.exit(main())
