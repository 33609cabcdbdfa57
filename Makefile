# A checkout needs Python 3.11 or newer and make, nothing else: every target sets up .venv first, once.
# Set up by uv where it is there, else by venv and pip; both read pyproject.toml and constraints.txt.

PYTHON ?= python3
TESTS ?= tests
KILLS ?= 500
CUTS ?= 2000

BIN := .venv/bin
NEEDS := pyproject.toml constraints.txt

# pip reads dependency groups from 25.1 on and Python brings older ones, so the group becomes a requirements file.
DEV_GROUP := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")
LOCKED := import json; parts = [part["metadata"] for part in json.load(open("build/lock/report.json"))["install"]]; \
  print(*sorted(part["name"].lower() + "==" + part["version"] for part in parts if part["name"] != "digest-mailer"), sep="\n")

ifneq ($(shell command -v uv 2>/dev/null),)
VENV = test -x $(BIN)/python || UV_VENV_CLEAR=1 uv venv --quiet --python $(PYTHON) .venv
INSTALL = uv pip install --quiet --python $(BIN)/python -c constraints.txt -b constraints.txt
else
# Also mends a .venv that an interrupted run or uv left without pip, or whose Python has gone.
VENV = $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
# What builds the package is held too: by the first variable in a pip before 25.3, by the second from there on.
INSTALL = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
  $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
endif

.PHONY: help demo test check bench faults pictures setup lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-6s  %s\n", $$1, $$2}' Makefile

demo: .venv/runs ## send the sample through a real SMTP conversation, and say where to look
	@$(BIN)/digest demo

test: .venv/develops ## run the tests, in parallel; some of them: make test TESTS="tests/store -k claim"
	$(BIN)/python -m pytest -n auto --dist worksteal $(TESTS)

check: .venv/develops ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/develops ## run the benchmarks
	$(BIN)/python -m benchmarks

faults: .venv/develops ## kill a send until it loses somebody; half an hour, or less: make faults KILLS=100
	@$(BIN)/python -m tests.faults --kills $(KILLS) --cuts $(CUTS)

pictures: .venv/develops ## take the pictures of letters in docs/pictures anew
	@$(BIN)/python -m tests.pictures

setup: .venv/develops ## set up .venv with all that development needs

lock: ## write constraints.txt anew, with the newest versions that pyproject.toml allows
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "lock with the oldest Python that digest runs on: make lock PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/pip install -qq --disable-pip-version-check --upgrade pip
	$(PYTHON) -c '$(DEV_GROUP)' >build/lock/develop.txt
	build/lock/bin/pip install -qq --dry-run --ignore-installed --report build/lock/report.json \
	  -r build/lock/develop.txt -e '.[all]'
	sed -n '1,/^$$/p' constraints.txt >build/lock/constraints.txt
	$(PYTHON) -c '$(LOCKED)' >>build/lock/constraints.txt
	mv build/lock/constraints.txt constraints.txt
	rm -r build/lock

clean: ## remove .venv and what builds and checks left; no project's store or outbox
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/runs: $(NEEDS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "digest needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "setting up .venv to run digest; this happens once and takes a minute"
	@$(VENV)
	@$(INSTALL) -e .
	@touch $@

.venv/develops: .venv/runs $(NEEDS)
	@echo "setting up .venv to develop digest; this happens once and takes a minute"
	@$(BIN)/python -c '$(DEV_GROUP)' >.venv/develop.txt
	@$(INSTALL) -r .venv/develop.txt
	@touch $@
