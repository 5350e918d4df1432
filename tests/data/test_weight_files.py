"""What is found in the place of a weight file is named by its kind; each in one line, without a deep-learning framework."""

import io
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import read_frames_table
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.evaluate.predictions import Predictions, read_predictions, write_predictions

PAGE = b"<!DOCTYPE html><html><head><title>Virus scan warning</title>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def _zip(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return buffer.getvalue()


def _hdf5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["array"] = np.zeros(1000)
    return buffer.getvalue()


KINDS = {
    "page": (PAGE, "a web page, not an HDF5 file; the download asked for a login or failed, get it again"),
    "page behind a mark": (b"\xef\xbb\xbf\n<html>", "a web page"),
    "error of a storage service": (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "a web page"),
    "pointer": (POINTER, "a Git LFS pointer, not an HDF5 file; git lfs pull fetches the file itself"),
    "annex": (b"/annex/objects/SHA256E-s12--ab.h5", "a git-annex pointer"),
    "empty": (b"", "the file is empty; get it again"),
    "keras": (_zip("metadata.json", "config.json", "model.weights.h5"), "a .keras file, not an HDF5 file; keras.saving.load_model"),
    "zip": (_zip("weights.h5"), "a zip archive, not an HDF5 file"),
    "gzip": (b"\x1f\x8b\x08\0", "a gzip file, not an HDF5 file; unpack it"),
    "pickle": (pickle.dumps({"kernel": 1}), "a pickle, not an HDF5 file"),
    "text": (b"weights", "a text file, not an HDF5 file; if it is the configuration, --config takes it"),
    "json": (b'{"SEQUENCE_LENGTH": 27}', "a JSON file, not an HDF5 file; if it is the configuration, --config takes it"),
    "long text": (b"# weights " + 300 * "ä".encode(), "a text file, not an HDF5 file"),
    "tensorflow": (
        b'model_checkpoint_path: "w"\nall',
        "checkpoints of TensorFlow, not an HDF5 file; load it with the code",
    ),
    "other": (b"\0\1weights", "file signature not found"),
    "cut": (_hdf5()[:4000], f"cut off, 4000 of its {len(_hdf5())} bytes are there; get it again"),
    "cut in the header": (_hdf5()[:20], "cut off, 20 bytes are there; get it again"),
    "cut in the signature": (_hdf5()[:5], "cut off, 5 bytes are there; get it again"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_is_instead(tmp_path: Path, kind: str) -> None:
    content, message = KINDS[kind]
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a weight file of the official layout") as error:
        read_weight_file(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("read", [read_frames_table, read_predictions])
@pytest.mark.parametrize("kind", ["page", "pointer", "keras"])
def test_other_hdf5_readers_tell_it_too(tmp_path: Path, read, kind: str) -> None:
    (tmp_path / "file.h5").write_bytes(KINDS[kind][0])
    with pytest.raises(InputError, match=KINDS[kind][1].partition(";")[0]):
        read(tmp_path / "file.h5")


def test_a_folder_and_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder, not an HDF5 file"):
        read_weight_file(tmp_path)
    with pytest.raises(InputError, match="no such weight file"):
        read_weight_file(tmp_path / "weights.h5")


def test_other_hdf5_files(tmp_path: Path) -> None:
    poses = Predictions(np.zeros((1, 17, 3), np.float32), np.zeros(1, np.int64), np.zeros(1, np.int64))
    write_predictions(tmp_path / "predictions.h5", poses)
    with pytest.raises(InputError, match="it is a file of uplift_upsample predictions, version 1"):
        read_weight_file(tmp_path / "predictions.h5")
    with h5py.File(tmp_path / "keras3.weights.h5", "w") as file:
        file.create_group("layers/dense/vars")
    with pytest.raises(InputError, match=r"Keras 3's own layout; write the weights with .*save_weights"):
        read_weight_file(tmp_path / "keras3.weights.h5")


@pytest.mark.parametrize("name", ["w.index", "w.data-00000-of-00001"])
def test_parts_of_a_checkpoint_of_tensorflow(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\0\0\1\2")
    with pytest.raises(InputError, match="a part of a checkpoint of TensorFlow, not an HDF5 file; load it with the code"):
        read_weight_file(tmp_path / name)


def test_a_table_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "h36m.h5").write_bytes(_hdf5()[:4000])
    with pytest.raises(InputError, match=r"cut off, 4000 of its \d+ bytes are there\); delete it and run the data target again"):
        read_frames_table(tmp_path / "h36m.h5")
