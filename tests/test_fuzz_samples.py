"""The undamaged files of the fuzzer are read, so that what it damages is what the readers take; make stress-fuzz damages them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

READS = """
import pathlib, sys
from fuzz.readers import all_readers
from fuzz.worker import outcome
readers = all_readers()
for reader in readers:
    for content in reader.intact:
        print(reader.name, *outcome(reader, content, pathlib.Path(sys.argv[1]))[:2], sep=": ")
print(len(readers), "readers")
"""


@pytest.mark.long
def test_undamaged_files_are_read(project: Path, tmp_path: Path) -> None:
    path = os.pathsep.join(str(project / folder) for folder in ("src", "tests", "stress"))
    done = subprocess.run(
        [sys.executable, "-c", READS, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path, "FUZZ_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *outcomes, count = done.stdout.splitlines()
    assert [line for line in outcomes if ": " in line and not line.endswith(": read: None")] == []
    assert int(count.split()[0]) > 20
