# Commands for people who use Relay and who work on it. `make` lists them.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q
APT := DEBIAN_FRONTEND=noninteractive apt-get

.DEFAULT_GOAL := help
.PHONY: bench chaos screenshots help run demo test programs check lint types imports rules fix lock clean

help: ## the list of commands
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# `make run` -------------------------------------------------------------------------------------

run: .venv/.run-stamp ## start Relay on this machine: PORT=8000, RELAY_HOME=var
	@exec $(BIN)/relay up

.venv/.run-stamp: requirements.lock pyproject.toml | .venv/bin/pip
	@echo "Installing what Relay needs into .venv"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev-stamp: requirements-dev.lock pyproject.toml | .venv/bin/pip
	@echo "Installing what Relay and its tests need into .venv"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch .venv/.run-stamp $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Relay needs Python 3.11 or newer, and $(PYTHON) is not. Name another: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && $(APT) update -q && $(APT) install -qy python3-venv; } || \
	  { echo "Python's venv module is missing. Install it: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv

demo: .venv/.run-stamp ## the whole story against the sandboxes; writes demo.json
	@$(BIN)/relay demo

# Work on it -------------------------------------------------------------------------------------

test: .venv/.dev-stamp programs ## every test; `make test k=forms` some of them
	$(BIN)/python -m pytest -q -n auto --dist loadfile $(if $(k),-k "$(k)")

# As root on Debian, the programs that some tests need are installed; elsewhere pytest names those
# tests at its end.
programs:
	@missing=; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="postgresql"; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$$missing chromium fonts-liberation"; \
	command -v npm >/dev/null || missing="$$missing nodejs npm"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing for the tests: $$missing"; \
	  $(APT) update -q >/dev/null && $(APT) install -qy --no-install-recommends $$missing >/dev/null; \
	fi; true

bench: .venv/.dev-stamp programs ## benchmarks into bench/results/; `make bench n="accept job"` some of them
	$(BIN)/python -m bench $(n)

chaos: .venv/.dev-stamp programs ## kill -9 under load, with a ledger: about two minutes; `make chaos n="--store sqlite"`
	$(BIN)/python -m bench.chaos $(n)

screenshots: .venv/.dev-stamp programs ## pictures of the real dashboard into docs/pictures/
	$(BIN)/python -m tests.browser.pictures

check: lint types imports rules ## lint, types, import contracts, and the rules with their tests

lint: .venv/.dev-stamp ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev-stamp ## mypy --strict
	$(BIN)/mypy

imports: .venv/.dev-stamp ## who may import whom
	$(BIN)/lint-imports

rules: .venv/.dev-stamp ## the rules: lint and tests; their schema and their page of verbs
	$(BIN)/relay rules schema --check rules/schema/rules.schema.json
	$(BIN)/relay rules schema --check --verbs docs/verbs.md
	$(BIN)/relay rules lint rules --schema rules/schema/first-organization.json --strict
	$(BIN)/relay rules test rules

fix: .venv/.dev-stamp ## format, and apply the fixes that are safe
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/.dev-stamp ## the requirements, resolved anew
	$(BIN)/uv lock --upgrade
	$(BIN)/uv export -q --no-emit-project --no-header --no-dev -o requirements.lock
	$(BIN)/uv export -q --no-emit-project --no-header -o requirements-dev.lock

clean: ## remove what was made, but not var/
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache uv.lock
