# Every target sets up what it needs by itself and is safe to repeat.
# PYTHON=/path/to/python3.12 chooses the interpreter; otherwise the first suitable one on PATH is taken.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PYTHONUNBUFFERED := 1
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## Create or refresh .venv (the other targets do this by themselves)
	@python=$$(tools/find-python 3.11 3.13) && exec $$python -m tools.virtualenv 3.3 $(VENV)

.PHONY: pin
pin: ## Resolve and write constraints/*.txt (needs uv)
	@python=$$(tools/find-python 3.11 3.13) && exec $$python -m tools.pin
