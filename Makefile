# The course on one page: `make book` renders it, `make test` proves it.
# Everything is installed into .venv, once, and again only when a
# requirement file changes. uv takes only files whose hash is known; `make
# INSTALL=pip …` uses pip instead, which cannot, and takes the versions alone.

PYTHON ?= python3
INSTALL ?= uv

VENV := .venv
PY := $(VENV)/bin/python
ifeq ($(INSTALL),pip)
INSTALLER := $(PY) -m pip install --quiet
else
INSTALLER := $(PY) -m uv pip install --quiet --python $(PY) -c hashes.txt
endif

# without a home folder to write to, installers and Jupyter get one of ours
ifneq ($(shell test -w "$$HOME" || echo no),)
export HOME := $(CURDIR)/$(VENV)/home
$(shell mkdir -p "$(HOME)")
endif

NOTEBOOKS := $(wildcard book/*.ipynb exercises/solutions/*.ipynb)
# every page each time: a changed style sheet reaches pages that did not change
SPHINX := $(VENV)/bin/jupyter-book build . --all --keep-going -n -W

export ONEBYONE_PROGRESS ?= 0
# bytecode is kept, since importing PyTorch without it takes seconds, but apart
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/$(VENV)/pycache

.DEFAULT_GOAL := help
.PHONY: help book pdf zip test test-long shake bench bench-long tables execute \
	exercises lint serve weights plain test-plain links constraints \
	repository clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

book: $(VENV)/.book  ## render the book into _build/html (no torch needed)
	$(SPHINX)
	@echo "The book: _build/html/index.html"

pdf: book $(VENV)/.test  ## the whole book as _build/one-by-one.pdf (Chromium)
	$(PY) -m tools.pdf

zip: book  ## the site and the notebooks as _build/one-by-one.zip
	$(PY) -m tools.bundle

test: $(VENV)/.test  ## prove everything: lint, tests, every notebook, the book
	$(PY) -m tools.prove

test-long: book $(VENV)/.test  ## the slow proofs (run by a weekly workflow)
	$(PY) -m pytest -m long tests
	$(PY) -m tools.shake $(NOTEBOOKS)

shake: $(VENV)/.test  ## run the notebooks with other seeds: which asserts fall?
	$(PY) -m tools.shake $(NOTEBOOKS)

bench: $(VENV)/.test  ## measure the course against d2l, side by side
	$(PY) -m benchmarks.throughput
	$(PY) -m benchmarks.ladder
	$(PY) -m benchmarks.time_to_accuracy
	$(PY) -m benchmarks.tables

bench-long: $(VENV)/.test  ## the recipe of fifteen minutes, with five seeds
	$(PY) -m benchmarks.long_run
	$(PY) -m benchmarks.tables

tables: $(VENV)/.test  ## write the recorded results into the book's pages
	$(PY) -m benchmarks.tables

execute: $(VENV)/.test  ## re-run every chapter and solution, and normalise it
	$(PY) -m tools.notebooks execute $(NOTEBOOKS)

exercises: $(VENV)/.test  ## write the student notebooks from the solutions
	$(PY) -m tools.exercises

lint: $(VENV)/.test  ## format and check the code, notebooks too
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

serve: book  ## show the rendered book on http://localhost:8000
	$(PY) -m http.server --bind 127.0.0.1 --directory _build/html 8000

weights: $(VENV)/.test  ## train the packaged compact NiN again
	$(PY) -m onebyone.recorded

plain: $(VENV)/.book  ## the book by plain Sphinx, without Jupyter Book
	$(PY) -m tools.plain_sphinx
	$(PY) -m uv venv --quiet --allow-existing _build/plain-venv
	$(PY) -m uv pip install --quiet --python _build/plain-venv \
		-r requirements-plain.txt
	_build/plain-venv/bin/python -m sphinx -b html --keep-going -n -W . \
		_build/plain

test-plain: plain $(VENV)/.test  ## test those pages in a browser, in place of the book
	rm -rf _build/html
	cp -R _build/plain _build/html
	$(PY) -m pytest tests/site

links: $(VENV)/.book  ## ask every address in the book whether it answers
	$(VENV)/bin/jupyter-book build . --all --builder linkcheck

constraints: $(VENV)/bin/uv  ## compile all versions and hashes anew
	$(PY) -m tools.constraints

repository: $(VENV)/.test  ## URL=https://github.com/… : move to a repository
	$(PY) -m tools.repository "$(URL)"

clean:  ## remove the rendered book (and .venv with `make clean ALL=1`)
	rm -rf _build $(if $(ALL),$(VENV))

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; \
		sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
		echo "This course needs Python 3.11 to 3.14;" \
			"$(PYTHON) is $$($(PYTHON) --version 2>&1)." \
			"Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet -r requirements-uv.txt

$(VENV)/.book: requirements-book.txt constraints.txt hashes.txt | $(VENV)/bin/uv
	$(INSTALLER) -r requirements-book.txt
	@touch $@

$(VENV)/.test: requirements.txt requirements-book.txt requirements-d2l.txt \
		constraints.txt hashes.txt pyproject.toml | $(VENV)/bin/uv
	$(INSTALLER) -r requirements.txt
	$(INSTALLER) --no-deps -r requirements-d2l.txt
	$(INSTALLER) --no-deps --editable .
	@touch $@ $(VENV)/.book
