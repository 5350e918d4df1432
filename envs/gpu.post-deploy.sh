#!/usr/bin/env bash
# Installs the locked packages into the active environment. The sum stands here so that a new lock makes Snakemake build a new environment.
set -euo pipefail
echo "9bbb5f0336763cf5845014f6c052655f7de8aba790e1d3384ebb5dab32c7f539  envs/gpu.lock" | sha256sum --check --quiet
python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/gpu.lock
