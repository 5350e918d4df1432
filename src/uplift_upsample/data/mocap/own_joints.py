"""The joints of the user's own motion capture: names in any spelling, and what to do about the names of other skeletons.

Only spellings are read, because the same words mean different places in different systems. Where the names are those of a skeleton
that is known here, the faults list which of its joints are ours, and how those that it lacks are made. What stands before most
names (``mixamorig:``, ``Bip01``) counts for nothing there.
"""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from uplift_upsample.base.skeleton import MODEL_17

_LONGEST_PREFIX = 40  # letters; chosen: longer than any, so that hostile names take no time
_SIDES = {"l": ("l", "left"), "r": ("r", "right")}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _spellings(joint: str) -> list[str]:
    """``l_knee``: lknee, leftknee, kneel, kneeleft."""
    side, _, word = joint.partition("_")
    if side not in _SIDES:
        return [_plain(joint)]
    return [spelled for long in _SIDES[side] for spelled in (long + word, word + long)]


_JOINTS = {spelling: joint for joint in MODEL_17 for spelling in _spellings(joint)}


@dataclass(frozen=True)
class _Naming:
    """The names of a skeleton.

    marks: words that all must occur; the first skeleton of ``_NAMINGS`` that fits is taken. words: what joints of ours are
    called, without sides, if it is otherwise, the likeliest first. not_ours: words of ours that mean other places. made: how to
    get the joints that it lacks, or has elsewhere.
    """

    skeleton: str
    marks: frozenset[str]
    words: dict[str, tuple[str, ...]]
    not_ours: frozenset[str] = frozenset()
    made: dict[str, str] = field(default_factory=dict)


_OF_A_DETECTOR = {
    "pelvis": "make it halfway between the two hips",
    "neck": "make it halfway between the two shoulders",
    "torso": "make it halfway between pelvis and neck",
    # ears are about two thirds of the way from the base of the neck to the top of the head
    "head_top": "make it on the line from the neck to the middle of the ears, half as far again beyond the ears",
}
# Bones of the head begin at the base of the skull; Human3.6M's is as far from the neck as from the top of the head.
_HEAD = "its head is the base of the skull; make it halfway between neck and head_top"
# What the usual skeletons of BVH files call them, those of animation and of Human3.6M's recordings alike.
_OF_BVH = {
    "hip": ("upleg",),
    "knee": ("leg",),
    "ankle": ("foot",),
    "torso": ("spine1", "spine"),
    "shoulder": ("arm",),
    "elbow": ("forearm",),
    "wrist": ("hand",),
}
_NAMINGS = (
    _Naming(
        "Mixamo's and MotionBuilder's skeletons",
        frozenset({"upleg", "forearm", "spine2"}),
        {
            **_OF_BVH,
            "pelvis": ("hips",),
            "head_top": ("headtopend", "headtop", "headend"),
        },
        frozenset({"shoulder", "head"}),  # where the collar bone starts, and the skull
        {"head": _HEAD, "head_top": "take the end of the head"},
    ),
    _Naming(
        "Human3.6M's recordings",
        frozenset({"upleg", "forearm"}),
        {**_OF_BVH, "pelvis": ("hips", "hip")},
        frozenset({"shoulder"}),  # where the collar bone starts
        {"head_top": "take the end of 'Head' (Site)"},
    ),
    _Naming(
        "Biped's and Unreal's skeletons",
        frozenset({"thigh", "calf"}),
        {
            "hip": ("thigh",),
            "knee": ("calf",),
            "ankle": ("foot",),
            "torso": ("spine1", "spine02", "spine"),
            "neck": ("neck01",),
            "shoulder": ("upperarm",),
            "elbow": ("forearm", "lowerarm"),
            "wrist": ("hand",),
            "head_top": ("headnub",),
        },
        frozenset({"head"}),
        {"head": _HEAD, "head_top": "take the end of the head"},
    ),
    _Naming(
        "Unity's and VRM's humanoids",  # Xsens and others have the same words
        frozenset({"upperarm"}),
        {
            "pelvis": ("hips", "pelvis"),
            "hip": ("upperleg", "upleg"),
            "knee": ("lowerleg",),
            "ankle": ("foot",),
            "torso": ("spine", "chest"),
            "shoulder": ("upperarm",),
            "elbow": ("lowerarm", "forearm"),
            "wrist": ("hand",),
        },
        frozenset({"shoulder", "head"}),  # the collar bone, and where the skull starts
        {"head": _HEAD, "head_top": "take the end of the head"},
    ),
    _Naming(
        "Human3.6M's 17 joints",
        frozenset({"spine", "thorax"}),
        {
            "pelvis": ("hip", "hips", "root", "midhip"),
            "ankle": ("foot",),
            "torso": ("spine",),
            "neck": ("thorax",),
            "head": ("necknose", "nose", "neckbase", "neck"),
            "head_top": ("head",),
        },
        frozenset({"head", "neck"}),
    ),
    _Naming(
        "SMPL",
        frozenset({"spine1", "collar"}),
        {"torso": ("spine2",)},
        frozenset({"head"}),
        {
            "head": f"{_HEAD}, or with J_regressor_h36m.npy from the vertices",
            "head_top": "take the topmost vertex of the head, or make it with J_regressor_h36m.npy from the vertices",
        },
    ),
    _Naming("OpenPose", frozenset({"nose", "midhip"}), {"pelvis": ("midhip",), "head": ("nose",)}, made=_OF_A_DETECTOR),
    _Naming("COCO", frozenset({"nose", "eye", "ear"}), {"head": ("nose",)}, made=_OF_A_DETECTOR),
)


