"""Whether an existing result was made with the settings that are planned now, by its content or by the record next to it.

The workflow finds changed settings by its own records; these serve for results that were copied without them.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_MISSING = "missing"


def held_settings(path: str | os.PathLike[str]) -> Any:
    """What a YAML or JSON file holds; None where there is no such file, or none that can be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        is_json = Path(path).suffix == ".json"
        held = json.loads(text) if is_json else yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        str(held)  # YAML reads whole numbers that Python refuses to spell
        return held
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def differences(held: Any, planned: Any, place: str = "") -> list[str]:
    """What differs between plain values, a line each: ``train.epochs 3, now 4``. Tuples count as lists, keys in any order."""
    if isinstance(held, Mapping) and isinstance(planned, Mapping):
        keys = dict.fromkeys([*map(str, planned), *map(str, held)])
        held, planned = ({str(key): value for key, value in values.items()} for values in (held, planned))
        return [
            line
            for key in keys
            for line in differences(held.get(key, _MISSING), planned.get(key, _MISSING), f"{place}.{key}" if place else key)
        ]
    held, planned = (list(value) if isinstance(value, tuple) else value for value in (held, planned))
    if isinstance(held, list) and isinstance(planned, list) and len(held) == len(planned):
        return [
            line for number, pair in enumerate(zip(held, planned, strict=True)) for line in differences(*pair, f"{place}.{number}")
        ]
    return [] if held == planned else [f"{place} {held}, now {planned}"]
