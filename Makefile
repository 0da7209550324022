# Everything happens in .venv; PYTHON=... chooses the interpreter, WORKERS=... how many tests run at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# Bytecode beside the sources, also where PYTHONDONTWRITEBYTECODE is set: an import takes a third of the time.
COMPILE := $(BIN)/python -m compileall -q scancc passes runtime
# pytest rewrites the assertions of 300 files, as long as all else before the first test: kept for the next time.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest

.PHONY: help demo test quick peers golden lint docs bench bench-page bench-compare clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s%s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.base ## compile the examples, show their IR, run one of them from C
	$(BIN)/scancc demo

test: $(VENV)/.test ## run all tests
	$(PYTEST) -n $(WORKERS) --dist worksteal

quick: $(VENV)/.test ## run the tests but for the long random lots
	$(PYTEST) -n $(WORKERS) --dist worksteal -m "not long"

peers: .venv-peers/.installed ## run the tests against torch, JAX, Numba, SciPy and PyTensor themselves
	.venv-peers/bin/python -m pytest tests/test_bridges.py tests/test_migration_pages.py

golden: $(VENV)/.test ## write the expected texts of the golden tests anew; read the diff
	$(PYTEST) --update-golden

lint: $(VENV)/.dev ## linter, types, import rule
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.docs ## build the site into out/site: runs every page's code, checks every link, needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/.bench $(if $(PEERS),.venv-peers/.installed) ## measure beside C and NumPy; ONLY='ema|rnn' QUICK=1 PEERS=1 ROUNDS=9
	$(BIN)/python -m benchmarks.suite run $(if $(ONLY),--only '$(ONLY)') $(if $(QUICK),--quick) \
		$(if $(PEERS),--peers) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-page: $(VENV)/.bench ## put the page of the last bench into docs
	$(BIN)/python -m benchmarks.suite page out/bench/results.json

bench-compare: $(VENV)/.bench ## what changed beyond noise; A=main B=. (commits, '.' is the working tree, or results.json)
	$(BIN)/python -m benchmarks.suite compare $(A) $(or $(B),.) $(if $(ONLY),--only '$(ONLY)') $(if $(QUICK),--quick)

clean: ## remove .venv and what was built
	rm -rf $(VENV) .venv-peers build out

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# A stamp a set of packages; pyproject.toml newer than the stamp installs again.
$(VENV)/.base: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e .
	$(COMPILE)
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[test]'
	$(COMPILE)
	touch $@ $(VENV)/.base

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[test,dev]'
	touch $@ $(VENV)/.base $(VENV)/.test

$(VENV)/.bench: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(COMPILE)
	touch $@ $(VENV)/.base

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[docs]'
	$(COMPILE)
	touch $@ $(VENV)/.base

# In an environment of their own: Numba wants another llvmlite.
.venv-peers/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet -e '.[peers,test]'
	touch $@
