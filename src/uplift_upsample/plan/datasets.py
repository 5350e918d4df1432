"""The kinds of data sets. Each is a class that describes itself completely: its options, its people, what it is made from.

To add one, write one more class, a converter, its script and its rule; docs/changing.md has an example. No file is opened here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union, get_args

from pydantic import Discriminator, Field, Tag

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.strict import UNKNOWN, shown
from uplift_upsample.plan import h36m_subjects, mpi_inf_3dhp_sequences
from uplift_upsample.plan.amass_subsets import SPLITS, SUBSETS, file_names, meant_for_validation, subset_name
from uplift_upsample.plan.dataset_base import DataSet, in_cameras
from uplift_upsample.plan.settings import Name, SomeNames
from uplift_upsample.plan.ways import CONVERTED, Need, Surroundings, is_generated, manifest_of, of_archives, of_the_user

BODY_MODEL = f"{CONVERTED}/amass/body_model.npz"
BODY_MODEL_SOURCES = ("smplh", "dmpls", "h36m_regressor")


class H36M(DataSet):
    """Human3.6M with one source of 2D poses."""

    kind: Literal["h36m"]
    """What the data set is made from."""
    poses_3d: str
    """Path of the user's data_3d_h36m.npz (world coordinates, metres, 50 Hz); if it is missing, it is made from archives."""
    poses_2d: str
    """Path of the user's 2D poses (pixels), {input_2d} in it is replaced; if they are missing, they are fetched (CPN) or made
    (gt)."""
    input_2d: str
    """Name of the 2D source, e.g. gt or cpn_ft_h36m_dbb."""
    layout: ClassVar[str] = (
        "data_3d_h36m.npz in VideoPose3D's layout, https://github.com/facebookresearch/VideoPose3D/blob/main/DATASETS.md"
    )

    known_frames: ClassVar[Mapping[str, int]] = {"test": h36m_subjects.TEST_FRAMES}

    def faults(self) -> list[str]:
        """2D poses of one source under the name of another one."""
        named = re.fullmatch(r"data_2d_h36m_(\w+)\.npz", PurePath(self.poses_2d).name)
        if named is None or named[1] == self.input_2d:
            return []
        return [
            f"poses_2d: {self.poses_2d} is {named[1]} by its name, but input_2d is {self.input_2d}, and results would be called "
            "that; write {input_2d} into the path, or change one of them"
        ]

    def files(self) -> dict[str, list[str]]:
        return {"poses_3d": [self.poses_3d], "poses_2d": [self.poses_2d.replace("{input_2d}", self.input_2d)]}

    def all_splits(self) -> Mapping[str, Sequence[str]]:
        return h36m_subjects.SPLITS

    def all_subjects(self) -> list[str]:
        return list(h36m_subjects.SUBJECTS)

    def sequences(self, subjects: Iterable[str], trials: Iterable[Mapping[str, str]] = ()) -> list[str]:
        """Without second recordings of an action (``S9_Walking_1_cam2``): the files show which there are."""
        return in_cameras(f"{subject}_{action}" for subject in subjects for action in h36m_subjects.ACTIONS)

    def recorded(self) -> dict[str, Any]:
        return {"input_2d": self.input_2d}

    def is_held_by(self, metadata: Mapping[str, Any]) -> bool:
        return bool(metadata["input_2d"] == self.input_2d)

    def _needs(self, around: Surroundings, frames: str, *, can_fetch: bool) -> list[Need]:
        archives = tuple(f"h36m_{subject}" for subject in h36m_subjects.SUBJECTS)
        poses_3d, poses_2d = self.poses_3d, self.poses_2d.replace("{input_2d}", self.input_2d)
        made_3d, made_2d = f"{CONVERTED}/h36m/data_3d_h36m.npz", f"{CONVERTED}/h36m/data_2d_h36m_gt.npz"
        found = [of_archives("3D poses", poses_3d, made_3d, archives, around, can_fetch=can_fetch)]
        detections = f"h36m_{self.input_2d}"
        if self.input_2d != "gt" and detections not in around.sources:
            return [*found, of_the_user("2D poses", poses_2d, around)]
        if self.input_2d != "gt":
            made_2d, archives = manifest_of(detections), (detections,)
        return [*found, of_archives("2D poses", poses_2d, made_2d, archives, around, can_fetch=can_fetch)]


