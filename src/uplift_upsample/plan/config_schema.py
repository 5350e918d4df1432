"""Violations of a JSON schema as lines that help whoever edits the configuration, all of them at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

from uplift_upsample.strict import UNKNOWN, Masked, shown, suggestion

_DEEPEST = 20  # levels of lists and keys; a configuration has about ten
NAMES_OF_TYPES = {
    "object": "keys and values",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def schema_faults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Unknown and missing keys, wrong types and values out of range: (place, line), sorted."""
    errors = jsonschema.Draft202012Validator(schema).iter_errors(config)
    return sorted({fault for error in errors for fault in _faults_of(error)})


def masked(config: Mapping[str, Any], broken: Iterable[str]) -> Masked:
    """A configuration without what is wrong by itself, for checks of what the rest means together.

    broken: places with which the schema found fault. Values there are ``UNKNOWN``, keys that are missing too. A list keeps its
    other items, if there are any, unless each has its place; so do the parameters of schedules and optimisers.
    """
    tree: dict[str, Any] = {}
    for place in broken:
        branch = tree
        for part in place.split(".") if place else ():
            branch = branch.setdefault(part, {})
        branch[_BROKEN] = {}
    return _masked(config, tree)


_BROKEN = ""  # no key of a place
_IN_ORDER = ("s_in", "strides", "paddings", "drop_path_rate")
_WITHOUT_BROKEN = ("schedule_params", "optimizer_params")


def _masked(part: Any, tree: Mapping[str, Any], name: str = "") -> Any:
    if _BROKEN in tree and name:
        return UNKNOWN
    if isinstance(part, Mapping):
        kept = Masked({key: _masked(value, tree.get(key, {}), key) for key, value in part.items()})
        missing = {key: UNKNOWN for key in tree if key and key not in part}
        if name in _WITHOUT_BROKEN:
            return Masked({key: value for key, value in {**kept}.items() if value is not UNKNOWN})
        return Masked({**kept, **missing})
    if isinstance(part, list):
        items = [_masked(item, tree.get(str(index), {}), name) for index, item in enumerate(part)]
        sound = [item for item in items if item is not UNKNOWN]
        return items if len(sound) == len(items) else UNKNOWN if name in _IN_ORDER or not sound else sound
    return part


def without_wrong_keys(part: Any) -> Any:
    """A copy of a configuration without the keys that are not text."""
    if isinstance(part, Mapping):
        return {key: without_wrong_keys(value) for key, value in part.items() if isinstance(key, str)}
    return [without_wrong_keys(item) for item in part] if isinstance(part, list) else part


def key_faults(config: Any) -> list[str]:
    """What a schema does not look at: keys that are not text (YAML takes ``7``, ``on`` and dates for something else), and parts
    that hold themselves.
    """
    return [line for line, _ in _walked(config)]


def is_endless(config: Any) -> bool:
    """Whether a part holds itself or is nested too deeply."""
    return any(is_endless for _, is_endless in _walked(config))


def _walked(config: Any) -> list[tuple[str, bool]]:
    faults: list[tuple[str, bool]] = []
    _walk(config, "", [], set(), faults)
    return faults


def _walk(part: Any, place: str, above: list[int], seen: set[int], faults: list[tuple[str, bool]]) -> None:
    """above: the parts around this one. seen: parts that stand in several places are looked at once, or it might never end."""
    if not isinstance(part, list | Mapping):
        return
    start = f"{place}: " if place else ""
    if id(part) in above or len(above) > _DEEPEST:
        faults.append((f"{start}it {'holds itself' if id(part) in above else 'is nested too deeply'}", True))
    if id(part) in seen or len(above) > _DEEPEST:
        return
    seen.add(id(part))
    if isinstance(part, list):
        inner = [(place, item) for item in part]
    else:
        wrong = [key for key in part if not isinstance(key, str)]
        faults += [(f"{start}the key {shown(key)} is not text; write it in quotes", False) for key in wrong]
        inner = [(f"{place}.{key}" if place else str(key), item) for key, item in part.items()]
    for inner_place, item in inner:
        _walk(item, inner_place, [*above, id(part)], seen, faults)


def _faults_of(error: ValidationError) -> Iterator[tuple[str, str]]:
    place = ".".join(str(part) for part in error.absolute_path)
    start = f"{place}: " if place else ""
    inside = f"{place}." if place else ""
    if error.validator == "additionalProperties":
        known = set(error.schema.get("properties", {}))
        for key in set(error.instance) - known:
            yield f"{inside}{key}", f"{start}unknown key {key!r}{suggestion(key, known)}"
    elif error.validator == "required":
        for key in set(error.validator_value) - set(error.instance):
            yield f"{inside}{key}", f"{start}the key {key!r} is missing"
    elif "propertyNames" in error.absolute_schema_path:  # the name, not the part that has it
        yield f"{inside}{error.instance}", start + _message(error)
    else:
        yield place, start + _message(error)


def _message(error: ValidationError) -> str:
    value, wanted = error.instance, error.validator_value
    match error.validator:
        case "type":
            types = [wanted] if isinstance(wanted, str) else wanted
            named = " or ".join(NAMES_OF_TYPES[name] for name in types)
            return f"expected {named}, not {shown(value)}{_number_hint(value, types)}"
        case "enum":
            options = [option for option in wanted if isinstance(option, str)]
            near = suggestion(value, options) if isinstance(value, str) else ""
            return f"expected one of {', '.join(map(str, wanted))}, not {shown(value)}{near}"
        case "minimum":
            return f"{shown(value)} is too small; it must be at least {wanted}"
        case "maximum":
            return f"{shown(value)} is too large; it must be at most {wanted}"
        case "exclusiveMaximum":
            return f"{shown(value)} is too large; it must be below {wanted}"
        case "uniqueItems":
            return f"{shown(value)} repeats an entry"
        case "minItems" | "minProperties" if not value:
            return "it is empty"
        case "pattern":
            return f"{shown(value)} cannot be a name here; {error.schema['description']}"
    return error.message


def _number_hint(value: Any, types: Iterable[str]) -> str:
    if not isinstance(value, str) or "number" not in types:
        return ""
    try:
        mantissa, _, exponent = f"{float(value):e}".partition("e")
        return f" (YAML takes it for text: write {float(mantissa)}e{int(exponent):+d})"
    except ValueError:  # not a number, or not a finite one
        return ""
