"""Inputs from the field, as ``shared/cases/make_cases.py`` makes them: what is right stands in the README beside it."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from world.warm_python import DATA, warm_python

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import FramesTable, read_frames_table
from uplift_upsample.data.mocap.amc import read_amc
from uplift_upsample.data.mocap.asf import read_asf

Script = Callable[..., str]
SUBSETS = ["CMU", "MPI_HDM05", "BioMotionLab_NTroje", "Eyes_Japan_Dataset", "MPI_mosh"]  # under their former names


@pytest.fixture(scope="module")
def cases(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with one folder for each case."""
    if not (shared / "cases/make_cases.py").is_file():
        pytest.skip("needs the cases from the field beside the golden files")
    folder = tmp_path_factory.mktemp("cases")
    subprocess.run([sys.executable, shared / "cases/make_cases.py", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def script(project: Path) -> Script:
    """Runs a script of the project, checks its exit status, and returns what it wrote to standard error."""

    def run(name: str, *words: object, status: int) -> str:
        command = [warm_python(*DATA), project / "scripts" / f"{name}.py", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    return run


def public_files(case: Path) -> tuple[Path, Path, str]:
    """3D poses, 2D poses and the name of the latter."""
    (poses_2d,) = case.glob("data_2d_h36m_*.npz")
    return case / "data_3d_h36m.npz", poses_2d, poses_2d.stem.removeprefix("data_2d_h36m_")


def h36m_words(case: Path, output: Path) -> list[object]:
    poses_3d, poses_2d, kind = public_files(case)
    return ["--poses_3d", poses_3d, "--poses_2d", poses_2d, "--input_2d", kind, "--output", output]


H36M_FAULTS = [
    ("h36m_coco_order", ["data_2d_h36m_detectron_pt_coco.npz", "the layout 'coco' (layout_name), not 'h36m'"]),
    ("h36m_symmetry_of_another_layout", ["data_2d_h36m_gt.npz", "keypoints_symmetry", "that is another layout"]),
    ("h36m_3d_at_10_fps", ["5.0 times as many", "px away", "10 frames a second, not 50"]),
    ("h36m_3d_in_millimetres", ["measures 1404 m, not 0.3 to 4 m", "millimetres"]),
    ("h36m_2d_normalised_already", ["593.8 px away", "normalised already"]),
    ("h36m_cameras_reversed", ["245.6 px away", "the cameras are in another order"]),
    ("h36m_left_and_right_exchanged", ["30.3 px away", "left and right are exchanged"]),
]


@pytest.mark.parametrize(("case", "words"), H36M_FAULTS)
def test_human36m_files_that_contradict_themselves(
    case: str, words: Sequence[str], cases: Path, script: Script, shared: Path, tmp_path: Path
) -> None:
    """Refused by the converter and by the evaluation, with the measured figure; nothing is written."""
    said = script("convert_h36m", *h36m_words(cases / case, tmp_path / "h36m.h5"), status=2)
    assert all(word in said for word in words), said
    poses_3d, poses_2d, _ = public_files(cases / case)
    model = shared / "golden/models/n41_h81like_first2"
    files = ["--weights", f"{model}.h5", "--config", f"{model}.json", "--dataset", poses_3d, "--dataset_2d", poses_2d]
    said = script("eval", *files, "--output", tmp_path / "scores.json", status=2)
    assert all(word in said for word in words), said
    assert list(tmp_path.iterdir()) == []


def converted(script: Script, case: Path, output: Path) -> tuple[str, FramesTable]:
    return script("convert_h36m", *h36m_words(case, output), status=0), read_frames_table(output)


def test_human36m_files_that_are_sound(cases: Path, script: Script, tmp_path: Path) -> None:
    """The measured distance is in the log; memory maps are arrays; the corrupt video is left out and named."""
    said, sound = converted(script, cases / "h36m_sound", tmp_path / "sound.h5")
    assert "are 0.0 px away from the 2D poses (median of 16 videos" in said
    said, without = converted(script, cases / "h36m_with_s11_directions", tmp_path / "directions.h5")
    assert "S11 Directions is left out" in said
    assert without.sha256 == sound.sha256
    _, mapped = converted(script, cases / "h36m_memory_mapped_arrays", tmp_path / "mapped.h5")
    assert [mapped.num_videos, *mapped.poses_3d.shape[1:]] == [4, 17, 3]
    np.testing.assert_array_equal(np.isin(mapped.poses_3d, sound.poses_3d), True)


def amass(script: Script, case: Path, output: Path, status: int = 0) -> str:
    return script("convert_amass", "--files", *sorted(case.glob("*.npz")), "--output", output, status=status)


def test_amass_subsets_under_former_names(cases: Path, script: Script, tmp_path: Path) -> None:
    """What is for validation is not trained on; missing subsets are named in one line."""
    said = amass(script, cases / "amass_former_names", tmp_path / "amass.h5")
    table = read_frames_table(tmp_path / "amass.h5")
    assert table.metadata["splits"] == {"train": ["BMLrub", "CMU", "EyesJapanDataset"], "val": ["MPIHDM05", "MPImosh"]}
    assert len(table.metadata["sources"]) == len(SUBSETS)
    (line,) = [line for line in said.splitlines() if "of the 17 published subsets" in line]
    assert "without DanceDB" in line


def test_amass_sequences(cases: Path, script: Script, tmp_path: Path) -> None:
    """A wrong unit is refused; 100 Hz in float32 is 100 Hz; a sequence without frames is left out and named."""
    assert "measures 1296 m, not 0.3 to 4 m" in amass(script, cases / "amass_in_millimetres", tmp_path / "mm.h5", status=2)
    assert not (tmp_path / "mm.h5").exists()
    amass(script, cases / "amass_100_hz_in_float32", tmp_path / "a.h5")
    assert read_frames_table(tmp_path / "a.h5").sequence_frame_rate.tolist() == [100.0]  # nominal
    assert "left out: 0001/b0_poses" in amass(script, cases / "amass_sequence_without_frames", tmp_path / "b.h5")


def test_recordings_keep_all_frames(cases: Path, script: Script, tmp_path: Path) -> None:
    for case, length in (("mocap_57_frames_at_50_hz", 57), ("mocap_49_9999999_hz", 100)):
        script("convert_mocap", "--folder", cases / case, "--output", tmp_path / f"{case}.npz", status=0)
        content = np.load(tmp_path / f"{case}.npz", allow_pickle=True)["positions_3d"].item()
        ((sequence,),) = [list(sequences.values()) for sequences in content.values()]
        assert len(sequence["positions_3d"]) == length


@pytest.mark.parametrize(
    ("case", "word"), [("weights_are_a_web_page", "a web page, not an HDF5 file"), ("weights_are_a_pointer", "a Git LFS pointer")]
)
def test_weights_that_are_something_else(case: str, word: str, cases: Path, script: Script, shared: Path) -> None:
    poses_3d, poses_2d, _ = public_files(cases / "h36m_sound")
    config = shared / "golden/models/n41_h81like_first2.json"
    files = ["--dataset", poses_3d, "--dataset_2d", poses_2d]
    assert word in script("eval", "--weights", cases / case / "weights.h5", "--config", config, *files, status=2)


def test_a_configuration_with_a_note(cases: Path, script: Script, shared: Path) -> None:
    weights, config = shared / "golden/models/n41_h81like_first2.h5", cases / "config_with_a_note/config.json"
    said = script("eval", "--weights", weights, "--config", config, status=2)
    assert said == f"error: {config}: unknown key '_comment'\n"


def test_acclaim_files(cases: Path) -> None:
    """Padding and comments are read over; a file that ends within a name is cut off."""

    def motion(case: str) -> np.ndarray:
        folder = cases / case / "subjects/07"
        return read_amc(folder / "07_01.amc", read_asf(folder / "07.asf"))

    sound = motion("acclaim_sound")
    assert len(sound) == 40
    np.testing.assert_array_equal(motion("acclaim_ends_with_ctrl_z"), sound)
    np.testing.assert_array_equal(motion("acclaim_comment_behind_a_frame_number"), sound)
    with pytest.raises(InputError, match="cut off"):
        motion("acclaim_cut_within_a_name")
