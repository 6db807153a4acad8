"""Settings of nbgrader, for `make exercises` and for teachers alike.

The notebooks in solutions/ are the source. Cells that explain a solution
carry the tag `explanation`, and no student notebook has them.
"""

from nbconvert.preprocessors import TagRemovePreprocessor
from nbgrader.converters import GenerateAssignment

c = get_config()  # noqa: F821

# nbgrader's own stub raises an error; a blank notebook shall run
c.ClearSolutions.code_stub = {"python": "...  # your code here"}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.TagRemovePreprocessor.enabled = True
c.TagRemovePreprocessor.remove_cell_tags = {"explanation"}
c.GenerateAssignment.preprocessors = [
    TagRemovePreprocessor,
    *GenerateAssignment.preprocessors.default(),
]

# seconds for a cell: nbgrader's 30 are too few for training on a busy machine
c.Execute.timeout = 600
