"""Suggestions for a target of the workflow that does not exist."""

from collections.abc import Collection, Mapping

from uplift_upsample.base.strict import nearest, suggestion


def target_fault(target: str, names: Collection[str], results: Mapping[str, str], files: Collection[str]) -> str:
    """One line about a target that nothing makes, with the nearest right one.

    names: targets that are words. results: name of an experiment -> one of its results. files: what the studies make.
    """
    if "/" in target:
        return f"nothing makes {target}{suggestion(target, files)}"
    meant = nearest(target, [*names, *results])
    if meant is not None and meant in results:
        near = "" if meant == target else f", did you mean {meant!r}?"
        return f"no target {target!r}{near}; {meant} is an experiment, ask for one of its results, such as {results[meant]}"
    return f"no target {target!r}{suggestion(target, names)}; there are {', '.join(names)}, and every file of a result"
