"""CDF files with counts and offsets that would keep a reader busy for ever, or fill the memory."""

from typing import Any

import numpy as np
import pytest
from world.h36m_archives import cdf_bytes

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.h36m import cdf_guard
from uplift_upsample.data.h36m.cdf import read_poses


def cdf(**options: Any) -> bytes:
    rng = np.random.default_rng(0)
    return cdf_bytes(rng.normal(0, 300, (9, 32, 3)).astype(np.float32), **options)


def changed_cdf(at: int, value: bytes, **options: Any) -> bytes:
    content = bytearray(cdf(**options))
    content[at : at + len(value)] = value
    return bytes(content)


DAMAGED = r"the record at byte \d+ is cut off, overlaps others or comes twice"
GDR = 8 + 312  # behind the first record of the files of the tests


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x00\x00\xff\xff" * 9, "it is not a CDF file"),
        (cdf()[:400], DAMAGED),
        (changed_cdf(GDR + 8 + 52, b"\x7f\xff\xff\xff"), DAMAGED),  # variables
        (changed_cdf(GDR + 8 + 48, b"\x00\x00\x00\x0b"), "a variable of 11 dimensions"),
        (changed_cdf(GDR + 8 + 36, b"\xff\xff\xff\xff"), "a count of -1"),
    ],
)
def test_cdf_files_that_would_keep_a_reader_busy(content: bytes, told: str) -> None:
    with pytest.raises(InputError, match=rf"S1\.tgz: x\.cdf: the variable 'Pose' cannot be read \({told}") as caught:
        read_poses(content, "S1.tgz: x.cdf")
    assert "\n" not in str(caught.value)


def variable_at(content: bytes) -> int:
    """Where the record of the variable starts."""
    return content.index(b"Pose\0") - 84


@pytest.mark.parametrize(
    ("offset", "value", "told"),
    [
        (8 + 16, b"\x7f\xff\xff\xff", "its variable claims"),  # records
        (8 + 56, b"\x7f\xff\xff\xff", "its variable claims"),  # elements
        (8 + 336, b"\x7f\xff\xff\xff", "its variable claims"),  # length of a dimension
        (8 + 332, b"\x00\x00\x00\x7f", "a variable of 127 dimensions"),
        (8 + 12, b"\x00\x00\x00\x33", "its variable holds no numbers"),
        (8 + 40, b"\x00\x00\x00\x01", "its variable leaves records out"),
        (
            8 + 20,
            b"\x00\x00\x00\x00\x00\x00\x00\x08",
            DAMAGED,
        ),  # its index is the first record
    ],
)
def test_cdf_variables_that_claim_too_much(offset: int, value: bytes, told: str) -> None:
    at = variable_at(cdf()) + offset
    with pytest.raises(InputError, match=rf"\({told}"):
        read_poses(changed_cdf(at, value), "x.cdf")


@pytest.mark.parametrize("options", [{"compressed_file": True}, {"compressed_variable": True}])
def test_cdf_bombs(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdf_guard, "MAX_BYTES", 3000)
    with pytest.raises(InputError, match=r"its (packed data have more than|variable claims)"):
        read_poses(cdf(**options), "x.cdf")
