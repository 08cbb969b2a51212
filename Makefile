# A bare machine needs Python 3.11+ with venv and pip, and make. Everything else comes by itself.
PY ?= python3
# Dagster cannot read its migrations below a path with a %: there the environment lies elsewhere, and
# .venv leads to it.
VENV := $(if $(findstring %,$(CURDIR)),$(HOME)/.cache/sxe-$(shell pwd | cksum | cut -d ' ' -f 1),.venv)
BIN := $(VENV)/bin
HASH = $(shell $(PY) -c 'import hashlib,sys; print(hashlib.sha256(b"".join(open(f,"rb").read() for f in sys.argv[1:])).hexdigest()[:12])' $(1))
RUN := $(VENV)/.run-$(call HASH,requirements.lock pyproject.toml)
DEV := $(VENV)/.dev-$(call HASH,requirements-dev.lock pyproject.toml)
# One worker more than there are cores, as some tests wait: on two cores 476 s with three of them, 551 s
# with two, and four gain nothing more.
WORKERS ?= $(shell $(PY) -c 'import os; print((os.cpu_count() or 1) + 1)')

# Rows of `make bench`: 100k, 1M, 10M.
SIZE ?= 100k

# Names of folders come as they are typed: neither make nor a shell finds a command in them.
override INPUT := $(value INPUT)
override PORT := $(value PORT)
override SIZE := $(value SIZE)
export INPUT PORT SIZE

# The tests start Python some thousand times; where no bytecode may be kept, each start compiles the
# libraries anew, which is nearly half of all they cost.
unexport PYTHONDONTWRITEBYTECODE

# For `make mutate`; the same seed tries the same mutants, and goes on where it was stopped.
ROOMS ?= redact gate
MUTANTS ?= 50
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help environment demo test quick coverage mutate check format golden openapi fuzz spark platform month bench ui clean lock

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(RUN) ## the whole pipeline on generated profiles; INPUT="DIR [DIR]" takes your own landing folders
	@set -f; if [ -e "$$INPUT" ]; then set -- "$$INPUT"; else set -- $$INPUT; fi; \
	 $(BIN)/sxe demo $${1:+--} "$$@"

ui: $(RUN) ## the Dagster UI over the state of the last demo; PORT=3070 takes another port
	@$(BIN)/sxe ui --demo $${PORT:+--port "$$PORT"}

test: $(DEV) ## all tests, in parallel and random order
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal $(ARGS)

quick: $(DEV) ## the tests that need no database and start nothing, for each save
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not database and not processes and not platform" --hypothesis-profile quick $(ARGS)
	@echo "left out: three of four invented examples, and what needs a database, or starts a server, a UI, a demo or an installation; make test runs all"

coverage: $(DEV) ## all tests again, and which lines none of them reaches; below the floor it fails
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --cov --cov-report=term $(ARGS)

mutate: $(DEV) ## small faults put into copies of ROOMS, MUTANTS of each by SEED: which does no test notice?
	@$(BIN)/python -m sxe_pipeline_tests.mutation $(ROOMS) --mutants $(MUTANTS) --seed $(SEED) $(ARGS)

check: $(DEV) ## format, lint, types, walls, files of a deployment, Dagster definitions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint deploy/Dockerfile
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.compose-spec deploy/compose.yaml
	@$(BIN)/sxe contracts check
	@$(BIN)/sxe env -- $(BIN)/dg check defs

format: $(DEV) ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

golden: $(DEV) ## the catalogue in the tree anew, after an edit of SQL
	@$(BIN)/python -m sxe_pipeline_tests.store.golden

openapi: $(DEV) ## the description of the API in the tree anew, after an edit of `web/`
	@$(BIN)/python -m sxe_pipeline_tests.web.openapi

fuzz: $(DEV) ## schemathesis against the API, in an environment of its own below .venv-fuzz (minutes); ARGS="--max-examples 500"
	@[ -x .venv-fuzz/bin/st ] || { $(PY) -m venv .venv-fuzz && .venv-fuzz/bin/pip install -q "schemathesis>=4.32,<5"; }
	@SXE_TEST_FUZZ=.venv-fuzz/bin/st SXE_TEST_FUZZ_ARGS="$(ARGS)" $(BIN)/python -m pytest -q -s -n 0 sxe_pipeline_tests/web/test_fuzz.py

