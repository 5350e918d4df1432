"""Archives that are good, archives that lie, and archives that did not arrive whole."""

import bz2
import gzip
import io
import lzma
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.download.archives import Limits, read_members

SUFFIXES = ("tar", "tar.gz", "tar.bz2", "tar.xz", "zip")
PACK: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "tar": bytes}
CONTENT = {f"a/{name}.bin": np.random.default_rng(len(name)).bytes(3000 + len(name)) for name in ("one", "three", "eleven")}


def tar_of(*members: tuple[tarfile.TarInfo, bytes | None], form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, None if content is None else io.BytesIO(content))
    return buffer.getvalue()


def file_entry(name: str, content: bytes, **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def odd_entry(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, None]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, None


def zip_of(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content, method)
    return buffer.getvalue()


def whole(suffix: str) -> bytes:
    if suffix == "zip":
        return zip_of(*CONTENT.items())
    folder = tarfile.TarInfo("a")
    folder.type = tarfile.DIRTYPE
    return PACK[suffix.rpartition(".")[2]](tar_of((folder, None), *(file_entry(*item) for item in CONTENT.items())))


def write(folder: Path, content: bytes, name: str = "archive") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def everything(path: Path, **limits: int) -> dict[str, bytes]:
    return dict(read_members(path, lambda name: True, Limits(**limits)))


def member_names(path: Path) -> list[str]:
    """What a caller is asked about, in archive order."""
    asked: list[str] = []
    assert not list(read_members(path, lambda name: bool(asked.append(name))))
    return asked


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_members_in_order_whatever_the_name_of_the_archive(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, whole(suffix), "archive.dat")
    assert member_names(path) == list(CONTENT)
    assert everything(path) == CONTENT
    asked = []
    some = list(read_members(path, lambda name: bool(asked.append(name)) or "three" in name))
    assert some == [("a/three.bin", CONTENT["a/three.bin"])]
    assert asked == list(CONTENT), "folders are not asked for"
    assert sorted(tmp_path.iterdir()) == [path], "nothing is unpacked to the disk"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_all_kinds_of_tar_and_names(form: int, tmp_path: Path) -> None:
    names = ["./S1/x.cdf", "S1//y.cdf", "d" * 90 + "/" + "e" * 60]
    if form != tarfile.USTAR_FORMAT:
        names += ["f" * 300, "Ünïcode/δέλτα.npz", "g/" * 120 + "h"]
    path = write(tmp_path, tar_of(*(file_entry(name, name.encode()) for name in names), form=form))
    expected = ["S1/x.cdf", "S1/y.cdf", *names[2:]]
    assert everything(path) == {name: raw.encode() for name, raw in zip(expected, names, strict=True)}


def test_large_sizes_in_pax_headers_and_other_attributes(tmp_path: Path) -> None:
    entry = file_entry("x", b"abc", pax_headers={"size": "3", "comment": "l" * 5000, "mtime": "1.5"})
    path = write(tmp_path, tar_of(entry, file_entry("y", b"d"), form=tarfile.PAX_FORMAT))
    assert everything(path) == {"x": b"abc", "y": b"d"}


def test_letters_are_composed_and_unreadable_ones_replaced(tmp_path: Path) -> None:
    raw = tar_of(file_entry("Du\u0308rer", b"1"), file_entry("Xrer", b"2"))
    assert member_names(write(tmp_path, raw)) == ["D\u00fcrer", "Xrer"]
    info = tarfile.TarInfo("X\udcffrer")
    raw = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + bytes(1024)
    assert member_names(write(tmp_path, raw)) == ["X\\xffrer"]


def test_archives_in_several_parts(tmp_path: Path) -> None:
    """Parallel compressors write several streams one after the other."""
    raw = tar_of(*(file_entry(*item) for item in CONTENT.items()))
    for name, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        parts = b"".join(pack(raw[start : start + 2000]) for start in range(0, len(raw), 2000))
        assert everything(write(tmp_path, parts, name)) == CONTENT


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_of_zip_archives(method: int, tmp_path: Path) -> None:
    path = write(tmp_path, zip_of(("folder/", b""), *CONTENT.items(), ("b\\c.bin", b"windows"), method=method))
    assert everything(path) == {**CONTENT, "b/c.bin": b"windows"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_that_is_cut_off_anywhere(suffix: str, tmp_path: Path) -> None:
    content = whole(suffix)
    # of a plain tar archive, everything behind the first block of zeros is padding
    end = len(content) if suffix != "tar" else content.rindex(CONTENT["a/eleven.bin"]) + 3006 + 512
    lengths = {*range(1, end, 211), *range(0, end, 512), end - 1} - {0}
    for length in lengths:
        path = write(tmp_path, content[:length])
        with pytest.raises(InputError, match=rf"^{path}.*(damaged|neither a zip nor a tar)") as caught:
            everything(path)
        assert "\n" not in str(caught.value)
    late = write(tmp_path, content[: end - 600])
    with pytest.raises(InputError, match=r"damaged.*; get it again"):
        everything(late)


def test_the_member_at_which_an_archive_ends_is_named(tmp_path: Path) -> None:
    content = whole("tar")
    path = write(tmp_path, content[: content.index(CONTENT["a/three.bin"]) + 100])
    with pytest.raises(
        InputError, match=r"archive, at the member 'a/three.bin': the archive is cut off or damaged \(unexpected end of data"
    ):
        everything(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_with_a_damaged_byte_gives_an_input_error_or_what_it_says(suffix: str, tmp_path: Path) -> None:
    content = whole(suffix)
    caught = 0
    for place in np.random.default_rng(0).integers(0, len(content), 150).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        try:
            everything(write(tmp_path, bytes(damaged)), max_total_bytes=1 << 20)
        except InputError as error:
            caught += 1
            assert "archive" in str(error) and "\n" not in str(error)
    assert caught > (0 if suffix == "tar" else 100), "a plain tar archive has checksums of its headers only"


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    content = bytearray(whole("tar"))
    place = content.index(b"a/three.bin")
    content[place] ^= 1
    with pytest.raises(InputError, match=rf"no tar header and no end before byte {place + 512}"):
        everything(write(tmp_path, bytes(content)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; get it again"),
        (b"\n<!DOCTYPE html><title>Login</title>", "a web page, not an archive"),
        (b"\xef\xbb\xbf<html>", "a web page, not an archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(600), "neither a zip nor a tar archive"),
        (b"\x93NUMPY", "neither a zip nor a tar archive"),
        (bytes(1024), "neither a zip nor a tar archive"),
        (gzip.compress(b"not a tar archive" * 100, mtime=0), r"cut off or damaged \(invalid header, at byte 512"),
        (gzip.compress(b"", mtime=0), r"cut off or damaged \(empty file, at byte 0"),
        (b"\x1f\x8b" + bytes(600), "cut off or damaged"),
        (b"BZh9" + bytes(600), "cut off or damaged"),
        (b"\xfd7zXZ\x00" + bytes(600), "cut off or damaged"),
        (b"PK\x03\x04" + bytes(600), "cut off or damaged"),
    ],
)
def test_files_that_are_no_archive(content: bytes, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, content)
    for read in (everything, member_names):
        with pytest.raises(InputError, match=rf"{path}: .*{message}"):
            read(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.tgz: no such file"):
        everything(tmp_path / "absent.tgz")
    with pytest.raises(InputError, match="a folder, not an archive"):
        everything(tmp_path)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "C:/x", "a/.."])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_that_lead_out_of_the_archive(name: str, kind: str, tmp_path: Path) -> None:
    members = [("good", b"1"), (name, b"2")]
    path = write(tmp_path, zip_of(*members) if kind == "zip" else tar_of(*(file_entry(*member) for member in members)))
    for read in (everything, member_names):
        with pytest.raises(InputError, match=r"archive: the member '.*' points out of the archive"):
            read(path)


def test_backslashes_do_not_lead_out_of_a_zip_archive(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="points out of the archive"):
        everything(write(tmp_path, zip_of(("..\\x", b"1"))))


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (b"Z", "of the unknown kind b'Z'"),
    ],
)
def test_members_that_are_no_files(kind: bytes, named: str, tmp_path: Path) -> None:
    path = write(tmp_path, tar_of(file_entry("good", b"1"), odd_entry("odd", kind, "/etc/passwd"), file_entry("last", b"2")))
    assert list(read_members(path, lambda name: name != "odd")) == [("good", b"1"), ("last", b"2")]
    assert member_names(path) == ["good", "odd", "last"]
    with pytest.raises(InputError, match=f"archive: the member 'odd' is {named}"):
        everything(path)


def test_links_in_zip_archives(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("odd")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    path = write(tmp_path, zip_of(("good", b"1"), (link, b"/etc/passwd")))
    assert list(read_members(path, lambda name: name == "good")) == [("good", b"1")]
    with pytest.raises(InputError, match="the member 'odd' is a link"):
        everything(path)


def test_sparse_files(tmp_path: Path) -> None:
    """As GNU tar writes them: a map of holes in the header and in blocks behind it, or in extended headers."""
    sparse = tarfile.TarInfo("holes")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 700
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1
    header[148:156] = b"%06o\0 " % tarfile.calc_chksums(header)[0]
    again, last = bytearray(512), bytes(512)
    again[504] = 1
    old = bytes(header) + bytes(again) + last + b"\xff" * 700 + bytes(324) + tar_of(file_entry("last", b"2"))
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes", "GNU.sparse.realsize": "99999"}
    new = tar_of(
        file_entry("GNUSparseFile.0/holes", b"1\n0\n5\n", pax_headers=pax), file_entry("last", b"2"), form=tarfile.PAX_FORMAT
    )
    for content in (old, new):
        path = write(tmp_path, content)
        assert list(read_members(path, lambda name: name == "last")) == [("last", b"2")]
        with pytest.raises(InputError, match="the member 'holes' is a sparse file"):
            everything(path)


def test_a_member_that_is_there_twice(tmp_path: Path) -> None:
    twice = [("a/x", b"1"), ("y", b"2"), ("./a/x", b"3")]
    for content in (tar_of(*(file_entry(*member) for member in twice)), zip_of(*twice)):
        path = write(tmp_path, content)
        with pytest.raises(InputError, match="the member 'a/x' occurs twice"):
            everything(path)
        assert list(read_members(path, lambda name: name == "y")) == [("y", b"2")]


def test_an_encrypted_zip_archive(tmp_path: Path) -> None:
    content = bytearray(zip_of(("secret", b"1")))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + flags] |= 1
    with pytest.raises(InputError, match="the member 'secret' is encrypted"):
        everything(write(tmp_path, bytes(content)))


def test_an_unknown_compression(tmp_path: Path) -> None:
    content = bytearray(zip_of(("x", b"1")))
    for magic, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(magic) + method] = 97
    with pytest.raises(InputError, match="packed in an unknown way"):
        everything(write(tmp_path, bytes(content)))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_limits(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, whole(suffix))
    assert everything(path, max_member_bytes=3006) == CONTENT
    with pytest.raises(InputError, match=r"the member 'a/eleven.bin' has more than 3005 bytes"):
        everything(path, max_member_bytes=3005)
    with pytest.raises(InputError, match="archive: more than 9000 bytes, unpacked"):
        everything(path, max_total_bytes=9000)
    with pytest.raises(InputError, match="archive: more than 2 members"):
        everything(path, max_members=2)


