# Each target sets up all it needs, from Python 3.11+ and make alone; no root for run.
.DELETE_ON_ERROR:
.PHONY: run test lint bench soak judges

# A test that starts a server starts it from compiled files, wherever the tests run.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PORT ?= 8080
DATA ?= var

run: $(VENV)/.run  ## the whole thing on this machine: open the printed page
	$(BIN)/python server.py demo --port $(PORT) --data-dir $(DATA)

# Four workers on two cores are no judge of time: what fails among them is asked once more, alone.
test: $(VENV)/.dev judges lint  ## lint, then every test on SQLite and PostgreSQL
	$(BIN)/pytest -n 4 --dist worksteal || $(BIN)/pytest --last-failed --last-failed-no-failures none

lint: $(VENV)/.dev  ## formatting, rules, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev judges  ## the figures of docs/performance.md on this machine
	$(BIN)/python -m benchmarks

soak: $(VENV)/.dev judges  ## the long tests: kills, storms and fault scripts for minutes
	$(BIN)/pytest --soak

judges:  ## the programs that judge ours; installs what it can, as root more
	@sh tests/prepare.sh

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Passbell needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "This Python has no venv module: apt-get install python3-venv (Debian, Ubuntu)"; exit 1; }
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.run: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $@
