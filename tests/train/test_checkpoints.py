"""Checkpoints that are damaged, half written, older than they look, or that the disk has no room for; and the lock beside them."""

import errno
import fcntl
import os
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing, require_room
from uplift_upsample.train import checkpoint as checkpoint_module
from uplift_upsample.train.checkpoint import Checkpoint, CheckpointFolder
from uplift_upsample.train.lock import sole_writer

RNG = np.random.default_rng(0)
ARRAYS = {f"variables_{i:05d}": RNG.normal(size=(5, i + 1)).astype(np.float32) for i in range(3)}


def saved(folder: Path, *steps: int) -> CheckpointFolder:
    checkpoints = CheckpointFolder(folder)
    folder.mkdir(exist_ok=True)
    for step in steps:
        checkpoints.save(Checkpoint(step, ARRAYS, {"at": step}))
    return checkpoints


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_two_newest_are_kept_by_step_whatever_the_clock_says(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10, 20)
    os.utime(tmp_path / "step_000000010.npz", (4e9, 4e9))
    newest = checkpoints.newest()
    assert newest is not None
    assert (newest.step, newest.state) == (20, {"at": 20})
    saved(tmp_path, 30)
    assert names(tmp_path) == ["step_000000020.npz", "step_000000030.npz"]


def test_damaged_one_does_not_crowd_out_good_ones(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is newer by name than those that training writes when it goes on from the one before."""
    checkpoints = saved(tmp_path, 20, 30)
    (tmp_path / "step_000000030.npz").write_bytes(b"")
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.step == 20
    assert "step_000000030.npz is damaged" in caplog.text
    saved(tmp_path, 22, 24)
    assert names(tmp_path) == ["step_000000022.npz", "step_000000024.npz", "step_000000030.npz.damaged"]


def test_all_damaged_starts_anew_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = saved(tmp_path, 20, 30)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-10])
    assert checkpoints.newest() is None
    assert "training starts from its first step" in caplog.text
    saved(tmp_path, 1)
    assert "step_000000001.npz" in names(tmp_path)


def test_too_little_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was trained is still there for a command that has more."""
    checkpoints = saved(tmp_path, 20, 30)

    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(InputError, match=r"step_000000030\.npz: there is not enough memory"):
        patch.setattr(checkpoint_module.np.lib.format, "read_array", no_memory)
        checkpoints.newest()
    assert names(tmp_path) == ["step_000000020.npz", "step_000000030.npz"]
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.step == 30


@pytest.mark.parametrize("damage", ["size of a member", "size of a packed member", "shape in a header"])
def test_damage_that_asks_for_any_amount_of_memory_is_damage(tmp_path: Path, damage: str) -> None:
    checkpoints = saved(tmp_path, 20, 30)
    path = tmp_path / "step_000000030.npz"
    if damage.startswith("size"):
        content = bytearray(path.read_bytes())
        at = content.index(b"PK\x01\x02")  # the first entry of the table of contents
        at += 20 if "packed" in damage else 24
        content[at : at + 4] = struct.pack("<I", 2**31)
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            header = str({"descr": "<f4", "fortran_order": False, "shape": (2**40,)})
            archive.writestr("state.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("ascii"))
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.step == 20


def test_no_damage_passes_for_a_checkpoint(tmp_path: Path) -> None:
    """Refused, or read to the same content because the damage hit a place without meaning."""
    checkpoints = saved(tmp_path, 7)
    path = tmp_path / "step_000000007.npz"
    content, rng, num_refused = path.read_bytes(), random.Random(1), 0
    for _ in range(200):
        damaged = bytearray(content[: rng.choice((len(content), rng.randrange(len(content))))])
        for _ in range(rng.randrange(4) if damaged else 0):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        found = checkpoints.newest()
        num_refused += found is None
        if found is not None:
            assert found.state == {"at": 7}
            assert all(np.array_equal(found.arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert num_refused > 100


def test_what_a_killed_process_left_is_tidied_up(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10)
    code = (
        "import os, sys, pathlib; from uplift_upsample.base.files import replacing\n"
        "for name in ('step_000000020.npz', 'weights_epoch_0010.h5'):\n"
        "    replacing(pathlib.Path(sys.argv[1]) / name).__enter__().write_bytes(b'half')\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert sum(name.startswith(".") for name in names(tmp_path)) == 2
    with checkpoints.locked():
        assert names(tmp_path) == ["lock", "step_000000010.npz"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_is_one_clear_error_and_costs_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    checkpoints = saved(tmp_path, 10, 20)

    def no_room(file: object, **_: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch, pytest.raises(InputError) as error:
        patch.setattr(checkpoint_module.np, "savez", no_room)
        checkpoints.save(Checkpoint(30, ARRAYS, {}))
    told = f"step_000000030.npz: cannot be written ({os.strerror(code)}); what was there before is untouched."
    assert told in str(error.value)
    assert str(error.value).endswith("make room and start the same command again")
    assert names(tmp_path) == ["step_000000010.npz", "step_000000020.npz"]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", "from uplift_upsample.base.files import write_text\ndef write(): write_text(path, 'x' * 200_000)"),
        (
            "predictions.h5",
            "from uplift_upsample.evaluate.predictions import Predictions, write_predictions\n"
            "def write(): write_predictions(path, Predictions(np.zeros((900, 17, 3)), *np.zeros((2, 900), int)))",
        ),
        (
            "frames.h5",
            "from uplift_upsample.base.cameras import Cameras\n"
            "from uplift_upsample.data.frames_stream import write_frames\n"
            "from uplift_upsample.data.recordings import SequenceRecord\n"
            "nothing = Cameras((), np.zeros((0, 4)), np.zeros((0, 3)), np.zeros((0, 11)))\n"
            "records = [SequenceRecord('S1', 'Walking', 'Walking', np.zeros((900, 17, 3), np.float32))]\n"
            "def write(): write_frames(path, records, nothing, {})",
        ),
    ],
)
def test_full_disk_for_real(tmp_path: Path, name: str, write: str) -> None:
    """The system lets no text, HDF5 file or streamed one grow, in a process of its own, because HDF5 may end it."""
    code = (
        "import resource, sys; from pathlib import Path; import numpy as np\n"
        "from uplift_upsample.base.errors import InputError\n"
        f"path = Path(sys.argv[1]) / {name!r}\n{write}\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))\n"
        "try: write()\n"
        "except InputError as error: print(error)\n"
    )
    for limit in (0, 2048, 100_000, 190_000):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(limit)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.partition(";")[0] == f"{tmp_path / name}: cannot be written (File too large)"
        assert list(tmp_path.iterdir()) == []


def test_other_errors_keep_their_kind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "output"):
        (tmp_path / "missing").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from uplift_upsample.train.lock import sole_writer\n"
        "with sole_writer(pathlib.Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with (
        pytest.raises(InputError, match=rf"another process \({holder.pid} on .+\) is training into this folder"),
        sole_writer(tmp_path),
    ):
        pass
    holder.kill()
    holder.communicate()
    with sole_writer(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()
    assert (tmp_path / "lock").read_text() == ""


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match=r"file/checkpoints: cannot be written \(Not a directory\)"),
        sole_writer(tmp_path / "file/checkpoints"),
    ):
        pass


def test_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with sole_writer(tmp_path):
        assert "make sure yourself that no other process trains here" in caplog.text


def test_lock_does_without_its_name_on_a_full_disk(tmp_path: Path) -> None:
    script = (
        "import resource, sys, pathlib; from uplift_upsample.train.lock import sole_writer\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        "with sole_writer(pathlib.Path(sys.argv[1])): print('held')"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "held\n"), done.stderr
    assert (tmp_path / "lock").read_bytes() == b""


def test_room_is_looked_for_where_it_cannot_be_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every system lets a process ask for room beforehand."""
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    path = tmp_path / "table.h5"
    path.touch()
    require_room(path, 1)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        require_room(path, 1 << 60)
