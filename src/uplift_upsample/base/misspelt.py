"""Paths that do not exist, and those that are meant by them."""

import difflib
import os
from collections.abc import Callable
from pathlib import Path

_NEAR = 0.75  # names of folders are short, and of the one that is meant nearly every letter stands there


def meant_path(path: str | os.PathLike[str], is_right: Callable[[Path], bool] = Path.is_dir) -> Path | None:
    """The folder that is likely meant by a path that does not exist; None where there is none, or where the path exists.

    Each part counts by itself. is_right: says of the last one whether it is what is looked for, where that is no folder.
    """
    found, parts = Path(), Path(path).parts
    try:
        for number, part in enumerate(parts, 1):
            if not (found / part).exists():
                near = _nearest(part, found, is_right if number == len(parts) else Path.is_dir)
                if near is None:
                    return None
                found = near
            else:
                found /= part
    except OSError:  # a folder that is closed to us, a name that is too long
        return None
    return None if found == Path(path) else found


def _nearest(name: str, folder: Path, is_right: Callable[[Path], bool]) -> Path | None:
    names = {other.name.casefold(): other for other in sorted(folder.iterdir()) if is_right(other)}
    close = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=_NEAR)
    return names[close[0]] if close else None
