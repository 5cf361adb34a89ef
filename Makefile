.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# compiled at first import instead: 170 MB less on disk, and the install is quicker
PIP_INSTALL := $(BIN)/pip --disable-pip-version-check install --quiet --no-compile -c constraints.txt
TORCH := torch==2.13.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH_CPU ?= 1
PREFER := newest

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@deploy/venv.sh $(VENV) $(PREFER) "$(PYTHON)"

$(VENV)/base: pyproject.toml constraints.txt $(BIN)/python
	@deploy/venv.sh $(VENV) $(PREFER) "$(PYTHON)"
	$(PIP_INSTALL) -e .
	@deploy/slim.sh $(VENV)
	@touch $@

$(VENV)/dev: $(VENV)/all
	$(PIP_INSTALL) -e '.[cluster,graph-test,dev]'
	@touch $@

$(VENV)/all: $(VENV)/base
	@deploy/torch.sh $(BIN)/python $(TORCH) $(TORCH_CPU) $(TORCH_INDEX)
	$(PIP_INSTALL) -e '.[rl,sentiment,graph]'
	@touch $@

run: $(VENV)/base ## start the daemon on 127.0.0.1:8787 (without torch: no RL training, no FinBERT)
	@$(BIN)/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' \
	  || echo "without torch: decisions and backtests work; training the RL ensemble and FinBERT need make run-all"
	$(BIN)/python server.py

run-all: $(VENV)/all ## the same with everything installed: RL training, FinBERT, Neo4j's driver
	$(BIN)/python server.py

test check coverage: PREFER := oldest
# where the shell forbids byte code, each of the suite's processes would compile all that it imports again
test check coverage: export PYTHONDONTWRITEBYTECODE :=
# the suite's processes share two cores: threads of theirs that wait for each other take processor time
test coverage: export OMP_NUM_THREADS := 1
check: $(VENV)/dev ## ruff, format and mypy strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

browser: # for the dashboard's tests, which are skipped where there is none
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "no chromium, and it cannot be installed here (needs apt-get and root): the dashboard's tests are skipped"

# mypy takes one core for a minute: it runs beside the slow tests, and says what it found at the end
test: $(VENV)/dev browser ## all checks and the test suite (what CI runs)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@mkdir -p build; types=0; tests=0; $(BIN)/mypy . >build/mypy.log 2>&1 & beside=$$!; \
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder || tests=1; \
	wait $$beside || types=1; cat build/mypy.log; \
	exit $$((types + tests))

coverage: $(VENV)/dev ## what the unit tests cover
	$(BIN)/pytest -n 2 --dist loadfile tests/unit --cov --cov-report=term

test-openclaw: $(VENV)/all ## the plugin in a real OpenClaw gateway, fetched from npm, once
	openclaw/test/gateway/run.sh

bench: $(VENV)/dev ## every benchmark, one JSON line each (README: which prints what)
	@for script in benchmarks/bench_*.py; do $(BIN)/python $$script; done

docs: $(VENV)/dev ## the pages, into build/site/index.html; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

hooks: $(VENV)/dev ## ruff and mypy before each commit (.pre-commit-config.yaml)
	$(PIP_INSTALL) pre-commit
	$(BIN)/pre-commit install

chaos: $(VENV)/dev ## 500 seeded weeks at a stand-in for Alpaca, with faults and kill -9 (one: python -m tests.chaos --seed N)
	$(BIN)/python -m tests.chaos --runs 500 --jobs 2

soak: $(VENV)/dev ## a month of all four jobs in one process
	$(BIN)/python -m tests.chaos.soak

chaos-memory: $(VENV)/dev ## 20 random kills of the memory's writer and of its server
	MEMORY_KILLS=20 $(BIN)/pytest tests/memory/test_outbox.py -k kill

chaos-notifications: $(VENV)/dev ## 20 random kills of the process that notifies, with a receiver that comes and goes
	NOTIFICATION_KILLS=20 $(BIN)/pytest tests/simulation/test_notifications_kill.py

chaos-suspend: $(VENV)/dev ## 100 random sleeps of the machine
	SUSPENDS=100 $(BIN)/pytest tests/simulation/test_suspend.py

fuzz: $(VENV)/dev ## 10,000 requests made from the API's own document (FUZZ_CASES of each operation), all checks
	FUZZ_CASES=$(or $(FUZZ_CASES),400) $(BIN)/pytest -q -s -n 0 tests/api/test_fuzz.py

.PHONY: help run run-all check coverage browser docs test test-openclaw bench hooks chaos soak chaos-memory chaos-notifications chaos-suspend fuzz
