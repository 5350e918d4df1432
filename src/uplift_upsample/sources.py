"""What to tell somebody whose licensed data is missing: which files, where to get them, where to put them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

H36M_HELP = "https://github.com/facebookresearch/VideoPose3D/blob/master/DATASETS.md"
AMASS_SITE = "https://amass.is.tue.mpg.de"


def missing_data_message(
    study: str, absent: Mapping[str, Sequence[str]], data: Mapping[str, Mapping[str, Any]], sources: Iterable[Mapping[str, str]]
) -> str:
    """One message for all absent files of a study.

    absent: data set -> paths. data: the study's data sets as in the configuration. sources: the rows of the table of data sources
    (``name``, ``url``, ``licence``, ...).
    """
    rows = {row["name"]: row for row in sources}
    count = sum(len(paths) for paths in absent.values())
    lines = [f"study {study}: {count} {'file' if count == 1 else 'files'} of licensed data missing; nothing of it was started."]
    for dataset, paths in absent.items():
        kind = data[dataset]["kind"]
        lines += ["", f"{dataset}, {_licence(kind, rows)}"]
        lines += [f"  put here: {path}" for path in paths]
        lines += [f"  {line}" for line in _instructions(kind, data[dataset], rows)]
    lines += ["", f"Paths count from the project's folder; studies.{study}.data in the configuration can name others."]
    return "\n".join(lines)


def _licence(kind: str, rows: Mapping[str, Mapping[str, str]]) -> str:
    row = rows.get("h36m_s1" if kind == "h36m" else "amass_CMU", {})
    return f"licence: {row.get('licence') or 'see the site'}"


def _instructions(kind: str, source: Mapping[str, Any], rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    if kind == "amass":
        return [
            f"get it: register at {AMASS_SITE}, accept the licence of each subset, download the 'SMPL+H G' archives",
            "convert: one {subset}.npz for each subset, key positions_3d: subject -> sequence -> positions_3d and frame_rate,",
            "         the joints (T, 17, 3) in metres, resampled to 50 Hz",
        ]
    lines = [
        f"get the 3D poses: register at {_site(rows.get('h36m_s1', {}).get('url', ''))}, download Poses_D3_Positions_S*.tgz",
        f"convert: data_3d_h36m.npz in VideoPose3D's layout, {H36M_HELP}",
    ]
    detections = rows.get("h36m_cpn", {})
    if detections.get("file") == f"data_2d_h36m_{source['input_2d']}.npz":
        return [*lines, f"get the 2D poses: {detections['url']} ({detections['licence']})"]
    return [*lines, f"get the 2D poses: data_2d_h36m_{source['input_2d']}.npz, made in the same place"]


def _site(url: str) -> str:
    """The page where one registers, of the address of a file."""
    return url.partition("/filebrowser.php")[0]
