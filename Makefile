# Everything happens in .venv; a fresh machine needs Python 3.11 or newer and make.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
STAMP := .venv/.synced

.DEFAULT_GOAL := help
.PHONY: help setup run test fuzz test-needs bench bench-needs check format

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with exactly what uv.lock names

$(STAMP): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Mooring needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv sync --frozen --quiet
	@touch $@

run: setup ## Start the service on http://127.0.0.1:3000
	$(BIN)/python -m app

test: test-needs ## Run every test
	$(BIN)/python -m pytest $(ARGS)

fuzz: test-needs ## Send a hundred thousand mutated packets; FUZZ_PACKETS=1000000
	FUZZ_PACKETS=$${FUZZ_PACKETS:-100000} $(BIN)/python -m pytest tests/security/test_fuzzing.py $(ARGS)

test-needs: setup ## Fetch what tests need: node, npm packages, redis-server, haproxy, chromium, wrk
	@tests/needs
	@benchmarks/needs

bench: bench-needs ## Side by side with the Node system; ARGS="--quick", ARGS="--only incr-http"
	@$(BIN)/python -m benchmarks $(ARGS)

bench-needs: setup ## Fetch what the benchmarks need: npm packages, wrk, the Python peer
	@$(BIN)/uv sync --frozen --inexact --quiet --group bench
	@benchmarks/needs

check: setup ## Lint, format, types, walls, lock file; the app's types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/uv lock --check --quiet
	@tests/needs spa
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix spa run --silent check

format: setup ## Rewrite the code in the one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
