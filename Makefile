# Everything that is done with this repository. It needs python3 >= 3.11, make and a package index, nothing else:
# each target that needs an environment makes .venv first, and only when pyproject.toml or constraints.txt changed.
# Where node >= 20 and npm are, the tests also run the clients of JavaScript shops.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JAVASCRIPT := tests/js/node_modules/.package-lock.json
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# What a parent environment says must not reach ours.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME CONDA_PREFIX

MEASURING = PANIER_BENCH_ROWS=.bench-rows $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help run test test-all javascript check bench bench-load bench-plot bench-profile format schemas lock clean

help: ## show this
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

run: $(VENV)/runtime.stamp ## serve the example shop on 127.0.0.1:8000 (ARGS="--port 9000" for more)
	@exec $(BIN)/panier serve --dev --shop examples/grocer $(ARGS)

test: $(VENV)/dev.stamp javascript ## run the tests (ARGS="-k price" for some)
	$(BIN)/python -m pytest -n 2 --benchmark-disable -m "not slow" $(ARGS)

test-all: $(VENV)/dev.stamp javascript ## run the tests and those that take minutes
	$(BIN)/python -m pytest -n 2 --benchmark-disable $(ARGS)

javascript: $(if $(shell command -v npm),$(JAVASCRIPT)) ## install the JavaScript clients that are tested, where npm is

check: $(VENV)/dev.stamp ## format, lint and types, without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/dev.stamp ## measure everything and print it beside what is to be reached (some minutes; leave the machine alone)
	@rm -f .bench-rows
	$(MEASURING) -m pytest bench -q -s --benchmark-columns=min,median,rounds
	$(MEASURING) -m bench.load
	$(MEASURING) -m bench.reload
	$(MEASURING) -m bench.live
	$(MEASURING) -m bench.checkout
	@$(MEASURING) -m bench.table --page

bench-load: $(VENV)/dev.stamp ## only the rows over HTTP: the service beside a bare route, each on a core of its own
	@rm -f .bench-rows
	$(MEASURING) -m bench.load
	@$(MEASURING) -m bench.table

bench-plot: $(VENV)/dev.stamp ## draw what was measured: docs/performance-*.svg
	$(BIN)/python -m bench.plot

bench-profile: $(VENV)/dev.stamp ## where the time of one cartLinesAdd goes
	$(BIN)/python -m bench.profile --page

format: $(VENV)/dev.stamp ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(VENV)/dev.stamp ## write again what docs/ repeats of the code: schemas, reference, cook book, table of settings
	$(BIN)/python docs/schemas/write.py
	$(BIN)/python examples/cookbook/page.py

lock: ## write constraints.txt again: the newest versions that pyproject.toml allows
	rm -rf $(VENV)/lock
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	$(VENV)/lock/bin/python -m pip freeze --disable-pip-version-check --exclude panier > constraints.txt
	rm -rf $(VENV)/lock build

clean: ## remove the environment and all caches, but no data (.panier stays)
	rm -rf $(VENV) tests/js/node_modules build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/runtime.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Panier into $(VENV) (once, it takes a minute) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Panier and its tools into $(VENV) (once, it takes a minute or two) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/runtime.stamp

# Without a registry the tests of these clients are skipped and say so; all others have no need of them.
$(JAVASCRIPT): tests/js/package.json tests/js/package-lock.json
	@echo "Installing the JavaScript clients that are tested (once, it takes seconds) ..."
	-@npm ci --prefix tests/js --loglevel=error --ignore-scripts --no-audit --no-fund \
		--fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=20000 && touch $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no '$(PYTHON)'; install Python 3.11 or newer, or say which: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Panier needs Python 3.11 or newer and '$(PYTHON)' is `$(PYTHON) --version 2>&1`; say which one to use: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "make: '$(PYTHON)' cannot make a virtual environment; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
