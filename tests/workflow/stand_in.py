"""What stands in for every script in the tests of the workflow: outputs that depend on flags and inputs."""

import csv
import hashlib
import json
import os
import sys
import time
from pathlib import Path

from uplift_upsample.report.topics import FILES_OF_FIGURES, FILES_OF_TABLES

OUTPUT_FLAGS = ("--output", "--glitches", "--report", "--provenance")
MERGED = ("--poses_3d", "--poses_2d")  # outputs of merge_h36m, inputs of others
PLACES = (
    "--out_dir",
    "--sources",
    "--lock",
    "--folder",
    "--cache",
    "--device",
    "--prediction_record",
    "--weights_record",
    "--rule_graph",
)  # say nothing of what is made
FILES_IN_FOLDER = {
    "train": ["weights.h5", "training.json", "history.csv"],
    "draw_figures": FILES_OF_FIGURES,
    "write_tables": FILES_OF_TABLES,
}


def write_table(path: Path, flags: dict[str, list[str]], content: str) -> None:
    """A frames table that says what it was made from, and holds nothing."""
    import h5py  # here, because most of the many jobs do without

    sources = [{"file": Path(name).name} for name in flags.get("--files", [])]
    with h5py.File(path, "w") as file:
        file.attrs["metadata"] = json.dumps({"input_2d": flags.get("--input_2d", [None])[0], "sources": sources})
        file.attrs["sha256"] = content


def address_of(source: str, table: str) -> str:
    with open(table, encoding="utf-8", newline="") as file:
        return next(row["url"] for row in csv.DictReader(file) if row["name"] == source)


def run(script: str) -> None:
    name = Path(script).stem
    time.sleep(float(os.environ.get("STAND_IN_SECONDS", 0)))
    flags: dict[str, list[str]] = {}
    for word in sys.argv[1:]:
        if word.startswith("--"):
            flags[word] = []
        else:
            flags[list(flags)[-1]].append(word)
    total = hashlib.sha256(name.encode())
    output_flags = (*OUTPUT_FLAGS, *(MERGED if name == "merge_h36m" else ()))
    for flag, values in flags.items():
        if flag == "--source":  # a place or a name says nothing, the manifest of a file does
            values = [value for value in values if Path(value).is_file()]
        for value in values if flag not in (*output_flags, *PLACES) else []:
            total.update(Path(value).read_bytes() if os.path.isfile(value) else f"{flag} {value}".encode())
    outputs = [path for flag in output_flags for path in flags.get(flag, [])]
    outputs += [f"{flags['--out_dir'][0]}/{file}" for file in FILES_IN_FOLDER.get(name, [])]
    for output in map(Path, outputs):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(f"{output.name} {total.hexdigest()}\n", encoding="utf-8")
        if name in ("convert_h36m", "convert_amass"):
            write_table(output, flags, total.hexdigest())
        elif output.suffix == ".h5" and "demo" in output.parts:
            os.truncate(output, 1_200_000)  # above the size up to which Snakemake compares content by default
        if name == "check_login":
            output.write_text(json.dumps({"sources": flags["--names"]}), encoding="utf-8")
        if name == "fetch_source":
            address = address_of(flags["--source"][0], flags["--sources"][0])
            output.write_text(json.dumps({"origin": address, "content": total.hexdigest()}), encoding="utf-8")
        if name == "fetch_cmu":
            archive = flags.get("--archive")
            origin = json.loads(Path(archive[0]).read_text("utf-8"))["origin"] if archive else flags["--source"][0]
            output.write_text(f"origin,content\n{origin}/a file,{total.hexdigest()}\n", encoding="utf-8")
        if flags.get("--provenance") == [str(output)]:
            output.write_text(f"{output.name} {time.time_ns()}\n", encoding="utf-8")  # measured: another one each time
        if output.name == "training.json":
            from uplift_upsample.machine.provenance import code_fingerprint

            output.write_text(json.dumps({"code_fingerprint": code_fingerprint(script)}), encoding="utf-8")
