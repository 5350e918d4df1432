"""Keys that a YAML file has twice in one place. YAML takes the last one, and what stood under the first is lost without a word."""

import os
from collections.abc import Iterator

import yaml


def repeated_keys(path: str | os.PathLike[str]) -> list[str]:
    """A line for each key that occurs twice; empty for files that YAML cannot read, which others report."""
    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.compose(file, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return []
    return [] if document is None else list(_repeated(document, str(path), "", set()))


def _repeated(node: yaml.Node, path: str, place: str, seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, path, f"{place.rstrip('.')}[{index}].", seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines and name != "<<":
            yield f"{path}, line {line}: {place}{name} occurs twice, first in line {lines[name]}; only one of them would count"
        lines.setdefault(name, line)
        yield from _repeated(value, path, f"{place}{name}.", seen)
