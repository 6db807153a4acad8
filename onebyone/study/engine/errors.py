"""The error of the studies."""


class StudyError(RuntimeError):
    """What cannot be done with a study; the message says what to do."""
