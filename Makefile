# make            the environment, then the default study on every core -> results/report/index.html
# make test       the environment, then the whole test suite
# make help       everything else
# The newest that answers (a name on the path need not: version managers leave such names).
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11; do \
  $$python -c 'import ensurepip' 2>/dev/null && echo $$python && break; done)
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
RESULTS ?= results
BENCHMARK := PYTHONPATH=workflow_scripts $(BIN)/python benchmarks
# Tests side by side on every core; those that share a study stay together.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadgroup
INSTALL := $(BIN)/uv --no-config pip install --quiet --python $(BIN)/python
PEERS := --peers .bench-venv/bin/python
# On a terminal: progress bars; in a file: plain lines.
LOGGER := $(if $(MAKE_TERMOUT),--logger rich)
# A study is a hundred processes: what Python has compiled is kept, whatever the shell says (images
# for containers forbid it, and then every one of them compiles torch and scanpy anew).
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := study
.PHONY: study mine judge apply thesis evidence results test test-fast test-full lint check validate verify compare reference bench bench-full lock clean clean-all help environment

study: environment ## run the default study (ARGS="--config mirror=FOLDER ..." is passed on)
	$(BIN)/snakemake --cores $(CORES) $(LOGGER) $(ARGS)
	@echo "The report: results/report/index.html"

listed = $(subst $() $(),$(),$(foreach name,$(1),$(name),))
# What is told of one's own data; anything that the sheet reads works as DATA.
TOLD = $(foreach key,LABEL BATCH CONDITION DONOR N_CLUSTERS MODALITY LAYER PRESET ORIENTATION,$(if $($(key)),$(shell echo $(key) | tr A-Z a-z)="$($(key))")) \
	$(if $(MODELS),'models=[$(call listed,$(MODELS))]')
mine: environment ## the groups of your own data: make mine DATA=my.h5ad (LABEL= BATCH= CONDITION= DONOR= N_CLUSTERS= MODELS="pca vae_nb", ARGS=...)
	@test -n "$(DATA)" || { echo "make mine DATA=path/to/my.h5ad: a file, a folder or an address of your own data"; exit 2; }
	$(BIN)/snakemake --cores $(CORES) $(LOGGER) --configfile config/mine.yaml --config data="$(DATA)" $(TOLD) $(ARGS)
	@echo "The report: results/report/index.html; your data with its groups: results/data/*/annotated.h5ad"

judge: environment ## the same from codes and clusterings that my.h5ad has already, without training: make judge DATA=my.h5ad EMBEDDINGS="X_scVI X_pca" CLUSTERINGS="leiden"
	@test -n "$(DATA)" -a -n "$(EMBEDDINGS)$(CLUSTERINGS)" || { echo 'make judge DATA=path/to/my.h5ad EMBEDDINGS="X_scVI X_pca" CLUSTERINGS="leiden louvain": names in its obsm and columns of its obs'; exit 2; }
	$(BIN)/snakemake --cores $(CORES) $(LOGGER) --configfile config/judge.yaml --config data="$(DATA)" \
	  'embeddings=[$(call listed,$(EMBEDDINGS))]' 'clusterings=[$(call listed,$(CLUSTERINGS))]' $(TOLD) $(ARGS)
	@echo "The report: results/report/index.html; your data with its groups: results/data/*/annotated.h5ad"

STUDY ?= results
apply: environment ## give new cells the groups of a finished study: make apply STUDY=results DATA=new.h5ad (ARGS="--dataset NAME --output FILE.h5ad")
	@test -n "$(DATA)" || { echo "make apply STUDY=results DATA=path/to/new.h5ad: counts of new cells"; exit 2; }
	@PYTHONPATH=workflow_scripts $(BIN)/python -m latentbench.commands.apply "$(STUDY)" "$(DATA)" $(ARGS)

thesis: environment ## run the study of config/thesis.yaml (ARGS="--config scale=small mirror=FOLDER": at most 10,000 cells a data set)
	$(BIN)/snakemake --cores $(CORES) $(LOGGER) --configfile config/thesis.yaml $(ARGS)
	@echo "The report: results/report/index.html; its chapters: results/chapters"

MIRROR ?= ../shared/data
evidence: environment ## what the answer is worth on labelled data that tell neither label nor number (MIRROR=FOLDER with the public data sets): about an hour on two cores; writes docs/evidence.md and what reports quote
	$(BIN)/snakemake --cores $(CORES) $(LOGGER) --configfile config/evidence.yaml --config mirror="$(abspath $(MIRROR))" $(ARGS)
	$(BENCHMARK)/evidence.py --mirror "$(MIRROR)" --codes results --publish
	$(BENCHMARK)/reality_nulls.py --data "$(MIRROR)" --draws 0 --power-draws 5

results: ## put the results of a finished thesis into docs/results.md
	mkdir -p docs/images/results docs/results
	cp results/report/results.md docs/results.md
	cp results/figures/scores.png results/figures/ranks.png docs/images/results/
	cp results/tables/published.tsv results/tables/ranks.tsv results/tables/answer.tsv docs/results/

test: environment ## run every test
	$(PYTEST)

