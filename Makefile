# Every target sets up what it needs, once, in .venv; a second call starts at once.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Libraries to compare with have environments of their own: jax-relax wants releases that ctviz cannot use.
PEERS  := .venv-peers .venv-relax
# What is downloaded shows, except in a log that nobody watches.
# Pip compiles one file after another, and the tests of libraries too; COMPILE takes all processors and leaves those out.
PIP     = $(BIN)/python -m pip install $(if $(CI),--quiet) --disable-pip-version-check --no-compile -c constraints.txt
COMPILE = $(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib >/dev/null || true
# On Linux the usual package index serves PyTorch with CUDA, some gigabytes. For the small CPU build:
#   make app TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

.DEFAULT_GOAL := help
.PHONY: help app test check format bench peers shots presets pins clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

app: $(VENV)/.app  ## Start the app in a browser
	$(BIN)/ctviz serve $(ARGS)

# Bytecode is kept whatever the environment says: Python and pytest would compile all files anew in every process.
test: export PYTHONDONTWRITEBYTECODE =
test: browser  ## Run all tests; ARGS="-k store" for some
	$(BIN)/python -m pytest -n 3 $(ARGS)

check: $(VENV)/.dev  ## Lint, format, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/lint-imports & floors=$$!; $(BIN)/mypy; types=$$?; wait $$floors && exit $$types

format: $(VENV)/.dev  ## Put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: browser  ## Measure speed beside a plain implementation, and peers if they are there
	$(BIN)/ctviz bench $(foreach peer,$(wildcard $(PEERS)),--peers $(peer)/bin/python) $(ARGS)

peers: $(PEERS:=/.made)  ## Install the libraries that bench compares with (about 2 GB)

shots: browser  ## Take pictures of every page into .shots
	$(BIN)/python -m tests.browser.shots

presets: $(VENV)/.app  ## Train the runs that ship with ctviz
	$(BIN)/ctviz presets build

pins:  ## Renew constraints.txt with the newest versions that install together
	rm -rf $(VENV)-pins
	$(PYTHON) -m venv $(VENV)-pins
	$(VENV)-pins/bin/python -m pip install --quiet -e '.[dev]'
	echo '# Versions that install and pass together; written by `make pins`.' > constraints.txt
	$(VENV)-pins/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' >> constraints.txt
	rm -rf $(VENV)-pins

clean:  ## Remove the environment and everything that was made
	rm -rf $(VENV) $(PEERS) .shots build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- set-up ---------------------------------------------------------------------------------------------

# A file here that is named like a module of Python, such as random.py, is not taken for it.
$(VENV)/.made $(VENV)/.torch $(VENV)/.app $(VENV)/.dev $(PEERS:=/.made) pins: export PYTHONSAFEPATH = 1

# Stamps: newer than what they were made from, so that a changed pin installs again.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ctviz needs Python 3.11 or newer; name one with make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/debian python3-venv "A virtual environment is needed"
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.torch: $(VENV)/.made constraints.txt
	@$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) torch)
	@touch $@

$(VENV)/.app: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "Installing ctviz into $(VENV); the first time this takes a minute or more …"
	@$(PIP) -e .
	@$(COMPILE)
	@touch $@

$(VENV)/.dev: $(VENV)/.app
	@echo "Installing the tools for tests and checks …"
	@$(PIP) -e '.[dev]'
	@$(COMPILE)
	@touch $@

.venv-peers/.made: pyproject.toml
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install -e '.[bench]'
	@touch $@

.venv-relax/.made:
	$(PYTHON) -m venv .venv-relax
	.venv-relax/bin/python -m pip install jax-relax fastcore nbdev 'jax<0.5' 'pydantic<2'
	@touch $@

.PHONY: browser
browser: $(VENV)/.dev
	@.ci/browser $(BIN)/python
