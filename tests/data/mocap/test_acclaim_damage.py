"""Damaged and hostile Acclaim files: a clear error that names the file, or a sound skeleton and motion; nothing else."""

import itertools
import re
import time
from pathlib import Path

import numpy as np
import pytest
from world.acclaim_files import BONES, amc_text, asf_text, text_file

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.mocap import acclaim
from uplift_upsample.data.mocap.acclaim import bone_ends
from uplift_upsample.data.mocap.amc import read_amc
from uplift_upsample.data.mocap.asf import read_asf
from uplift_upsample.data.mocap.cmu import read_trial
from uplift_upsample.data.mocap.cmu_trials import acclaim_fault
from uplift_upsample.data.mocap.glitches import remove_glitches
from uplift_upsample.data.resample import resample

FRAMES = 4
FOUND_IN_FILES = ["nan", "inf", "-inf", "1e999", "1e300", "-1e30", "1e-320", "0", "-1", "", "\x00", "²", "1_0", "9" * 5000, "root"]


def mutated(rng: np.random.Generator, text: str) -> bytes:
    """One to three random damages: in a byte, a word, a line, a block of lines, or the end of the file."""
    data = text.encode()
    for _ in range(rng.integers(1, 4)):
        lines = data.split(b"\n")
        words = [match.span() for match in re.finditer(rb"\S+", data)]
        kind = rng.integers(9)
        at, other = (int(index) for index in rng.integers(len(lines), size=2))
        if kind == 0 and data:
            place = int(rng.integers(len(data)))
            data = data[:place] + bytes([rng.integers(256)]) + data[place + int(rng.integers(2)) :]
        elif kind in (1, 2, 3) and words:
            start, end = words[rng.integers(len(words))]
            data = data[:start] + FOUND_IN_FILES[rng.integers(len(FOUND_IN_FILES))].encode() + data[end:]
        elif kind == 4:
            data = b"\n".join(lines[:at] + lines[at + 1 :])
        elif kind == 5:
            data = b"\n".join([*lines[:at], lines[other], *lines[at:]])
        elif kind == 6:
            lines[at], lines[other] = lines[other], lines[at]
            data = b"\n".join(lines)
        elif kind == 7 and data:
            data = data[: rng.integers(len(data))]
        else:
            first, last = min(at, other), max(at, other)
            data = b"\n".join(lines[:last] + lines[first:last] + lines[last:])
    return data


def test_random_damage_is_an_error_or_harmless(tmp_path: Path) -> None:
    """300 damaged files, half of them skeletons, the same ones every time."""
    rng = np.random.default_rng(0)
    asf, amc = tmp_path / "a.asf", tmp_path / "a.amc"
    good_asf, good_amc = asf_text(), amc_text(FRAMES)
    refused = 0
    begin = time.monotonic()
    for number in range(300):
        is_skeleton = number % 2 == 0
        asf.write_bytes(mutated(rng, good_asf) if is_skeleton else good_asf.encode())
        amc.write_bytes(good_amc.encode() if is_skeleton else mutated(rng, good_amc))
        try:
            with np.errstate(all="raise", under="ignore"):
                poses = read_trial(amc, read_asf(asf))
                clips, _ = remove_glitches(poses, 120.0)
                resampled = [resample(clip, 120.0) for clip in clips]
        except InputError as error:
            refused += 1
            message = str(error)
            assert message.startswith((str(asf), str(amc))), (number, message)
            assert len(message) < 500, (number, message)
            continue
        assert poses.shape[1:] == (17, 3), number
        assert 1 <= len(poses) <= 2 * FRAMES, number
        assert all(np.isfinite(values).all() for values in (poses, *resampled)), number
        assert np.abs(poses).max() < 1e8, number
    assert refused > 150
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize("word", ["nan", "inf", "1e999", "-1e7", "1_0", "0x10", "1,5", "9" * 5000])
def test_what_is_no_sound_number(tmp_path: Path, word: str) -> None:
    good = amc_text(3)
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    broken = good.replace("ltibia ", f"ltibia {word} #", 1).replace("#", "\n#", 2).lstrip()
    with pytest.raises(InputError, match=r"a\.amc, line \d+: bone ltibia needs 1 finite numbers, not ") as error:
        read_amc(text_file(tmp_path / "a.amc", broken), skeleton)
    assert len(str(error.value)) < 300
    for old in ("length 1.8", "axis 0 0 0", "direction 0 -1 0"):
        assert old in asf_text()
        with pytest.raises(InputError, match=r"a\.asf, line \d+: .* needs \d finite number"):
            read_asf(text_file(tmp_path / "a.asf", asf_text().replace(old, f"{old.rpartition(' ')[0]} {word}", 1)))


