"""The claims test: what the prose states is proven, and how.

    python -m tools.claims [FILES…]            what is wrong, with context
    python -m tools.claims --report [FILES…]   every number, what holds it
    python -m tools.claims --shares [FILES…]   how many each kind holds
    python -m tools.claims --write-table       what nothing holds, anew

Without files it takes the chapters, the solutions, the pages and the README.
In the chapters (`holds.bound_sections`):

- Each line that a cell tagged `proof` printed, with `says` or `formula` of
  onebyone.statements, stands word for word in its section's prose: in a
  paragraph, a table, `<details>`, a caption or an alt text. Emphasis, links,
  ticks and roles are stripped, mathematics is compared as its source.
- A template holds no number, number word, compared name or word of direction
  of its own, and its fields are named values (`bound`).
- Every number is held by such a sentence, by arithmetic, by a quoted figure,
  a known name or a year; by an output only if it has six digits or more, or
  is a shape of the section. Every formula stands beside a function (`holds`).

On every page:

- Arithmetic is evaluated, both sides (`arithmetic`). A year beside an author
  or network, an arXiv number and the sources of quoted.yml agree with
  references.bib (`citations`).
- The share of numbers that nothing holds does not grow beyond the committed
  tests/notebooks/unheld.json.
- Claims are proven, as follows.

What is a claim. A number in Markdown, a caption or an alt text that has four
or more digits (1,992,166 · 48K · 1.5 million · 2.469×10¹⁰, in $math$ too), a
decimal, a percentage, a ratio (9× cheaper, 3 times), an integer with one of
the UNITS behind it, up to two words between (16 output channels), or the
result of a calculation (16·5·5·120 = 48,000). In a list or range the last
number's unit counts for all (8 to 16 channels).

What is none. Code spans and fences, roles, links' targets, HTML tags; small
factors of a product and shapes (1×1, 96×54×54, 32-64-96); exponents and
indices; years; numbers that are part of a name (ResNet-18, 4c, Table 2,
arXiv 1312.4400, Python 3.12, channel 3); version numbers; number words.

What proves a claim in a notebook:
- a number in an output that nbval compares (text, HTML, stdout; never of a
  cell that is tagged nbval-ignore-output or nbval-skip);
- a number, or a constant expression such as `2 * 762_297_352`, `1 - 0.05` or
  `math.log(10)`, in the test of an `assert` of the same notebook, in ignored
  cells too, but not inside a function or class, which might never run;
- an entry of book/quoted.yml.
- on a page (.md), a number in a block of recorded results, which
  benchmarks/tables.py writes and a test compares; else a page has no outputs,
  and entries of book/quoted.yml alone prove it.

When a number proves a claim. Rounded to the digits shown, it equals the
claim. K, M, G, million, % and so on scale: 26,214,400 proves 26M, 0.9596
proves 95.96 %. A bare 1.525 proves 1.525 GFLOP too, from three significant
digits on. Integers without a scale, and claims with one significant digit
such as 0.1 or 5 %, must be equal exactly: write 0.098, or assert 0.1.
KB, MB, GB are powers of 1000; KiB, MiB, GiB of 1024. Signs are ignored.

Where the proof stands. Anywhere in the notebook; but a short claim (one or
two significant digits without a scale: 3 channels, 64 maps, 9×, 4.5) would be
met by chance, so its proof stands in the claim's own section, from one
heading to the next. Entries of book/quoted.yml reach everywhere.
"""
