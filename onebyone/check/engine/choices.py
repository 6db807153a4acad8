"""Tasks that are answered by letters, and those that judge for themselves."""

import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass

from onebyone.check.engine.guard import NotYet, show
from onebyone.check.engine.remarks import remark
from onebyone.check.engine.tasks import Task, require_attempt, require_call


@dataclass(eq=False, repr=False)
class Choice(Task):
    """One or more of lettered options, as `"b"` or `"ac"`.

    Attributes:
        right: the right letters.
        wrong: for each other letter, a sentence that names what is wrong
            with it and one that points the way.
        missing: what to say where a right letter is not chosen.
    """

    right: str
    wrong: Mapping[str, str]
    _: KW_ONLY
    missing: str = "Something is missing."

    def judge(self, *answers: object) -> None:
        answer = answers[0] if len(answers) == 1 else list(answers)
        require_attempt(answer)
        chosen = self.read(answer)
        for letter in sorted(chosen - set(self.right)):
            raise NotYet(f"{letter}: {self.wrong[letter]} {self.pointer()}")
        if chosen != set(self.right):
            raise NotYet(f"{self.missing} {self.pointer()}")

    def read(self, answer: object) -> set[str]:
        letters = answer
        if isinstance(answer, tuple | list | set | frozenset):
            is_text = all(isinstance(x, str) for x in answer)
            letters = "".join(answer) if is_text else answer
        if isinstance(letters, str):
            listed = re.sub(r"\band\b|[/&+\n]", " ", letters.lower())
            named = [x for x in listed if x not in " ,;()."]
            chosen, known = set(named), {*self.right, *self.wrong}
            once = len(named) == len(chosen)
            few = len(self.right) > 1 or len(chosen) == 1
            if chosen and once and few and chosen <= known:
                return chosen
        options = ", ".join(sorted({*self.right, *self.wrong}))
        some = "one or more" if len(self.right) > 1 else "one"
        about = {"value": show(answer), "some": some, "options": options}
        raise NotYet(remark("no option", **about))


@dataclass(eq=False, repr=False)
class Custom(Task):
    """Anything else: `fault` takes the answer and says what is wrong.

    It gets the answer, and whatever else the check is called with, and
    returns None if all is well and one or two sentences otherwise.
    """

    fault: Callable[..., str | None]

    def judge(self, answer: object = ..., *context: object) -> None:
        require_attempt(answer)
        require_call(self.fault, (answer, *context), {})
        if fault := self.fault(answer, *context):
            raise NotYet(f"{fault} {self.pointer()}")
