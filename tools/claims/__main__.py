"""What of a page is proven, and what is not: ``python -m tools.claims``."""

import argparse
import sys
from pathlib import Path

from tools import notebooks
from tools.claims import bound, holds
from tools.claims.pages import (
    Page,
    all_pages,
    read_page,
    read_script,
    scripts,
)


def faults(page: Page) -> list[str]:
    """Return all that the claims test finds wrong on a page."""
    found = [*map(str, holds.unproven(page)), *holds.faults(page)]
    found += holds.more_open(page)
    for section in holds.bound_sections(page):
        found += holds.unbound(page, section)
    if page.path.suffix == ".ipynb":
        for cell in notebooks.read(page.path).cells:
            if bound.is_proof(cell):
                where = f"{page.name}, cell {cell.get('id', 'none')}"
                found += [f"{where}: {f}" for f in bound.template_faults(cell)]
    return found


def _shares(pages: list[Page]) -> None:
    print(f"{'page':40} {'numbers':>8}  " + "  ".join(holds.KINDS))
    for page in pages:
        count = holds.shares(page)
        cells = [f"{count[kind]:{len(kind)}}" for kind in holds.KINDS]
        print(f"{page.name:40} {count.total():8}  " + "  ".join(cells))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.claims")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument(
        "--report", action="store_true", help="every number, what holds it"
    )
    parser.add_argument(
        "--shares", action="store_true", help="how many each kind holds"
    )
    parser.add_argument(
        "--write-table", action="store_true", help="of what nothing holds"
    )
    options = parser.parse_args(arguments)
    pages = [read_page(path) for path in options.files or all_pages()]
    if not options.files and (options.shares or options.write_table):
        pages += map(read_script, scripts())
    if options.write_table:
        holds.write_table(pages)
    elif options.shares:
        _shares(pages)
    elif options.report:
        for page in pages:
            for token in holds.tokens(page):
                print(token)
    else:
        failures = [failure for page in pages for failure in faults(page)]
        print(*failures, sep="\n", end="\n" if failures else "")
        return 1 if failures else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
