# The only commands. From a fresh clone on Debian with Python 3.11 or newer each makes what it needs, once:
#
#   make demo [PORT=8080]   a job board's server; prints its URL when it is ready
#   make test               everything that must hold: check, unit tests, integration tests, docs
#
#   make check              ruff and mypy, and nothing else
#   make fix                what ruff can mend by itself
#   make docs               the documentation, as pages in docs/_build/html
#   make js                 the browser client
#   make bench              the benchmarks, beside the real VortexPY
#   make soak [SECONDS=600] a server under clients that come and go, watched for what it does not give back
#
# PYTHON=python3.12 chooses the interpreter, VENV=dir where its environment is made.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8080
SECONDS ?= 600
BIN := $(VENV)/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check -q

.NOTPARALLEL:
.PHONY: demo test unit integration check fix docs js bench soak

demo: $(VENV)/.demo
	$(BIN)/python -m vortex demo --port $(PORT)

test: check unit integration docs

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/python -m pytest tests --ignore=tests/integration

integration: $(VENV)/.dev
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
		|| scripts/need-packages "a PostgreSQL server" postgresql
	@command -v curl >/dev/null || scripts/need-packages "curl, which the pages' commands are tried with," curl
	PYTHON=$(BIN)/python tests/peers/setup.sh
	$(BIN)/python -m pytest tests/integration

fix: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

js:
	@echo "Nothing to build: this version has no browser client."

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

soak: $(VENV)/.dev
	$(BIN)/python -m tests.integration.soak $(SECONDS)

# The environment: made when it is not there, filled again when what we ask for changes.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; make PYTHON=... names another" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || scripts/need-packages "Python's venv" python3-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) install -e '.[orm]'
	@touch $@

$(VENV)/.dev: setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) install -e '.[dev]'
	@touch $@ $(VENV)/.demo
