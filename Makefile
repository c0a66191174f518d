# Learning Survey. `make help` lists what can be made.
SHELL := /bin/bash
.DEFAULT_GOAL := build
PYTHON ?= python3
STUDY ?=
NAME ?=
EXPORTS ?=
OPTIONS ?=
R ?=
BIN := .venv/bin

.PHONY: build report plan study test nightly lint format bench calibration-check simulation-check lock clean help

build: .venv/ready ## set up the environment and build the studies of config/config.yaml
	@$(BIN)/python workflow/build.py

report: .venv/ready ## build one study: make report STUDY=bfi
	@test -n "$(STUDY)" || { echo "error: which study?"; echo "  make report STUDY=<name>, a file in config/studies/"; exit 2; }
	@$(BIN)/python workflow/build.py --study $(STUDY)

plan: .venv/ready ## say what would run and why, and run nothing
	@$(BIN)/python workflow/build.py --plan $(if $(STUDY),--study $(STUDY))

study: .venv/ready ## draft a study from exports: make study NAME=autumn EXPORTS="a.csv b.xlsx"
	@test -n "$(NAME)" -a -n "$(EXPORTS)" || { echo "error: which name, which exports?"; echo '  make study NAME=<name> EXPORTS="<files>"; docs/new_study.md says more'; exit 2; }
	@$(BIN)/python scripts/draft.py --name "$(NAME)" --exports $(EXPORTS) $(OPTIONS)

test: .venv/ready ## run every test
	@$(BIN)/python -m pytest

nightly: .venv/ready ## run the property tests with 2,000 new examples each
	@$(BIN)/python -m pytest --hypothesis-profile nightly -m hypothesis

lint: .venv/ready ## check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: .venv/ready ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/ready ## time rules, large exports and measurement beside R, into docs/benchmarks.md (R=all: all of R)
	@$(BIN)/python workflow/bench.py $(if $(R),--r $(R))

calibration-check: .venv/ready ## draw the cohort with 20 other seeds and count the targets met
	@$(BIN)/python scripts/calibration_check.py

simulation-check: .venv/ready ## draw 1,000 samples of a known population and count how often intervals hold the truth
	@$(BIN)/python scripts/simulation_check.py --docs docs/simulation.md

lock: ## work out requirements.lock and environment.yml anew
	@$(PYTHON) -m venv .lock && .lock/bin/pip install -q uv
	@.lock/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --extra dev --no-header --upgrade pyproject.toml -o requirements.lock
	@rm -r .lock
	@$(BIN)/python workflow/environment.py

clean: ## remove everything that was built; raw exports of real studies stay
	rm -rf results logs benchmarks .snakemake
	@test ! -d data/processed || find data/processed -mindepth 1 ! -name README.md -delete
	@for truth in data/raw/*/truth.json; do test ! -f $$truth || rm -r $$(dirname $$truth); done

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 20

.venv/ready: requirements.lock requirements-quarto.lock workflow/setup.sh
	@PYTHON=$(PYTHON) bash workflow/setup.sh
	@touch $@
