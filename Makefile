# The course on one page: `make book` renders it, `make quick` checks a change,
# `make test` proves everything.
# Everything is installed into .venv, once, and again only when a
# requirement file changes. A file is taken only if its hash is known, by uv
# and with `make INSTALL=pip …` by pip alike; only `make plain` takes the
# newest of everything, on purpose.

PYTHON ?= python3
INSTALL ?= uv

VENV := .venv
PY := $(VENV)/bin/python
ifeq ($(INSTALL),pip)
INSTALLER := $(PY) -m pip install --quiet
else
INSTALLER := $(PY) -m uv pip install --quiet --python $(PY)
endif
# nothing comes along unseen: neither a dependency nor what builds a source
INSTALLER += --no-deps --no-build-isolation

# without a home folder to write to, installers and Jupyter get one of ours
ifneq ($(shell test -w "$$HOME" || echo no),)
export HOME := $(CURDIR)/$(VENV)/home
endif

# programs in .venv name the folder they were made in: a moved clone makes anew
$(shell test ! -e $(VENV)/.made || \
	test "$$(cat $(VENV)/.made)" = "$(CURDIR)" || rm -rf $(VENV))

NOTEBOOKS := $(wildcard book/*.ipynb exercises/solutions/*.ipynb)

export MAKE_STARTED := $(shell date +%s)
export ONEBYONE_PROGRESS ?= 0
# bytecode is kept, since importing PyTorch without it takes seconds, but apart
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/$(VENV)/pycache

.DEFAULT_GOAL := help
.PHONY: help book pdf zip test quick test-long shake bench bench-long board tables \
	execute exercises lint serve weights plain test-plain links constraints \
	repository clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

book: $(VENV)/.book  ## render the book into _build/html (no torch needed)
	$(PY) -m tools.book
	@echo "The book: _build/html/index.html"

pdf: book $(VENV)/.test  ## the whole book as _build/one-by-one.pdf (Chromium)
	$(PY) -m tools.site.pdf

zip: book  ## site, notebooks and package as _build/one-by-one.zip
	$(PY) -m tools.site.bundle

test: $(VENV)/.test  ## prove everything: lint, tests, every notebook, the book
	$(PY) -m tools.verify

quick: $(VENV)/.test  ## format, lint, types, fast tests, what changed: two minutes
	$(PY) -m tools.verify --quick

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

board: $(VENV)/.test  ## a minute's training: RECIPE=mine.py enters yours
	$(PY) -m benchmarks.board $(RECIPE)

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
	$(PY) -m tools.weights

plain: $(VENV)/.book  ## the book by plain Sphinx, without Jupyter Book
	$(PY) -m tools.plain_sphinx
	$(PY) -m uv venv --quiet --allow-existing _build/plain-venv
	$(PY) -m uv pip install --quiet --python _build/plain-venv \
		-r requirements/plain.txt
	_build/plain-venv/bin/python -m sphinx -E -b html --keep-going -n -W . \
		_build/plain

test-plain: plain $(VENV)/.test  ## test those pages in a browser, in place of the book
	rm -rf _build/html
	cp -R _build/plain _build/html
	$(PY) -m pytest tests/site

links: $(VENV)/.book  ## ask every address in the book whether it answers
	$(PY) -m tools.book --builder linkcheck

constraints: $(VENV)/.made  ## compile all versions and hashes anew
	$(PY) -m tools.constraints

repository: $(VENV)/.book  ## publish here: name this clone's own repository
	$(PY) -m tools.repository $(if $(URL),"$(URL)")

clean:  ## remove the rendered book (and .venv with `make clean ALL=1`)
	rm -rf _build $(if $(ALL),$(VENV))

# what a first attempt left torn is thrown away, and made again
MAKE_VENV = $(PYTHON) -m venv $(VENV) && mkdir -p $(VENV)/home && \
	$(PY) -m pip install --quiet --require-hashes -r requirements/uv.txt && \
	$(PY) -m uv --version > /dev/null

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; \
		sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
		echo "This course needs Python 3.11 to 3.14;" \
			"$(PYTHON) is $$($(PYTHON) --version 2>&1)." \
			"Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@{ $(MAKE_VENV); } 2> /dev/null || { rm -rf $(VENV); $(MAKE_VENV); }
	@echo "$(CURDIR)" > $@

$(VENV)/.book: requirements/hashes-book.txt $(VENV)/.made
	$(INSTALLER) --require-hashes -r requirements/hashes-book.txt
	@touch $@

$(VENV)/.test: requirements/hashes.txt pyproject.toml $(VENV)/.made
	$(INSTALLER) --require-hashes -r requirements/hashes.txt
	$(INSTALLER) --editable .
	@touch $@ $(VENV)/.book