@pytest.mark.parametrize("first", ["-1", "1e300", "1.0", "0.5", "1e0", "9" * 5000, "100000001"])
def test_what_is_no_frame_number(tmp_path: Path, first: str) -> None:
    """Also where a number as large as that would count itself."""
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    text = re.sub(r"(?m)^[12]$", first, amc_text(2))
    with pytest.raises(InputError, match=r"a\.amc, line 4"):
        read_amc(text_file(tmp_path / "a.amc", text), skeleton)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("length 0.45", "length 1e-9", "must be a positive number"),
        ("length 0.45", "length 0.00045", "bone lhipjoint is 101.6 m long"),
        ("length 7.2", "length -7.2", "bone lfemur is -0.4064 m long"),
        ("  length 0.45\n", "  length 0.45\n  length 0.5\n", "'length' comes twice"),
        ("  axis XYZ\n", "  axis XYZ\n  axis ZYX\n", "'axis' comes twice"),
        ("    dof rx\n", "    dof rx\n    dof ry\n", "'dof' comes twice"),
        ("  end\n", "", "a bone begins before the one before it has its 'end'"),
        ("  order TX TY TZ RX RY RZ\n", "", "has no 'order'"),
        ("order TX TY TZ RX RY RZ", "order TX TY TZ RX RY QZ", "only tx ty tz rx ry rz, each once"),
        ("axis XYZ", "axis XY", "the axis order 'XY' is not a permutation"),
        ("    lhumerus lradius", "    lhumerus lradius\n    elbow hand", "bone elbow of :hierarchy is not in :bonedata"),
        ("    lhumerus lradius", "    lhumerus lradius\n    lradius lhumerus", "bone lhumerus is in :hierarchy twice"),
        ("    lclavicle lhumerus", "    lradius lhumerus", "does not connect lhumerus, lradius"),
        ("    thorax lowerneck lclavicle rclavicle", "    lradius lclavicle\n    thorax lowerneck rclavicle", "does not connect"),
        ("    lhumerus lradius", "    lhumerus root lradius", "bone root of :hierarchy is not in :bonedata"),
    ],
)
def test_broken_skeletons(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in asf_text()
    with pytest.raises(InputError, match=re.escape(message)) as error:
        read_asf(text_file(tmp_path / "a.asf", asf_text().replace(old, new, 1)))
    assert "a.asf" in str(error.value)


def test_too_many_bones(tmp_path: Path) -> None:
    bones = [(f"b{number}", "root", (0, 1, 0), 1, "") for number in range(1001)]
    with pytest.raises(InputError, match="more than 1000 bones"):
        read_asf(text_file(tmp_path / "a.asf", asf_text(bones)))


def test_bone_without_length_needs_no_direction(tmp_path: Path) -> None:
    bones = [("knot", "root", (0, 0, 0), 0, ""), ("tip", "knot", (0, 0, 2), 1, "")]
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text(bones)))
    np.testing.assert_allclose(skeleton.offsets, [[0, 0, 0], [0, 0, 0], [0, 0, 0.0254]], atol=1e-12)


def test_a_file_that_is_far_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acclaim, "MAX_BYTES", 100)
    with pytest.raises(InputError, match=r"a\.asf: larger than"):
        read_asf(text_file(tmp_path / "a.asf", asf_text()))


def test_byte_order_mark_other_letters_and_mixed_line_ends(tmp_path: Path) -> None:
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    expected = read_amc(text_file(tmp_path / "a.amc", amc_text(5)), skeleton)
    for path, text in ((tmp_path / "a.asf", asf_text()), (tmp_path / "a.amc", amc_text(5))):
        lines = text.encode().split(b"\n")
        ends = itertools.cycle([b"\r\n", b"\n", b"\r"])
        mixed = b"".join(line + end for line, end in zip(lines, ends, strict=False))
        path.write_bytes(b"\xef\xbb\xbf" + b"# \xe9 \xff\xfe\n" + mixed)
        assert acclaim_fault(path) is None
    np.testing.assert_array_equal(read_amc(tmp_path / "a.amc", read_asf(tmp_path / "a.asf")), expected)


@pytest.mark.parametrize("padding", [b"\x1a", b"\x1a" * 128, b"\x00" * 512, b"\n\x1a\x00\n \t\r\n", b"  \r\n\x1a\r\n"])
def test_what_pads_the_end_is_skipped(tmp_path: Path, padding: bytes, caplog: pytest.LogCaptureFixture) -> None:
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    expected = read_amc(text_file(tmp_path / "a.amc", amc_text(3)), skeleton)
    (tmp_path / "b.asf").write_bytes(asf_text().encode() + padding)
    (tmp_path / "b.amc").write_bytes(amc_text(3).encode() + padding)
    np.testing.assert_array_equal(read_amc(tmp_path / "b.amc", read_asf(tmp_path / "b.asf")), expected)
    assert not caplog.messages


