#!/usr/bin/env bash
# Installs the locked packages into the active environment. The sum stands here so that a new lock makes Snakemake build a new environment.
set -euo pipefail
echo "6dfb11bb118bdbf881183f731892d1efa106db5b15a8c24a05409d51eb46f8de  envs/gpu.lock" | sha256sum --check --quiet
python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/gpu.lock
