#!/usr/bin/env bash
# Installs the locked packages into the active environment. The sum stands here so that a new lock makes Snakemake build a new environment.
set -euo pipefail
echo "2787f288c778721f4a1a1b0b48ae311a4cec80dfa8251efbc3b0da9c02e70f46  envs/cpu.lock" | sha256sum --check --quiet
python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/cpu.lock
