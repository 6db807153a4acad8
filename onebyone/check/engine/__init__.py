"""What the exercise modules are made of: the machinery of all checks.

`tasks`, `code` and `modules` hold the kinds of task, `results` the one for
experiments and `repairs` the one for runs that fail, `formulas` what answers
follow from, `mistakes` the mistakes that recur, `guard` keeps what students
write at arm's length, `verdicts` shows what came out, and `notebook` names the
tasks of a module. An exercise module imports from here.
"""

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
    each_on_held_out,
    held_out_accuracy,
)
from onebyone.check.engine.tasks import (
    Choice,
    Custom,
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
    "each_on_held_out",
    "held_out_accuracy",
    "notebook",
    "part",
    "require_function",
    "require_images",
    "symbols",
]
