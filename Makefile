# make demo   daemon, jobs and console on SQLite, on a fresh clone (TYPE=Gearman: with a gearmand)
# make test   everything that CI runs (JOBS=4: so many tests at a time)
# make soak   the storms in full
# make bench  what it costs and how fast it is, also as build/bench.json (QUICK=1: some two minutes; PARTS="million fleet ...")
# make clean  remove the virtual environment and what runs left behind

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

.PHONY: help demo test soak bench clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(VENV)/.demo
	@examples/bin/demo.sh $(BIN) $(TYPE)

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -p tests.skips -m "not soak" -n $(JOBS) --dist worksteal

soak: $(VENV)/.test
	$(BIN)/python -m pytest -p tests.skips -m soak --timeout 3600

bench: $(VENV)/.test
	@$(BIN)/python -m tests.bench $(if $(QUICK),--quick) --json $(or $(JSON),build/bench.json) $(PARTS)

clean:
	rm -rf $(VENV)
	find examples/run examples/log -mindepth 1 ! -name .gitkeep -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed, $(PYTHON) is older: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo "ensurepip is missing: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps: installed again only when the dependencies may have changed.
$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[postgresql,mysql]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[postgresql,mysql,test]'
	@touch $@ $(VENV)/.demo
