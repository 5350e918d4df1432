"""Fixtures of the motion capture tests."""

from pathlib import Path

import pytest
from acclaim_files import amc_text, write_subject


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two subjects: one walks on the spot, one jumps aside at the start and travels far."""
    place = tmp_path / "site"
    write_subject(place, "01", {"01_01": amc_text(241)})
    write_subject(place, "02", {"02_01": amc_text(600, step=0.5), "02_02": amc_text(240, jump_at=5)})
    return place