spark: $(DEV) ## what runs on every engine on Spark as well (Java is needed), beside pyspark of its own below .venv-spark
	@[ -d .venv-spark ] || { $(PY) -m venv .venv-spark && .venv-spark/bin/pip install -q "pyspark>=4.3,<5"; }
	@PYTHONPATH="$$(.venv-spark/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" SXE_REQUIRE_SPARK=1 \
	 $(BIN)/python -m pytest -q -n 0 -m spark sxe_pipeline_tests/engine $(ARGS)

platform: $(DEV) ## a managed Postgres with TLS and PgBouncer (packages of the system), the whole road in containers that are lost, a restore; PLATFORM_KILLS=100 PLATFORM_PROFILES=150000
	@$(BIN)/python -m pytest -q -m "platform or not platform" sxe_pipeline_tests/local/test_managed*.py $(ARGS)

month: $(DEV) ## past days, hostile landings and kills at random, and nobody mends anything; ARGS="--days 6 --kills 12 --seed 7"
	@$(BIN)/python -m sxe_pipeline_tests.month $(ARGS)

bench: $(DEV) ## the benchmarks, each goal met or missed, and bench/results.md; SIZE=1M or 10M takes more rows; Splink beside them below .venv-peers
	@[ -x .venv-peers/bin/python ] || $(PY) -m venv .venv-peers; \
	 .venv-peers/bin/python -c "import splink" 2>/dev/null || .venv-peers/bin/pip install -q "splink>=5,<6" || echo "Splink cannot be had: it is left out"
	@$(BIN)/python bench/results.py "$$SIZE" $(ARGS)

clean: ## remove the environment, caches and the embedded state
	@if [ -x $(BIN)/sxe ]; then $(BIN)/sxe down --reset --yes; fi
	@rm -rf $(VENV) .venv .venv-fuzz .venv-peers .venv-spark .sxe .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .mutation .coverage* dist

lock: $(DEV) ## renew the lock files (maintainers)
	@echo uv | $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade - -o requirements-uv.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --extra build --extra embedded pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --extra build --extra embedded --extra dev pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements.lock pyproject.toml -o requirements-runtime.lock

environment: $(BIN)/python

$(BIN)/python:
	@$(PY) -c 'import sys; sys.exit("Python 3.11 or newer is needed; run: make PY=python3.12 ...") if sys.version_info < (3, 11) else 0'
	@$(PY) -m venv $(VENV) || { echo "venv is missing: install it (Debian: apt-get install python3-venv), then run make again"; exit 1; }
	@[ "$(VENV)" = .venv ] || [ -z "$(findstring %,$(CURDIR))" ] || { rm -rf .venv; ln -s "$(VENV)" .venv; }

PIP := $(BIN)/python -m pip install -q --disable-pip-version-check

# uv, and where it fails (no uv, a proxy whose certificate it does not know) once more with the
# certificates of the system, else pip: slower, same hashes.
define uv
$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r $(1) && \
$(BIN)/uv pip install -q --python $(BIN)/python --no-build-isolation --no-deps -e .
endef
define install
	@echo "installing $(1) ..."
	@$(PIP) --only-binary :all: --require-hashes -r requirements-uv.lock 2>/dev/null && { { $(call uv,$(1)); } 2>/dev/null || \
	 { export UV_SYSTEM_CERTS=1; $(call uv,$(1)); }; } || \
	 { echo "uv cannot install it here; pip does, which takes longer ..."; \
	   $(PIP) --require-hashes --no-deps -r $(1) && $(PIP) --no-build-isolation --no-deps -e .; }
endef

$(RUN): | $(BIN)/python
	$(call install,requirements.lock)
	@rm -f $(VENV)/.run-*; touch $@

$(DEV): $(RUN)
	$(call install,requirements-dev.lock)
	@rm -f $(VENV)/.dev-*; touch $@
