"""Acclaim files: a skeleton worked out by hand, an independent reader, and every kind of broken file."""

import contextlib
import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from world.acclaim_files import amc_text, asf_text

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.mocap.acclaim import AcclaimSkeleton, bone_ends
from uplift_upsample.data.mocap.amc import read_amc
from uplift_upsample.data.mocap.asf import read_asf

INCH = 0.0254
TWO_BONES = [
    ("upper", "root", (0, -1, 0), 10, "rx ry rz"),
    ("lower", "upper", (0, -1, 0), 5, "rx"),
    ("tip", "lower", (0, 0, 1), 2, ""),
]
HEADER = ":FULLY-SPECIFIED\n:DEGREES\n"


def read(folder: Path, asf: str, amc: str) -> tuple[AcclaimSkeleton, np.ndarray]:
    (folder / "a.asf").write_text(asf)
    (folder / "a.amc").write_text(amc)
    skeleton = read_asf(folder / "a.asf")
    return skeleton, read_amc(folder / "a.amc", skeleton)


def ends_of(folder: Path, asf: str, amc: str) -> np.ndarray:
    return bone_ends(*read(folder, asf, amc)) / INCH


def test_two_bones_by_hand(tmp_path: Path) -> None:
    amc = HEADER + "1\nroot 0.45 0.9 0 0 0 0\nupper 0 0 90\nlower 0\n2\nroot 0 0 0 0 90 0\nupper 90 0 0\nlower -90\n"
    ends = ends_of(tmp_path, asf_text(TWO_BONES), amc)
    # frame 1: a quarter turn about z takes -y to +x
    # frame 2: one about x takes -y to -z, the root's about y takes -z to -x; the knee takes it back
    np.testing.assert_allclose(ends[0], [[1, 2, 0], [11, 2, 0], [16, 2, 0], [16, 2, 2]], atol=1e-12)
    np.testing.assert_allclose(ends[1], [[0, 0, 0], [-10, 0, 0], [-10, -5, 0], [-8, -5, 0]], atol=1e-12)


def test_turns_are_applied_in_the_declared_order(tmp_path: Path) -> None:
    amc = HEADER + "1\nroot 0 0 0 0 0 0\nupper 90 0 90\nlower 0\n"
    x_first = ends_of(tmp_path, asf_text(TWO_BONES), amc)[0, 1]
    reordered = [("upper", "root", (0, -1, 0), 10, "rz ry rx"), *TWO_BONES[1:]]
    z_first = ends_of(tmp_path, asf_text(reordered), amc)[0, 1]
    np.testing.assert_allclose(x_first, [0, 0, -10], atol=1e-12)  # about x: -y to -z, which a turn about z leaves
    np.testing.assert_allclose(z_first, [10, 0, 0], atol=1e-12)  # about z: -y to +x, which a turn about x leaves


def test_axis_frame(tmp_path: Path) -> None:
    """Turned by 90 degrees about z, the frame has its x axis along y and its y axis along -x."""
    asf = asf_text(TWO_BONES).replace("axis 0 0 0 XYZ", "axis 0 0 90 XYZ", 1)
    amc = HEADER + "1\nroot 0 0 0 0 0 0\nupper 90 0 0\nlower 0\n2\nroot 0 0 0 0 0 0\nupper 0 90 0\nlower 0\n"
    ends = ends_of(tmp_path, asf, amc)
    np.testing.assert_allclose(ends[:, 1], [[0, -10, 0], [0, 0, 10]], atol=1e-12)


def test_units_and_radians(tmp_path: Path) -> None:
    quarter = np.pi / 2
    degrees = HEADER + "1\nroot 0.9 0 0 0 0 0\nupper 0 0 90\nlower 90\n"
    radians = f":FULLY-SPECIFIED\n:RADIANS\n1\nroot 4 0 0 0 0 0\nupper 0 0 {quarter!r}\nlower {quarter!r}\n"
    np.testing.assert_allclose(
        ends_of(tmp_path, asf_text(TWO_BONES, length=0.45), degrees),
        ends_of(tmp_path, asf_text(TWO_BONES, length=2), radians),
        atol=1e-12,
    )


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\n\n"])
def test_any_line_ends(tmp_path: Path, line_end: str) -> None:
    _, expected = read(tmp_path, asf_text(), amc_text(5))
    for name in ("a.asf", "a.amc"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes().replace(b"\n", line_end.encode()))
    np.testing.assert_array_equal(read_amc(tmp_path / "a.amc", read_asf(tmp_path / "a.asf")), expected)


def test_irregular_layout_reads_the_same(tmp_path: Path) -> None:
    """Another order of bones in one frame, and comments, take the slow way to the same numbers."""
    _, expected = read(tmp_path, asf_text(), amc_text(4))
    frames = re.split(r"(?m)^(?=\d+$)", amc_text(4))
    number, *bones = frames[2].splitlines()
    frames[2] = "\n".join([number, *reversed(bones), "# a comment", ""])
    _, motion = read(tmp_path, asf_text(), "".join(frames))
    np.testing.assert_array_equal(motion, expected)


def test_bones_keep_their_length(tmp_path: Path) -> None:
    skeleton, motion = read(tmp_path, asf_text(), amc_text(200))
    ends = bone_ends(skeleton, motion)
    lengths = np.linalg.norm(ends[:, 1:] - ends[:, skeleton.parents[1:]], axis=-1)
    np.testing.assert_allclose(lengths, np.repeat(np.linalg.norm(skeleton.offsets[1:], axis=1)[None], 200, axis=0), atol=1e-12)
    assert np.ptp(ends, axis=0).max() > 0.1


