"""For teachers: what a class has misunderstood, and questions for Moodle.

`submissions` reads what students handed in, without running it, `tally`
counts the mistakes, `page` shows them, and `moodle` writes the question bank.
`python -m onebyone.check` calls them.
"""


class TeachingError(Exception):
    """What keeps a command from its work, in one sentence."""
