"""Violations of a JSON schema as lines that somebody who edits a configuration can act on, all of them at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

from uplift_upsample.strict import shown, suggestion

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


def key_faults(config: Any) -> list[str]:
    """What a schema does not look at: keys that are no text (YAML takes ``7``, ``on`` and dates for something else), and parts that
    hold themselves.
    """
    faults: list[str] = []
    _walk(config, "", [], set(), faults)
    return faults


def _walk(part: Any, place: str, above: list[int], seen: set[int], faults: list[str]) -> None:
    """above: the parts around this one. seen: parts that stand in several places are looked at once, or it might never end."""
    if not isinstance(part, list | Mapping):
        return
    start = f"{place}: " if place else ""
    if id(part) in above or len(above) > _DEEPEST:
        faults.append(f"{start}it {'holds itself' if id(part) in above else 'is nested too deeply'}")
    if id(part) in seen or len(above) > _DEEPEST:
        return
    seen.add(id(part))
    if isinstance(part, list):
        inner = [(place, item) for item in part]
    else:
        faults += [f"{start}the key {shown(key)} is no text; write it in quotes" for key in part if not isinstance(key, str)]
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
    else:
        yield place, start + _told(error)


def _told(error: ValidationError) -> str:
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
    except ValueError:  # no number, or none that is finite
        return ""
