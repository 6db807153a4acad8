"""The table of what each layer of a network costs, as text and as HTML."""

import html

import pandas as pd

Shape = tuple[int, ...]
Output = Shape | tuple[Shape, ...] | None  # of a layer; None: not called

COLUMNS = [
    "layer",
    "type",
    "output shape",
    "parameters",
    "MACs",
    "activation bytes",
]
COUNTS = COLUMNS[3:]


class LayerTable:
    """One row a layer, in the order of the calls, and a row of totals.

    `frame` is the DataFrame behind it. Its output shapes are tuples without
    the batch axis: `(96, 54, 54)`; a tuple of such tuples where a layer
    returns several tensors; `None` where it was never called. Counts are
    for the whole batch.
    """

    def __init__(self, frame: pd.DataFrame, output_shape: Output) -> None:
        self.frame = frame
        self.output_shape = output_shape

    @property
    def parameters(self) -> int:
        """All parameters, each counted once however often it is used."""
        return int(self.frame["parameters"].sum())

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass."""
        return int(self.frame["MACs"].sum())

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass, 2 for each MAC."""
        return 2 * self.macs

    @property
    def activation_bytes(self) -> int:
        """Bytes that the layers write in one forward pass."""
        return int(self.frame["activation bytes"].sum())

    def _text_rows(self) -> list[list[str]]:
        rows = [
            [layer, kind, shape_text(shape), *(f"{n:,}" for n in counts)]
            for layer, kind, shape, *counts in self.frame.itertuples(
                index=False
            )
        ]
        totals = (self.parameters, self.macs, self.activation_bytes)
        return [*rows, ["total", "", "", *(f"{n:,}" for n in totals)]]

    def __repr__(self) -> str:
        rows = [COLUMNS, *self._text_rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if name in COUNTS else cell.ljust(width)
                for name, cell, width in zip(COLUMNS, row, widths, strict=True)
            ).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        head = _html_row("th", COLUMNS)
        *rows, total = self._text_rows()
        body = "\n".join(_html_row("td", row) for row in rows)
        return (
            '<table class="dataframe">\n'
            f"<thead>\n{head}\n</thead>\n"
            f"<tbody>\n{body}\n</tbody>\n"
            f"<tfoot>\n{_html_row('th', total)}\n</tfoot>\n"
            "</table>"
        )


def shape_text(shape: Output) -> str:
    """(96, 54, 54) as 96×54×54; several shapes are joined by "and"."""
    if shape is None:
        return "–"
    if shape and isinstance(shape[0], tuple):
        return " and ".join(map(shape_text, shape))
    return "×".join(map(str, shape)) or "1"


def _html_row(tag: str, cells: list[str]) -> str:
    def cell(name: str, text: str) -> str:
        side = "right" if name in COUNTS else "left"
        return f'<{tag} style="text-align: {side}">{html.escape(text)}</{tag}>'

    row = map(cell, COLUMNS, cells)
    return f"<tr>{''.join(row)}</tr>"
