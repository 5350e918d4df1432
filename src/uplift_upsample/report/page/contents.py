"""What a page shows, read from the files that other rules made; ready for the template."""

import base64
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image, UnidentifiedImageError

from uplift_upsample.base.errors import InputError
from uplift_upsample.report.view import Link, Section

ANIMATION_BYTES = 4_500_000  # of all animations inside a page; the others are links
_ANIMATION = re.compile(r"(?P<experiment>[^/]+)/(?P<run>[^/]+)/s_in_(?P<s_in>\d+)/animation/(?P<sequence>[^/]+)\.gif$")
_VIEW_BOX = re.compile(rb'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"')
WIDE = 1.4  # width over height from which a figure takes a whole line; chosen by eye


@dataclass(frozen=True)
class Table:
    """A document of tables; ``files`` are its other forms, as links from the page."""

    name: str
    title: str
    note: str
    parts: Sequence[Section]
    remarks: Sequence[str]
    footer: Sequence[str]
    records: Sequence[Mapping[str, Any]]
    files: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Figure:
    """width, height: in units of the drawing; a wide one takes the page's whole width."""

    name: str
    title: str
    caption: str
    image: str
    width: int
    height: int

    @property
    def is_wide(self) -> bool:
        return self.width > WIDE * self.height


@dataclass(frozen=True)
class Animation:
    """still: the first frame. gif: the animation as data, or None where it is too large; ``link`` has it."""

    title: str
    still: str
    gif: str | None
    link: str
    width: int
    height: int


def table(path: str | os.PathLike[str], page: str | os.PathLike[str]) -> Table:
    """A document of ``report.render`` in its JSON form. Raises ``InputError`` for anything else."""
    document = _json(path, "document of tables")
    try:
        parts = [_part(section, Path(path).parent, page) for section in document["sections"]]
        name = Path(path).stem
        siblings = [Path(path).with_suffix(suffix) for suffix in (".csv", ".md", ".tex", ".json")]
        files = [(sibling.suffix[1:], link(sibling, page)) for sibling in siblings if sibling.exists()]
        texts = [list(map(str, document.get(key, []))) for key in ("remarks", "footer")]
        note = str(document["note"] or "")
        return Table(name, document["title"], note, parts, texts[0], texts[1], document.get("records", []), files)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a document of tables ({error!r}); make it again with write_tables.py") from None


def figure(path: str | os.PathLike[str], captions: str | os.PathLike[str]) -> Figure:
    """An SVG figure with its caption, ``{captions}/{name}.rst``: a line that is its title, and below it plain text."""
    name = Path(path).stem
    title, caption = caption_of(Path(captions) / f"{name}.rst")
    data = _bytes(path, "figure")
    found = _VIEW_BOX.search(data)
    if found is None:
        raise InputError(f"{path}: not an SVG figure with a viewBox; draw it again with draw_figures.py")
    size = [round(float(number)) for number in found.groups()]
    return Figure(name, title or name.replace("_", " ").capitalize(), caption, data_uri(data, "image/svg+xml"), *size)


def caption_of(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Title (bold) and text of a caption; both empty where there is none."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return "", ""
    title, _, rest = text.partition("\n")
    return title.strip("* ."), " ".join(rest.split())


def animations(paths: Iterable[str], page: str | os.PathLike[str], room: int = ANIMATION_BYTES) -> list[Animation]:
    """Animations in the order given; those that fit into ``room`` bytes are inside the page, the smallest first."""
    paths = list(paths)
    inside, used = set(), 0
    for path in sorted(paths, key=lambda path: (len(_bytes(path, "animation")), path)):
        used += len(_bytes(path, "animation"))
        if used <= room:
            inside.add(path)
    return [_animation(path, page, path in inside) for path in paths]


def runs_of(tracks: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The choices of weights in the viewer: (value, label)."""
    found = dict.fromkeys((str(track["experiment"]), str(track["run"])) for track in tracks)
    return [(f"{experiment}/{run}", f"{experiment}, {run_title(run)}") for experiment, run in found]


def run_title(run: str) -> str:
    return "published weights" if run == "published" else run.replace("_", " ")


def link(path: str | os.PathLike[str], page: str | os.PathLike[str]) -> str:
    """A file as seen from the page's folder."""
    return quote(Path(os.path.relpath(path, Path(page).parent)).as_posix())


def data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _part(section: Mapping[str, Any], folder: Path, page: str | os.PathLike[str]) -> Section:
    """folder: of the document, from which its links count; those of the result count from the page."""

    def links(found: Iterable[Mapping[str, str]]) -> list[Link]:
        return [Link(each["label"], link(folder / each["path"], page)) for each in found]

    rows = [links(found) for found in section.get("row_links", [])]
    if rows and len(rows) != len(section["rows"]):
        raise KeyError(f"row_links of {section['title']}")
    return Section(
        title=section["title"],
        header=section["header"],
        rows=section["rows"],
        remarks=section.get("remarks", []),
        row_links=rows,
        table_links=links(section.get("table_links", [])),
    )


def _animation(path: str, page: str | os.PathLike[str], is_inside: bool) -> Animation:
    data = _bytes(path, "animation")
    try:
        with Image.open(io.BytesIO(data)) as image:
            size, still = image.size, io.BytesIO()
            image.convert("RGB").quantize(64).save(still, "PNG", optimize=True)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a GIF ({error}); draw it again") from None
    match = _ANIMATION.search(Path(path).as_posix())
    title = Path(path).stem
    if match:
        title = f"{match['sequence']}: {match['experiment']}, {run_title(match['run'])}, s_in = {match['s_in']}"
    gif = data_uri(data, "image/gif") if is_inside else None
    return Animation(title, data_uri(still.getvalue(), "image/png"), gif, link(path, page), *size)


def _bytes(path: str | os.PathLike[str], what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: no {what} ({error.strerror}); make it again") from None


def _json(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no {what} ({error}); make it again") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: not a {what}; make it again")
    return document
