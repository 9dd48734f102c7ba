# The recipes of the house; CI calls the same ones. Needs Python >= 3.11 and makes the rest: an environment in .venv holding the
# exact versions of requirements/*.txt. `run` is what a user installs, `dev` adds the tools of a contributor, `bench` the peers.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -qq
PYTHONS ?= python3.13 python3.12 python3.11 python3
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the recipes
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.run ## watch the feed system live some weeks in its world: serve, learn, drift, notice, recover
	@$(PY) -m millrace demo

.PHONY: test
test: lint types ## lint, types, doctests and every test that is not slow
	@$(PY) -m pytest -n 2 --dist loadfile -m "not slow"

.PHONY: test-all
test-all: lint types ## the same with the slow tests
	@$(PY) -m pytest -n 2 --dist loadfile

.PHONY: chaos
chaos: $(VENV)/.dev ## hurt the log and whole servers, half an hour; SEED=17 repeats one case of each, WITHIN=20 bears a loaded machine
	@MILLRACE_CHAOS_SEED='$(SEED)' MILLRACE_CHAOS_WITHIN='$(or $(WITHIN),5)' $(PY) -m pytest -n 2 -rP \
	  tests/siege/test_chaos.py tests/log/test_chaos.py $(if $(SEED),,tests/log/test_crash.py)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## fire over 50,000 broken requests at a server; make fuzz SEED=17 repeats one volley
	@MILLRACE_CHAOS_SEED='$(SEED)' MILLRACE_FUZZ_EXAMPLES=150 $(PY) -m pytest -n 0 -s tests/siege/test_fuzz.py $(if $(SEED),,tests/siege/test_schema.py)

.PHONY: soak
soak: $(VENV)/.dev ## load a server for MINUTES=30 (WORKERS=1) and say whether memory, files or threads grow
	@$(PY) -m tests.siege.soak --minutes '$(or $(MINUTES),30)' --workers '$(or $(WORKERS),1)'

.PHONY: bench
bench: $(VENV)/.bench ## measure one promise beside its peer: make bench NAME=windows
	@test -f 'benchmarks/$(NAME).py' || { echo 'make bench NAME=…, one of: $(basename $(notdir $(shell grep -l ratio= benchmarks/*.py)))' >&2; exit 2; }
	@$(PY) 'benchmarks/$(NAME).py'

.PHONY: lint
lint: $(VENV)/.dev ## style and formatting, checked
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

.PHONY: format
format: $(VENV)/.dev ## style and formatting, mended
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

.PHONY: types
types: $(VENV)/.dev ## the types, checked by pyright
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(PY) -m pyright

# Resolved on the oldest Python supported, so that the pins install on all. All is resolved together first, and each list is then frozen
# from one growing environment within that: the longer ones hold the shorter at the same versions, whatever only they need.
.PHONY: lock
lock: ## resolve the newest versions pyproject.toml allows and pin them in requirements/
	@$(LOCK_NEW) && $(LOCK_PIP) install ".[dev,bench]" && $(LOCK_PIP) freeze --exclude millrace > $(VENV)/lock/together.txt
	@mv $(VENV)/lock/together.txt $(VENV)/together.txt && $(LOCK_NEW)
	@for list in run:. dev:.[dev] bench:.[dev,bench]; do \
	  $(LOCK_PIP) install -c $(VENV)/together.txt "$${list#*:}" || exit; \
	  { echo '# Made by `make lock` from pyproject.toml; not edited by hand.'; $(LOCK_PIP) freeze --exclude millrace; } \
	    > "requirements/$${list%%:*}.txt" || exit; \
	done
	@rm -rf $(VENV)/lock $(VENV)/together.txt

LOCK_NEW = rm -rf $(VENV)/lock && python3.11 -m venv $(VENV)/lock
LOCK_PIP = $(VENV)/lock/bin/python -m pip --disable-pip-version-check -qq

.PHONY: clean
clean: ## remove the environment and the caches; what your runs recorded in .millrace stays
	@rm -rf $(VENV) dist .hypothesis .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp stands for "these pins and the package are installed"; a changed list or pyproject.toml installs them again.
$(VENV)/.%: requirements/%.txt pyproject.toml $(PY)
	@echo "installing requirements/$*.txt"
	@$(PIP) install -r $<
	@$(PIP) install --no-deps -e .
	@touch $@

# Names on the path may not run (pyenv's do so) or lack a part of the standard library (Debian's do), so each is tried.
$(PY):
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    && exec "$$python" -m venv --clear $(VENV); \
	done; \
	echo 'Millrace needs Python >= 3.11 with venv: install it (Debian: apt install python3 python3-venv), or name it: make PYTHONS=/path/to/python3' >&2; \
	exit 1
