# Everything happens in .venv; a fresh machine needs Python 3.11 or newer and make.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
STAMP := .venv/.synced
# Tests wait more than they compute: more processes than cores pay.
WORKERS ?= 5
# Without its bytecode each process would compile every test, and each product its libraries, again.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest
# How many times the least of what `make proof` runs, and the seed of it all; it is printed.
PROOF ?= 1
SEED ?= $(shell date +%s)
# The folder of your app, and the environment that it is run in.
IN ?= .
APP_VENV ?= .venv-app

.DEFAULT_GOAL := help
.PHONY: help setup run app-env chat test test-fast test-product test-signed-in fuzz once differential histories proof failovers user-ends recovery balancer soak mutants test-needs bench bench-needs instructions growth siege
.PHONY: check format api site

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with exactly what uv.lock names

$(STAMP): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Mooring needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv sync --frozen --quiet --all-extras
	@touch $@

ifndef APP
run: setup ## Serve the example on http://127.0.0.1:3000
	$(BIN)/python -m app
else
run: app-env ## Serve your app, on the wheel: APP=shop.main:app IN=../shop
	cd $(IN) && exec $(abspath $(APP_VENV))/bin/mooring $(APP)
endif

app-env: setup ## Make .venv-app with the wheel and what the pyproject.toml in IN=../shop depends on
	@rm -rf $(APP_VENV)/wheel
	$(BIN)/uv build --quiet --wheel --out-dir $(APP_VENV)/wheel
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(APP_VENV)
	cd $(IN) && $(abspath $(BIN))/uv pip install --quiet --python $(abspath $(APP_VENV)) \
		--reinstall-package fastapi-mooring \
		"fastapi-mooring[redis,fast] @ file://$$(echo $(abspath $(APP_VENV))/wheel/*.whl)" \
		$$(test ! -f pyproject.toml -o . -ef $(CURDIR) || echo -r pyproject.toml)

chat: setup ## Serve the team chat of examples/chat on http://127.0.0.1:3000
	@scripts/test-needs chat
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix examples/chat/web run --silent build
	@$(MAKE) --no-print-directory run APP=chat.main:app IN=examples/chat APP_VENV=.venv-chat

test: test-needs ## Run the tests, nine minutes in WORKERS=5 processes on two cores; ARGS="tests/http -x", EVERY_WAY=1
	$(PYTEST) --numprocesses $(WORKERS) --dist loadgroup $(ARGS)

test-fast: setup ## Run the tests that need no server but the service itself, in less than a minute
	@scripts/test-needs packages
	$(PYTEST) --numprocesses $(WORKERS) --dist loadgroup -m fast $(ARGS)

test-product: test-needs ## Test the promises on a product instead of the example
	MOORING_TEST_APP=tests.product.turnstile:app $(PYTEST) --numprocesses $(WORKERS) --dist loadgroup -m product $$($(BIN)/python -m tests.support.promises) $(ARGS)

test-signed-in: test-needs ## Test the promises on sessions that have a user from their opening
	MOORING_TEST_APP=tests.product.signed_in:app $(PYTEST) --numprocesses $(WORKERS) --dist loadgroup -m product $$($(BIN)/python -m tests.support.promises) $(ARGS)

fuzz: test-needs ## Send a hundred thousand mutated packets; FUZZ_PACKETS=1000000
	FUZZ_PACKETS=$${FUZZ_PACKETS:-100000} $(PYTEST) tests/security/test_fuzzing.py $(ARGS)

once: test-needs ## Repeat ten thousand requests and events that lose one answer in ten; ONCE_TRIALS=100000
	ONCE_TRIALS=$${ONCE_TRIALS:-10000} $(PYTEST) tests/e2e/test_p20_once.py -k exact $(ARGS)

differential: setup ## Compare thousands of generated apps with plain FastAPI; DIFFERENTIAL_EXAMPLES=5000
	DIFFERENTIAL_EXAMPLES=$${DIFFERENTIAL_EXAMPLES:-5000} $(BIN)/python -m pytest tests/differential $(ARGS)

