"""By which way data comes in, and the message where none is open."""

import json
from collections.abc import Collection
from pathlib import Path

import h5py
import pytest
from pydantic import TypeAdapter

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames_contents import holds_data_of
from uplift_upsample.plan.datasets import BODY_MODEL, AnyDataSet, DataSet
from uplift_upsample.plan.sources import missing_data_message
from uplift_upsample.plan.ways import Need, Surroundings

LOGINS = ("h36m_cookie", "amass_login", "mano_login", "smpl_login")
ACCESS = {
    **{f"h36m_{subject}": "h36m_cookie" for subject in ("S1", "S5", "S6", "S7", "S8", "S9", "S11")},
    "h36m_cpn_ft_h36m_dbb": "open",
    "amass_CMU": "amass_login",
    "amass_SFU": "amass_login",
    "smplh": "mano_login",
    "dmpls": "smpl_login",
    "h36m_regressor": "open",
}
TABLE = {name: {"file": f"raw_of/{name}", "access": access, "licence": f"terms of {name}"} for name, access in ACCESS.items()}
H36M = {"kind": "h36m", "poses_3d": "data/3d.npz", "poses_2d": "data/2d_{input_2d}.npz", "input_2d": "cpn_ft_h36m_dbb"}
AMASS = {"kind": "amass", "folder": "data/amass", "subsets": ["CMU", "SFU"]}
BODY = ("smplh", "dmpls", "h36m_regressor")


def source_of(options: dict) -> DataSet:
    return TypeAdapter(AnyDataSet).validate_python(options)


def around(files: Collection[str] = (), logins: Collection[str] = ()) -> Surroundings:
    return Surroundings(TABLE, logins, set(files).__contains__)


def used(source: dict, files: Collection[str] = (), logins: Collection[str] = ()) -> list[str]:
    return [need.used for need in source_of(source).needs(around(files, logins), "results/my/data/mine.h5")]


def unmet(source: dict, files: Collection[str] = (), logins: Collection[str] = ()) -> list[Need]:
    return [need for need in source_of(source).needs(around(files, logins), "results/my/data/mine.h5") if not need.is_met]


def test_a_converted_file_of_the_user_comes_first() -> None:
    files = ["data/3d.npz", "data/2d_cpn_ft_h36m_dbb.npz", "results/data/h36m/data_3d_h36m.npz"]
    assert used(H36M, files, LOGINS) == files[:2]
    assert used(AMASS, ["data/amass/CMU.npz"], LOGINS) == ["data/amass/CMU.npz", "results/data/amass/SFU.npz"]


@pytest.mark.parametrize("listed", ["MPIHDM05", "MPI_HDM05"])
def test_a_subset_is_found_under_any_of_its_names(listed: str) -> None:
    source = {**AMASS, "subsets": ["CMU", listed]}
    assert used(source, ["data/amass/CMU.npz", "data/amass/HDM05.npz"])[1] == "data/amass/HDM05.npz"
    assert used(source, ["results/data/amass/MPIHDM05.npz"], LOGINS)[1] == "data/amass/MPIHDM05.npz"  # no source in this table
    with pytest.raises(InputError, match=r"data/amass/MPIHDM05\.npz and data/amass/MPI_HDM05\.npz are files of one subset"):
        used(source, ["data/amass/MPI_HDM05.npz", "data/amass/MPIHDM05.npz"])


def test_a_login_opens_what_it_is_for() -> None:
    assert used(H36M, logins=["h36m_cookie"]) == [
        "results/data/h36m/data_3d_h36m.npz",
        "results/data/sources/h36m_cpn_ft_h36m_dbb.json",
    ]
    assert not unmet(H36M, logins=["h36m_cookie"])
    assert [need.what for need in unmet(H36M, logins=LOGINS[1:])] == ["3D poses"]
    assert not unmet(AMASS, logins=LOGINS[1:])
    assert [need.absent for need in unmet(AMASS, logins=["amass_login", "smpl_login"])] == [("smplh",)] * 2


def test_archives_that_are_there_need_no_login() -> None:
    archives = [f"data/raw/raw_of/{name}" for name in ACCESS]
    assert not unmet(H36M, archives)
    assert not unmet(AMASS, archives)
    without = [path for path in archives if "S9" not in path]
    assert [need.absent for need in unmet(H36M, without)] == [("h36m_S9",)]


def test_exact_2d_poses_come_from_the_same_archives() -> None:
    exact = {**H36M, "input_2d": "gt"}
    assert used(exact, logins=LOGINS)[1] == "results/data/h36m/data_2d_h36m_gt.npz"
    assert [need.what for need in unmet(exact)] == ["3D poses", "2D poses"]


def test_other_2d_poses_are_the_users_own() -> None:
    other = {**H36M, "input_2d": "hrnet"}
    assert [(need.own, need.sources) for need in unmet(other, logins=LOGINS)] == [("data/2d_hrnet.npz", ())]
    assert not unmet(other, ["data/2d_hrnet.npz"], LOGINS)


