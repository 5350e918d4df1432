"""The public file formats: what they hold, what other versions wrote, and what must not be loaded."""

import collections
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.public_npz import (
    read_amass_subset,
    read_positions_2d,
    read_positions_3d,
    write_amass_subset,
    write_positions_2d,
    write_positions_3d,
)


def poses(num_frames=4, num_joints=32, num_coordinates=3, seed=0):
    return np.random.default_rng(seed).normal(size=(num_frames, num_joints, num_coordinates)).astype(np.float32)


def write_npz(path, content, key="positions_3d", protocol=3):
    """A file as ``np.savez_compressed`` makes it, with a pickle protocol of choice."""
    array = np.empty((), object)
    array[()] = content
    write_pickled(path, pickle.dumps(array, protocol), key)
    return path


def write_pickled(path, content, key="positions_3d"):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": ()})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{key}.npy", buffer.getvalue() + content)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data_3d_h36m.npz"


def test_what_is_written_is_read_back_and_by_numpy_too(tmp_path):
    content_3d = {"S9": {"Walking 1": poses(), "Walking": poses(7)}, "S1": {"Eating": poses(3)}}
    content_2d = {"S9": {"Walking": [poses(5, 17, 2, seed) for seed in range(4)]}}
    content_amass = {"01": {"01_01_poses": {"positions_3d": poses(9, 17), "frame_rate": 50.0}}}
    paths = [tmp_path / name for name in ("3d.npz", "2d.npz", "CMU.npz")]
    write_positions_3d(paths[0], content_3d)
    write_positions_2d(paths[1], content_2d, {"layout_name": "h36m"})
    write_amass_subset(paths[2], content_amass)

    # how everybody reads these files; it is safe here because this test wrote them
    by_numpy = [np.load(path, allow_pickle=True) for path in paths]
    np.testing.assert_equal(by_numpy[0]["positions_3d"].item(), content_3d)
    np.testing.assert_equal(by_numpy[1]["positions_2d"].item(), content_2d)
    np.testing.assert_equal(by_numpy[2]["positions_3d"].item(), content_amass)
    metadata = {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]], "layout_name": "h36m"}
    assert by_numpy[1]["metadata"].item() == metadata

    np.testing.assert_equal(read_positions_3d(paths[0]), content_3d)
    assert list(read_positions_3d(paths[0])) == ["S9", "S1"], "file order"
    np.testing.assert_equal(read_positions_2d(paths[1]), (content_2d, metadata))
    np.testing.assert_equal(read_amass_subset(paths[2]), content_amass)
    assert type(read_positions_3d(paths[0])["S1"]["Eating"]) is np.ndarray


def test_equal_content_gives_equal_bytes(tmp_path):
    """Also when it was read from a file, whose texts and arrays are other objects."""
    content = {"S9": {"Walking 1": poses(), "Eating": poses()}, "S1": {"Eating": poses(3)}}
    content["S1"]["Walking 1"] = content["S9"]["Eating"]
    write_positions_3d(tmp_path / "a.npz", content)
    write_positions_3d(tmp_path / "b.npz", read_positions_3d(tmp_path / "a.npz"))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    content["S1"]["Walking 1"] = poses(seed=1)
    write_positions_3d(tmp_path / "b.npz", content)
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol(path, protocol):
    content = collections.OrderedDict(S9={"Walking": poses(5).astype(">f8"), "Eating": np.asfortranarray(poses(5))})
    read = read_positions_3d(write_npz(path, content, protocol=protocol))
    np.testing.assert_array_equal(read["S9"]["Walking"], poses(5))
    np.testing.assert_array_equal(read["S9"]["Eating"], poses(5))


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_files_of_both_numpy_generations(path, module):
    array = np.empty((), object)
    array[()] = {"S9": {"Walking": poses(5)}}
    content = pickle.dumps(array, 2).replace(b"cnumpy._core.multiarray\n", b"c" + module + b"\n")
    assert b"c" + module + b"\n_reconstruct" in content
    np.testing.assert_array_equal(read_positions_3d(write_pickled(path, content))["S9"]["Walking"], poses(5))


def mapped(values, folder):
    np.save(folder / "array.npy", values)
    return np.load(folder / "array.npy", mmap_mode="r")


