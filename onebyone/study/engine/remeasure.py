"""A script that makes runs again with the package that Python finds.

``restamp`` starts it, so that the package may be an older one than this
file; hence it relies on nothing but public names. It reads a JSON object
with the ``name`` of a study, ``code``, the fingerprint that is expected, and
``runs``, rows of the record; and prints a JSON list with the measurements
of each run, unrounded, by name.
"""

import contextlib
import json
import sys

import torch

import onebyone
from onebyone import study as studies


def main() -> None:
    """Make the runs, or say in one line why they cannot be made."""
    asked = json.load(sys.stdin)
    declared = [*studies.STUDIES.values(), *studies.PAPER.values()]
    study = next((s for s in declared if s.name == asked["name"]), None)
    if study is None:
        sys.exit(f"it has no study {asked['name']}")
    if study.code_version != asked["code"]:
        sys.exit(
            f"its fingerprint is {study.code_version}, not {asked['code']}"
        )
    measured = [_measure(study, run) for run in asked["runs"]]
    json.dump(measured, sys.stdout)


def _measure(study: studies.Study, run: dict[str, str]) -> dict[str, str]:
    torch.set_num_threads(int(run["threads"]))
    seeded = ({**c, "seed": int(run["seed"])} for c in study.configurations)
    setting = next((s for s in seeded if study.key(s) == study.key(run)), None)
    if setting is None:
        sys.exit(f"it declares no run {' '.join(study.key(run))}")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            measured = {"outcome": "ok"}
            measured |= study.measure(**setting, **study.recipe)
    except onebyone.DataUnavailable as error:
        sys.exit(str(error))
    except Exception as error:
        return {"outcome": type(error).__name__}
    return {name: repr(value) for name, value in measured.items()}


if __name__ == "__main__":
    main()
