# Bordor. `make audit` and `make test` work in a fresh clone: they make .venv themselves.
# Needs Python 3.11 or newer, make and a C compiler. PYTHON=... picks another interpreter.

# Variables of the command line, asked before anything here changes where they come from.
override GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))

override SHELL := /bin/sh
override .SHELLFLAGS := -c
override STAMP := .venv/.installed
override DEV_STAMP := .venv/.installed-dev
override BORDOR := .venv/bin/python -m harness

# What each target takes; a variable that is not given leaves the default.
override SIDES := STORY RECIPE SAMPLES SEEDS LIMIT OUT AS_IS
override TAKES_audit := MODEL $(SIDES) BASE SUITE_PATH CONCURRENCY TIMEOUT EXECUTOR ACTORS
override TAKES_doctor := MODEL BASE AS_IS
override TAKES_validate := DATA JSON WORST SAMPLE
override TAKES_review := RUN FILE BY N OUT
override TAKES_compare := A B TRAIN_SEEDS $(SIDES)
override TAKES_gate := BASELINE MODEL POLICY $(SIDES)
override TAKES_runs := OUT
override TAKES_build-base := BASE
override TAKES_build-adapter := MODEL STORY RECIPE
override KNOWN := PYTHON $(sort $(foreach goal,audit doctor validate review compare gate runs build-base \
	build-adapter,$(TAKES_$(goal))))

# A variable is data. `make` expands $(...) in the ones it is given, so each is taken as it was
# typed, and recipes read it from the environment, in quotes, never as text of a command.
# (Blanks at its beginning are gone before this file is read.)
define as_typed
override $(1) := $$(value $(1))
export $(1)
endef
$(foreach name,$(KNOWN),$(if $(filter undefined,$(origin $(name))),,$(eval $(call as_typed,$(name)))))

# One that no target here takes would change nothing, or this file: it is refused.
override GOALS := $(or $(MAKECMDGOALS),help)
override TAKEN := PYTHON $(foreach goal,$(GOALS),$(TAKES_$(goal)))
override STRAY := $(filter-out $(TAKEN),$(GIVEN))
ifneq ($(STRAY),)
$(error bordor: 'make $(GOALS)' takes no $(firstword $(STRAY)); it takes $(TAKEN))
endif
ifneq ($(filter AS_IS,$(TAKEN)),)
ifneq ($(filter-out 0 1,$(words $(AS_IS)))$(filter-out 1 yes true 0 no false,$(AS_IS)),)
$(error bordor: AS_IS is '$(AS_IS)'; say 1, yes or true, or 0, no or false)
endif
endif

# SEEDS: the name that SAMPLES had; both would be two answers to one question.
ifneq ($(and $(SAMPLES),$(SEEDS)),)
$(error bordor: SEEDS is the old name of SAMPLES; say one of them)
endif

PYTHON ?= python3
export PYTHON

AUDIT_FLAGS = $${STORY:+--story "$$STORY"} $${RECIPE:+--recipe "$$RECIPE"} \
	$${SAMPLES:+--samples "$$SAMPLES"} $${SEEDS:+--samples "$$SEEDS"} $${LIMIT:+--limit "$$LIMIT"} $${OUT:+--out "$$OUT"}
AS_IS_FLAG = $(if $(filter 1 yes true,$(AS_IS)),--as-is)
SIDE_FLAGS = $(AUDIT_FLAGS) $(AS_IS_FLAG)
# BASE: under an adapter folder, or a server's control. AS_IS=1: MODEL is whole, train nothing.
MODEL_FLAGS = $${BASE:+--base "$$BASE"} $(AS_IS_FLAG)
# Of a model on a server, and of Ray; the other flags have no variable: see bordor audit --help.
RUN_FLAGS = $${CONCURRENCY:+--concurrency "$$CONCURRENCY"} $${TIMEOUT:+--timeout "$$TIMEOUT"} \
	$${EXECUTOR:+--executor "$$EXECUTOR"} $${ACTORS:+--actors "$$ACTORS"} $${SUITE_PATH:+--suite-path "$$SUITE_PATH"}
# After --, a name that begins with a dash is a name.
MODEL_NAMED = $${MODEL:+-- "$$MODEL"}
# `make` turns every failure into 2, so say what bordor's own code was.
SAY_CODE = || { code=$$?; echo "bordor: exit code $$code" >&2; exit $$code; }

.PHONY: help setup setup-dev audit doctor review compare gate test test-fast fuzz lint validate suites models runs build-base build-adapter clean
.DEFAULT_GOAL := help

help: ## this list
	@echo "make TARGET [VARIABLE=value ...]"
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' \
		| awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo "Variables of make audit: MODEL STORY RECIPE SAMPLES LIMIT OUT BASE AS_IS SUITE_PATH CONCURRENCY TIMEOUT EXECUTOR ACTORS; see .venv/bin/bordor audit --help"

setup: $(STAMP) ## .venv with what auditing needs (requirements.lock)

setup-dev: $(DEV_STAMP) ## and what developers need: tests, linters, Ray (requirements-dev.lock)

