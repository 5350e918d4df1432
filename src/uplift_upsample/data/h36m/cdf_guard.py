"""Checks of a CDF file before a library reads it.

``cdflib`` trusts the counts and offsets of a file: damaged ones keep it busy for minutes or cost gigabytes. So the records
that lead to one variable are walked through first: each lies inside of the file, none overlaps another, lists come to an
end, and all data together stay below a limit. Only necessary conditions are checked; the library reads the values.

Source: the internal format description of CDF 3, and of CDF 2.6 and 2.7, which has offsets of 4 bytes.
"""

import math
import zlib

MAX_BYTES = 512 << 20  # of a file or a variable, unpacked; those of the archives have some MB
_MAX_DIMENSIONS = 10  # CDF allows no more
_MAX_BLOCKS = 100_000  # of values of one variable; chosen: more than any needs, since each takes time to read
_MAGIC = {b"\xcd\xf3\x00\x01": 8, b"\xcd\xf2\x60\x02": 4}  # version -> bytes of an offset
_PLAIN, _GZIP = b"\x00\x00\xff\xff", 5  # in the CDF format: mark of a file that is not packed as a whole, number of the method gzip
_VXR, _VVR, _CVVR = 6, 7, 13  # kinds of records: index, values, packed values
_SIZES = {1: 1, 2: 2, 4: 4, 8: 8, 11: 1, 12: 2, 14: 4, 21: 4, 22: 8, 31: 8, 32: 16, 33: 8, 41: 1, 44: 4, 45: 8}  # of a number


class DamagedCdfError(ValueError):
    """The bytes are not a CDF file that can be read. The message is the reason."""


def sound_cdf(content: bytes, variable: str) -> bytes:
    """The bytes of a CDF file, unpacked where the whole file is packed, whose variable can be read without surprises.

    Whether there is such a variable is left to the library. Raises ``DamagedCdfError``.
    """
    width = _MAGIC.get(content[:4])
    if width is None:
        raise DamagedCdfError("it is not a CDF file")
    if content[4:8] != _PLAIN:
        content = content[:4] + _PLAIN + _unpacked_file(_Records(content, width))
    records = _Records(content, width)
    records.take(8)  # CDR
    block = records.take(records.end)  # GDR
    heads = [records.offset(block, 4), records.offset(block, 4 + width)]  # of the rVariables and the zVariables
    counts = 4 + 4 * width
    num_r, num_z = records.count(block, counts), records.count(block, counts + 16)
    shared = records.counts(block, 76 if width == 8 else 56, records.dimensions(block, counts + 12))
    for head, number, is_z in ((heads[0], num_r, False), (heads[1], num_z, True)):
        place = head
        for _ in range(number):
            block = records.take(place)
            if records.name(block) == variable.lower():
                _check_variable(records, block, None if is_z else shared)
            place = records.offset(block, 4)
    return content


def _unpacked_file(records: "_Records") -> bytes:
    block = records.take(8)  # CCR
    method = records.count(records.take(records.offset(block, 4)), 4)  # CPR
    if method != _GZIP:
        raise DamagedCdfError(f"it is packed by the method {method}, not by gzip")
    return _inflated(block[4 + 2 * records.width + 4 :], MAX_BYTES)


def _inflated(packed: bytes, limit: int) -> bytes:
    gzip = zlib.decompressobj(wbits=31)
    try:
        unpacked = gzip.decompress(packed, limit + 1)
    except zlib.error as error:
        raise DamagedCdfError(f"its packed data are damaged ({error})") from None
    if len(unpacked) > limit:
        raise DamagedCdfError(f"its packed data have more than {limit} bytes, unpacked")
    if gzip.unused_data.strip(b"\0"):
        raise DamagedCdfError("there is something behind its packed data")
    return unpacked


