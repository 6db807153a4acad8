"""What a check answers: text for a terminal, HTML for a notebook.

Everything shown is escaped, so that no answer can put HTML on the page.
"""

import html
import re
from dataclasses import dataclass

NOT_ATTEMPTED = "not attempted"
NOT_YET = "not yet"
CORRECT = "correct"

# a sign and a colour that reads on light and dark ground; the word itself
# always stands beside them
LOOK = {
    NOT_ATTEMPTED: ("○", "128, 128, 128"),
    NOT_YET: ("△", "213, 124, 0"),
    CORRECT: ("✓", "0, 140, 150"),
}
BOX = (
    '<div role="status" style="border-left: 4px solid rgb({color});'
    " background: rgba({color}, 0.12); padding: 0.4em 0.8em;"
    ' max-width: 46em">{content}</div>'
)


def as_html(text: str) -> str:
    """Return escaped text; `code` and line breaks keep their look."""
    escaped = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))
    return escaped.replace("\n", "<br>")


@dataclass(frozen=True, repr=False)
class Verdict:
    """The judgement of one answer; true only if the answer is correct."""

    title: str
    state: str
    message: str = ""

    def __bool__(self) -> bool:
        return self.state == CORRECT

    def __str__(self) -> str:
        sign, _ = LOOK[self.state]
        lines = f"{sign} {self.state} · {self.title}\n{self.message}"
        return lines.strip().replace("\n", "\n  ")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sign, color = LOOK[self.state]
        content = f"<strong>{sign} {self.state}</strong> · "
        content += as_html(f"{self.title}\n{self.message}".strip())
        return BOX.format(color=color, content=content)


@dataclass(frozen=True, repr=False)
class Note:
    """A hint, or what else a check has to say without judging.

    With `markdown`, a notebook renders the text.
    """

    title: str
    text: str
    markdown: bool = False

    def __str__(self) -> str:
        return f"{self.title}\n{self.text}".strip().replace("\n", "\n  ")

    __repr__ = __str__

    def _repr_markdown_(self) -> str | None:
        if not self.markdown:
            return None
        return f"**{html.escape(self.title)}**\n\n{self.text}"

    def _repr_html_(self) -> str | None:
        if self.markdown:
            return None
        content = f"<strong>{as_html(self.title)}</strong>"
        if self.text:
            content += f"<br>{as_html(self.text)}"
        return BOX.format(color="70, 110, 190", content=content)