class Amass(DataSet):
    """Motion capture for pre-training; its subjects are its subsets, under the project's names."""

    kind: Literal["amass"]
    """What the data set is made from."""
    folder: str
    """Folder of the user's converted subsets, {subset}.npz under any name of the subset (17 joints, metres, 50 Hz); the others are
    made from archives."""
    subsets: SomeNames
    """Names of the subsets, those of the site today or of former years (MPI_HDM05)."""
    own: dict[Name, str] = Field({})
    """Your own motion capture as further subsets, name -> folder of recordings (docs/own_motion_capture.md). All are trained on."""
    layout: ClassVar[str] = "{subset}.npz, key positions_3d: person -> sequence -> positions_3d (T, 17, 3) in metres, frame_rate 50"

    def all_splits(self) -> Mapping[str, Sequence[str]]:
        names = self.all_subjects()
        return {
            "train": [name for name in names if name not in SPLITS["val"]],
            "val": [name for name in names if name in SPLITS["val"]],
        }

    def all_subjects(self) -> list[str]:
        return list(dict.fromkeys([*map(subset_name, self.subsets), *self.own]))

    def subject_named(self, name: str) -> str:
        return subset_name(name)

    def has_2d_poses(self) -> bool:
        return False

    def faults(self) -> list[str]:
        """A subset that is listed under two of its names, and names by which validation data would be trained on."""
        faults, seen = [], dict[str, str]()
        for name in self.subsets:
            earlier = seen.setdefault(subset_name(name), name)
            if earlier != name:
                faults.append(f"subsets: {earlier} and {name} are one subset, {subset_name(name)}; list it once")
            if likely := meant_for_validation(name):
                faults.append(f"subsets: AMASS has no subset {name!r}, did you mean {likely!r}?")
        for name in self.own:
            likely = subset_name(name) if subset_name(name) in SUBSETS else meant_for_validation(name)
            if likely:
                faults.append(f"own: {name!r} reads like the subset {likely} of AMASS; call your own motion capture otherwise")
        return faults

    def places(self) -> dict[str, str]:
        return {f"own.{subset}": folder for subset, folder in self.own.items()}

    def files(self) -> dict[str, list[str]]:
        return {"folder": [path for name in self.subsets for path in self._files_of(subset_name(name))]}

    def sequences(self, subjects: Iterable[str], trials: Iterable[Mapping[str, str]] = ()) -> list[str]:
        return []

    def is_held_by(self, metadata: Mapping[str, Any]) -> bool:
        return {subset_name(PurePath(entry["file"]).stem) for entry in metadata["sources"]} == {*self.all_subjects()}

    def _needs(self, around: Surroundings, frames: str, *, can_fetch: bool) -> list[Need]:
        return [
            Need(name, self.own[name], f"{frames.removesuffix('.h5')}/{name}.npz", is_met=around.exists(self.own[name]))
            if name in self.own
            else self._need_of(name, around, can_fetch)
            for name in self.all_subjects()
        ]

    def _files_of(self, subset: str) -> list[str]:
        return [f"{self.folder}/{name}.npz" for name in file_names(subset)]

    def _need_of(self, subset: str, around: Surroundings, can_fetch: bool) -> Need:
        """A subset; the user's converted file of it may bear any of its names."""
        paths = self._files_of(subset)
        there = [path for path in paths if not is_generated(path) and around.exists(path)]
        if len(there) > 1:
            raise InputError(f"AMASS: {' and '.join(there)} are files of one subset, {subset}; delete all but one")
        own = there[0] if there else paths[0]
        if f"amass_{subset}" not in around.sources:
            return of_the_user(subset, own, around)
        sources = (f"amass_{subset}", *(() if around.exists(BODY_MODEL) else BODY_MODEL_SOURCES))
        return of_archives(subset, own, f"{CONVERTED}/amass/{subset}.npz", sources, around, can_fetch=can_fetch)


class MpiInf3dhp(DataSet):
    """MPI-INF-3DHP with exact 2D poses: the paper's third data set."""

    kind: Literal["mpi_inf_3dhp"]
    """What the data set is made from."""
    train: str
    """Path of the user's data_train_3dhp.npz, as P-STMO's converter writes it; if it is missing, it is made from originals."""
    test: str
    """Path of the user's data_test_3dhp.npz, alike."""
    originals: str = "data/raw/mpi_inf_3dhp"
    """Folder of the original annotations, as the data set's own script lays them: S1/Seq1/annot.mat,
    mpi_inf_3dhp_test_set/TS1/annot_data.mat."""
    annotations: Literal["universal", "metric"] = "universal"
    """Which 3D poses: universal, of bodies of one size, as P-STMO's files and most published figures have; metric, people's own."""
    test_frame_rate: Literal[25, 50] = 25
    """Frames a second of the test videos, which their files do not contain."""
    layout: ClassVar[str] = "as P-STMO's converter writes it (https://github.com/paTRICK-swk/P-STMO), universal annotations"

    def files(self) -> dict[str, list[str]]:
        first = mpi_inf_3dhp_sequences.ANNOTATIONS_OF_TRAIN[0]
        return {"train": [self.train], "test": [self.test], "originals": [f"{self.originals}/{first}"]}

    def all_splits(self) -> Mapping[str, Sequence[str]]:
        return mpi_inf_3dhp_sequences.SPLITS

    def sequences(self, subjects: Iterable[str], trials: Iterable[Mapping[str, str]] = ()) -> list[str]:
        return [f"{subject}_video_cam0" for subject in mpi_inf_3dhp_sequences.TEST if subject in set(subjects)]

    def recorded(self) -> dict[str, Any]:
        return {"annotations": self.annotations, "test_frame_rate": self.test_frame_rate}

    def is_held_by(self, metadata: Mapping[str, Any]) -> bool:
        return all(metadata.get(name) == value for name, value in self.recorded().items())

    def other_ways(self) -> list[str]:
        return [
            f"or the original annotations: {self.originals}/S1/Seq1/annot.mat, …, "
            f"{self.originals}/mpi_inf_3dhp_test_set/TS1/annot_data.mat, …",
            "scripts that fetch them: https://vcai.mpi-inf.mpg.de/3dhp-dataset; licence: non-commercial research",
        ]

    def _needs(self, around: Surroundings, frames: str, *, can_fetch: bool) -> list[Need]:
        parts = (
            ("training poses", self.train, "data_train_3dhp.npz", mpi_inf_3dhp_sequences.ANNOTATIONS_OF_TRAIN),
            ("test poses", self.test, "data_test_3dhp.npz", mpi_inf_3dhp_sequences.ANNOTATIONS_OF_TEST),
        )
        found = []
        for what, own, name, files in parts:
            made = f"{frames.removesuffix('.h5')}/{name}"
            can_make = around.exists(made) or all(around.exists(f"{self.originals}/{file}") for file in files)
            need = of_the_user(what, own, around)
            found.append(need if need.is_met or not can_make else Need(what, own, made))
        return found


