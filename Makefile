# Every target sets up what it needs by itself and is safe to repeat.
# PYTHON=/path/to/python3.12 chooses the interpreter; otherwise the first suitable one on PATH is taken.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PYTHONUNBUFFERED := 1

VENV := .venv
PYTHON_IN_VENV := $(VENV)/bin/python
# Leaves the caller's Airflow settings outside.
RUN := $(PYTHON_IN_VENV) -m tools.run
AT_ONCE := -n 2 --dist loadgroup

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: setup ## Watch a real Airflow run an Actor and land its data as a file
	@$(PYTHON_IN_VENV) -m tools.demo demo

.PHONY: up
up: setup ## Keep the demo's Airflow open in the background; prints address, user and password
	@$(PYTHON_IN_VENV) -m tools.demo up

.PHONY: down
down: setup ## Stop what `make up` started
	@$(PYTHON_IN_VENV) -m tools.demo down

.PHONY: test
test: setup ## Run all tests, two at a time; ARGS="-k name" narrows them down, ARGS="-n 0" takes one process
	@$(RUN) pytest $(AT_ONCE) $(ARGS)

.PHONY: chaos
chaos: CHAOS = python -m tests.chaos.run $(if $(ONLY),--only '$(ONLY)')
chaos: ## Kill, stop and suspend a real Airflow's processes at every point, and write docs/what-happens-when.md; then play exports and pushes against an Apify that lies; ONLY='worker_*' picks
ifdef AIRFLOW
	@python=$$(tools/find-python 3.11 3.13) && exec $$python -m tools.matrix $(AIRFLOW) -- $(CHAOS) --no-plain
else
	@$(MAKE) setup
	@$(RUN) $(CHAOS)
	@$(if $(ONLY),true,$(RUN) python -m tests.silence.run)
endif

.PHONY: fleet
fleet: setup ## Put two workers, schedulers and triggerers on Celery under load, kill each, count what is left, and write docs/fleet.md; RUNS=60 for less, COMPOSE=1 in containers
	@$(RUN) python -m tests.fleet.run $(if $(RUNS),--runs $(RUNS)) $(if $(COMPOSE),--compose)

.PHONY: browser
browser: ## Use the UI of Airflow 3.3 and 2.11 in Chromium, and take the pictures of the docs; AIRFLOW=2.11 picks one
	@python=$$(tools/find-python 3.11 3.13) && exec $$python -m tools.matrix $(or $(AIRFLOW),3.3 2.11) -- python -m tests.browser.run $(ARGS)

.PHONY: bench
bench: setup ## Measure imports, waiting, downloads and conversions, and write docs/benchmarks.md; QUICK=1 for a rough look
	@$(RUN) python -m tests.benchmarks.run $(if $(QUICK),--quick)

.PHONY: lint
lint: setup ## Check style, types, and the workflows
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) zizmor --offline --quiet .github/workflows

.PHONY: docs
docs: setup ## Build the documentation, with warnings as errors; it opens at docs/_build/index.html
	@$(RUN) sphinx-build -nWE --keep-going -q docs docs/_build
	@echo "docs/_build/index.html"

.PHONY: dist
dist: setup ## Build the wheel and the source distribution, in dist/
	@rm -rf dist
	@$(RUN) hatchling build -d dist

.PHONY: distcheck
distcheck: setup ## Judge what is in dist/, and use the wheel in an environment of its own
	@$(RUN) pytest tests/test_distribution.py --built dist
	@$(PYTHON_IN_VENV) -m tools.release try dist

.PHONY: matrix
matrix: ## Run the tests on every supported Airflow, and write docs/compatibility.md; AIRFLOW=3.1 picks one, LOWEST=1 takes the oldest packages
	@python=$$(tools/find-python 3.11 3.13) && exec $$python -m tools.matrix $(if $(LOWEST),lowest,$(AIRFLOW))

.PHONY: setup
setup: ## Create or refresh .venv (the other targets do this by themselves)
	@python=$$(tools/find-python 3.11 3.13) && exec $$python -m tools.virtualenv 3.3 $(VENV)

.PHONY: pin
pin: ## Resolve and write constraints/*.txt (needs uv)
	@python=$$(tools/find-python 3.11 3.13) && exec $$python -m tools.pin
