# `make run` and `make test` do all the set-up themselves; `make` alone lists the goals.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
SOURCES := $(shell find src -name '*.py')

# uv is quick, but does not read pip's settings: where it cannot reach an index that pip is set up for, pip does the work.
define install
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --compile-bytecode -r $(1) \
		|| { echo "uv could not install $(1); pip tries"; \
		$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r $(1); }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .
endef

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help run test lint fuzz schemathesis audit format lock clean
.DELETE_ON_ERROR:

help: ## List the goals
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run-stamp $(VENV)/.compiled-stamp ## Install, then serve on 127.0.0.1:8000 (ARGS="--port 9000" is passed on)
	@exec $(BIN)/muxi serve $(ARGS)

test: lint ## Install, check style, types and layers, then run every test on all cores (ARGS="-k name" is passed to pytest)
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

lint: $(VENV)/.dev-stamp $(VENV)/.compiled-stamp ## Check style, format, types, layers and for careless code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@# What it warns of is that a line may pass which would have passed; what it finds goes to the other stream.
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive src 2>/dev/null

fuzz: $(VENV)/.dev-stamp ## Random calls against a model of who may see what, on SQLite and Postgres (ARGS="--calls 5000 --seed 1 --database sqlite")
	@$(BIN)/python -m tests.fuzz $(ARGS)

schemathesis: $(VENV)/.dev-stamp ## What the OpenAPI document promises, with every role, on SQLite and Postgres (ARGS="--examples 200 --role owner")
	@$(BIN)/python -m tests.openapi $(ARGS)

audit: $(VENV)/.dev-stamp ## Known faults of what is pinned (needs the network), and secrets in the sources
	@$(BIN)/python -m tests.audit requirements/run.txt requirements/dev.txt
	@git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --disable-plugin KeywordDetector --exclude-files 'requirements/.*\.txt'

format: $(VENV)/.dev-stamp ## Rewrite the sources in the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.tools-stamp ## Write requirements/*.txt anew (UPGRADE=1 takes newer versions)
	$(LOCK) requirements/install.in -o requirements/install.txt
	$(LOCK) pyproject.toml -c requirements/install.txt -o requirements/run.txt
	$(LOCK) pyproject.toml --group dev -c requirements/install.txt -c requirements/run.txt -o requirements/dev.txt

clean: ## Remove the virtual environment, the caches and what was built
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.tools-stamp: requirements/install.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "muxi-core needs Python 3.11 or newer, and $(PYTHON) is not: try 'make PYTHON=python3.12 ...'"; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

$(VENV)/.run-stamp: requirements/run.txt pyproject.toml $(VENV)/.tools-stamp
	@echo "Installing muxi-core (only when its requirements change) ..."
	$(call install,requirements/run.txt)
	@touch $@

# The development lock holds the run lock's versions too, so it makes `make run` ready as well.
$(VENV)/.dev-stamp: requirements/dev.txt requirements/run.txt pyproject.toml $(VENV)/.tools-stamp
	@echo "Installing muxi-core with its development tools (only when its requirements change) ..."
	$(call install,requirements/dev.txt)
	@touch $(VENV)/.run-stamp $@

# Compiled here, since Python itself does not where PYTHONDONTWRITEBYTECODE is set, and the start would be slow.
$(VENV)/.compiled-stamp: $(SOURCES) $(VENV)/.tools-stamp
	@$(BIN)/python -m compileall -q src
	@touch $@
