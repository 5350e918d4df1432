"""The JSON schema of the configuration, for editors and as the reference of every key; the workflow itself needs none.

Pydantic makes it of the models. Descriptions are the strings below the fields of models and dataclasses: a change of words changes
no code, so nothing runs again for it.
"""

import ast
import dataclasses
import inspect
import itertools
from collections.abc import Iterator, Sequence
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
    classes = getattr(model, "dataclasses", (model,))
    about = classes[0] if len(classes) == 1 else classes[0].__base__  # what several have in common
    part["description"] = " ".join((inspect.getdoc(about) or "").split("\n\n")[0].split())
    fields = part["properties"]
    for cls in dict.fromkeys(base for described in classes for base in described.__mro__):
        for name, text in _descriptions(cls) if cls.__module__.startswith("uplift_upsample.") else ():
            if name in fields:
                fields[name].setdefault("description", text)
    for name, values in _defaults(classes).items():
        num_owners = sum(name in getattr(cls, "__dataclass_fields__", {}) for cls in classes)
        if name == "network" or (len(values) == num_owners and len({str(value) for value in values.values()}) == 1):
            fields[name]["default"] = next(iter(values.values()))
        else:
            fields[name]["description"] += f" Default: {', '.join(f'{value} ({owner})' for owner, value in values.items())}."


def _defaults(classes: Sequence[type]) -> dict[str, dict[str, Any]]:
    """The defaults of the fields of some dataclasses, by field and network."""
    found: dict[str, dict[str, Any]] = {}
    for cls in classes:
        for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
            if field.default is not dataclasses.MISSING:
                found.setdefault(field.name, {})[getattr(cls, "network", "")] = to_mapping(field.default)
    return found


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