test-full: environment ## what takes the better part of an hour: SLURM, conda, twenty kills, a long fuzz, fused formulas (SLURM and conda where they can be had)
	FUZZ_EXAMPLES=300 $(PYTEST) tests/battery tests/workflow tests/kernels/test_fused.py -m "full or where_installed or not slow" -rs

test-fast: environment ## run the tests that take seconds
	$(PYTEST) -m "not slow"

lint: environment ## ruff, snakefmt, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

check: lint test ## what CI asks, but for the default study

validate: environment ## check config, sheets, local data, environment, device, disk and SLURM in seconds; trains nothing
	@$(BIN)/snakemake validate --cores 1 --quiet all $(ARGS)

verify: environment ## whether every file of RESULTS (default: results) is as the study wrote it
	@PYTHONPATH=workflow_scripts $(BIN)/python -m latentbench.commands.verify "$(RESULTS)"

compare: environment ## which scores of two results folders differ beyond seed noise: make compare A=FOLDER B=FOLDER (ARGS="--output FILE.tsv")
	@test -n "$(A)" -a -n "$(B)" || { echo "make compare A=FOLDER B=FOLDER: two results folders"; exit 2; }
	@PYTHONPATH=workflow_scripts $(BIN)/python -m latentbench.commands.compare "$(A)" "$(B)" $(ARGS)

environment: $(VENV)/.installed

# Every package by its hash, uv itself included; torch by its version alone, for its build is the
# platform's: pip's find-links and UV_TORCH_BACKEND (cpu, cu128, auto ...) say which.
$(VENV)/.installed: requirements.lock requirements-torch.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 with venv is wanted; PYTHON=path/to/python names one"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	sed -n '/^uv==/,/[^\]$$/p' requirements.lock | $(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement /dev/stdin
	$(INSTALL) --require-hashes --requirement requirements.lock
	$(INSTALL) $(addprefix --find-links ,$(PIP_FIND_LINKS)) --requirement requirements-torch.txt
	@touch $@

reference: environment ## write config/README.md from the schemas, docs/models.md and its diagrams from the models, the table of rules in docs/architecture.md from the plan
	PYTHONPATH=workflow_scripts $(BIN)/python -m latentbench.commands.config_reference config/schemas > config/README.md
	PYTHONPATH=workflow_scripts $(BIN)/python -m latentbench.commands.models_reference docs
	PYTHONPATH=workflow_scripts $(BIN)/python -m latentbench.commands.plan_reference docs/architecture.md rules

bench: environment .bench-venv/.installed ## measure training beside scvi-tools, pythae and plain loops (installs them): some six minutes
	$(BENCHMARK)/training_step.py $(PEERS)
	$(BENCHMARK)/training_step_images.py $(PEERS)
	$(BENCHMARK)/several_seeds.py $(PEERS)
	$(BENCHMARK)/several_seeds.py $(PEERS) --device cuda --replicas 1 10 64 --epochs 20
	PYTHONPATH=workflow_scripts:benchmarks/sides $(BIN)/python benchmarks/step_parts.py
	$(BENCHMARK)/roofline.py

bench-full: environment .bench-venv/.installed ## the same with more rounds, on a GPU too, and held-out quality and scaling: over an hour
	$(BENCHMARK)/training_step.py $(PEERS) --rounds 11
	$(BENCHMARK)/training_step.py $(PEERS) --rounds 11 --device cuda --epochs 20
	$(BENCHMARK)/training_step_images.py $(PEERS) --rounds 7 --images 60000
	$(BENCHMARK)/training_step_images.py $(PEERS) --rounds 7 --images 60000 --device cuda
	$(BENCHMARK)/several_seeds.py $(PEERS) --rounds 7 --replicas 4 8 --epochs 20
	$(BENCHMARK)/several_seeds.py $(PEERS) --rounds 7 --device cuda --replicas 1 10 64 --epochs 20
	PYTHONPATH=workflow_scripts:benchmarks/sides $(BIN)/python benchmarks/step_parts.py --rounds 21
	$(BENCHMARK)/roofline.py --rounds 7 --epochs 20
	$(BENCHMARK)/held_out_quality.py $(PEERS)
	$(BENCHMARK)/scaling.py $(PEERS)
	$(BENCHMARK)/evaluation.py $(PEERS)

.bench-venv/.installed: benchmarks/requirements.txt
	$(PYTHON) -m venv .bench-venv
	.bench-venv/bin/python -m pip install --quiet --requirement benchmarks/requirements.txt
	@touch $@

lock: environment ## write requirements.lock and requirements-torch.txt from pyproject.toml (ARGS=--upgrade: the newest that it allows)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra pipeline --extra dev \
	  --config-file envs/lock.toml --no-emit-package torch --custom-compile-command "make lock" $(ARGS) \
	  --output-file requirements.lock pyproject.toml
	grep --only-matching 'torch==[0-9.]*' pyproject.toml > requirements-torch.txt

clean: ## remove what the study made (downloads in results/cache stay)
	find results -mindepth 1 -maxdepth 1 ! -name README.md ! -name cache -exec rm -rf {} +

clean-all: clean ## also remove downloads, Snakemake's records and the environments
	rm -rf results/cache .snakemake $(VENV) .bench-venv

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20