def test_what_was_converted_does_without_its_archives() -> None:
    assert not unmet(H36M, ["results/data/h36m/data_3d_h36m.npz"])
    assert not unmet({**AMASS, "subsets": ["CMU"]}, ["results/data/amass/CMU.npz"])
    needs_of_subset = source_of({**AMASS, "subsets": ["CMU"]}).needs(around([BODY_MODEL, "data/raw/raw_of/amass_CMU"]), "x.h5")
    assert needs_of_subset == [Need("CMU", "data/amass/CMU.npz", "results/data/amass/CMU.npz", ("amass_CMU",))]


@pytest.mark.parametrize("logins", [(), LOGINS])
def test_nothing_is_fetched_for_a_frames_table_that_is_there(logins: Collection[str]) -> None:
    assert used(AMASS, ["results/my/data/mine.h5"], logins) == ["data/amass/CMU.npz", "data/amass/SFU.npz"]
    archives = [f"data/raw/raw_of/{name}" for name in ACCESS]
    assert used(AMASS, ["results/my/data/mine.h5", *archives], logins)[0] == "results/data/amass/CMU.npz"


def test_own_motion_capture_is_one_more_subset_or_a_data_set() -> None:
    source = {**AMASS, "subsets": ["CMU"], "own": {"MyLab": "data/my_lab"}}
    assert used(source, ["data/my_lab"], LOGINS) == ["results/data/amass/CMU.npz", "results/my/data/mine/MyLab.npz"]
    assert [need.own for need in unmet(source, logins=LOGINS)] == ["data/my_lab"]
    assert [need.own for need in unmet({"kind": "mocap", "folder": "data/my_lab", "splits": {"train": ["anna"]}})] == [
        "data/my_lab"
    ]


def test_files_of_the_workflow_are_not_waited_for() -> None:
    demo = {**H36M, "poses_3d": "results/demo/3d.npz", "poses_2d": "results/demo/2d_{input_2d}.npz"}
    assert used(demo) == ["results/demo/3d.npz", "results/demo/2d_cpn_ft_h36m_dbb.npz"]


def test_the_message_tells_every_way() -> None:
    here = around(["data/raw/raw_of/h36m_S1"], ["smpl_login"])
    data = {"h36m": source_of(H36M), "amass": source_of(AMASS)}
    absent = {name: [need for need in source.needs(here, "x.h5") if not need.is_met] for name, source in data.items()}
    said = missing_data_message("paper", absent, data, here)
    for file in ["data/3d.npz", "data/amass/CMU.npz", "data/amass/SFU.npz", "data/raw/raw_of/h36m_S5", "data/raw/raw_of/smplh"]:
        assert said.count(f"put here: {file}") == 1
    for word in [
        "export H36M_PHPSESSID=...",
        "export AMASS_USERNAME=... AMASS_PASSWORD=...",
        "terms of h36m_S11",
        "vision.imar.ro",
    ]:
        assert word in said
    # what is at hand, or comes by itself, is not asked for
    for word in ["raw_of/h36m_S1 ", "SMPL_PASSWORD", "cpn", "regressor"]:
        assert word not in said


def test_the_message_names_what_only_the_user_can_bring() -> None:
    other = {**H36M, "input_2d": "hrnet"}
    said = missing_data_message("mine", {"h36m": unmet(other, logins=LOGINS)}, {"h36m": source_of(other)}, around(logins=LOGINS))
    assert "put here: data/2d_hrnet.npz" in said
    assert "export" not in said


def test_a_table_of_other_data_is_no_reason_to_leave_data_out() -> None:
    """A subset that is new in the configuration is fetched, or missed; it is not passed over because a table is there."""
    others = Surroundings(TABLE, LOGINS, {"mine.h5", BODY_MODEL}.__contains__, lambda frames, source: False)
    assert [need.sources[:1] for need in source_of(AMASS).needs(others, "mine.h5")] == [("amass_CMU",), ("amass_SFU",)]
    without = Surroundings(TABLE, (), {"mine.h5", BODY_MODEL}.__contains__, lambda frames, source: False)
    assert not any(need.is_met for need in source_of(AMASS).needs(without, "mine.h5"))


def test_what_a_frames_table_holds(tmp_path: Path) -> None:
    path = tmp_path / "table.h5"
    path.write_text("no table")
    assert holds_data_of(path, source_of(AMASS)), "whoever reads it reports what is wrong"
    with h5py.File(path, "w") as file:
        sources = [{"file": "CMU.npz"}, {"file": "SFU.npz"}]
        file.attrs["metadata"] = json.dumps({"input_2d": "gt", "sources": sources})
    assert holds_data_of(path, source_of(AMASS))
    assert holds_data_of(path, source_of({**AMASS, "subsets": ["CMU", "sfu"]}))
    assert not holds_data_of(path, source_of({**AMASS, "subsets": ["CMU"]}))
    assert not holds_data_of(path, source_of({**AMASS, "own": {"MyLab": "data/my_lab"}}))
    assert not holds_data_of(path, source_of(H36M))
    assert holds_data_of(path, source_of({**H36M, "input_2d": "gt"}))
    assert holds_data_of(path, source_of({"kind": "cmu", "source": "cmu_all", "trials": "x.csv", "splits": {"train": ["01"]}}))
