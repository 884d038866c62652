# Commands for people who work on Relay. `make` lists them.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.dev-stamp

.DEFAULT_GOAL := help
.PHONY: help test postgresql check lint types imports fix lock clean

help: ## the list of commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

$(STAMP): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Relay needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.12 test" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy python3-venv; } || \
	  { echo "Python's venv module is missing. Install it: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $(STAMP)

postgresql:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy postgresql; } || \
	  echo "PostgreSQL is not installed, its tests will be skipped: sudo apt-get install postgresql" >&2

test: $(STAMP) postgresql ## every test; `make test k=forms` some of them
	$(BIN)/python -m pytest -q -rs $(if $(k),-k $(k))

check: lint types imports ## lint, types and import contracts

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

imports: $(STAMP) ## who may import whom
	$(BIN)/lint-imports

fix: $(STAMP) ## format and apply safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## resolve the requirements anew (needs uv)
	uv lock
	uv export -q --no-emit-project --no-header --no-dev -o requirements.lock
	uv export -q --no-emit-project --no-header -o requirements-dev.lock

clean: ## remove what was made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
