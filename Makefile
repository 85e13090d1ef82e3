# Bordor. `make audit` and `make test` work in a fresh clone: they make .venv themselves.
# Needs Python 3.11 or newer, make and a C compiler. PYTHON=... picks another interpreter.

SHELL := /bin/sh
PYTHON ?= python3
STAMP := .venv/.installed
BORDOR := .venv/bin/python -m harness

# Each is a flag of the command; a variable that is not given leaves the default.
export MODEL STORY RECIPE SEEDS LIMIT OUT BASELINE POLICY TRAIN_SEEDS
export DATA JSON WORST SAMPLE
export RUN FILE BY N BASE CONCURRENCY TIMEOUT EXECUTOR ACTORS

AUDIT_FLAGS = $${STORY:+--story "$$STORY"} $${RECIPE:+--recipe "$$RECIPE"} \
	$${SEEDS:+--seeds "$$SEEDS"} $${LIMIT:+--limit "$$LIMIT"} $${OUT:+--out "$$OUT"}
AS_IS_FLAG = $(if $(filter-out 0 no false,$(AS_IS)),--as-is)
SIDE_FLAGS = $(AUDIT_FLAGS) $(AS_IS_FLAG)
# BASE: under an adapter folder, or a server's control. AS_IS=1: MODEL is whole, train nothing.
MODEL_FLAGS = $${BASE:+--base "$$BASE"} $(AS_IS_FLAG)
# Of a model on a server, and of Ray; the other flags have no variable: see bordor audit --help.
RUN_FLAGS = $${CONCURRENCY:+--concurrency "$$CONCURRENCY"} $${TIMEOUT:+--timeout "$$TIMEOUT"} \
	$${EXECUTOR:+--executor "$$EXECUTOR"} $${ACTORS:+--actors "$$ACTORS"}
# `make` turns every failure into 2, so say what bordor's own code was.
SAY_CODE = || { code=$$?; echo "bordor: exit code $$code" >&2; exit $$code; }

.PHONY: help setup audit doctor review compare gate test lint validate suites models runs build-base build-adapter clean
.DEFAULT_GOAL := help

help: ## this list
	@echo "make TARGET [VARIABLE=value ...]"
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' \
		| awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo "Variables of make audit: MODEL STORY RECIPE SEEDS LIMIT OUT BASE AS_IS CONCURRENCY TIMEOUT EXECUTOR ACTORS; see .venv/bin/bordor audit --help"

setup: $(STAMP) ## .venv with everything from requirements.lock

# The stamp is written last: an install that was cut off runs again.
$(STAMP): requirements.lock pyproject.toml
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
		echo "bordor: no '$(PYTHON)' found: install Python 3.11 or newer, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "bordor: $$("$(PYTHON)" --version 2>&1) is too old: Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' || { \
		echo "bordor: $(PYTHON) cannot make virtual environments: install its venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "bordor: installing into .venv from requirements.lock (once)"
	"$(PYTHON)" -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

audit: $(STAMP) ## audit MODEL (storylm-4m-4bit) on STORY (visgar); builds what is missing
	@$(BORDOR) audit $${MODEL:+"$$MODEL"} $(AUDIT_FLAGS) $(MODEL_FLAGS) $(RUN_FLAGS) $(SAY_CODE)

doctor: $(STAMP) ## is this machine fit for an audit, of MODEL?
	@$(BORDOR) doctor $${MODEL:+"$$MODEL"} $(MODEL_FLAGS) $(SAY_CODE)

test: $(STAMP) ## the whole test suite, offline
	@.venv/bin/python -m pytest -q

lint: $(STAMP) ## ruff, the floors of the house (import-linter), mypy
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/python -m mypy

