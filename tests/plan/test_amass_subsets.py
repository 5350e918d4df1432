"""Names of AMASS subsets: each is itself under any of them, and what is for validation stays there."""

import pytest

from uplift_upsample.plan.amass_subsets import SPLITS, SUBSETS, file_names, is_same_subset, meant_for_validation, subset_name
from uplift_upsample.plan.datasets import Amass

NAMES = {
    "MPIHDM05": ["MPI_HDM05", "HDM05", "mpi-hdm05", "MPI HDM05"],
    "MPImosh": ["MPI_mosh", "MoSh", "MPI_MOSH"],
    "SFU": ["sfu"],
    "MPILimits": ["MPI_Limits", "PosePrior", "Pose_Prior"],
    "BMLrub": ["BioMotionLab_NTroje", "BML_rub"],
    "EyesJapanDataset": ["Eyes_Japan_Dataset"],
    "TCDhandMocap": ["TCD_handMocap", "TCDHands", "TCD_hands"],
    "Transitionsmocap": ["Transitions_mocap", "Transitions"],
}


@pytest.mark.parametrize(("subset", "name"), [(subset, name) for subset in NAMES for name in NAMES[subset]])
def test_a_subset_is_itself_under_any_name(subset: str, name: str) -> None:
    assert subset_name(name) == subset
    assert meant_for_validation(name) is None


def test_names_are_of_one_subset_each() -> None:
    assert len(SUBSETS) == 17
    names = [name for subset in SUBSETS for name in file_names(subset)]
    assert len({name.lower() for name in names}) == len(names)  # files, also where case does not count
    assert [subset_name(name) for name in names] == [subset for subset in SUBSETS for _ in file_names(subset)]
    for other in ("DFaust_67", "SSM_synced", "GRAB", "our_lab"):  # other data sets, also those of AMASS that the paper does not use
        assert subset_name(other) == other
        assert meant_for_validation(other) is None
    assert is_same_subset("Our Lab", "our_lab")


@pytest.mark.parametrize(
    ("name", "subset"),
    [
        ("MPI_HDM5", "MPIHDM05"),
        ("HDM05_50hz", "MPIHDM05"),
        ("smplh_HDM05", "MPIHDM05"),
        ("SFU (1)", "SFU"),
        ("MPI_moshh", "MPImosh"),
        ("mpimosh_17", "MPImosh"),
        ("amass_SFU_50hz", "SFU"),
        ("my_MPI_HDM05_joints", "MPIHDM05"),
        ("AMASS-MPI_mosh-50Hz", "MPImosh"),
        ("joints_SFU_17", "SFU"),
        ("joints SFU 17", "SFU"),
        ("amassSFU50hz", "SFU"),
        ("ourMoShData", "MPImosh"),
        ("subset hdm05 (50 Hz)", "MPIHDM05"),
    ],
)
def test_names_that_may_be_meant_for_validation(name: str, subset: str) -> None:
    assert meant_for_validation(name) == subset


def test_names_near_training_subsets_are_free() -> None:
    assert meant_for_validation("MPI_Limit") is None
    assert meant_for_validation("CMU_2") is None
    for name in (
        "amass_CMU_50hz",
        "my_MPI_Limits_joints",
        "the_gsfus_lab",
        "a_misfure_17",
        "joints_BMLmovi",
        "mush_mash",
        "us_fu_lab",
    ):
        assert meant_for_validation(name) is None, name


def amass(**options: object) -> Amass:
    return Amass.model_validate({"kind": "amass", "folder": "data/amass", **options})


def test_subjects_of_a_data_set_of_the_configuration() -> None:
    source = amass(subsets=["CMU", "MPI_HDM05", "MoSh"], own={"MyLab": "data/my_lab"})
    assert source.subjects_of("train")[0] == {"CMU", "MyLab"}
    assert source.subjects_of("val")[0] == {"MPIHDM05", "MPImosh"}
    names, unknown, choices = source.subjects_of("HDM05, MPI_mosh,SFU")
    assert names == {"MPIHDM05", "MPImosh", "SFU"}
    assert unknown == ["SFU"]
    assert choices == ["train", "val", "CMU", "MPIHDM05", "MPImosh", "MyLab"]
    assert not set(SPLITS["val"]) & source.subjects_of("train")[0]


def test_faults_of_listed_subsets() -> None:
    source = amass(
        subsets=["CMU", "MPI_HDM05", "HDM05", "MPI_HDM5"], own={"sfu": "data/a", "Transitions": "data/b", "lab": "data/c"}
    )
    one, two, three, four = source.faults()
    assert one == "subsets: MPI_HDM05 and HDM05 are one subset, MPIHDM05; list it once"
    assert two == "subsets: AMASS has no subset 'MPI_HDM5', did you mean 'MPIHDM05'?"
    assert three.startswith("own: 'sfu' reads like the subset SFU of AMASS")
    assert four.startswith("own: 'Transitions' reads like the subset Transitionsmocap of AMASS")
