# Sipline: the commands of the house. Each does its own set-up; all they need is python3 (3.11 or newer), make and a package registry.
# The distribution's Python when it will do: it is built with profile-guided optimisation, and a pyenv build, which is not by default,
# takes a third more for every message (python bench/inside.py with either). `make PYTHON=...` decides otherwise.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, ensurepip; assert sys.version_info >= (3, 11); print(sys.executable)' 2>/dev/null || echo python3)
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.ready

.PHONY: run test test-all check fix bench docs clean

run: $(STAMP)            ## start the server of pipeline.toml
	@$(BIN)/sipline run $(ARGS)

test: $(STAMP)           ## the whole suite; interop tests skip with a reason where their program is missing
	$(BIN)/python -m pytest $(ARGS)

check: $(STAMP)          ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(STAMP)            ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)          ## CPU per message, beside every peer that is installed
	$(BIN)/python bench/run.py $(ARGS)

docs: $(STAMP)           ## write docs/reference.md and the tables of docs/database.md anew from the options themselves
	$(BIN)/python -m pipeline.config.reference > docs/reference.md
	$(BIN)/python -m pipeline.conformance.page > docs/conformance.md
	$(BIN)/python -m pipeline.plugins.sqlite.page docs/database.md

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Sipline needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || (echo "no venv: install python3-venv" && false)
	@echo "installing Sipline and its tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(BIN)/python -m compileall -q pipeline plugins  # as pip does for what is not editable: also where the environment forbids it later
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
