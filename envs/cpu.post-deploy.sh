#!/usr/bin/env bash
# Installs the locked packages into the active environment. The sum stands here so that a new lock makes Snakemake build a new environment.
set -euo pipefail
echo "e2915afaefb2cd22e880a0acd3ceb99221d355baa6087a64e7f2966054e06159  envs/cpu.lock" | sha256sum --check --quiet
python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/cpu.lock
