"""List the claims that nothing proves: ``python -m tools.claims``."""

import argparse
import sys
from pathlib import Path

from tools.claims.holds import unproven
from tools.claims.mutation import mutations
from tools.claims.pages import Page, all_pages, read_page


def _print_caught(pages: list[Page]) -> None:
    for page in pages:
        tried = list(mutations(page))
        missed = [mutation for mutation in tried if not mutation.caught]
        caught = len(tried) - len(missed)
        print(f"{page.name}: {caught} of {len(tried)} changes caught")
        for mutation in missed:
            print(f"  {mutation}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.claims")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--caught", action="store_true")
    options = parser.parse_args(arguments)
    pages = [read_page(path) for path in options.files or all_pages()]
    if options.caught:
        _print_caught(pages)
        return 0
    failures = [failure for page in pages for failure in unproven(page)]
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