@pytest.mark.parametrize("size", [1, 2999, 3002, 3004, 4000, 1 << 40])
def test_zip_headers_that_lie_about_sizes(size: int, tmp_path: Path) -> None:
    content = bytearray(zip_of(("x", CONTENT["a/one.bin"])))  # 3003 bytes
    for magic, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(magic) + place
        content[start : start + 4] = min(size, 0xFFFFFFFE).to_bytes(4, "little")
    with pytest.raises(InputError, match=r"archive.*(damaged|more than)"):
        everything(write(tmp_path, bytes(content)), max_member_bytes=1 << 20)


@pytest.mark.parametrize("size", [-1, 1 << 62, 0o77777777777])
def test_tar_headers_that_lie_about_sizes(size: int, tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.size = size
    path = write(tmp_path, info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    for wanted in (True, False):
        with pytest.raises(InputError, match=r"archive.*(damaged|more than)"):
            list(read_members(path, lambda name, wanted=wanted: wanted))
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE):
        info.type = kind
        with pytest.raises(InputError, match="damaged"):
            member_names(write(tmp_path, info.tobuf(tarfile.GNU_FORMAT) + bytes(2048)))


@pytest.mark.parametrize(
    "records", [b"5 a=b", b"abc", b"3 a", b"-1 a=b\n", b"99 path=x\n", b"0 =\n", b"9 size=x\n", b"24 size=9999999999999999\n" * 3]
)
def test_damaged_extended_headers(records: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    content = info.tobuf(tarfile.USTAR_FORMAT) + records + bytes(512 - len(records)) + tar_of(file_entry("y", b"1"))
    try:  # what says nothing about the size may be passed over
        assert member_names(write(tmp_path, content)) == ["y"]
    except InputError as error:
        assert "damaged" in str(error)
    else:
        assert b"size" not in records and b"path" not in records


def extended(kind: bytes, content: bytes) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, len(content)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def many_records(number: int) -> bytes:
    record = b"%s=%s\n" % (b"key%06d" % number, b"v" * 480)
    return b"%d %s" % (len(record) + 4, record)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_endless_extended_headers(kind: bytes, tmp_path: Path) -> None:
    """Each may change the next one, so whoever reads them keeps them all."""
    content = (lambda number: b"name") if kind == tarfile.GNUTYPE_LONGNAME else many_records
    path = write(tmp_path, b"".join(extended(kind, content(number)) for number in range(3000)) + tar_of(file_entry("y", b"1")))
    with pytest.raises(InputError, match="damaged"):
        member_names(path)


def test_endless_maps_of_holes(tmp_path: Path) -> None:
    sparse = tarfile.TarInfo("holes")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 700
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1
    header[148:156] = b"%06o\0 " % tarfile.calc_chksums(header)[0]
    more = bytearray(b"00000000001\0" * 42 + bytes(8))
    more[504] = 1
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes", "GNU.sparse.realsize": "99999"}
    listed = file_entry("holes", b"99999999\n" + b"1\n" * (2 << 20), pax_headers=pax)
    for content in (bytes(header) + bytes(more) * 9000, tar_of(listed, form=tarfile.PAX_FORMAT)):
        with pytest.raises(InputError, match="headers of more than 1048576 bytes"):
            list(read_members(write(tmp_path, content), lambda name: False))


BOMBS = """
import sys, resource
from uplift_upsample.data.download.archives import Limits, read_members
from uplift_upsample.base.errors import InputError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    for wanted in (True, False):
        try:
            for _ in read_members(path, lambda name: wanted, Limits(max_member_bytes=8 << 20, max_total_bytes=48 << 20)):
                raise SystemExit(path + " gave a member")
        except InputError as error:
            print(error)
        else:
            print(path, "passed over")
print("grown by", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, "MB")
"""


def test_bombs_cost_no_memory(tmp_path: Path) -> None:
    """64 MB of zeros in some kilobytes: as a member, as a member said to be small, and as an extended header."""
    zeros = bytes(64 << 20)
    member = tar_of(file_entry("zeros", zeros))
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, len(zeros)
    small = bytearray(zip_of(("zeros", zeros)))
    for magic, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = small.index(magic) + place
        small[start : start + 4] = (1000).to_bytes(4, "little")
    bombs = [
        write(tmp_path, gzip.compress(member, 1), "member.tar.gz"),
        write(tmp_path, bz2.compress(member), "member.tar.bz2"),
        write(tmp_path, lzma.compress(member, preset=0), "member.tar.xz"),
        write(tmp_path, zip_of(("zeros", zeros)), "member.zip"),
        write(tmp_path, bytes(small), "small.zip"),
        write(tmp_path, gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + zeros, 1), "header.tar.gz"),
    ]
    command = [sys.executable, "-c", BOMBS, *map(str, bombs)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(said) == 13
    assert int(said[-1].split()[-2]) < 40, said
    assert sum("has more than 8388608 bytes" in line for line in said) == 4
    assert sum("more than 50331648 bytes, unpacked" in line for line in said) == 3
    assert sum("a header of 67108864 bytes" in line for line in said) == 2
    assert sum("passed over" in line for line in said) == 2, "a zip archive is not unpacked for what nobody wants"


def test_errors_of_the_caller_stay_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, whole("tar.gz"))
    with pytest.raises(ValueError, match="mine"):
        for _ in read_members(path, lambda name: True):
            raise ValueError("mine")
