"""The command line of the studies; see :mod:`onebyone.study`."""

import argparse
import sys

from onebyone.data import DataUnavailable
from onebyone.study.catalogue import PAPER, SCALES, STUDIES, find
from onebyone.study.engine.restamp import SAMPLE, restamp
from onebyone.study.engine.runner import publish, run
from onebyone.study.engine.study import StudyError
from onebyone.study.reading import runs_of, status, table

COMMANDS = {
    "run": "run what is not yet recorded; stop it whenever you like",
    "status": "show how much is recorded",
    "table": "show means with 95 %% t-intervals over the seeds",
    "publish": "move the runs made here into the package",
    "restamp": "give the record the fingerprint of today's code, if a sample "
    "of its runs comes out the same to the last bit",
}


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command; return 0 if all went well."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "list":
            _list()
            return 0
        study = find(options.name, options.scale)
        if options.command == "run":
            made = run(study, options.seeds, scheduler=options.scheduler)
            print(f"runs made: {made}")
        elif options.command == "publish":
            print(f"runs moved into the package: {publish(study)}")
        elif options.command == "restamp":
            print(restamp(study, options.was, options.rows))
        elif options.command == "table":
            print(table(study).to_string(index=False))
        else:
            print(status(study))
    except KeyError as error:  # a study without that scale
        print(error.args[0], file=sys.stderr)
        return 2
    except (StudyError, DataUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = "The same command goes on from here."
        if options.command == "restamp":
            kept = "The record is as it was."
        print(f"\nStopped. {kept}")
        return 130
    return 0


def _list() -> None:
    for name, study in STUDIES.items():
        scales = [study, PAPER[name]] if name in PAPER else [study]
        recorded = ", ".join(
            f"{scale} scale {len(runs_of(of)) or 'no'} runs"
            for scale, of in zip(SCALES, scales, strict=False)
        )
        print(f"{name}: {study.question}\n    recorded: {recorded}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m onebyone.study",
        description="Run studies and show what they recorded.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the studies")
    for command, text in COMMANDS.items():
        subparser = commands.add_parser(command, help=text)
        subparser.add_argument("name", choices=STUDIES)
        subparser.add_argument("--scale", choices=SCALES, default="quick")
        if command == "restamp":
            subparser.add_argument(
                "--was",
                required=True,
                metavar="COMMIT",
                help="whose code made the record",
            )
            subparser.add_argument(
                "--rows", type=_whole, default=SAMPLE, metavar="N"
            )
        if command == "run":
            subparser.add_argument("--seeds", type=_whole, metavar="N")
            subparser.add_argument(
                "--scheduler",
                metavar="ADDRESS",
                help="of a Dask scheduler, such as tcp://10.0.0.1:8786",
            )
    return parser


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
