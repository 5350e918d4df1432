"""Long runs whose figures go into docs/reliability.md: no number there is typed by hand."""

import platform
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from uplift_upsample.base.files import write_text

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of shells in the background; what is interrupted here would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.fixture(scope="session")
def collected(recorded: Callable[[str, Sequence[str]], None], request: pytest.FixtureRequest) -> Callable[..., Any]:
    """``with collected("slurm", 6) as lines`` writes a table that several tests fill, unless one failed or a row is missing."""

    @contextmanager
    def collect(section: str, num_rows: int) -> Iterator[list[str]]:
        lines = ["| what | outcome |", "|---|---|"]
        failed = request.session.testsfailed
        yield lines
        if request.session.testsfailed > failed:
            return
        if len(lines) - 2 != num_rows:  # not every test was run, or one has another number of rows
            warnings.warn(f"{section}: {len(lines) - 2} rows of {num_rows}; nothing is recorded", stacklevel=1)
            return
        recorded(section, lines)

    return collect
