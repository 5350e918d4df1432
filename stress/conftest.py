"""Long runs whose figures go into docs/reliability.md: no number there is typed by hand."""

import platform
import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from uplift_upsample.files import write_text

DOCUMENT = Path(__file__).parents[1] / "docs/reliability.md"


@pytest.fixture(scope="session")
def recorded() -> Callable[[str, Sequence[str]], None]:
    """``recorded("kills", ["| rounds | 30 |", ...])`` replaces what stands between ``<!-- kills -->`` and ``<!-- end -->``."""

    def record(section: str, lines: Sequence[str]) -> None:
        text = DOCUMENT.read_text("utf-8")
        pattern = rf"(<!-- {re.escape(section)} -->\n).*?(<!-- end -->)"
        assert len(re.findall(pattern, text, re.DOTALL)) == 1, f"{DOCUMENT} has no section {section}"
        measured = f"Measured on {date.today()}, {platform.machine()}, Python {platform.python_version()}."
        body = "\n".join(["", *lines, "", measured, "", ""])
        write_text(DOCUMENT, re.sub(pattern, lambda match: match[1] + body + match[2], text, flags=re.DOTALL))

    return record