def test_comments_are_comments_anywhere(tmp_path: Path) -> None:
    """Behind a frame number, behind values, without a blank, with words that would be data, at the end without a line end."""
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    expected = read_amc(text_file(tmp_path / "a.amc", amc_text(3)), skeleton)
    amc = amc_text(3).replace("\n2\n", "\n2 # half\n# 7\n").replace(":DEGREES", ":DEGREES # :RADIANS")
    amc = re.sub(r"(?m)^(ltibia .*)$", r"\1# ltibia 5", amc) + "# end"
    asf = asf_text().replace("  begin", "  begin # of a bone").replace("    lhumerus lradius", "    lhumerus lradius# hand")
    asf = asf.replace("length 0.45", "length 0.45 # inches").replace("dof rx\n", "dof rx # ry\n")
    motion = read_amc(text_file(tmp_path / "b.amc", amc), read_asf(text_file(tmp_path / "b.asf", asf)))
    np.testing.assert_array_equal(motion, expected)


def test_a_file_that_is_cut_off_anywhere_in_its_last_frames(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each place is told, but the end of a frame, and the last number of one, where a warning says that the line has no end."""
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    text = amc_text(11)
    whole, begin = read_amc(text_file(tmp_path / "a.amc", text), skeleton), text.index("\n10\n") + 1
    read: list[str] = []
    for end in range(begin, len(text), 3):
        caplog.clear()
        try:
            motion = read_amc(text_file(tmp_path / "a.amc", text[:end]), skeleton)
        except InputError as error:
            last_line = text[:end].rstrip("\n").count("\n") + 1
            assert f"a.amc, line {last_line}: the file is cut off " in str(error), (text[begin:end], str(error))
        else:
            read.append(text[:end])
            assert len(motion) in (9, 10, 11)
            np.testing.assert_array_equal(motion[:, :-1], whole[: len(motion), :-1])
            assert text[:end].endswith("\n") or "its last line has no end" in caplog.text
    assert all(part.endswith("\n") or part.rpartition("\n")[2].startswith("rradius ") for part in read)
    assert 0 < len(read) < 15


def test_a_skeleton_that_is_cut_off_anywhere(tmp_path: Path) -> None:
    text = asf_text()
    whole = read_asf(text_file(tmp_path / "a.asf", text))
    for end in range(text.index(":bonedata") + 12, len(text.rstrip()), 7):
        try:
            found = read_asf(text_file(tmp_path / "a.asf", text[:end]))
        except InputError as error:
            assert "cut off" in str(error), (text[:end][-40:], str(error))
        else:
            assert found.names == whole.names


def test_units_of_angles_that_contradict_each_other(tmp_path: Path) -> None:
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    with pytest.raises(InputError, match="both :DEGREES and :RADIANS"):
        read_amc(text_file(tmp_path / "a.amc", amc_text(2).replace(":DEGREES", ":DEGREES\n:RADIANS")), skeleton)
    late = amc_text(2).replace("\n2\n", "\n:RADIANS\n2\n")
    with pytest.raises(InputError, match="':RADIANS' belongs into the header"):
        read_amc(text_file(tmp_path / "a.amc", late), skeleton)


@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("XYZ")])
def test_axis_orders(tmp_path: Path, order: str) -> None:
    """The first letter turns first; the three angles belong to x, y, z in any order."""
    angles = {"X": 20, "Y": -50, "Z": 70}
    bones = [("bone", "root", (0, -1, 0), 10, "rx")]
    text = asf_text(bones).replace("axis 0 0 0 XYZ", f"axis 20 -50 70 {order}")
    expected = np.eye(3)
    for letter in order:
        cos, sin = np.cos(np.deg2rad(angles[letter])), np.sin(np.deg2rad(angles[letter]))
        turn = {"X": [[1, 0, 0], [0, cos, -sin], [0, sin, cos]], "Y": [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]}
        expected = np.array(turn.get(letter, [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])) @ expected
    skeleton = read_asf(text_file(tmp_path / "a.asf", text))
    np.testing.assert_allclose(skeleton.axes[1], expected, atol=1e-12)


def test_one_frame(tmp_path: Path) -> None:
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    poses = read_trial(text_file(tmp_path / "a.amc", amc_text(1)), skeleton)
    clips, glitches = remove_glitches(poses, 120.0)
    assert (len(clips), len(clips[0]), glitches) == (1, 1, [])
    assert len(resample(clips[0], 120.0)) == 0  # shorter than a frame at 50 Hz


def test_missing_bone_of_the_database_names_the_file(tmp_path: Path) -> None:
    bones = [bone for bone in BONES if bone[0] != "rradius"]
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text(bones)))
    with pytest.raises(InputError, match=r"a\.amc: the skeleton has no bones rradius"):
        read_trial(text_file(tmp_path / "a.amc", amc_text(2, bones)), skeleton)


def test_largest_numbers_that_are_read_stay_finite(tmp_path: Path) -> None:
    skeleton = read_asf(text_file(tmp_path / "a.asf", asf_text()))
    text = re.sub(r"(?m)^(root) .*$", r"\1 1e6 -1e6 1e6 1e6 1e6 1e6", amc_text(2))
    ends = bone_ends(skeleton, read_amc(text_file(tmp_path / "a.amc", text), skeleton))
    assert np.isfinite(ends).all()
