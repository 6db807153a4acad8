"""Render the book into _build/html: ``python -m tools.book``.

What `make book` and the proof of the course run. Other options than those
of a strict build can be given, such as ``--builder linkcheck``.
"""

import sys

from jupyter_book.cli.main import main

from tools import ROOT

# every page each time: a new style sheet reaches pages that did not change
ALL = ["build", str(ROOT), "--all"]
STRICT = ["--keep-going", "-n", "-W"]

if __name__ == "__main__":
    main([*ALL, *(sys.argv[1:] or STRICT)])
