# Everything a user or a developer runs. `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SECONDS ?= 600
PEOPLE ?= 10000
WORKERS ?= auto
# What a test starts is compiled once, not by each of the hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test coverage quick browser-test stories check lint types layers dependencies licences format fuzz clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.product: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.tools: $(VENV)/.product
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# With job control on a terminal, Ctrl-C reaches the demo alone, and make passes on its exit status.
run: $(VENV)/.product ## install, then run two states and a simulated exchange; Ctrl-C stops them
	@if [ -t 0 ]; then set -m; fi; $(BIN)/csenet demo --folder demo

test: $(VENV)/.tools ## install what tests need and run them all
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

coverage: $(VENV)/.tools ## the tests, and which lines none of them runs; fails below 95 percent
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term --cov-fail-under=95

quick: $(VENV)/.tools ## the tests without the slow ones
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -q -m 'not slow'

stories: $(VENV)/.product ## play all stories of cases; the last line counts them
	@$(BIN)/csenet replay fixtures/stories --quiet

.PHONY: test-postgres
SERVER ?=
test-postgres: $(VENV)/.tools ## what runs on PostgreSQL, on the version in SERVER=/usr/lib/postgresql/15/bin
	CSENET_REQUIRE_POSTGRES=1 CSENET_TEST_PG_BIN=$(SERVER) $(BIN)/pytest -n auto --dist worksteal -m postgres

.PHONY: chromium
chromium: ## install Debian's Chromium where there is none
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

.PHONY: logrotate lnav
logrotate lnav: ## install Debian's program of that name where there is none
	@command -v $@ >/dev/null || test -x /usr/sbin/$@ || { apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends $@ >/dev/null; }

.PHONY: graphviz
graphviz: ## install Debian's dot where there is none
	@command -v dot >/dev/null || { apt-get update -qq && apt-get install -y -qq graphviz >/dev/null; }

.PHONY: softhsm2
softhsm2: ## install Debian's token in software where there is none
	@command -v softhsm2-util >/dev/null || { apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends softhsm2 >/dev/null; }

browser-test: chromium $(VENV)/.tools ## the pages in a real Chromium; pictures in build/pictures
	CSENET_REQUIRE_BROWSER=1 $(BIN)/pytest -q tests/browser

check: lint types layers dependencies licences bandit ## everything CI checks besides the tests

lint: $(VENV)/.tools ## style and likely mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.tools ## put the code into the agreed form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# From the root, mypy would take our folder codecs for the standard library's module: it looks at links instead.
types: $(VENV)/.tools ## mypy --strict
	@mkdir -p build/types/csenet
	@for room in codecs handlers gateway; do ln -sfn ../../../$$room build/types/csenet/$$room; done
	cd build/types && $(abspath $(BIN))/mypy --config-file ../../pyproject.toml -p csenet

layers: $(VENV)/.tools ## who may import whom
	$(BIN)/lint-imports

dependencies: $(VENV)/.tools ## every import is declared and every declaration is used
	$(BIN)/deptry .

licences: $(VENV)/.tools ## no GPL at run time
	$(PYTHON) ops/check_licences.py $(VENV)

.PHONY: docs
docs: graphviz $(VENV)/.tools ## the documentation site, without a warning, into build/docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -c ops/site -b html ops build/docs
	@echo "build/docs/index.html"

.PHONY: alerts-test
alerts-test: ## the alert rules, the Prometheus settings and their unit tests, by Prometheus's own tool
	@promtool=$$(ops/get_promtool.sh) && cd ops/prometheus && \
		$$promtool check config prometheus.yml && $$promtool test rules alerts_test.yml

include ops/reliability.mk

.PHONY: canaries
canaries: $(VENV)/.tools ## PEOPLE marked people live through everything; then everything is searched for them
	$(BIN)/python tests/canaries/run.py --people $(PEOPLE)

.PHONY: api-fuzz bandit sbom
CALLS ?= 10000
api-fuzz: $(VENV)/.tools ## CALLS calls of the API, right ones and wrong ones: no status that is not described, no leak
	$(BIN)/python tests/api_fuzz/run.py --calls $(CALLS)

bandit: $(VENV)/.tools ## weaknesses of high severity in our code
	$(BIN)/bandit --quiet -lll --recursive codecs handlers gateway

sbom: $(VENV)/.tools ## what an installation is made of (CycloneDX), and under which licences, into build/sbom
	@rm -rf build/sbom && $(PYTHON) -m venv build/sbom/venv
	build/sbom/venv/bin/pip install --quiet --disable-pip-version-check .
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible \
		--output-file build/sbom/csenet-gateway.cdx.json build/sbom/venv/bin/python
	$(BIN)/pip-licenses --python build/sbom/venv/bin/python --format markdown --output-file build/sbom/licences.md
	@rm -rf build/sbom/venv && ls build/sbom

fuzz: $(VENV)/.tools ## fuzz each decoder for SECONDS seconds; what breaks one is kept in tests/fuzz/corpus
	@for target in flat records xml errorfile; do \
		$(BIN)/python tests/fuzz/run.py $$target --seconds $(SECONDS) || exit 1; done

clean: ## remove what was built and the demo's folder
	rm -rf build demo .pytest_cache .mypy_cache .ruff_cache .coverage *.egg-info