def _check_variable(records: "_Records", block: bytes, shared: list[int] | None) -> None:
    """shared: lengths of the dimensions of all rVariables; None for a zVariable, which has its own."""
    wide = records.width == 8
    size = _SIZES.get(records.count(block, 4 + records.width))
    if size is None:
        raise DamagedCdfError("its variable holds no numbers")
    if shared is None:
        at = 332 if wide else 124
        shared = records.counts(block, at + 4, records.dimensions(block, at))
    num_records = records.signed(block, 8 + records.width) + 1
    num_elements = records.count(block, 56 if wide else 44)
    # a dimension that does not vary counts as one value, so this is what is needed at most
    needed = math.prod(max(length, 1) for length in shared) * max(num_records, 1) * max(num_elements, 1) * size
    if needed > MAX_BYTES or min(shared, default=1) < 0:
        raise DamagedCdfError(f"its variable claims {needed} bytes")
    if records.count(block, 40 if wide else 28):
        raise DamagedCdfError("its variable leaves records out")
    if num_records > 0:
        _check_blocks(records, records.offset(block, 12 + records.width))


def _check_blocks(records: "_Records", head: int) -> None:
    """The tree of index records of a variable, and the values that it leads to."""
    waiting, left, num_blocks = [head], MAX_BYTES, 0
    while waiting:
        index = records.take(waiting.pop())
        following = records.offset(index, 4)
        if following:
            waiting.append(following)
        num_entries, num_used = records.count(index, 4 + records.width), records.count(index, 8 + records.width)
        num_blocks += num_used
        start = 12 + records.width + 8 * num_entries
        if num_used > num_entries or num_blocks > _MAX_BLOCKS or start + num_entries * records.width > len(index):
            raise DamagedCdfError(f"an index of {num_used} of {num_entries} entries does not fit into its record")
        for entry in range(num_used):
            place = records.offset(index, start + entry * records.width)
            kind = records.kind(place)
            if kind == _VXR:
                waiting.append(place)
                continue
            block = records.take(place)
            if kind == _CVVR:
                start_of_data = 8 + records.width
                size = records.offset(block, 8)
                left -= len(_inflated(block[start_of_data : start_of_data + max(size, 0)], left))
            elif kind != _VVR:
                raise DamagedCdfError(f"a record of the kind {kind} where values should be")


class _Records:
    """The records of a file. width: bytes of an offset. Each record may be taken once. Fields count from behind its length."""

    def __init__(self, content: bytes, width: int) -> None:
        self.content, self.width = content, width
        self.end = 0
        self._taken: set[int] = set()
        self._left = len(content)

    def take(self, place: int) -> bytes:
        """The record at a place, without its length. ``end`` is then where it ends."""
        size = int.from_bytes(self.content[place : place + self.width], "big") if place >= 8 else 0
        self._left -= size
        if place in self._taken or size < self.width + 4 or place + size > len(self.content) or self._left < 0:
            raise DamagedCdfError(f"the record at byte {place} is cut off, overlaps others or comes twice")
        self._taken.add(place)
        self.end = place + size
        return self.content[place + self.width : self.end]

    def kind(self, place: int) -> int:
        return int.from_bytes(self.content[max(place, 0) + self.width :][:4], "big")

    def offset(self, block: bytes, at: int) -> int:
        return int.from_bytes(block[at : at + self.width], "big", signed=True)

    def signed(self, block: bytes, at: int) -> int:
        return int.from_bytes(block[at : at + 4], "big", signed=True)

    def count(self, block: bytes, at: int) -> int:
        number = self.signed(block, at)
        if number < 0:
            raise DamagedCdfError(f"a count of {number}")
        return number

    def counts(self, block: bytes, at: int, number: int) -> list[int]:
        return [self.signed(block, at + 4 * index) for index in range(number)]

    def dimensions(self, block: bytes, at: int) -> int:
        number = self.count(block, at)
        if number > _MAX_DIMENSIONS:
            raise DamagedCdfError(f"a variable of {number} dimensions")
        return number

    def name(self, block: bytes) -> str:
        at, length = (76, 256) if self.width == 8 else (60, 64)
        return block[at : at + length].replace(b"\0", b"").decode("latin-1").strip().lower()
