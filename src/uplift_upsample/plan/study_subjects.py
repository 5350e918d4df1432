"""Who is in a subset that an experiment of ``config.yaml`` names, and what is wrong with the subsets of AMASS that it lists."""

from collections.abc import Mapping
from typing import Any

from uplift_upsample.plan.amass_subsets import SPLITS, SUBSETS, meant_for_validation, subset_name

H36M_SPLITS = {
    "train": {"S1", "S5", "S6", "S7"},
    "val": {"S8"},
    "trainval": {"S1", "S5", "S6", "S7", "S8"},
    "test": {"S9", "S11"},
}


def has_2d_poses(source: Mapping[str, Any]) -> bool:
    """Whether a data set, as the configuration describes it, has 2D poses: what is made for pre-training alone has none."""
    return source["kind"] != "amass" and source.get("detections") != "none"


def subjects_of_subset(subset: str, source: Mapping[str, Any]) -> tuple[set[str], list[str], list[str]]:
    """The subjects of a subset (a split, or names joined by commas), the names that mean nothing, and all that would.

    source: the data set as the configuration describes it. The subjects of AMASS are its subsets, under the project's names.
    """
    if source["kind"] == "h36m":
        splits, single = H36M_SPLITS, sorted(H36M_SPLITS["trainval"] | H36M_SPLITS["test"], key=lambda subject: int(subject[1:]))
    elif source["kind"] == "amass":
        single = list(dict.fromkeys([*map(subset_name, source["subsets"]), *source.get("own", {})]))
        val = {name for name in single if name in SPLITS["val"]}
        splits = {"train": set(single) - val, "val": val}
    else:
        splits = {split: set(subjects) for split, subjects in source["splits"].items()}
        single = sorted(set().union(*splits.values()))
    if subset in splits:
        return set(splits[subset]), [], []
    names = [name.strip() for name in subset.split(",")]
    if source["kind"] == "amass":
        names = [subset_name(name) for name in names]
    return set(names), [name for name in names if name not in single], [*splits, *single]


def amass_faults(where: str, source: Mapping[str, Any]) -> list[str]:
    """A subset that is listed under two of its names, and names by which validation data would be trained on."""
    faults, seen = [], dict[str, str]()
    for name in source["subsets"]:
        earlier = seen.setdefault(subset_name(name), name)
        if earlier != name:
            faults.append(f"{where}.subsets: {earlier} and {name} are one subset, {subset_name(name)}; list it once")
        if likely := meant_for_validation(name):
            faults.append(f"{where}.subsets: AMASS has no subset {name!r}, did you mean {likely!r}?")
    for name in source.get("own", {}):
        likely = subset_name(name) if subset_name(name) in SUBSETS else meant_for_validation(name)
        if likely:
            faults.append(f"{where}.own: {name!r} reads like the subset {likely} of AMASS; call your own motion capture otherwise")
    return faults