histories: test-needs ## Check two thousand histories of clients amid nemeses; ARGS="--store valkey --nemesis full", ARGS="--seed 7"
	$(BIN)/python -m tests.histories $(ARGS)

proof: test-needs ## Histories, races, sieges and all that make test samples, as CI runs them; PROOF=10 for ten times as many
	$(BIN)/python -m tests.histories --within 5 --histories $$((200 * $(PROOF))) --seed $(SEED)
	$(BIN)/python -m tests.user_ends --within 5 --trials $$((100 * $(PROOF))) --seed $(SEED)
	$(BIN)/python -m tests.recovery --trials $$((40 * $(PROOF))) --seed $(SEED)
	PROOF=$(PROOF) $(PYTEST) --numprocesses $(WORKERS) --dist loadgroup -m "proof or thorough" $(ARGS)
	$(BIN)/python -m benchmarks.siege --seconds 3 --only unread-pings --only resets --only large-events

failovers: test-needs ## Run ten failovers of each kind in traffic over three nodes; ARGS="--runs 1 sentinel-planned"
	$(BIN)/python -m tests.failovers $(ARGS)

user-ends: test-needs ## End users amid sign-ins, rotations and handshakes on three nodes; USER_END_TRIALS=10000
	$(BIN)/python -m tests.user_ends $(ARGS)

recovery: test-needs ## Clients come back from nodes, links and balancers that fail, amid messages; RECOVERY_TRIALS=1000
	$(BIN)/python -m tests.recovery $(ARGS)

balancer: test-needs ## Poll three nodes in turn a hundred thousand times, beside sticky clients; ARGS="--polls 20000"
	$(BIN)/python -m tests.balancer $(ARGS)

soak: test-needs ## 2,000 clients churn for an hour: do memory, descriptors, tasks or keys grow? SOAK_MINUTES=60
	SOAK_MINUTES=$${SOAK_MINUTES:-60} $(BIN)/python -m tests.soak $(ARGS)

mutants: setup ## Break the code on purpose, and count what no test notices; ARGS="named", ARGS="generated 'app/users/*' --sample 50"
	@$(BIN)/uv sync --frozen --inexact --quiet --group mutants
	$(BIN)/python -m tests.mutants $(or $(ARGS),generated)

test-needs: setup ## Fetch what tests need: node, npm packages, redis-server, haproxy, chromium, wrk
	@scripts/test-needs
	@scripts/bench-needs

bench: bench-needs ## Side by side with the Node system, Bun and Python's; ARGS="--quick", ARGS="--only incr-http"
	@$(BIN)/python -m benchmarks $(ARGS)

instructions: setup ## Count instructions an operation by Valgrind; ARGS="--against main --store redis --only post"
	@scripts/bench-needs valgrind
	@$(BIN)/python -m benchmarks.instructions $(ARGS)

growth: bench-needs ## What nodes, sockets and sessions take, twelve minutes; ARGS="--quick", ARGS="--only nodes"
	@$(BIN)/python -m benchmarks.growth $(ARGS)

siege: setup ## Flood a node with each kind of attack: what others wait, what it holds; ARGS="--only resets"
	@$(BIN)/python -m benchmarks.siege $(ARGS)

bench-needs: setup ## Fetch what the benchmarks need: npm packages, Bun, wrk, the Python peers, a newer Python
	@$(BIN)/uv sync --frozen --inexact --quiet --group bench
	@scripts/bench-needs peers

check: setup ## Lint, format, types, walls, lock file, docs/api.md; the app's types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/uv lock --check --quiet
	$(BIN)/python -m scripts.api_docs --check
	@scripts/test-needs spa
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix spa run --silent check
	@scripts/test-needs chat
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix examples/chat/web run --silent check

format: setup ## Rewrite the code in the one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

api: setup ## Write docs/api.md from the docstrings of what the package exports
	$(BIN)/python -m scripts.api_docs

site: setup ## Build the site of the documentation into site/; what is wrong in a page fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)
