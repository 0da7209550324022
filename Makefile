# make demo | test | lint | clean. Everything happens in .venv; PYTHON=... chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# Bytecode beside the sources, also where PYTHONDONTWRITEBYTECODE is set: an import takes a third of the time.
COMPILE := $(BIN)/python -m compileall -q scancc passes runtime

.PHONY: demo test lint clean

demo: $(VENV)/.base
	$(BIN)/scancc demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

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

clean:
	rm -rf $(VENV) build out