def spelled(name: str) -> str:
    """A joint's name as the project writes it: ``LeftKnee``, ``left-knee`` and ``LKnee`` are ``l_knee``; others are left alone."""
    return _JOINTS.get(_plain(name), name)


def joint_faults(names: Sequence[str]) -> list[str]:
    """What is wrong with the joints of a file, in a line for each joint; empty where all 17 occur once.

    Says for a missing joint which name of the file may be meant, or which other joints it is made of.
    """
    ours = [spelled(name) for name in names]
    bare = _without_prefix(names)
    all_names = _by_spelling(bare)
    further = {short: name for short, name in bare.items() if spelled(name) not in MODEL_17}
    naming = _naming(bare)
    faults = [f"the joint {joint!r} occurs {ours.count(joint)} times" for joint in MODEL_17 if ours.count(joint) > 1]
    missing = [joint for joint in MODEL_17 if joint not in ours]
    for joint in MODEL_17:
        if joint in missing:
            faults.append(f"the joint {joint!r} is missing{_hint(joint, all_names, further, naming)}")
        elif naming is not None and (missing or joint not in names):  # not where all 17 occur, this one letter by letter
            faults += _false_friend(joint, names, all_names, naming)
    return faults


def joint_warnings(names: Sequence[str]) -> list[str]:
    """What may be wrong with joints that are all there: those that another skeleton has under the same names at other places."""
    naming = _naming(_without_prefix(names))
    if naming is None:
        return []
    return [
        f"other joints have the names of {naming.skeleton}; if {joint!r} is of it, too, it is another place than ours: "
        f"{naming.made[word]}"
        for joint in names
        if joint in MODEL_17 and (word := _split(joint)[1]) in naming.not_ours & naming.made.keys()
    ]


def _naming(bare: Mapping[str, str]) -> _Naming | None:
    """The skeleton whose names these are."""
    words = {_sided(name)[1] for name in bare}
    return next((naming for naming in _NAMINGS if naming.marks <= words), None)


def _without_prefix(names: Sequence[str]) -> dict[str, str]:
    """Names without what most of them begin with, up to a sign or another case, and the names themselves: ``LeftLeg`` and
    ``mixamorig:LeftLeg``."""
    sides = {spelling for spellings in _SIDES.values() for spelling in spellings}
    begins = Counter(
        name[: sign.end()]
        for name in names
        for sign in re.finditer(r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[A-Za-z])", name[:_LONGEST_PREFIX])
    )
    common = [begin for begin, count in begins.items() if 2 * count > len(names) and _plain(begin) not in sides]
    prefix = max(common, key=len, default="")
    return {name.removeprefix(prefix) or name: name for name in reversed(names)}


def _sided(name: str) -> tuple[str, str]:
    """The side of a name, ``l``, ``r`` or nothing, and its word: ``RightUpLeg`` is ``r``, ``upleg``."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]
    for side, spellings in _SIDES.items():
        for place in (0, -1):
            if len(words) > 1 and words[place] in spellings:
                return side, "".join(words[1:] if place == 0 else words[:-1])
    plain = _JOINTS.get(_plain(name), _plain(name))
    if plain in MODEL_17:
        return _split(plain)
    side = next((side for side, (_, long) in _SIDES.items() if plain.startswith(long)), "")  # Leftfoot
    return side, plain.removeprefix(_SIDES[side][1]) if side else plain


def _split(joint: str) -> tuple[str, str]:
    side, _, word = joint.partition("_")
    return (side, word) if side in _SIDES else ("", joint)


def _by_spelling(bare: Mapping[str, str]) -> dict[str, str]:
    return {_plain(short): name for short, name in bare.items()}


def _called(joint: str, of_file: Mapping[str, str], naming: _Naming) -> str | None:
    """What a joint is called in a file with the names of another skeleton."""
    side, word = _split(joint)
    words = (*naming.words.get(word, ()), *(() if word in naming.not_ours else (word,)))
    likely = [spelling for other in words for spelling in _spellings(f"{side}_{other}" if side else other)]
    return next((of_file[spelling] for spelling in likely if spelling in of_file), None)


def _hint(joint: str, all_names: Mapping[str, str], further: Mapping[str, str], naming: _Naming | None) -> str:
    if naming is not None:
        called = _called(joint, all_names, naming)
        if called is not None:
            return f"; among the names of {naming.skeleton} it is {called!r}: name it {joint!r}"
        if made := naming.made.get(_split(joint)[1]):
            return f"; there is none among the names of {naming.skeleton}: {made}"
    spellings = _by_spelling(further)
    called = next((name for other in _NAMINGS if (name := _called(joint, spellings, other))), None)
    if called is not None:
        return f", is it {called!r}?"
    near = {"_".join(filter(None, _sided(short))): name for short, name in further.items() if _sided(short)[0] == _split(joint)[0]}
    close = difflib.get_close_matches(joint, near, n=1)
    return f", is it {near[close[0]]!r}?" if close else ""


def _false_friend(joint: str, names: Sequence[str], all_names: Mapping[str, str], naming: _Naming) -> list[str]:
    """A name that spells a joint of ours and means another place in its own skeleton: the collar bone is not a shoulder."""
    if _split(joint)[1] not in naming.not_ours:
        return []
    called, made = _called(joint, all_names, naming), naming.made.get(_split(joint)[1])
    name = next(name for name in names if spelled(name) == joint)
    where = f"among the names of {naming.skeleton}"
    if called is not None:
        return [f"the joint {joint!r} is {called!r} {where}, and {name!r} is another place: name {called!r} {joint!r}"]
    return [f"the joint {joint!r} is missing; {name!r} is another place {where}: {made}"] if made else []
