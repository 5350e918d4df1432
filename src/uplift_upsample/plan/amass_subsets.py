"""The subsets of AMASS in the published experiments: what they are called, and which are for training and for validation.

Archives, folders and converted files of one subset bear different names: those of the site today and of former years, and those of
people's own conversions. Everything that looks a subset up does it here, so that validation data is validation data under any name.
Source: docs/method.md, "AMASS".
"""

import difflib
import re

# fmt: off
SPLITS = {
    "train": (
        "CMU", "DanceDB", "MPILimits", "TotalCapture", "EyesJapanDataset", "HUMAN4D", "KIT", "BMLhandball", "BMLmovi", "BMLrub",
        "EKUT", "TCDhandMocap", "ACCAD", "Transitionsmocap",
    ),
    "val": ("MPIHDM05", "SFU", "MPImosh"),
}
# fmt: on
SUBSETS = tuple(subset for members in SPLITS.values() for subset in members)
# As archives and folders spell them; case, blanks, hyphens and underscores make no difference.
_OTHER_NAMES = {
    "BMLrub": ("BioMotionLab_NTroje",),
    "EyesJapanDataset": ("Eyes_Japan_Dataset",),
    "MPIHDM05": ("MPI_HDM05", "HDM05"),
    "MPILimits": ("MPI_Limits", "PosePrior"),
    "MPImosh": ("MPI_mosh", "MoSh"),
    "TCDhandMocap": ("TCD_handMocap", "TCDHands"),
    "Transitionsmocap": ("Transitions_mocap", "Transitions"),
}
_ALIKE = 0.8  # of the letters, from which on an unknown name may be a known one misspelt


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _word_runs(name: str) -> set[str]:
    """Up to four neighbouring words as one: my, mympi, mpi, mpimosh, mosh, ... of ``my_MPI_mosh``. A capital begins a word."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]
    return {"".join(words[first:last]) for first in range(len(words)) for last in range(first + 1, first + 5)}


_NAMES = {_plain(name): subset for subset in SUBSETS for name in (subset, *_OTHER_NAMES.get(subset, ()))}


def subset_name(name: str) -> str:
    """The name that this project has for a subset, an archive or a folder; an unknown name stays as it is."""
    return _NAMES.get(_plain(name), name)


def is_same_subset(one: str, other: str) -> bool:
    """Whether two names are those of one subset, known or not."""
    return _plain(subset_name(one)) == _plain(subset_name(other))


def file_names(subset: str) -> tuple[str, ...]:
    """The names that the converted file of a subset may bear, its own first."""
    return (subset, *_OTHER_NAMES.get(subset, ()))


def meant_for_validation(name: str) -> str | None:
    """The validation subset that an unknown name is likely meant for, ``MPIHDM05`` for ``my_HDM05_50hz`` and ``MPI_HDM5``.

    Whatever is unknown is trained on, so such a name must be made clear first.
    """
    plain = _plain(name)
    if plain in _NAMES:
        return None
    known = {alias: subset for alias, subset in _NAMES.items() if subset in SPLITS["val"]}
    for alias, subset in known.items():
        if plain.startswith(alias) or plain.endswith(alias) or alias in _word_runs(name):
            return subset
    close = difflib.get_close_matches(plain, _NAMES, n=1, cutoff=_ALIKE)
    return known.get(close[0]) if close else None
