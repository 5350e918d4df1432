"""The JSON schema of the configuration, for editors and as the reference of every key; the workflow itself needs none.

Pydantic makes it of the models. Descriptions are the strings below the fields of models and dataclasses: a change of words changes
no code, so nothing runs again for it.
"""

import ast
import dataclasses
import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import yaml

from uplift_upsample.base.strict import to_mapping
from uplift_upsample.plan.configuration import Configuration
from uplift_upsample.plan.settings import Settings

_HEADER = """\
# What config.yaml may hold; the descriptions are the reference of every knob. Generated (make schema): edit the models in
# src/uplift_upsample/plan (configuration, datasets, experiment) instead. They also check what several values mean together.
"""


def schema_text() -> str:
    """The schema as YAML."""
    schema = Configuration.model_json_schema()
    parts = schema.pop("$defs")
    for model in _models(Settings):
        if model.__name__ in parts:
            _describe(parts[model.__name__], model)
    _describe(schema, Configuration)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_plain(schema), "$defs": _plain(parts, "$defs")}
    return _HEADER + yaml.safe_dump(schema, sort_keys=False, width=132, default_flow_style=None)


def _models(cls: type[Settings]) -> Iterator[type[Settings]]:
    for inner in cls.__subclasses__():
        yield inner
        yield from _models(inner)


def _describe(part: dict[str, Any], model: type) -> None:
    """Put in the descriptions of a model, and the defaults where a dataclass has them."""
    described = getattr(model, "dataclass", model)
    part["description"] = " ".join((inspect.getdoc(described) or "").split("\n\n")[0].split())
    fields = part["properties"]
    for cls in described.__mro__:
        for name, text in _descriptions(cls) if cls.__module__.startswith("uplift_upsample.") else ():
            if name in fields:
                fields[name].setdefault("description", text)
    for field in dataclasses.fields(described) if dataclasses.is_dataclass(described) else ():
        if field.default is not dataclasses.MISSING:
            fields[field.name]["default"] = to_mapping(field.default)


def _descriptions(cls: type) -> Iterator[tuple[str, str]]:
    """The fields of a class with the strings below them."""
    body = ast.parse(inspect.getsource(cls)).body[0].body  # type: ignore[attr-defined]
    for one, below in itertools.pairwise(body):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and isinstance(below, ast.Expr):
            yield one.target.id, " ".join(str(ast.literal_eval(below.value)).split())


def _plain(part: Any, key: str = "") -> Any:
    """Without titles, which only repeat names, and without defaults that stand for a key that is absent."""
    if isinstance(part, list):
        return [_plain(item) for item in part]
    if not isinstance(part, dict):
        return part
    if key in ("properties", "$defs"):
        return {name: _plain(value) for name, value in part.items()}
    is_absent = part.get("default") is None or isinstance(part["default"], dict)
    left_out = {"title", "default"} if is_absent else {"title"}
    return {name: _plain(value, name) for name, value in part.items() if name not in left_out}
