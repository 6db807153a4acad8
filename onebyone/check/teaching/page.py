"""One page on what a class has misunderstood; it stands for itself.

It names nobody, shows nobody's answer, loads nothing and runs no script.
"""

import html
from collections.abc import Iterable, Sequence

from onebyone import check
from onebyone.check.engine.notebook import tasks_of, title_of
from onebyone.check.engine.verdicts import as_html
from onebyone.check.teaching.submissions import Verdicts
from onebyone.check.teaching.tally import (
    BLANK,
    OTHER,
    RIGHT,
    UNREAD,
    Tally,
    tallies_of,
)

MOST = 10  # mistakes in the list at the top

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<title>What the class has misunderstood</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem;
  margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }}
caption {{ text-align: left; font-weight: bold; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.3rem 0.5rem;
  border-top: 1px solid GrayText; font-weight: normal; }}
thead th {{ font-size: 0.85rem; border: 0; }}
.number {{ text-align: right; white-space: nowrap; width: 5rem; }}
.mistake th {{ border-left: 4px solid rgb(213, 124, 0); }}
@page {{ margin: 18mm 16mm; }}
@media print {{
  :root {{ color-scheme: light; }}
  body {{ font-size: 10pt; max-width: none; margin: 0; padding: 0; }}
  h1 {{ font-size: 16pt; margin-top: 0; }}
  h2 {{ font-size: 13pt; break-after: avoid; }}
  table {{ margin: 0 0 5mm; }}
  table, tr {{ break-inside: avoid; }}
  p {{ orphans: 3; widows: 3; }}
  .mistake th {{ print-color-adjust: exact; }}
}}
</style>
</head>
<body>
<main>
<h1>What the class has misunderstood</h1>
{content}
</main>
</body>
</html>
"""
TABLE = """\
<table>
<caption>{caption}</caption>
<thead><tr>{columns}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
"""


def page_of(submissions: Sequence[Verdicts], broken: int) -> str:
    """Return the page on the notebooks that were read, as HTML.

    Args:
        submissions: what was found in each of them.
        broken: how many files could not be read at all.
    """
    chapters = {
        title_of(getattr(check, name)): chapter
        for name in check.NOTEBOOKS
        if (chapter := list(tallies_in(name, submissions)))
    }
    content = [*introduction(chapters, len(submissions), broken)]
    content += [most_common(chapters)]
    for title, tallies in chapters.items():
        content += [f"<h2>{html.escape(title)}</h2>", *map(table_of, tallies)]
    return PAGE.format(content="\n".join(content))


def tallies_in(
    notebook: str, submissions: Sequence[Verdicts]
) -> Iterable[Tally]:
    for task in tasks_of(getattr(check, notebook)).values():
        yield from (t for t in tallies_of(task, submissions) if t.total)


def introduction(
    chapters: dict[str, list[Tally]], notebooks: int, broken: int
) -> Iterable[str]:
    tallies = [tally for chapter in chapters.values() for tally in chapter]
    answers = sum(tally.total for tally in tallies)
    unread = sum(tally.outcomes[UNREAD] for tally in tallies)
    yield (
        f"<p>Notebooks: {notebooks:,}. Answers: {answers:,}, of which"
        f" {unread:,} could not be read without running the notebook, which"
        " was not done; notebooks that nbgrader has run show those too.</p>"
    )
    if broken:
        yield f"<p>Files that are no notebook of this course: {broken:,}.</p>"
    yield (
        "<p>The words are those of the checks, which quote an answer only"
        " where at least two gave it. This page was made on one machine from"
        " the files there, and it names nobody; in a small class, a mistake"
        " of one may still be known for theirs.</p>"
    )


def most_common(chapters: dict[str, list[Tally]]) -> str:
    found = [
        (number, tally.total, chapter, tally.title, words)
        for chapter, tallies in chapters.items()
        for tally in tallies
        for words, number in tally.mistakes.items()
    ]
    if not found:
        return "<p>No known mistake was found.</p>"
    found.sort(key=lambda row: (-row[0], row[1]))
    rows = [
        f'<tr class="mistake"><th scope="row">{as_html(words)}</th>'
        f"<td>{html.escape(f'{title} ({chapter})')}</td>"
        f'<td class="number">{number:,} of {total:,}</td></tr>'
        for number, total, chapter, title, words in found[:MOST]
    ]
    return table("The most common mistakes", ["mistake", "task"], rows)


def table_of(tally: Tally) -> str:
    """Return the table of one answer, the most common mistake first."""
    rows = [(RIGHT, tally.outcomes[RIGHT], "")]
    mistakes = tally.mistakes.most_common()
    rows += [(words, number, ' class="mistake"') for words, number in mistakes]
    rows += [
        (outcome, tally.outcomes[outcome], "")
        for outcome in (OTHER, BLANK, UNREAD)
    ]
    lines = [
        f'<tr{kind}><th scope="row">{as_html(words)}</th>'
        f'<td class="number">{number:,} of {tally.total:,}</td></tr>'
        for words, number, kind in rows
        if number or words == RIGHT
    ]
    return table(html.escape(tally.title), ["outcome"], lines)


def table(caption: str, columns: Sequence[str], rows: Sequence[str]) -> str:
    heads = [f'<th scope="col">{name}</th>' for name in columns]
    heads += ['<th scope="col" class="number">notebooks</th>']
    return TABLE.format(
        caption=caption, columns="".join(heads), rows="\n".join(rows)
    )
