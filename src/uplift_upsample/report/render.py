"""Result documents as CSV, Markdown, LaTeX and JSON. Equal documents give equal bytes: no time, no path, no float noise."""

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from uplift_upsample.base.files import write_text
from uplift_upsample.report.cells import NO_VALUE
from uplift_upsample.report.view import Document, Link, Section

DECIMALS = 6  # of a millimetre; chosen: more than any figure is known to


def write_document(document: Document, out_dir: str | Path) -> list[Path]:
    """Write ``NAME.csv``, ``NAME.md``, ``NAME.tex`` and ``NAME.json``; returns their paths."""
    texts = {
        "csv": csv_text(document),
        "md": markdown(document, out_dir),
        "tex": latex(document),
        "json": json_text(document, out_dir),
    }
    paths = [Path(out_dir) / f"{document.name}.{suffix}" for suffix in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_text(path, text)
    return paths


def csv_text(document: Document) -> str:
    """The rows; the first column is the note of the document, in each row, and neither a field nor the table is empty."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["note", *document.columns])
    decimals = {column: document.decimals.get(column, DECIMALS) for column in document.columns}
    for row in _fields(document):
        writer.writerow([f"{value:.{decimals[key]}f}" if isinstance(value, float) else str(value) for key, value in row.items()])
    return lines.getvalue()


def _fields(document: Document) -> list[dict[str, Any]]:
    """The rows as CSV and JSON have them: floats with a fixed count of decimals, so that equal results are equal text."""
    rows = document.rows or [dict.fromkeys(document.columns)]
    note = {"note": document.note or NO_VALUE}
    return [note | {column: _field(row[column]) for column in document.columns} for row in rows]


def _field(value: Any) -> Any:
    """``n/a``, pandas' word, for what has no value."""
    if isinstance(value, float):
        return NO_VALUE if math.isnan(value) else round(value, DECIMALS)
    return NO_VALUE if value is None else value


def json_text(document: Document, out_dir: str | Path = ".") -> str:
    """All of a document for programs: its sections as texts, its rows as ``records`` with numbers as numbers.

    The links in ``sections`` count from ``out_dir``, the paths in ``records`` from the project's folder.
    """
    sections = [
        {
            "title": section.title,
            "header": list(section.header),
            "rows": [list(row) for row in section.rows],
            "remarks": list(section.remarks),
            "row_links": [_json_links(links, out_dir) for links in section.row_links],
            "table_links": _json_links(section.table_links, out_dir),
        }
        for section in document.sections
    ]
    content = {
        "name": document.name,
        "title": document.title,
        "note": document.note or None,
        "sections": sections,
        "remarks": list(document.remarks),
        "footer": list(document.footer),
        "records": _fields(document),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _json_links(links: Sequence[Link], out_dir: str | Path) -> list[dict[str, str]]:
    return [{"label": link.label, "path": _relative(link, out_dir)} for link in links]


def _relative(link: Link, out_dir: str | Path) -> str:
    return Path(os.path.relpath(link.path, out_dir)).as_posix()


def markdown(document: Document, out_dir: str | Path = ".") -> str:
    """Headings, tables and lists of GitHub's Markdown, columns padded so that the source reads well, too.

    Links count from ``out_dir``.
    """
    blocks = [f"# {document.title}"]
    if document.note:
        blocks.append(f"> **Note**: {document.note}.")
    blocks += [_bullets(document.remarks)] if document.remarks else []
    for section in document.sections:
        blocks += [f"## {section.title}", _markdown_table(section, out_dir)]
        if section.table_links:
            blocks.append(f"Provenance: {_markdown_links(section.table_links, out_dir)}")
        blocks += [_bullets(section.remarks)] if section.remarks else []
    if document.footer:
        blocks += ["## How the numbers were made", _bullets(document.footer)]
    return "\n\n".join(blocks) + "\n"


def latex(document: Document) -> str:
    """One ``table`` environment for each section, with booktabs; the footer is a paragraph behind them."""
    lines = [f"% {document.title}", "% needs \\usepackage{booktabs,graphicx}"]
    if document.note:
        lines.append(f"% {document.note}")
    for number, section in enumerate(document.sections, start=1):
        note = f" \\textbf{{{_escaped(document.note)}.}}" if document.note else ""
        remarks = "".join(f" {_escaped(remark)}" for remark in section.remarks)
        lines += [
            "\\begin{table}",
            "\\centering\\small\\setlength{\\tabcolsep}{4pt}",
            f"\\caption{{{_escaped(section.title)}.{remarks}{note}}}",
            f"\\label{{tab:{document.name.replace('_', '-')}-{number}}}",
            "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",  # only what is too wide shrinks
            f"\\begin{{tabular}}{{{''.join(_alignments(section))}}}",
            "\\toprule",
            _latex_row(section.header),
            "\\midrule",
            *_latex_body(section),
            "\\bottomrule",
            "\\end{tabular}}",
            "\\end{table}",
            "",
        ]
    notes = [f"{_escaped(note)}\\par" for note in (*document.remarks, *document.footer)]
    lines += ["\\noindent\\begin{footnotesize}", *notes, "\\end{footnotesize}"]
    return "\n".join(lines) + "\n"


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _alignments(section: Section) -> list[str]:
    """Text to the left, columns of numbers to the right."""
    return ["r" if is_number else "l" for is_number in section.is_number]


def _markdown_table(section: Section, out_dir: str | Path) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (section.header, *section.rows)]
    alignments = _alignments(section)
    if section.row_links:
        links = ["provenance", *(_markdown_links(links, out_dir) or "–" for links in section.row_links)]
        cells = [[*row, cell] for row, cell in zip(cells, links, strict=True)]
        alignments.append("l")
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(cells[0]))]
    rule = [":" + "-" * (w - 1) if a == "l" else "-" * (w - 1) + ":" for w, a in zip(widths, alignments, strict=True)]
    padded = [
        [cell.ljust(w) if a == "l" else cell.rjust(w) for cell, w, a in zip(row, widths, alignments, strict=True)] for row in cells
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in (padded[0], rule, *padded[1:]))


def _markdown_links(links: Sequence[Link], out_dir: str | Path) -> str:
    return ", ".join(f"[{link.label}](<{_relative(link, out_dir)}>)" for link in links)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_escaped(cell) for cell in cells) + " \\\\"


def _latex_body(section: Section) -> list[str]:
    """The rows, with a little space between groups of rows that share their first cell."""
    lines: list[str] = []
    has_groups = any(one[0] == other[0] for one, other in pairwise(section.rows))
    for index, row in enumerate(section.rows):
        if has_groups and index and row[0] != section.rows[index - 1][0]:
            lines.append("\\addlinespace")
        lines.append(_latex_row(row))
    return lines


_LATEX = {
    "\\": "\\textbackslash{}",
    "_": "\\_",
    "%": "\\%",
    "&": "\\&",
    "#": "\\#",
    "$": "\\$",
    "{": "\\{",
    "}": "\\}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "†": "$^\\dagger$",
    "–": "--",
}


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