class Recorded(DataSet):
    """Recorded people, seen by simulated detections of the Human3.6M cameras; the configuration assigns people to splits."""

    splits: Annotated[dict[str, SomeNames], Field(min_length=1)]
    """Subjects of each split, as the recordings or the database write them (two or three digits, quoted)."""

    def all_splits(self) -> Mapping[str, Sequence[str]]:
        return self.splits

    def faults(self) -> list[str]:
        """Subjects in two splits."""
        known = {split: {*subjects} for split, subjects in self.splits.items() if subjects is not UNKNOWN}
        return [
            f"splits: {in_words('subject', sorted(first & second))} in {one} and in {other}; a subject belongs to one split"
            for (one, first), (other, second) in combinations(known.items(), 2)
            if first & second
        ]

    def recorded(self) -> dict[str, Any]:
        return {"splits": self.splits}


class Cmu(Recorded):
    """People of the CMU motion capture database."""

    kind: Literal["cmu"]
    """What the data set is made from."""
    source: str
    """cmu_all, the archive of the whole database in the table of sources; or a zip file of it, the URL of a mirror with single
    files, or a folder with the same layout."""
    trials: str
    """Table of the trials to use (CSV with subject and trial)."""
    cache: str = "data/raw/cmu"
    """Folder for the original files."""

    def places(self) -> dict[str, str]:
        return {"source": self.source}

    def people(self) -> str:
        return self.trials

    def without_people(self) -> list[str]:
        return [f"trials: there is no table {self.trials}"]

    def how(self, required: Sequence[Need]) -> str:
        return f"will be fetched, about 1.1 GB, or is taken from {self.cache} if it exists there"


class Mocap(Recorded):
    """Your own motion capture (docs/own_motion_capture.md), seen by simulated detections of the Human3.6M cameras."""

    kind: Literal["mocap"]
    """What the data set is made from."""
    folder: str
    """Folder of the recordings."""
    detections: Literal["simulated", "none"] = "simulated"
    """simulated, by the cameras of Human3.6M; none, for pre-training, which sees the people by cameras drawn at random."""

    def has_2d_poses(self) -> bool:
        return self.detections != "none"

    def places(self) -> dict[str, str]:
        return {"folder": self.folder}

    def people(self) -> str:
        return self.folder

    def is_held_by(self, metadata: Mapping[str, Any]) -> bool:
        return (metadata["input_2d"] is not None) == self.has_2d_poses()

    def _needs(self, around: Surroundings, frames: str, *, can_fetch: bool) -> list[Need]:
        return [of_the_user("motion capture", self.folder, around)]


def _kinds(cls: type[DataSet]) -> dict[str, type[DataSet]]:
    """The data sets of a configuration by their ``kind``, in the order in which they stand here."""
    kinds = get_args(cls.model_fields["kind"].annotation)
    found = {kinds[0]: cls} if kinds else {}
    for inner in cls.__subclasses__():
        found |= _kinds(inner)
    return found


def _kind(options: Any) -> str | None:
    """The kind in some options, or in a data set; None if they have none."""
    if options is UNKNOWN:
        return None
    kind = options.get("kind") if isinstance(options, Mapping) else getattr(options, "kind", None)
    return kind if isinstance(kind, str | None) else shown(kind)


if TYPE_CHECKING:
    AnyDataSet = DataSet
else:
    AnyDataSet = Annotated[Union[*(Annotated[cls, Tag(kind)] for kind, cls in _kinds(DataSet).items())], Discriminator(_kind)]


def in_words(noun: str, names: Sequence[str]) -> str:
    """``subject 01``, ``subjects 01, 02``."""
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"
