#!/usr/bin/env bash
# Installs the locked packages into the active environment. The sum stands here so that a new lock makes Snakemake build a new environment.
set -euo pipefail
echo "f121b8715699e36be694a764b252d74bc15277f09ac9fad6a3697b969d61bb38  envs/cpu.lock" | sha256sum --check --quiet
python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/cpu.lock