# The stamp is written last: an install that was cut off runs again.
$(STAMP): requirements.lock pyproject.toml
	@command -v -- "$$PYTHON" >/dev/null 2>&1 || { \
		printf "bordor: no '%s' found: install Python 3.11 or newer, or say make PYTHON=/path/to/python\n" "$$PYTHON" >&2; exit 1; }
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		printf "bordor: %s is too old: Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11\n" "$$("$$PYTHON" --version 2>&1)" >&2; exit 1; }
	@"$$PYTHON" -c 'import venv, ensurepip' || { \
		printf "bordor: %s cannot make virtual environments: install its venv module (Debian: apt install python3-venv)\n" "$$PYTHON" >&2; exit 1; }
	@echo "bordor: installing into .venv from requirements.lock (once)"
	"$$PYTHON" -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

$(DEV_STAMP): requirements-dev.lock $(STAMP)
	@echo "bordor: installing what developers need into .venv (once)"
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $(DEV_STAMP)

audit: $(STAMP) ## audit MODEL (storylm-4m-4bit) on STORY (visgar); builds what is missing
	@$(BORDOR) audit $(AUDIT_FLAGS) $(MODEL_FLAGS) $(RUN_FLAGS) $(MODEL_NAMED) $(SAY_CODE)

doctor: $(STAMP) ## is this machine fit for an audit, of MODEL?
	@$(BORDOR) doctor $(MODEL_FLAGS) $(MODEL_NAMED) $(SAY_CODE)

test: $(DEV_STAMP) ## the whole test suite, offline, in two processes
	@.venv/bin/python -m pytest -q -n 2 --dist loadscope --no-loadscope-reorder

test-fast: $(DEV_STAMP) ## the tests without the slow modules, under a minute
	@.venv/bin/python -m pytest -q -n 2 --dist loadscope -m "not slow"

fuzz: $(DEV_STAMP) ## 10,000 damaged files and arguments through every reader and command
	@FUZZ_INPUTS=$${FUZZ_INPUTS:-10000} .venv/bin/python -m pytest -q tests/fuzz

lint: $(DEV_STAMP) ## ruff, the floors of the house (import-linter), mypy
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
		printf '%s\n' "bordor: $$DATA: no refusal_, grounding_, claims_, equivalence_ or controls_*.jsonl here; see docs/validate.md" >&2; exit 2; }; \
	$(BORDOR) validate "$$@" $(SAY_CODE)

# FILE: where the answers go, or with BY the labelled file that is taken back.
review: $(STAMP) ## answers of RUN for a person to label (N, FILE), or taken back: FILE=... BY=...
	@test -n "$${RUN:-}" || { echo "bordor: say make review RUN=<run>; 'make runs' lists them" >&2; exit 2; }; \
	if test -n "$${BY:-}"; then \
		test -n "$${FILE:-}" || { echo "bordor: say make review RUN=<run> FILE=<labelled file> BY=<name>" >&2; exit 2; }; \
		$(BORDOR) review --take "$$FILE" --by "$$BY" $${OUT:+--runs "$$OUT"} -- "$$RUN"; \
	else \
		$(BORDOR) review $${N:+--n "$$N"} $${FILE:+--out "$$FILE"} $${OUT:+--runs "$$OUT"} -- "$$RUN"; \
	fi $(SAY_CODE)

compare: $(STAMP) ## compare two runs or models: make compare A=... B=... [TRAIN_SEEDS=3]
	@test -n "$${A:-}" && test -n "$${B:-}" || { \
		echo "bordor: say make compare A=<run or model> B=<run or model>" >&2; exit 2; }; \
	$(BORDOR) compare $${TRAIN_SEEDS:+--train-seeds "$$TRAIN_SEEDS"} $(SIDE_FLAGS) -- "$$A" "$$B" $(SAY_CODE)

gate: $(STAMP) ## may MODEL replace BASELINE (or the pinned one)? make gate BASELINE=... MODEL=...
	@set --; if test -n "$${BASELINE:-}"; then set -- "$$BASELINE"; fi; \
	if test -n "$${MODEL:-}"; then set -- "$$@" "$$MODEL"; fi; \
	$(BORDOR) gate $${POLICY:+--policy "$$POLICY"} $(SIDE_FLAGS) -- "$$@" && echo "bordor: exit code 0" >&2 $(SAY_CODE)

suites: $(STAMP) ## list and check the suites
	@$(BORDOR) suites $(SAY_CODE)

models: $(STAMP) ## list the models that have a name
	@$(BORDOR) models $(SAY_CODE)

runs: $(STAMP) ## list the runs under OUT (reports/)
	@$(BORDOR) ls $${OUT:+--out "$$OUT"} $(SAY_CODE)

build-base: $(STAMP) ## pretrain a shipped base again: make build-base BASE=storylm-4m
	@$(BORDOR) build base -- "$${BASE:-storylm-4m}" $(SAY_CODE)

build-adapter: $(STAMP) ## train an adapter: MODEL STORY RECIPE as for audit
	@$(BORDOR) build adapter $${MODEL:+--model "$$MODEL"} $${STORY:+--story "$$STORY"} \
		$${RECIPE:+--recipe "$$RECIPE"} $(SAY_CODE)

clean: ## remove .venv and caches; fixtures/built/ and reports/ stay
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find harness tests -name __pycache__ -type d -prune -exec rm -rf {} +
