"""The splits of a data set from a command line."""

import json

from uplift_upsample.base.errors import InputError

HELP = 'subjects of each split as JSON: {"train": ["01", "02"], "test": ["03"]}'


def read_splits(text: str) -> dict[str, list[str]]:
    """Splits by their names. Raises ``InputError`` for text that gives none."""
    try:
        splits = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"--splits is not JSON: {error}") from None
    is_valid = isinstance(splits, dict) and all(
        isinstance(members, list) and all(isinstance(member, str) for member in members) for members in splits.values()
    )
    if not is_valid:
        raise InputError('--splits must give lists of subjects as text: {"train": ["01", "02"], "test": ["03"]}')
    return splits