# By the first word of a file's name: refusal_ grounding_ claims_ equivalence_ controls_ .jsonl
# (claims_*_articles.jsonl belong to the claims). Controls go to both graders that read them.
validate: $(STAMP) ## measure the graders on the labelled files in DATA (JSON, WORST, SAMPLE)
	@set -- $${JSON:+--json "$$JSON"} $${WORST:+--worst "$$WORST"} $${SAMPLE:+--sample "$$SAMPLE"}; named=$$#; \
	test -d "$${DATA:-}" || { \
		echo "bordor: say make validate DATA=<folder with labelled files>; see docs/validate.md" >&2; exit 2; }; \
	for kind in refusal grounding claims equivalence; do \
		for file in "$$DATA"/$${kind}_*.jsonl; do \
			case "$$file" in *_articles.jsonl) continue ;; esac; \
			if test -f "$$file"; then set -- "$$@" --$$kind "$$file"; fi; \
		done; \
	done; \
	for file in "$$DATA"/equivalence_*.jsonl "$$DATA"/controls_*.jsonl; do \
		if test -f "$$file"; then set -- "$$@" --pairs "$$file"; fi; \
	done; \
	for file in "$$DATA"/controls_*.jsonl; do \
		if test -f "$$file"; then set -- "$$@" --claims "$$file"; fi; \
	done; \
	test $$# -gt $$named || { \
		echo "bordor: $$DATA: no refusal_, grounding_, claims_, equivalence_ or controls_*.jsonl here; see docs/validate.md" >&2; exit 2; }; \
	$(BORDOR) validate "$$@" $(SAY_CODE)

# FILE: where the answers go, or with BY the labelled file that is taken back.
review: $(STAMP) ## answers of RUN for a person to label (N, FILE), or taken back: FILE=... BY=...
	@test -n "$${RUN:-}" || { echo "bordor: say make review RUN=<run>; 'make runs' lists them" >&2; exit 2; }; \
	if test -n "$${BY:-}"; then \
		$(BORDOR) review "$$RUN" --take "$$FILE" --by "$$BY" $${OUT:+--runs "$$OUT"}; \
	else \
		$(BORDOR) review "$$RUN" $${N:+--n "$$N"} $${FILE:+--out "$$FILE"} $${OUT:+--runs "$$OUT"}; \
	fi $(SAY_CODE)

compare: $(STAMP) ## compare two runs or models: make compare A=... B=... [TRAIN_SEEDS=3]
	@$(BORDOR) compare "$(A)" "$(B)" $${TRAIN_SEEDS:+--train-seeds "$$TRAIN_SEEDS"} $(SIDE_FLAGS) $(SAY_CODE)

gate: $(STAMP) ## may MODEL replace BASELINE (or the pinned one)? make gate BASELINE=... MODEL=...
	@$(BORDOR) gate $${BASELINE:+"$$BASELINE"} $${MODEL:+"$$MODEL"} \
		$${POLICY:+--policy "$$POLICY"} $(SIDE_FLAGS) && echo "bordor: exit code 0" >&2 $(SAY_CODE)

suites: $(STAMP) ## list and check the suites
	@$(BORDOR) suites $(SAY_CODE)

models: $(STAMP) ## list the models that have a name
	@$(BORDOR) models $(SAY_CODE)

runs: $(STAMP) ## list the runs under OUT (reports/)
	@$(BORDOR) ls $${OUT:+--out "$$OUT"} $(SAY_CODE)

build-base: $(STAMP) ## pretrain a shipped base again: make build-base BASE=storylm-4m
	@$(BORDOR) build base "$(or $(BASE),storylm-4m)" $(SAY_CODE)

build-adapter: $(STAMP) ## train an adapter: MODEL STORY RECIPE as for audit
	@$(BORDOR) build adapter $${MODEL:+--model "$$MODEL"} $${STORY:+--story "$$STORY"} \
		$${RECIPE:+--recipe "$$RECIPE"} $(SAY_CODE)

clean: ## remove .venv and caches; fixtures/built/ and reports/ stay
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find harness tests -name __pycache__ -type d -prune -exec rm -rf {} +
