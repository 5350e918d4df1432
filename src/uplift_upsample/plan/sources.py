"""Messages about missing licensed data: which files, where to get them, where to put them."""

from collections.abc import Mapping, Sequence

from uplift_upsample.plan.datasets import DataSet
from uplift_upsample.plan.ways import LOGIN_SITES, LOGIN_VARIABLES, RAW, Need, Surroundings


def missing_data_message(study: str, unmet: Mapping[str, Sequence[Need]], data: Mapping[str, DataSet], around: Surroundings) -> str:
    """One message for all that a study lacks.

    unmet: data set -> needs that no open way meets. data: the study's data sets as in the configuration.
    """
    lines = [f"study {study}: licensed data is missing; nothing of it was started."]
    for dataset, needs in unmet.items():
        by_way = [need for need in needs if need.absent]
        lines += ["", f"{dataset}: {', '.join(need.what for need in needs)}"]
        if by_way:
            lines += _ways(data[dataset], by_way, around)
        lines += [f"  put here: {need.own}" for need in needs if not need.absent]
        if len(by_way) < len(needs):
            lines += [f"  {line}" for line in data[dataset].other_ways()]
    lines += ["", f"Paths count from the project's folder; studies.{study}.data in the configuration can name others."]
    return "\n".join(lines)


def _ways(source: DataSet, needs: Sequence[Need], around: Surroundings) -> list[str]:
    """The three ways, each with what is missing of it."""
    absent = list(dict.fromkeys(name for need in needs for name in need.absent))
    lines = ["  Any of these ways will do:", "  1. converted files"]
    lines += [f"       put here: {need.own}" for need in needs]
    lines += [f"       layout: {source.layout}", "  2. the original archives, as they come from the sites"]
    by_site: dict[tuple[str, str], list[str]] = {}
    for name in absent:
        row = around.sources[name]
        by_site.setdefault((LOGIN_SITES[row["access"]], row["licence"]), []).append(row["file"])
    for (site, licence), files in by_site.items():
        lines.append(f"       register at {site}; licence: {licence}")
        lines += [f"       put here: {RAW}/{file}" for file in files]
    lines.append("  3. your logins, in the environment of this command; the workflow then fetches the archives")
    for access in dict.fromkeys(around.sources[name]["access"] for name in absent):
        extra = "the cookie of a browser that is logged in" if access == "h36m_cookie" else "after accepting the licences there"
        lines.append(
            f"       export {' '.join(f'{name}=...' for name in LOGIN_VARIABLES[access])}  # {LOGIN_SITES[access]}, {extra}"
        )
    return lines
