"""A study's page, and what pages have in common: one HTML file with everything in it, which opens without a network."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from uplift_upsample.base.errors import InputError
from uplift_upsample.report.page.contents import Animation, Figure, Table, runs_of
from uplift_upsample.report.page.graph import drawing
from uplift_upsample.report.page.provenance_facts import Run
from uplift_upsample.report.page.summary import VERDICTS, summary

TEMPLATE = "page.html"
BASE, PARTS = "base.html", "parts.html"  # of all pages
STYLE = "page.css"
SCRIPT = "page.js"
VIEWER = "viewer.js"
APART = ("cost", "provenance")  # documents whose footers are about themselves alone
MAIN_FIGURE = "error_over_s_in"  # stands on the first screen
SECTIONS = {
    "answer": "Answer",
    "figures": "Figures",
    "poses-in-3d": "3D viewer",
    "tables": "Tables",
    "animations": "Animations",
    "protocol": "Protocol",
    "provenance": "Provenance",
    "rules": "Rules",
}
LIMIT = 10_000_000  # bytes: what a phone opens without complaint


def page(
    study: str,
    tables: Sequence[Table],
    figures: Sequence[Figure],
    animations: Sequence[Animation],
    poses: Mapping[str, Any],
    runs: Sequence[Run],
    rules: Mapping[str, Sequence[str]],
) -> str:
    """The page as text. poses: the document of ``page.poses``. rules: each rule with those that it needs.

    Raises ``InputError`` where there are no tables, or the page would be larger than ``LIMIT``.
    """
    if not tables:
        raise InputError(f"page of the study {study}: no tables were given")
    tracks = poses["tracks"]
    return rendered(
        TEMPLATE,
        f"page of the study {study}",
        poses,
        SECTIONS,
        study=study,
        note=next((table.note for table in tables if table.note), ""),
        verdicts=VERDICTS,
        apart=APART,
        summary=summary(tables),
        tables=tables,
        main_figure=next((figure for figure in figures if figure.name == MAIN_FIGURE), None),
        figures=[figure for figure in figures if figure.name != MAIN_FIGURE],
        animations=animations,
        weights=runs_of(tracks),
        first_s_in=max((track["s_in"] for track in tracks), default=0),
        protocol=protocol(tables),
        runs=runs,
        rules=sorted(rules.items()),
        graph=Markup(drawing(rules)),  # escaped there
    )


def rendered(template: str, what: str, poses: Mapping[str, Any], sections: Mapping[str, str], **values: Any) -> str:
    """A page as text, of a template in this folder. poses: the document of ``page.poses``. sections: their titles by their ids.

    Raises ``InputError`` where it would be larger than ``LIMIT``; what: is too large then.
    """
    loader = DictLoader({name: _own(name) for name in (BASE, PARTS, template)})
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    text = environment.get_template(template).render(
        sections=sections.items(),
        tracks=poses["tracks"],
        poses=_json_in_html(poses),
        css=Markup(_own(STYLE)),
        page_js=Markup(_own(SCRIPT)),
        viewer_js=Markup(_own(VIEWER)),
        **values,
    )
    size = len(text.encode())
    if size > LIMIT:
        raise InputError(f"{what}: {size} bytes, more than {LIMIT}; choose fewer or shorter animations")
    return text


def protocol(tables: Sequence[Table]) -> list[tuple[str, str]]:
    """The lines of all footers on the protocol, each once, as (name, text)."""
    lines = dict.fromkeys(line for table in tables if table.name not in APART for line in table.footer)
    split = [re.match(r"([^:.]{2,140}): (.+)", line, re.DOTALL) for line in lines]
    return [(match[1], match[2]) if match else ("Note", line) for match, line in zip(split, lines, strict=True)]


def _own(name: str) -> str:
    return resources.files("uplift_upsample.report.page").joinpath(name).read_text(encoding="utf-8")


def _json_in_html(values: Any) -> Markup:
    """JSON for a script element, which must not hold what looks like its end."""
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
