"""What the code cites of docs/method.md is there, and what docs/method.md and docs/glossary.md name of the code is there too."""

import re
from pathlib import Path

import pytest

from uplift_upsample.base.skeleton import MODEL_17

PROJECT = Path(__file__).parents[2]
LIBRARY = PROJECT / "src" / "uplift_upsample"
FOLDERS = ("src", "scripts", "workflow", "tests", "benchmarks", "stress", "docs")
TEXTS = [
    path
    for path in [*(file for folder in FOLDERS for file in sorted((PROJECT / folder).rglob("*"))), *PROJECT.glob("*")]
    if path.suffix in {".py", ".smk", ".md", ".yaml", ".csv", ".html"} or path.name in {"Snakefile", "Makefile"}
]
CITATION = re.compile(r'docs/method\.md, ("[^"]+"(?:(?:,| and) "[^"]+")*)')


def words_of(path: Path) -> str:
    """The text of a file in one line, without the marks of comments, so that a citation may be wrapped."""
    return re.sub(r"\s+(?:#\s+)?", " ", path.read_text("utf-8"))


def cited(path: Path) -> list[str]:
    return [name for names in CITATION.findall(words_of(path)) for name in re.findall(r'"([^"]+)"', names)]


def headings(document: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", (PROJECT / document).read_text("utf-8"), re.MULTILINE)


def test_cited_sections_exist() -> None:
    found = {name: path.name for path in TEXTS for name in cited(path)}
    assert len(found) > 10
    assert {name: file for name, file in found.items() if name not in headings("docs/method.md")} == {}


def test_nothing_is_cited_that_is_not_here() -> None:
    elsewhere = re.compile(r"\bthe " + "specification", re.IGNORECASE)
    assert [path.name for path in TEXTS if elsewhere.search(words_of(path))] == []


@pytest.mark.parametrize("document", ["docs/method.md", "docs/glossary.md"])
def test_links_to_sections_lead_to_headings(document: str) -> None:
    for file, anchor in re.findall(r"\]\(([\w.]*)#([^)]+)\)", (PROJECT / document).read_text("utf-8")):
        target = f"docs/{file}" if file else document
        assert anchor in [re.sub(r"[^\w\s-]", "", name).lower().replace(" ", "-") for name in headings(target)], anchor


def test_modules_that_are_named_exist() -> None:
    named = set(re.findall(r"`(?!src)((?:\w+/)*\w+\.py|(?:\w+/)+)`", (PROJECT / "docs/method.md").read_text("utf-8")))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (LIBRARY / name).exists()] == []


def test_functions_that_are_named_exist() -> None:
    named = re.findall(r"`uplift_upsample\.([\w.]+)\.(\w+)`", (PROJECT / "docs/glossary.md").read_text("utf-8"))
    assert len(named) > 2
    for module, function in named:
        assert f"def {function}(" in (LIBRARY / f"{module.replace('.', '/')}.py").read_text("utf-8"), f"{module}.{function}"


def test_the_joint_order_is_that_of_the_code() -> None:
    table = (PROJECT / "docs/glossary.md").read_text("utf-8").split("## Joints")[1].split("\n\n")[2].splitlines()
    assert [cell.strip() for cell in table[0].strip("|").split("|")] == [str(number) for number in range(len(MODEL_17))]
    assert [cell.strip() for cell in table[2].strip("|").split("|")] == list(MODEL_17)
