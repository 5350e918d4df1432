"""Figures about the dependencies: locked, licensed, maintained, audited."""

import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def test_supply_chain(recorded) -> None:
    """Fails where a known hole is found. Where no service could be asked, the record says so, and so does ``make audit``."""
    locks = {kind: (PROJECT / f"envs/{kind}.lock").read_text("utf-8") for kind in ("cpu", "gpu", "jax")}
    rows = [
        line.split("|")[1:-1] for line in (PROJECT / "docs/licences.md").read_text("utf-8").splitlines() if line.startswith("|")
    ]
    licences = Counter(licence.strip() for _, _, licence, _ in rows[2:])
    with (PROJECT / "envs/releases.csv").open(encoding="utf-8", newline="") as file:
        releases = list(csv.DictReader(line for line in file if not line.startswith("#")))
    newest = max(row["last_release"] for row in releases)
    direct = [row for row in releases if not row["why"]]
    old = [f"{row['package']} ({row['last_release']}: {row['why']})" for row in releases if row["why"]]
    done = subprocess.run([sys.executable, "envs/audit.py"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 2), done.stdout + done.stderr
    recorded(
        "supply",
        [
            "| lock | packages | checksums |",
            "|---|---|---|",
            *(
                f"| `envs/{kind}.lock` | {len(re.findall('^[a-z0-9]', text, re.MULTILINE))} | {text.count('--hash=sha256:')} |"
                for kind, text in locks.items()
            ),
            "",
            f"Licences: {', '.join(f'{count} {licence}' for licence, count in licences.most_common())}.",
            "",
            f"Releases, as of {newest}: {len(direct)} packages that `pyproject.toml` names had one in the last three years.",
            f"Older ones in the locks: {'; '.join(old)}.",
            "",
            "`make audit`, which fails unless every package was looked up:",
            "",
            "```",
            *(line[:160] for line in done.stdout.splitlines()),
            "```",
        ],
    )
