#!/usr/bin/env bash
# Installs the locked packages into the active environment. The sum stands here so that a new lock makes Snakemake build a new environment.
set -euo pipefail
echo "c250bdacea4a780cafd8877b808a5ec3c9193319f20fb97ba73eefbc4f08c439  envs/gpu.lock" | sha256sum --check --quiet
python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/gpu.lock