KINDS_OF_ARRAYS = {
    "memory map": mapped,
    "part of a memory map": lambda values, folder: mapped(np.repeat(values, 2, axis=0), folder)[::2],
    "record array": lambda values, _: values.view(np.recarray),
    "named otherwise": lambda values, _: np.asfortranarray(values).view(np.memmap),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", KINDS_OF_ARRAYS)
def test_arrays_that_are_pickled_as_memory_maps_and_records(path, tmp_path, kind, protocol):
    array = KINDS_OF_ARRAYS[kind](poses(5), tmp_path)
    assert type(array) is not np.ndarray
    read = read_positions_3d(write_npz(path, {"S9": {"Walking": array}}, protocol=protocol))["S9"]["Walking"]
    np.testing.assert_array_equal(read, poses(5))


@pytest.mark.parametrize(
    ("name", "former"),
    [
        (b"numpy\nmemmap\n", b"numpy.core.memmap\nmemmap\n"),
        (b"numpy\nmemmap\n", b"numpy._core.memmap\nmemmap\n"),
        (b"numpy\nmemmap\n", b"numpy.core.records\nrecarray\n"),
        (b"numpy\nmemmap\n", b"numpy\nrecarray\n"),
        (b"numpy\nmemmap\n", b"numpy.rec\nrecarray\n"),
    ],
)
def test_memory_maps_and_records_under_their_former_names(path, tmp_path, name, former):
    array = np.empty((), object)
    array[()] = {"S9": {"Walking": mapped(poses(5), tmp_path)}}
    content = pickle.dumps(array, 2).replace(b"c" + name, b"c" + former)
    assert former in content
    np.testing.assert_array_equal(read_positions_3d(write_pickled(path, content))["S9"]["Walking"], poses(5))


def test_records_with_named_fields_are_no_poses(path):
    records = np.rec.array([(1.0, 2.0)], dtype=[("x", "f4"), ("y", "f4")])
    with pytest.raises(InputError, match="an array with named fields"):
        read_positions_3d(write_npz(path, {"S9": {"Walking": records}}))


def test_files_of_python_2(path):
    """Python 2 writes texts and the bytes of arrays as byte strings (opcodes U and T), and its containers by another name."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    def array(shape, dtype, content):
        return (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
            b"(K\x01" + shape + b"cnumpy\ndtype\n" + text(dtype) + b"K\x00K\x01\x87R"
            b"(K\x03"
            + text(b"|" if dtype == b"O8" else b"<")
            + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
            + content
            + b"tb"
        )

    raw = poses(5).tobytes()
    walking = array(b"K\x05K K\x03\x87", b"f4", b"T" + len(raw).to_bytes(4, "little") + raw)
    content = b"}" + text(b"S9") + b"}" + text(b"Walking") + walking + b"ss"
    nested = b"\x80\x02" + array(b")", b"O8", b"]" + content + b"a") + b"."
    np.testing.assert_array_equal(read_positions_3d(write_pickled(path, nested))["S9"]["Walking"], poses(5))


class Malicious:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 3, 5])
def test_a_pickle_that_runs_code_is_not_loaded(path, tmp_path, protocol):
    trace = tmp_path / "trace"
    write_npz(path, {"S9": {"Walking": Malicious(os.mkdir, str(trace))}}, protocol=protocol)
    with pytest.raises(InputError, match=r"data_3d_h36m.npz: 'positions_3d' asks for (posix|nt)\.mkdir") as caught:
        read_positions_3d(path)
    assert not trace.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\nload\n.",
        b"cbuiltins\neval\n(Vprint(1)\ntR.",
        b"cnumpy.core.multiarray\nndarray\n.",
        b"cnumpy\nfromfile\n.",
        b"cnumpy.core.memmap\nuint8\n.",
        b"cbuiltins\nlist.__class__\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.",
        b"cuplift_upsample.data.plain_pickle\npickle.loads\n.",
    ],
)
def test_other_names_are_forbidden(path, content):
    with pytest.raises(InputError, match="asks for"):
        read_positions_3d(write_pickled(path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # a call of memmap, which would open a file, gives an empty array
        (b"cnumpy\nmemmap\n(V/etc/hostname\ntR.", r"an array with the shape \(0,\)"),
        # state {'f': 1} set on an admitted name
        (b"cnumpy\nndarray\n(dVf\nI1\nsb.", "change a function"),
        # an object array whose elements would be raw bytes, read as pointers
        (
            b"cnumpy.core.multiarray\n_reconstruct\n)R(I1\n(I1\ntcnumpy\ndtype\n(VO8\ntRI00\nB\x08\x00\x00\x00AAAAAAAAtb.",
            "does not fit",
        ),
        # two objects for an array of three
        (b"cnumpy.core.multiarray\n_reconstruct\n)R(I1\n(I3\ntcnumpy\ndtype\n(VO8\ntRI00\n(lI1\naI2\natb.", "does not fit"),
        # 8 bytes for three float32
        (
            b"cnumpy.core.multiarray\n_reconstruct\n)R(I1\n(I3\ntcnumpy\ndtype\n(Vf4\ntRI00\nB\x08\x00\x00\x00AAAAAAAAtb.",
            "does not fit",
        ),
        (b"cnumpy.core.multiarray\n_reconstruct\n)R(I1\n(I-1\ntcnumpy\ndtype\n(Vf4\ntRI00\nB\x00\x00\x00\x00tb.", "shape"),
        (b"cnumpy\ndtype\n(VV8\ntR.", "type 'V8'"),
        (b"c_codecs\nencode\n(Vabc\nVrot13\ntR.", "encoding 'rot13'"),
        (b"garbage", "cannot be unpickled"),
        (b"", "cut off|cannot be unpickled|EOF"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(path, content, message):
    with pytest.raises(InputError, match=message):
        read_positions_3d(write_pickled(path, content))


def test_a_truncated_file(path):
    write_positions_3d(path, {"S9": {"Walking": poses(200)}})
    whole = path.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"data_3d_h36m.npz: the file is cut off or damaged; get it again"):
            read_positions_3d(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"data_3d_h36m.npz: the file is cut off or damaged|cannot be unpickled"):
        read_positions_3d(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n<!DOCTYPE html><title>Login</title>", "a web page"),
        (b"", "is empty"),
        (b"\x93NUMPY", "not an .npz file"),
    ],
)
def test_files_that_are_no_archive(path, content, message):
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_positions_3d(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_positions_3d(tmp_path / "absent.npz")
    with pytest.raises(InputError, match="a folder"):
        read_positions_3d(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "an empty dictionary"),
        ([1], "found a list"),
        ({"S9": [1]}, "S9 holds a list"),
        ({"S9": {"Walking": [1]}}, "S9 Walking holds a list"),
        ({"S9": {3: poses()}}, "the key 3"),
        ({"S9": {"Walking": poses(4, 17)}}, r"S9 Walking holds an array with the shape \(4, 17, 3\)"),
        ({"S9": {"Walking": poses(0)}}, r"the shape \(0, 32, 3\)"),
        ({"S9": {"Walking": np.full((4, 32, 3), "x")}}, "of <U1"),
    ],
)
def test_other_layouts_are_named(path, content, message):
    with pytest.raises(InputError, match=rf"data_3d_h36m.npz: .*{message}"):
        read_positions_3d(write_npz(path, content))


def test_another_key_and_a_plain_array(path):
    with pytest.raises(InputError, match="no 'positions_3d', only positions_2d"):
        read_positions_3d(write_npz(path, {"S9": {}}, key="positions_2d"))
    np.savez(path, positions_3d=poses())
    with pytest.raises(InputError, match=r"an array of float32 with the shape \(4, 32, 3\)"):
        read_positions_3d(path)


def test_another_number_of_joints(path):
    write_positions_2d(path, {"S9": {"Walking": [poses(4, 17, 2)]}}, {"num_joints": 16})
    with pytest.raises(InputError, match="16 joints"):
        read_positions_2d(path)


def test_subjects_that_are_not_asked_for_are_not_checked(path):
    write_npz(path, {"S2": {"Walking": poses(4, 5)}, "S9": {"Walking": poses()}})
    assert list(read_positions_3d(path, {"S9"})) == ["S9"]
    with pytest.raises(InputError, match="S2 Walking"):
        read_positions_3d(path)


@pytest.mark.parametrize(
    "sequence", [poses(4, 17), {"positions_3d": poses(4, 17)}, {"positions_3d": poses(4, 17), "frame_rate": "fast"}]
)
def test_incomplete_amass_sequences(path, sequence):
    with pytest.raises(InputError, match=r"01/01_01_poses.*frame.rate"):
        read_amass_subset(write_npz(path, {"01": {"01_01_poses": sequence}}))


def test_the_reference_files_are_read_as_numpy_reads_them(golden, golden_count):
    for name, key, read in [
        ("data_3d_h36m.npz", "positions_3d", read_positions_3d),
        ("data_2d_h36m_gt.npz", "positions_2d", lambda path: read_positions_2d(path)[0]),
        ("data_2d_h36m_cpn_ft_h36m_dbb.npz", "positions_2d", lambda path: read_positions_2d(path)[0]),
        ("amass/CMU.npz", "positions_3d", read_amass_subset),
        ("amass/ACCAD.npz", "positions_3d", read_amass_subset),
        ("amass/SFU.npz", "positions_3d", read_amass_subset),
        ("amass/MPImosh.npz", "positions_3d", read_amass_subset),
    ]:
        # trusted: made for this project
        expected = np.load(golden / "data" / name, allow_pickle=True)[key].item()
        np.testing.assert_equal(read(golden / "data" / name), expected)
        golden_count("public files")
