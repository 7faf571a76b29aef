# The one task runner. Bare `make` prints what there is; each target sets up by itself what it needs.
.DEFAULT_GOAL := help
.PHONY: help run test check fix lab lab-down contract test-lab test-outages browser screenshots bench chaos test-chaos translations migration shell

PORT ?= 8080
CLOUD ?= sandbox
ARGS ?=
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
export CLOUD

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

run: .venv/.run $(if $(filter lab,$(CLOUD)),lab) ## The portal on the embedded defaults (PORT=8080, CLOUD=sandbox or lab); Ctrl-C stops it
	@exec $(PY) -m portal.cli.run up --port $(PORT) --cloud $(CLOUD)

test: .venv/.dev ## Unit, integration and browser tests (ARGS="-k word" goes to pytest, here and below)
	@.ci/setup browser
ifeq ($(strip $(ARGS)),)
	@$(PYTEST) tests/unit tests/integration --cov -n 2 --dist loadfile
	@$(PYTEST) tests/browser -n 2 --dist loadfile
else
	@$(PYTEST) tests/unit tests/integration tests/browser $(ARGS)
endif

check: .venv/.dev ## What must hold before a commit: format, lint, types, import contracts, templates
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@.venv/bin/djlint --check --lint portal/web/templates

fix: .venv/.dev ## Format and mend what can be mended by itself
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .
	@.venv/bin/djlint --quiet --reformat portal/web/templates || true

lab: ## A real single-node OpenStack on loopback, from packages (LAB=folder, about 2 minutes the first time)
	@tests/lab/up

lab-down: ## Stop that OpenStack (WIPE=1 deletes its data too)
	@tests/lab/down $(if $(WIPE),--wipe)

contract: .venv/.dev $(if $(filter lab,$(CLOUD)),lab) ## The wire of the sandbox, question by question (CLOUD=lab: beside the real one)
	@$(PYTEST) tests/contract $(ARGS)

test-lab: .venv/.dev lab ## End to end on the lab: every template, credentials, and a tenant from its address to its first VM
	@.ci/setup browser
	@$(PYTEST) tests/lab --ignore tests/lab/test_outages.py $(ARGS)

test-outages: .venv/.dev lab ## Services of the lab stopped, killed and frozen under launches
	@$(PYTEST) tests/lab/test_outages.py $(ARGS)

browser: .venv/.dev ## The browser tests alone
	@.ci/setup browser
	@$(PYTEST) tests/browser $(ARGS)

screenshots: .venv/.dev ## Pictures of every page, light, dark and phone, into screenshots/, and those of the README
	@.ci/setup browser
	@SCREENSHOTS=1 $(PYTEST) tests/browser/test_pictures.py $(ARGS)

bench: .venv/.dev $(if $(or $(filter launches,$(ARGS)),$(if $(strip $(ARGS)),,all)),lab) ## Figures: starts, pages, 200 launches at once, 100,000 VMs, the ETA, launch overhead on the lab
	@$(PY) -m tests.bench $(ARGS)

chaos: .venv/.dev ## Everything is killed at random under N launches; counts what is lost (N=500 SEED=1 SHARE=1)
	@$(PY) -m tests.chaos $(or $(N),500) --seed $(or $(SEED),1) --share $(or $(SHARE),1)

test-chaos: .venv/.dev ## The process killed at every step, any order against a model, three small storms
	@$(PYTEST) tests/chaos $(or $(ARGS),-n 2 --dist worksteal)

translations: .venv/.dev ## The words of the pages gathered into portal/translations/, and compiled
	@$(PY) -m portal.cli.translations

migration: .venv/.dev ## A migration from the models as they are now (M="Add notices")
	@$(if $(M),,$(error Say what it does: make migration M="Add notices"))
	@$(PY) -m portal.cli.run do -- $(PY) -m flask db upgrade
	@$(PY) -m portal.cli.run do -- $(PY) -m flask db migrate -m "$(M)"

shell: .venv/.run ## Python inside the portal that `make run` keeps
	@exec $(PY) -m portal.cli.run do --cloud $(CLOUD) -- $(PY) -m flask shell

.venv/.run: requirements.txt .ci/uv.txt
	@.ci/setup run

.venv/.dev: requirements.txt requirements-dev.txt .ci/uv.txt
	@.ci/setup dev
