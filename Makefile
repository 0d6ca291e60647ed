# The only commands. From a fresh clone on Debian with Python 3.11 or newer each makes what it needs, once:
#
#   make demo [PORT=8080]   a job board's server; prints its URL when it is ready
#   make test               everything that must hold: all of these
#
#   make check              the linters and the type checkers, of Python and of TypeScript
#   make unit               tests without a socket, in seconds
#   make sweeps             the same, through very many cases: cuts at each byte, hostile input
#   make integration        tests with servers, databases, and the real VortexPY
#   make javascript         tests of the browser client, in Node
#   make browser            tests of pages, in Chromium
#   make docs               the documentation, as pages in docs/_build/html
#
#   make fix                what the linters can mend by themselves
#   make js                 the browser client that is in vortex/static
#   make bench              the benchmarks, beside the real VortexPY
#   make soak [SECONDS=600] a server under clients that come and go, watched for what it does not give back;
#                           then one whose clients do not read; sessions in 100,000 steps against their model,
#                           and those of 200 messages each way, cut at each byte, and over our transports at
#                           every eleventh of theirs; requests while lines are cut, sessions moved and the
#                           server killed
#
# PYTHON=python3.12 chooses the interpreter, VENV=dir where its environment is made. All but demo and unit need
# Node 20 or newer.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8080
SECONDS ?= 600
BIN := $(VENV)/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check -q

# A program that is compiled once is read by the hundreds of processes that tests begin.
unexport PYTHONDONTWRITEBYTECODE

# Without the plugins that none of these tests needs: each costs something, ten thousand times.
UNIT := $(BIN)/python -m pytest -n auto -p no:twisted -p no:logging tests --ignore=tests/integration --ignore=tests/browser

NODE_MODULES := js-client/node_modules/.package-lock.json
CHROMIUM := /usr/bin/chromium

# More of them at once than there may be processors: these tests wait for others most of the time. The files that
# take longest come first: see the conftest.py of each.
WAITING := $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

ifdef BESIDE
docs: | check-javascript  # which is not to see them half made
else
.NOTPARALLEL:
endif
.PHONY: demo test unit sweeps integration javascript browser check check-python check-javascript fix docs js bench soak

demo: $(VENV)/.demo
	$(BIN)/python -m vortex demo --port $(PORT)

# First, side by side, what one processor is enough for each; what each says is shown when it is done.
test: $(VENV)/.dev $(NODE_MODULES)
	@$(MAKE) --no-print-directory BESIDE=yes -j 3 -O javascript check-javascript check-python docs
	@$(MAKE) --no-print-directory unit sweeps integration browser

check: check-python check-javascript

check-python: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-javascript: $(NODE_MODULES)
	cd js-client && npm run -s check

unit: $(VENV)/.dev
	$(UNIT) -m "not sweep"

sweeps: $(VENV)/.dev
	$(UNIT) -m sweep --dist worksteal

integration: $(VENV)/.dev $(NODE_MODULES)
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
		|| scripts/need-packages "a PostgreSQL server" postgresql
	@command -v curl >/dev/null || scripts/need-packages "curl, which the pages' commands are tried with," curl
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || scripts/need-packages "nginx, behind which the demo is tried," nginx-light
	@command -v openssl >/dev/null || scripts/need-packages "openssl, which makes nginx a certificate," openssl
	PYTHON=$(BIN)/python tests/peers/setup.sh
	$(WAITING) tests/integration

javascript: $(VENV)/.dev $(NODE_MODULES)
	cd js-client && VORTEX_PYTHON="$(abspath $(BIN))/python" npm test -s

browser: $(VENV)/.dev $(NODE_MODULES) $(CHROMIUM)
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || scripts/need-packages "nginx, behind which the demo is tried," nginx-light
	@command -v openssl >/dev/null || scripts/need-packages "openssl, which makes nginx a certificate," openssl
	$(WAITING) tests/browser

fix: $(VENV)/.dev $(NODE_MODULES)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd js-client && npm run -s fix

docs: $(VENV)/.dev $(NODE_MODULES)
	cd js-client && npm run -s docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

js: $(NODE_MODULES)
	cd js-client && npm run -s build

bench: $(VENV)/.dev $(CHROMIUM)
	$(BIN)/python -m benchmarks

soak: $(VENV)/.dev
	$(BIN)/python -m tests.integration.soak $(SECONDS)
	$(BIN)/python -m tests.integration.slow_consumers
	$(BIN)/python -m tests.protocol.session_machine 100000
	$(BIN)/python -m tests.protocol.byte_cut 200
	$(BIN)/python -m tests.transports.session_cuts
	$(BIN)/python -m tests.integration.chaos

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

$(NODE_MODULES): js-client/package.json js-client/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null \
		|| { echo "Node 20 or newer, with npm, is needed: https://nodejs.org/en/download" >&2; exit 1; }
	cd js-client && npm ci --loglevel=error
	@touch $@

$(CHROMIUM):
	scripts/need-packages "Chromium, which pages are tried in," chromium
