"""The command line for teachers; see `onebyone.check.teaching`."""

import argparse
import sys
from pathlib import Path

from onebyone import check, files
from onebyone.check.teaching import TeachingError
from onebyone.check.teaching.moodle import question_bank
from onebyone.check.teaching.page import page_of
from onebyone.check.teaching.submissions import notebooks_in, verdicts_in


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command; return 0 if all went well."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except TeachingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _mistakes(options: argparse.Namespace) -> None:
    read, broken = [], 0
    for path in notebooks_in(options.folder):
        try:
            read.append(verdicts_in(path))
        except TeachingError as error:
            broken += 1
            print(error, file=sys.stderr)
    if not read:
        raise TeachingError(
            f"No notebook in {options.folder} is one of this course."
        )
    page = page_of(read, broken)
    _write(options.output, page.encode(errors="xmlcharrefreplace"))
    print(f"{len(read)} notebooks: {options.output}")


def _moodle(options: argparse.Namespace) -> None:
    options.output = options.output or Path(f"{options.notebook}.xml")
    bank = question_bank(
        options.notebook, options.variants, options.seed, options.numerical
    )
    _write(options.output, bank.xml)
    for remark in bank.remarks:
        print(remark)
    print(f"{bank.questions} questions: {options.output}")


def _write(path: Path, content: str | bytes) -> None:
    if path.is_dir():
        raise TeachingError(f"{path} is a folder.")
    try:
        files.write(path, content)
    except OSError as error:
        raise TeachingError(
            f"{path} was not written: {error.strerror}."
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m onebyone.check",
        description="What a class has misunderstood, and questions for"
        " Moodle.",
    )
    commands = parser.add_subparsers(required=True)
    mistakes = commands.add_parser(
        "mistakes",
        help="write a page: which mistake how many made in which task",
    )
    mistakes.add_argument(
        "folder", type=Path, help="with submitted notebooks, nested or not"
    )
    mistakes.add_argument(
        "--output", type=Path, default=Path("mistakes.html"), metavar="FILE"
    )
    mistakes.set_defaults(command=_mistakes)
    moodle = commands.add_parser(
        "moodle",
        help="write the variants of a notebook's tasks as a question bank",
    )
    moodle.add_argument("notebook", choices=check.NOTEBOOKS)
    moodle.add_argument(
        "--variants", type=_whole, default=10, metavar="N", help="of each task"
    )
    moodle.add_argument(
        "--seed", default="0", help="another one, other variants"
    )
    moodle.add_argument(
        "--numerical",
        action="store_true",
        help="let students type the numbers instead of choosing them",
    )
    moodle.add_argument("--output", type=Path, metavar="FILE")
    moodle.set_defaults(command=_moodle)
    return parser


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
