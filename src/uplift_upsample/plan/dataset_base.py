"""What every kind of data set has in common; ``datasets`` has the kinds. No file is opened here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from uplift_upsample.plan.settings import Settings
from uplift_upsample.plan.ways import Need, Surroundings

NUM_CAMERAS = 4  # of Human3.6M, which see simulated detections too


class DataSet(Settings):
    """A data set of a study: how its frames table is made, and who is in it."""

    kind: str
    layout: ClassVar[str] = ""
    """How a converted file of the user looks, for the message where it is missing."""

    known_frames: ClassVar[Mapping[str, int]] = {}
    """Frames of all videos of a subset, where they are known without the data."""

    def all_splits(self) -> Mapping[str, Sequence[str]]:
        """The subjects of each split."""
        raise NotImplementedError

    def all_subjects(self) -> list[str]:
        """All subjects, in the order in which messages list them."""
        return sorted({subject for subjects in self.all_splits().values() for subject in subjects})

    def subject_named(self, name: str) -> str:
        """The subject that is meant by a name of the configuration."""
        return name

    def subjects_of(self, subset: str) -> tuple[set[str], list[str], list[str]]:
        """The subjects of a subset (a split, or names joined by commas), the names that mean nothing, and all that would."""
        splits, subjects = self.all_splits(), self.all_subjects()
        if subset in splits:
            return set(splits[subset]), [], []
        names = [self.subject_named(name.strip()) for name in subset.split(",")]
        return set(names), [name for name in names if name not in subjects], [*splits, *subjects]

    def has_2d_poses(self) -> bool:
        """What is made for pre-training alone has none, and nothing can be tested on it."""
        return True

    def faults(self) -> list[str]:
        """What its options mean together and cannot, a line each that starts with the option. Works on ``strict.Known``, too."""
        return []

    def places(self) -> dict[str, str]:
        """Folders and the like that it is made from, by option: what is misspelt there is found before the start."""
        return {}

    def files(self) -> dict[str, list[str]]:
        """Files of the user, by option, that may be absent because they can be made or fetched. Only used to detect a misspelt
        folder."""
        return {}

    def people(self) -> str | None:
        """Where its people are listed: a table of trials or a folder of recordings; None where nothing needs to list them."""
        return None

    def without_people(self) -> list[str]:
        """What is wrong where ``people`` shows nobody, a line each that starts with the option."""
        return []

    def sequences(self, subjects: Iterable[str], trials: Iterable[Mapping[str, str]] = ()) -> list[str]:
        """The names that sequences of some subjects will have in the frames table, as far as they are known before it exists.

        trials: the recordings, if ``people`` lists them.
        """
        rows = [row for row in trials if row["subject"] in set(subjects)]
        return in_cameras([row["trial"] for row in rows] + [f"{row['subject']}_{row['action']}" for row in rows])

    def recorded(self) -> dict[str, Any]:
        """What the metadata of its frames table hold about it."""
        return {}

    def is_held_by(self, metadata: Mapping[str, Any]) -> bool:
        """Whether a frames table with these metadata holds it. May raise ``LookupError``, ``TypeError`` and ``ValueError``."""
        return True

    def needs(self, around: Surroundings, frames: str) -> list[Need]:
        """What it is made from. frames: path of its frames table, ``.../{dataset}.h5``.

        Once there is a frames table of this data, nothing is fetched for it again: its sources may be deleted. Raises
        ``InputError`` where two files of the user are one AMASS subset.
        """
        if around.exists(frames):
            found = self._needs(around, frames, can_fetch=False)
            if all(need.is_met for need in found) or around.holds(frames, self):
                return found
        return self._needs(around, frames, can_fetch=True)

    def other_ways(self) -> list[str]:
        """What would do instead of files of the user that are missing, a line each."""
        return []

    def _needs(self, around: Surroundings, frames: str, *, can_fetch: bool) -> list[Need]:
        return []

    def how(self, required: Sequence[Need]) -> str:
        """How it comes in, where nothing is missing; for the doctor."""
        there = [need.what for need in required if need.used == need.own]
        made = [need.what for need in required if need.used != need.own]
        parts = [f"{', '.join(there)} in place"] if there else []
        parts += [f"{', '.join(made)} to be made from archives that exist or can be fetched"] if made else []
        return "; ".join(parts) or "nothing is needed"


def in_cameras(titles: Iterable[str]) -> list[str]:
    """The names of sequences in each of the cameras."""
    return [f"{title}_cam{camera}" for title in dict.fromkeys(titles) for camera in range(NUM_CAMERAS)]
