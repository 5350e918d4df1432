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

all: install
	$(BIN)/snakemake --cores $(CORES)

install: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another one: make install PYTHON=python3.12"; exit 2; }
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

# what this machine has and lacks, and how long everything will take
doctor: install
	$(BIN)/python scripts/doctor.py --estimate

# the figures of docs/numbers.md, and pictures and numbers of the README, from real runs on the finished demo
numbers: all
	$(BIN)/python benchmarks/demo_numbers.py
	$(BIN)/python benchmarks/switches.py

# docs/results.md: the studies on real people with all their seeds, three to six hours on two cores; ARGS="--config cmu_source=FOLDER" takes files from there
results: install
	$(BIN)/snakemake --cores $(CORES) --configfile docs/examples/results.yaml $(ARGS)
	$(BIN)/python benchmarks/results_page.py

# whether README.md and docs/numbers.md show what the finished demo gives, within what processors differ by
check-numbers:
	$(BIN)/python benchmarks/demo_numbers.py --check

# Two at a time: each worker may hold a network, and a third one saves nothing on two cores. WORKERS=0 runs them one after the other.
test: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long"

# the paper from the sites to its tables, kills in the middle, what runs again, whole runs of single commands
test-long: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m long

test-jax: install
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r envs/jax.lock
	$(BIN)/python -m pytest tests/model/test_backends.py

lint: install
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/snakefmt --line-length 132 --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/codespell
	$(BIN)/mypy src
	@for folder in benchmarks stress; do MYPYPATH=src:tests:tests/workflow:$$folder $(BIN)/mypy --config-file envs/mypy.ini $$folder || exit 1; done

format: install
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BIN)/snakefmt --line-length 132 Snakefile workflow

# All of it writes docs/performance.md; ROWS="training or start" measures some rows (an expression of pytest -k) and writes nothing.
bench: install
	$(BIN)/python -m pytest benchmarks -m 'not conversion' $(if $(ROWS),-k '$(ROWS)',--page)

bench-conversions: install
	$(BIN)/python -m pytest benchmarks -m conversion

# Hours of faults in minutes; each writes its figures into docs/reliability.md.
stress: stress-kills stress-fuzz stress-load stress-slurm stress-kubernetes stress-devices stress-reruns stress-audit

stress-kills stress-fuzz stress-load stress-slurm stress-kubernetes stress-devices stress-reruns stress-audit: stress-%: install
	$(BIN)/python -m pytest -rs stress/test_$*.py

audit: install
	$(BIN)/python envs/audit.py

# workflow/schemas/config.schema.yaml, after a change of the models in src/uplift_upsample/plan
schema: install
	$(BIN)/python -c "from uplift_upsample.plan.schema import schema_text as s; print(s(), end='')" > workflow/schemas/config.schema.yaml

# docs/licences.md, after a change of the locks
licences: install
	$(BIN)/python envs/licences.py

clean:
	@for path in $(LEFTOVERS); do if [ -e "$$path" ]; then echo "deleting $$path"; rm -rf "$$path"; fi; done
	@find src scripts tests workflow -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "kept: data/, .venv/, and the results and logs of other studies than the demo"

help:
	@echo "make           install, then build the studies that config.yaml lists (the demo as shipped)"
	@echo "make install   install what is missing into .venv, from the lock; GPU=1 for CUDA"
	@echo "make doctor    say what this machine has and lacks, and how long everything will take"
	@echo "make test      tests, in minutes"
	@echo "make test-long those that take longer by themselves, as long again"
	@echo "make test-jax  install JAX too, and compare the network and its training on it"
	@echo "make lint      ruff, snakefmt, snakemake --lint, codespell, mypy"
	@echo "make format    apply ruff and snakefmt"
	@echo "make bench     speed and memory against straightforward versions, for docs/performance.md; fails below a bar; ROWS=training: some"
	@echo "make bench-conversions"
	@echo "               the same for the conversion of original files"
	@echo "make stress    all of the next ones; their figures go into docs/reliability.md"
	@echo "make stress-kills, stress-fuzz, stress-load, stress-slurm, stress-kubernetes, stress-devices, stress-reruns, stress-audit"
	@echo "               kill jobs, break files, large data, clusters of one machine, GPUs for many jobs, what runs again, what is installed"
	@echo "make audit     known holes in the locked versions of the dependencies; fails where no service could be asked"
	@echo "make licences  write docs/licences.md again"
	@echo "make schema    write workflow/schemas/config.schema.yaml again"
	@echo "make numbers   write the demo's numbers and pictures into README.md, and measure each switch of the protocol for docs/numbers.md"
	@echo "make check-numbers"
	@echo "               compare what these two show with the demo that you have"
	@echo "make results   the studies on real people, with all seeds (three to six hours on two cores), and docs/results.md with their numbers"
	@echo "make clean     delete the demo's results and leftovers of tools; never data/ or other studies"
