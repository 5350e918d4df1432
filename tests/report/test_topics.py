"""The one list of tables and figures: who makes them, and what else each has."""

from pathlib import Path

import pytest

from uplift_upsample.report.figures.figures import drawings
from uplift_upsample.report.results import collected
from uplift_upsample.report.tables.tables import documents
from uplift_upsample.report.topics import FIGURES, TABLES


def test_each_name_has_what_makes_it(study, values):
    assert (tuple(documents()), tuple(drawings())) == (TABLES, FIGURES)
    results = collected(study(values))
    assert [document(results).name for document in documents().values()] == list(TABLES)


@pytest.mark.parametrize(("kind", "names"), [("tables", TABLES), ("figures", FIGURES)])
def test_each_name_has_a_caption(project, kind, names):
    captions: list[Path] = sorted((project / "workflow/report" / kind).glob("*.rst"))
    assert [path.stem for path in captions] == sorted(names)
