# Each of these does all that it needs on a fresh machine: `make demo`, `make test`, `make docs`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-lowest docs lint install install-test clean

demo: .venv/.installed
	$(BIN)/longtail run digits

test: .venv/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# the lowest versions that pyproject.toml allows, in an environment of their own
test-lowest: .venv-lowest/.installed
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -n 2 --dist worksteal -W default

.venv-lowest/.installed: pyproject.toml tests/lowest_versions.py
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) tests/lowest_versions.py pyproject.toml > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-lowest/constraints.txt --editable '.[test]'
	touch $@

# the documentation as pages, in build/site
docs: .venv/.installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python docs/site/build.py

lint: .venv/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

install: .venv/.installed
install-test: .venv/.installed-test

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/.installed-test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@ .venv/.installed

.venv/.installed-docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@ .venv/.installed

clean:
	rm -rf build .venv .venv-lowest .mypy_cache .pytest_cache .ruff_cache .hypothesis
