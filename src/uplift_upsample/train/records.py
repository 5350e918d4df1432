"""What a training run leaves behind: its identity, and the record of where its weights come from."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uplift_upsample.base.files import remove_leftovers, sha256_of_file, write_text
from uplift_upsample.base.records import TrainingRecord, write_record
from uplift_upsample.base.strict import from_mapping
from uplift_upsample.model.backend import keras
from uplift_upsample.model.weights import save_weights
from uplift_upsample.plan.runs import Run
from uplift_upsample.train.history import write_history
from uplift_upsample.train.training import TrainingData, TrainingResult

CODE_FILE = "code.json"


def run_identity(run: Run, data: TrainingData, seed: int, initial_weights: Path | None) -> dict[str, Any]:
    """Everything that decides what a run computes: configuration, content of the data, videos, seed, initial weights.

    Names and places are left out; two runs with equal identities give equal weights.
    """
    values = run.to_mapping()
    tables = {"train": (data.table, data.videos), "validation": (data.validation_table, data.validation_videos)}
    return {
        "model": values["model"],
        "train": values["train"],
        "data": {
            role: {"sha256": table.sha256, "subjects": list(dict.fromkeys(table.video_subject[videos].tolist()))}
            for role, (table, videos) in tables.items()
            if table is not None and videos is not None
        },
        "seed": seed,
        "initial_weights_sha256": sha256_of_file(initial_weights) if initial_weights is not None else None,
    }


def checkpoint_folder(parent: Path, identity: Mapping[str, Any], code: str, *, retrain_on_code_change: bool) -> tuple[Path, str]:
    """The folder of a run below ``parent``, named by its identity, and the fingerprint of the code that began it.

    Changed settings or data get another folder, so nothing that was trained is overwritten. Changed code goes on in the same
    folder, unless ``retrain_on_code_change``.
    """
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    folder = parent / digest
    recorded = _recorded_code(folder)
    if recorded is not None and recorded != code and retrain_on_code_change:
        folder = parent / f"{digest}-{code[:8]}"
        recorded = _recorded_code(folder)
    if recorded is None:
        write_text(folder / CODE_FILE, json.dumps({"fingerprint": code}) + "\n")
    return folder, recorded or code


def _recorded_code(folder: Path) -> str | None:
    try:
        return json.loads((folder / CODE_FILE).read_text("utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # written again then
        return None


def write_result(
    out_dir: str | os.PathLike[str],
    result: TrainingResult,
    run: Run,
    identity: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Write ``weights.h5``, ``history.csv`` and, when these are complete, ``training.json``.

    An older ``training.json`` is gone before: it must never be next to weights that it does not describe.
    """
    out_dir = Path(out_dir)
    remove_leftovers(out_dir, "weights.h5", "history.csv", "training.json")
    (out_dir / "training.json").unlink(missing_ok=True)
    progress = result.progress
    save_weights(result.network, out_dir / "weights.h5", result.weights)
    write_history(out_dir / "history.csv", progress.history)
    values = {
        "run": run.to_mapping(),
        "identity": identity,
        "weights_sha256": sha256_of_file(out_dir / "weights.h5"),
        "weights_are_averaged": run.train.ema_decay is not None,
        "epochs": len(progress.history),
        "steps": progress.step,
        "best_epoch": progress.best_epoch,
        "num_parameters": result.network.count_params(),
        "readout_both": progress.readout_both,
        "seconds": round(progress.seconds, 1),
        "backend": keras.backend.backend(),
        **provenance,
    }
    write_record(out_dir / "training.json", from_mapping(TrainingRecord, values, "record of the training"))
