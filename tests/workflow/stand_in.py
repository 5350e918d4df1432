"""What stands in for every script in the tests of the workflow: outputs that depend on flags and inputs."""

import hashlib
import json
import os
import sys
from pathlib import Path

from uplift_upsample.provenance import code_fingerprint

OUTPUT_FLAGS = ("--output", "--glitches", "--report")
DOCUMENTS = ("main_results", "per_action", "learned_upsampling", "pretraining")
FILES_IN_FOLDER = {
    "generate_demo": [
        "data_3d_h36m.npz",
        "data_2d_h36m_gt.npz",
        "data_2d_h36m_cpn_ft_h36m_dbb.npz",
        "amass/CMU.npz",
        "amass/SFU.npz",
        "SYNTHETIC.txt",
    ],
    "train": ["weights.h5", "training.json", "history.csv"],
    "write_tables": ["scores.csv", *(f"{name}.{suffix}" for name in DOCUMENTS for suffix in ("csv", "md", "tex"))],
}


def run(script: str) -> None:
    name = Path(script).stem
    flags: dict[str, list[str]] = {}
    for word in sys.argv[1:]:
        if word.startswith("--"):
            flags[word] = []
        else:
            flags[list(flags)[-1]].append(word)
    total = hashlib.sha256(name.encode())
    for flag, values in flags.items():
        if flag == "--source":  # a place or a name says nothing, the manifest of a file does
            values = [value for value in values if Path(value).is_file()]
        for value in values if flag not in (*OUTPUT_FLAGS, "--out_dir") else []:
            total.update(Path(value).read_bytes() if Path(value).is_file() else f"{flag} {value}".encode())
    outputs = [path for flag in OUTPUT_FLAGS for path in flags.get(flag, [])]
    outputs += [f"{flags['--out_dir'][0]}/{file}" for file in FILES_IN_FOLDER.get(name, [])]
    for output in map(Path, outputs):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(f"{output.name} {total.hexdigest()}\n", encoding="utf-8")
        if output.suffix == ".h5" and "demo" in output.parts:
            os.truncate(output, 1_200_000)  # above the size up to which Snakemake compares content if it is not told otherwise
        if output.name == "training.json":
            output.write_text(json.dumps({"code_fingerprint": code_fingerprint(script)}), encoding="utf-8")
