"""What the exercise modules are made of: the machinery of all checks.

`tasks`, `choices`, `code` and `modules` hold the kinds of task, `results` the
one for experiments and `repairs` the one for runs that fail, `formulas` what
answers follow from, `mistakes` the mistakes that recur, `questions` what a
task asks, `guard` keeps what students write at arm's length, `verdicts` shows
what came out, `kept` remembers what was solved, and `notebook` names the tasks
of a module; `networks` looks into whole networks, and `resnet34` judges those
of the capstone. An exercise module imports from here.
"""

from onebyone.check.engine.choices import Choice, Custom
from onebyone.check.engine.code import (
    Array,
    Draw,
    Function,
    require_function,
)
from onebyone.check.engine.formulas import apply, symbols
from onebyone.check.engine.modules import Module
from onebyone.check.engine.notebook import notebook
from onebyone.check.engine.repairs import Repair, Run, require_images
from onebyone.check.engine.results import (
    Results,
    accuracy,
    best_of,
    each_on_held_out,
    equal_values,
    held_out_accuracy,
    lead_of_best,
)
from onebyone.check.engine.tasks import (
    Group,
    Number,
    Shape,
    part,
)
from onebyone.check.engine.verdicts import CORRECT

__all__ = [
    "CORRECT",
    "Array",
    "Choice",
    "Custom",
    "Draw",
    "Function",
    "Group",
    "Module",
    "Number",
    "Repair",
    "Results",
    "Run",
    "Shape",
    "accuracy",
    "apply",
    "best_of",
    "each_on_held_out",
    "equal_values",
    "held_out_accuracy",
    "lead_of_best",
    "notebook",
    "part",
    "require_function",
    "require_images",
    "symbols",
]
