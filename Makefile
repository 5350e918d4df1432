# make          install what is missing, then build what config.yaml lists under `reproduce` (as shipped: the demo, in minutes on a CPU)
# make help     the other targets
#
# GPU=1 installs TensorFlow with CUDA. PYTHON names the interpreter that makes .venv (3.11 or newer).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all

PYTHON ?= python3
CORES ?= all
WORKERS ?= 2
KIND := $(if $(filter-out 0,$(GPU)),gpu,cpu)
LOCK := envs/$(KIND).lock
BIN := .venv/bin
# Named after what was installed and where: another lock, another pyproject.toml or a moved folder installs again.
STAMP := .venv/installed-$(KIND)-$(shell { cat $(LOCK) pyproject.toml; echo '$(CURDIR)'; } | cksum | cut -d ' ' -f 1)
CODE := src scripts tests envs $(wildcard benchmarks) $(wildcard stress)
LEFTOVERS := results/demo logs/demo build dist .pytest_cache .mypy_cache .ruff_cache .benchmarks .snakemake/log

.PHONY: all install doctor numbers check-numbers results test test-long test-jax lint format bench bench-conversions stress stress-kills stress-fuzz stress-load stress-slurm stress-kubernetes stress-devices stress-reruns stress-audit audit licences schema clean help

all: install  ## install, then build the studies that config.yaml lists (the demo as shipped)
	$(BIN)/snakemake --cores $(CORES)

install: $(STAMP)  ## install what is missing into .venv, from the lock; GPU=1 for CUDA

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another one: make install PYTHON=python3.12"; exit 2; }
	@# the programs in it name the place where they were installed: in a moved folder they would be gone, or those of a copy's original
	@if [ -e $(BIN)/activate ] && ! grep -qF -e '=$(CURDIR)/.venv' -e '="$(CURDIR)/.venv' -e "='$(CURDIR)/.venv" $(BIN)/activate; then \
	  echo 'The folder was moved: .venv is made anew'; rm -rf .venv; fi
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@# uv in the version and with the checksum of the lock; it then installs the rest
	@awk '/^[a-z0-9]/ {keep = /^uv==/} keep' $(LOCK) > .venv/uv.lock
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
	@# compiled once here: where Python may not write bytecode, each job would spend seconds on it
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(LOCK)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@rm -f .venv/installed-*
	@touch $@
	@$(if $(filter install,$(MAKECMDGOALS)),echo "Installed into .venv. The next command: make (or: source .venv/bin/activate && snakemake --cores all demo)")

doctor: install  ## say what this machine has and lacks, and how long everything will take
	$(BIN)/python scripts/doctor.py --estimate

# Two at a time: each worker may hold a network, and a third one saves nothing on two cores. WORKERS=0 runs them one after the other.
test: install  ## tests, in minutes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long"

# the paper from the sites to its tables, kills in the middle, what runs again, whole runs of single commands
test-long: install  ## those that take longer by themselves, as long again
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m long

test-jax: install  ## install JAX too, and compare the network and its training on it
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r envs/jax.lock
	$(BIN)/python -m pytest tests/model/test_backends.py

lint: install  ## ruff, snakefmt, snakemake --lint, codespell, mypy
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/snakefmt --line-length 132 --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/codespell
	$(BIN)/mypy src
	@for folder in benchmarks stress; do MYPYPATH=src:tests:tests/workflow:$$folder $(BIN)/mypy --config-file envs/mypy.ini $$folder || exit 1; done

format: install  ## apply ruff and snakefmt
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BIN)/snakefmt --line-length 132 Snakefile workflow

# ROWS="training or start" measures some rows (an expression of pytest -k) and writes nothing.
bench: install  ## speed and memory against straightforward versions, for docs/performance.md; fails below a bar; ROWS=training: some
	$(BIN)/python -m pytest benchmarks -m 'not conversion' $(if $(ROWS),-k '$(ROWS)',--page)

bench-conversions: install  ## the same for the conversion of original files
	$(BIN)/python -m pytest benchmarks -m conversion

# hours of faults in minutes
stress: stress-kills stress-fuzz stress-load stress-slurm stress-kubernetes stress-devices stress-reruns stress-audit  ## all of the next ones; their figures go into docs/reliability.md

stress-kills stress-fuzz stress-load stress-slurm stress-kubernetes stress-devices stress-reruns stress-audit: stress-%: install  ## kill jobs, break files, large data, clusters of one machine, GPUs for many jobs, what runs again, what is installed
	$(BIN)/python -m pytest -rs stress/test_$*.py

audit: install  ## known holes in the locked versions of the dependencies; fails where no service could be asked
	$(BIN)/python envs/audit.py

licences: install  ## write docs/licences.md again, after a change of the locks
	$(BIN)/python envs/licences.py

schema: install  ## write workflow/schemas/config.schema.yaml again, after a change of the models in src/uplift_upsample/plan
	$(BIN)/python -c "from uplift_upsample.plan.schema import schema_text as s; print(s(), end='')" > workflow/schemas/config.schema.yaml

numbers: all  ## write the demo's numbers and pictures into README.md, and measure each switch of the protocol for docs/numbers.md
	$(BIN)/python benchmarks/demo_numbers.py
	$(BIN)/python benchmarks/switches.py

check-numbers:  ## compare what these two show with the demo that you have, within what processors differ by
	$(BIN)/python benchmarks/demo_numbers.py --check

# ARGS="--config cmu_source=FOLDER" takes the files from there
results: install  ## the studies on real people, with all seeds (three to six hours on two cores), and docs/results.md with their numbers
	$(BIN)/snakemake --cores $(CORES) --configfile docs/examples/results.yaml $(ARGS)
	$(BIN)/python benchmarks/results_page.py

clean:  ## delete the demo's results and leftovers of tools; never data/ or other studies
	@for path in $(LEFTOVERS); do if [ -e "$$path" ]; then echo "deleting $$path"; rm -rf "$$path"; fi; done
	@find src scripts tests workflow -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "kept: data/, .venv/, and the results and logs of other studies than the demo"

# each target with what stands behind its ##; long names have a line of their own
help:
	@awk -F ":.*## " '/^[a-z].*:.*## / {name = $$1 == "all" ? "" : $$1; form = length(name) > 13 ? "make %s\n%19s%s\n" : "make %-13s%1s%s\n"; printf form, name, "", $$2}' Makefile
