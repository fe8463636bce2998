# What a person types. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
TOOLS := .local/tools
UV := $(TOOLS)/bin/uv
UV_VERSION := 0.13.9
RUN := $(UV) run --frozen --no-sync
SUPPLIER ?= alpina
UNITS ?= 1

.PHONY: help doctor setup run stop order feed test check engine local bench soak build deploy model

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

doctor: ## say what this machine lacks, and how to get it
	@$(PYTHON) -m local.doctor

$(UV):
	@echo "setting up: uv $(UV_VERSION) in $(TOOLS)"
	@$(PYTHON) -m venv $(TOOLS) || { echo "python3 needs venv (Debian: apt-get install python3-venv)"; exit 2; }
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

.venv/.synced: $(UV) pyproject.toml uv.lock
	@echo "setting up: Python packages in .venv"
	@$(UV) sync --frozen --quiet
	@touch $@

include deploy/build.mk

setup: .venv/.synced ## install what development needs, into this folder

run: setup ## start the local cloud, play a first day, stay up (ONCE=1: exit; SEED=n, NAME=x, PORT=n)
	@.venv/bin/python -m local run $(if $(ONCE),--once) $(if $(SEED),--seed $(SEED)) $(if $(NAME),--name $(NAME)) $(if $(PORT),--port $(PORT)) $(if $(FRESH),--fresh)

stop: setup ## stop the local cloud that runs (NAME=x)
	@.venv/bin/python -m local stop $(if $(NAME),--name $(NAME))

order: setup ## send an order to the local cloud: SKU=... UNITS=n
	@.venv/bin/python -m local order --sku "$(SKU)" --units $(UNITS) $(if $(NAME),--name $(NAME))

feed: setup ## drop a supplier's file into the local cloud: FILE=... SUPPLIER=...
	@.venv/bin/python -m local feed --file "$(FILE)" --supplier $(SUPPLIER) $(if $(NAME),--name $(NAME))

test: setup ## run every suite at smoke size, in two processes (2 cores: under 15 minutes)
	@$(RUN) pytest -n 2

check: setup $(SAM) ## lint, types, import contracts, template, spelling, lock file
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) cfn-lint -a tests/template/rules cfn_lint_serverless.rules -- template.yaml deploy/*.yaml
	@$(SAM) validate --lint --region eu-central-1 --template template.yaml
	@$(RUN) codespell
	@$(UV) lock --check

engine: setup ## races and transactions on DynamoDB Local (Java 17 and npm)
	@$(RUN) pytest tests/engine

local: setup ## the whole template on the emulator
	@$(RUN) pytest tests/local

model: setup ## search every interleaving of the protocols; WITHOUT=condition: show how they break without it
	@$(RUN) python -m tests.model $(if $(WITHOUT),--without "$(WITHOUT)")

bench: setup ## measure; figures go to build/bench.json (ONLY="feeds ...", BENCH_ROWS=1000000: feeds of a size)
	@$(RUN) python -m bench $(ONLY)

soak: setup ## races, properties and fuzzing with many more seeds (over an hour)
	@SOAK=1 $(RUN) pytest tests/unit tests/model tests/engine --timeout 7200

deploy: build ## deploy to AWS with your credentials: STACK=name
	@$(SAM) deploy --template-file .aws-sam/build/template.yaml \
		--stack-name "$(or $(STACK),truestock)" --capabilities CAPABILITY_IAM --resolve-s3 --confirm-changeset
