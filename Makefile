# `make` alone lists what can be made.
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
SHELL := /bin/sh
# The networks here are small: a second BLAS thread spins more than it computes, on a busy machine several times as long.
export OPENBLAS_NUM_THREADS ?= 1
.DEFAULT_GOAL := help
.PHONY: help book lab check grade test run lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

# A fitting interpreter is one that runs and is Python 3.11 to 3.13; the stored outputs are proven on 3.11.
.venv/bin/python:
	@for p in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	  if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then \
	    echo "Making .venv with $$($$p --version)"; exec $$p -m venv .venv; \
	  fi; \
	done; \
	echo "Python 3.11, 3.12 or 3.13 with venv is needed, and none was found: install one, or name it: make book PYTHON=/path/to/python3.11" >&2; exit 1

# The small environment builds the book; the full one runs everything.
.venv/book: requirements-book.txt pyproject.toml | .venv/bin/python
	@echo "Installing what the book needs"
	@$(PIP) --require-hashes -r requirements-book.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/full: requirements.txt .venv/book
	@echo "Installing the full environment, TensorFlow included: some minutes"
	@$(PIP) --require-hashes -r requirements.txt
	@touch $@

book: .venv/book  ## build the HTML book
	@.venv/bin/jupyter-book build . -W -n --keep-going --quiet

lab: .venv/full  ## copy the exercises to mywork/ and open JupyterLab there
	@$(PY) -m classroom start
	@$(PY) -m jupyter lab mywork

check: .venv/full  ## grade your own work in mywork/ (one chapter: make check CHAPTER=1-embedding)
	@$(PY) -m classroom check $(CHAPTER)

grade: .venv/full  ## grade the submissions of a class (make grade CHAPTER=1-embedding)
	@$(PY) -m classroom grade $(CHAPTER)

test: .venv/full  ## run every test, several files at once (some: make test TESTS=tests/tinyseq)
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile $(TESTS)

run: .venv/full  ## run the lessons and solutions anew and store their outputs (some: make run NOTEBOOKS="...")
	@$(PY) -m bookpress.notebooks $(NOTEBOOKS)

LOCK := uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet
lock:  ## lock the newest versions that pyproject.toml admits (needs uv)
	@$(LOCK) --extra book --extra course --extra test -o requirements.txt
	@$(LOCK) --extra book --no-emit-package numpy --no-emit-package scipy -c requirements.txt -o requirements-book.txt

clean:  ## remove what was built, but not your work or the environment
	@rm -rf _build .pytest_cache .ruff_cache
