"""Training on top of d2l's API: fast on a CPU, exact in what it reports.

:class:`Trainer` trains a plain ``nn.Module`` or a ``d2l.Classifier`` on any
``d2l.DataModule`` and returns a :class:`History`. :func:`evaluate` and
:func:`predict` run a network over the test set.
"""

import onebyone.training.threads  # noqa: F401  hangs on optimisers' steps
from onebyone.training.evaluation import evaluate, predict
from onebyone.training.history import COLUMNS, RECENT_STEPS, History, Step
from onebyone.training.numerics import PRECISIONS, Numerics, best_precision
from onebyone.training.schedules import SCHEDULES, constant, one_cycle
from onebyone.training.trainer import MOMENTUM, WEIGHT_DECAY, Trainer

__all__ = [
    "COLUMNS",
    "MOMENTUM",
    "PRECISIONS",
    "RECENT_STEPS",
    "SCHEDULES",
    "WEIGHT_DECAY",
    "History",
    "Numerics",
    "Step",
    "Trainer",
    "best_precision",
    "constant",
    "evaluate",
    "one_cycle",
    "predict",
]
