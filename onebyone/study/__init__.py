"""Studies: configurations × seeds, recorded run by run.

    python -m onebyone.study list
    python -m onebyone.study run NAME [--seeds N]   go on where it stopped
    python -m onebyone.study status NAME
    python -m onebyone.study table NAME
    python -m onebyone.study publish NAME           into the package
    python -m onebyone.study restamp NAME --was COMMIT

``--scale paper`` behind the name of *initialisation* or *remove-1x1* means
the study on networks of the papers' size, at 224×224, which need a GPU.
``run NAME --scheduler ADDRESS`` hands the runs to the workers of a Dask
cluster.

Each finished run is one line of ``./studies/NAME.csv``, the record, appended
at once with what produced it, so a study that is killed goes on where it
was. A run that fails is a line too. :func:`load` joins the record that the
package carries with the runs made here. A record is continued by the same
code alone; ``restamp`` finds out whether other code does the same.

A study is a :class:`Study` in a module of its own, listed in
``catalogue.py``; ``remove_1x1.py`` is a good one to start from. The
machinery is in ``engine/``.
"""

from onebyone.study import bake_off
from onebyone.study.catalogue import PAPER, STUDIES, find
from onebyone.study.engine.record import Record, local_record, packaged_record
from onebyone.study.engine.runner import publish, run, run_one
from onebyone.study.engine.study import Study, StudyError
from onebyone.study.reading import (
    Difference,
    compare_all,
    curves,
    difference,
    holm,
    interval,
    load,
    numbers,
    status,
    summary,
    table,
)
from onebyone.variants import depth_net

own_record = local_record  # as it was called

__all__ = [
    "Difference",
    "PAPER",
    "Record",
    "STUDIES",
    "Study",
    "StudyError",
    "bake_off",
    "compare_all",
    "curves",
    "depth_net",
    "difference",
    "find",
    "holm",
    "interval",
    "load",
    "local_record",
    "numbers",
    "own_record",
    "packaged_record",
    "publish",
    "run",
    "run_one",
    "status",
    "summary",
    "table",
]
