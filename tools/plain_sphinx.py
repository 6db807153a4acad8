"""Write conf.py: the book for Sphinx alone, without Jupyter Book.

    python -m tools.plain_sphinx

The way out, should Jupyter Book 1 end. The settings still come from
_config.yml and _toc.yml; `make plain` installs requirements/plain.txt and
renders the book from them with the newest Sphinx.
"""

import re

from jupyter_book.cli.main import main as jupyter_book

from tools import ROOT

OWN = re.compile(r"'jupyter_book', ")  # all that needs it to be installed


def main() -> None:
    """Let Jupyter Book translate its settings, then do without it."""
    jupyter_book(["config", "sphinx", str(ROOT)], standalone_mode=False)
    path = ROOT / "conf.py"
    text, count = OWN.subn("", path.read_text("utf-8"))
    if count != 1:
        raise SystemExit("conf.py does not list jupyter_book as expected")
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
