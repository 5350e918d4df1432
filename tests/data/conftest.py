"""Fixtures of the tests of the data."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from world.acclaim_files import amc_text, write_subject
from world.amass_archives import body_model_archives
from world.cmu_sample import CmuSample, convert_sample
from world.sites import Sites

from uplift_upsample.data.amass.body_model import Body, prepare_body_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two subjects: one walks on the spot, one jumps aside at the start and travels far."""
    place = tmp_path / "site"
    write_subject(place, "01", {"01_01": amc_text(241)})
    write_subject(place, "02", {"02_01": amc_text(600, step=0.5), "02_02": amc_text(240, jump_at=5)})
    return place


@pytest.fixture(scope="session")
def cmu_sample(project: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> CmuSample:
    """All trials of the sample, converted once for all tests."""
    trials = project / "workflow" / "resources" / "cmu_trials.csv"
    return convert_sample(shared / "data" / "cmu", trials, tmp_path_factory.mktemp("cmu"))


@pytest.fixture(scope="session")
def body_archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The archives of a synthetic body model, by the names of their sources."""
    return body_model_archives(tmp_path_factory.mktemp("body_models"))


@pytest.fixture(scope="session")
def body_model(body_archives: dict[str, Path]) -> dict[str, Body]:
    """The same, reduced."""
    return prepare_body_model(body_archives["smplh"], body_archives["dmpls"], body_archives["h36m_regressor"])


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sites]:
    """All sites of the table of sources; this process and its children see no others."""
    (tmp_path / "sites").mkdir()
    with Sites(tmp_path / "sites") as sites:
        for name, value in sites.environment().items():
            monkeypatch.setenv(name, value)
        yield sites
