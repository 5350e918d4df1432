#!/usr/bin/env bash
# Installs the locked packages into the active environment. The sum stands here so that a new lock makes Snakemake build a new environment.
set -euo pipefail
echo "b99303a8c95ca7ba202ddacef2e86cd63a2f2f69faec28a131a6715f0dee5007  envs/cpu.lock" | sha256sum --check --quiet
python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/cpu.lock
