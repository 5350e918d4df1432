"""What a start of the workflow loads, and that it does little again and again."""

import os
import subprocess
import sys

from workflow_copy import Workflow

FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}


def test_a_dry_run_loads_no_framework(pristine: Workflow) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "snakemake", "--cores", "1", "--dry-run", "demo"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=pristine.folder, env=environment, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert "uplift_upsample.plan.study" in imported
    assert not FRAMEWORKS & {name.partition(".")[0] for name in imported}
    assert not [
        name for name in imported if name.startswith(("uplift_upsample.model", "uplift_upsample.train", "uplift_upsample.evaluate"))
    ]
