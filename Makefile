# Two commands do everything on a fresh machine: `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(CURDIR)/.demo
SOPHIA := SOPHIA_HOME=$(DEMO) $(BIN)/sophia

.PHONY: run test test-faults test-crash test-lab test-lab-short check bench lock clean
.DEFAULT_GOAL := run

$(VENV)/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	# Older ones write a console script that imports `re`: a fifth of a warm command.
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=26,<27'
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	# Where nothing is to be written beside the sources, every process would compile them anew.
	$(BIN)/python -m compileall -q sophia_cli
	touch $@

run: $(VENV)/installed  ## Installs, starts a memory, fills it with this project's docs, recalls
	$(SOPHIA) up
	$(SOPHIA) ingest docs
	$(SOPHIA) remember "We chose Qdrant over Weaviate for the memory cluster because of filtering speed"
	$(SOPHIA) recall "which vector database did we pick?" -n 1 --verbose
	$(SOPHIA) recall "what happens when the disk fills up?" -n 1 --verbose
	$(SOPHIA) recall "what happens when the disk fills up?" -n 1 --verbose
	$(SOPHIA) stats
	$(SOPHIA) down
	@echo
	@echo "That memory is in .demo. Your own: $(BIN)/sophia remember \"...\""

test: $(VENV)/installed check  ## Format, lint, types and every test
	# In the order of the directories: the long tests stand alone in their files, and come early.
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not lab"

test-faults: $(VENV)/installed  ## The faults of this machine, one at a time: two minutes with nothing else to do
	SOPHIA_TEST_FAULTS=1 $(BIN)/pytest tests/checks/test_faults_here.py

test-crash: $(VENV)/installed  ## The crash test in full: 20 kills of each process, 2,000 memories
	SOPHIA_TEST_CRASHES=20 $(BIN)/pytest -m crash -s

test-lab: $(VENV)/installed  ## Real hosts on this machine: needs root, docker.io, debootstrap and a running dockerd
	$(BIN)/pytest tests/lab -m lab

test-lab-short: $(VENV)/installed  ## Of these: from bare hosts to a running memory, and where its secrets are
	$(BIN)/pytest tests/lab/test_deploy.py tests/lab/test_deploy_secrets.py -m lab

check: $(VENV)/installed
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: $(VENV)/installed  ## The figures of the README
	$(BIN)/python bench/speed.py

lock: pyproject.toml  ## Pins every dependency with its hashes, for CI and for `make`
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock

clean:
	-test -x $(BIN)/sophia && $(SOPHIA) down
	rm -rf $(VENV) $(DEMO) .mypy_cache .ruff_cache .pytest_cache .hypothesis
