"""A table is rows, columns and the format of its cells: views of tidy rows, each row with its numbers as numbers.

A *row* of a document is a mapping: texts, numbers (NaN where there is no value), and the words of ``cells`` in their place. Its CSV
file has the rows with the columns in ``Document.columns``; its sections show some of these rows, several of them in one line.
``render`` writes both.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from uplift_upsample.report.cells import NOT_PLANNED

Row = Mapping[str, Any]
_NUMBER = re.compile(r"[+-]?\d")


class Link(NamedTuple):
    """A file that numbers come from. path: from the project's folder."""

    label: str
    path: str


@dataclass(frozen=True)
class Section:
    """One table of a document: texts, ready to print. ``remarks`` stand below it.

    row_links: where the numbers of each line come from; table_links: where those of the whole table do. Paper has no links, so
    LaTeX leaves them out.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()
    row_links: Sequence[Sequence[Link]] = ()
    table_links: Sequence[Link] = ()

    @property
    def is_number(self) -> list[bool]:
        """For each column whether any of its cells begins with a number, maybe with a sign."""
        columns = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.header)
        return [any(_NUMBER.match(cell) for cell in column) for column in columns]


@dataclass(frozen=True)
class Document:
    """What one topic shows: tidy rows, of which the CSV file has ``columns``, and sections that show them.

    decimals: of columns whose floats do not have those of millimetres in the CSV file.
    note: what readers of the numbers must know, stands on every form. footer: how the numbers were made.
    """

    name: str
    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Row]
    sections: Sequence[Section]
    remarks: Sequence[str] = ()
    footer: Sequence[str] = ()
    decimals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A column of a section. The cell is ``text(row)`` for the first row of the line that matches ``where``, or – if none does."""

    title: str
    text: Callable[[Row], str]
    where: Mapping[str, Any] = field(default_factory=dict)

    def cell(self, line: Sequence[Row]) -> str:
        found = matching(line, **self.where)
        return self.text(found[0]) if found else NOT_PLANNED


def matching(rows: Iterable[Row], **where: Any) -> list[Row]:
    """The rows that have these values."""
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


def section(
    title: str,
    rows: Iterable[Row],
    line: Sequence[str],
    columns: Sequence[Column],
    remarks: Sequence[str] = (),
    table_links: Sequence[Link] | None = None,
) -> Section:
    """A table of rows, with those that agree in the keys ``line`` in one line, in the order in which these come first.

    A line leads to the ``links`` of its rows, if rows have any and the table does not lead to them as a whole.
    """
    lines: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        lines.setdefault(tuple(row[key] for key in line), []).append(row)
    has_links = table_links is None and any("links" in row for found in lines.values() for row in found)
    links = [list(dict.fromkeys(link for row in found for link in row.get("links", ()))) for found in lines.values()]
    return Section(
        title=title,
        header=[column.title for column in columns],
        rows=[[column.cell(found) for column in columns] for found in lines.values()],
        remarks=remarks,
        row_links=links if has_links else (),
        table_links=table_links or (),
    )