GOOD = HEADER + "1\nroot 0 0 0 0 0 0\nupper 0 0 90\nlower 0\n2\nroot 0 0 0 0 0 0\nupper 0 0 90\nlower 0\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("lower 0\n2", "lower 0 0\n2", 6, "needs 1 finite numbers, not '0 0'"),
        ("lower 0\n2", "lower\n2", 6, "needs 1 finite numbers"),
        ("lower 0\n2", "lower x\n2", 6, "not 'x'"),
        ("lower 0\n2", "lower nan\n2", 6, "not 'nan'"),
        ("lower 0\n2", "lower 0\nlower 0\n2", 7, "comes twice"),
        ("lower 0\n2", "knee 0\n2", 6, "no moving bone 'knee'"),
        ("lower 0\n2", "lower 0\n3", 7, "frame 3 where frame 2 is expected"),
        ("lower 0\n2", "2", 6, "lacks lower"),
        (GOOD[-len("lower 0\n") :], "", None, "lacks lower"),
        ("1\nroot", "root", 3, "before the first frame number"),
        (GOOD, HEADER, None, "no frame in it"),
    ],
)
def test_broken_amc(tmp_path: Path, old: str, new: str, line: int | None, message: str) -> None:
    broken = GOOD[: -len(old)] + new if GOOD.endswith(old) else GOOD.replace(old, new, 1)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        read(tmp_path, asf_text(TWO_BONES), broken)
    assert "a.amc" in str(error.value)
    assert line is None or f"line {line}:" in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("length 0.45", "length zero", "line 5: the length of :units must be a positive number, not zero"),
        ("angle deg", "angle grad", "must be deg or rad, not grad"),
        ("name lower\n", "name upper\n", "a second bone named upper"),
        ("direction 0 -1 0", "direction 0 -1", "'direction' needs 3 finite numbers, not '0 -1'"),
        ("direction 0 -1 0", "direction 0 0 0", "bone upper has no direction"),
        ("axis 0 0 0 XYZ", "axis 0 0 0 XYX", "the axis order 'XYX' is not a permutation"),
        ("dof rx ry rz", "dof rx ry tz", "only rx ry rz, each once"),
        ("upper lower", "upper lower knee", "bone knee of :hierarchy is not in :bonedata"),
        ("    upper lower\n", "", "does not connect lower, tip to the root"),
        ("lower tip", "lower upper", "is in :hierarchy twice"),
        (":hierarchy", ":other", "no section :hierarchy"),
        ("    axis 0 0 0 XYZ\n", "", "has no 'axis'"),
        ("  begin\n    id 2\n", "", "outside of a 'begin' ... 'end' block"),
    ],
)
def test_broken_asf(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = asf_text(TWO_BONES)
    assert old in text
    with pytest.raises(InputError, match=re.escape(message)) as error:
        read(tmp_path, text.replace(old, new, 1), GOOD)
    assert "a.asf" in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.asf: cannot be read"):
        read_asf(tmp_path / "nothing.asf")


def test_asking_for_an_unknown_bone(tmp_path: Path) -> None:
    skeleton, _ = read(tmp_path, asf_text(TWO_BONES), GOOD)
    with pytest.raises(InputError, match="no bones knee"):
        skeleton.indices(["upper", "knee"])


@pytest.mark.parametrize("trial", ["01_01", "05_06", "09_10", "11_01", "49_06", "131_04", "135_08"])
def test_agrees_with_an_independent_reader(shared: Path, trial: str) -> None:
    """pyacclaim has the last frame missing; it is slow, so some frames of each trial are compared."""
    pyacclaim = pytest.importorskip("pyacclaim")
    subject = trial.split("_")[0]
    folder = shared / "data" / "cmu" / "subjects" / subject
    skeleton = read_asf(folder / f"{subject}.asf")
    ends = bone_ends(skeleton, read_amc(folder / f"{trial}.amc", skeleton))
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = pyacclaim.loadASF(str(folder / f"{subject}.asf"), verbose=False)
        poses = pyacclaim.loadAMC(theirs, str(folder / f"{trial}.amc"))
    assert len(ends) == len(poses) + 1
    for frame in range(0, len(poses), max(len(poses) // 20, 1)):
        theirs["bones"]["root"].set_pose(poses[frame])
        expected = np.array([theirs["bones"][name].global_coordinate for name in skeleton.names]) * INCH
        np.testing.assert_allclose(ends[frame], expected, atol=1e-4, err_msg=f"{trial}, frame {frame}")


def test_every_trial_of_the_sample_is_read(shared: Path) -> None:
    """All frames, and constant bones, in one trial of each subject."""
    folder = shared / "data" / "cmu"
    with (folder / "index.csv").open(newline="") as file:
        trials = {row["subject"]: row for row in csv.DictReader(file)}
    for row in trials.values():
        skeleton = read_asf(folder / row["asf"])
        ends = bone_ends(skeleton, read_amc(folder / row["file"], skeleton))
        assert len(ends) == int(row["frames"]), row["trial"]
        lengths = np.linalg.norm(ends[:, 1:] - ends[:, skeleton.parents[1:]], axis=-1)
        assert np.ptp(lengths, axis=0).max() < 1e-12, row["trial"]
