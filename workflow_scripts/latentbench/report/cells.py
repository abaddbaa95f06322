"""Tables for readers: made once, shown by the page, the notebooks and the Markdown alike.

A column in which no row has anything is left out, so that a study without labels, or without
seeds, shows no dashes for what does not apply to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import pandas as pd

Number = SupportsFloat | None
NOTHING = "–"
"""What stands where there is no value."""


@dataclass(frozen=True)
class Cell:
    """One entry of a table: its text, for a number its value in full (to sort by) and interval, the
    colour of a dot before it.
    """

    text: str = NOTHING
    value: str = ""
    interval: str = ""
    colour: str = ""
    number: bool = False
    warns: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is there."""
        return self.text in ("", NOTHING)

    def __str__(self) -> str:
        """Return the text with its interval."""
        return f"{self.text} {self.interval}".strip()


@dataclass(frozen=True)
class Table:
    """Rows of cells under the names of their columns; ``styles``: the classes of each row;
    ``lead``: the column that counts.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    styles: tuple[str, ...]
    lead: str = ""

    @property
    def numbers(self) -> tuple[bool, ...]:
        """Which columns hold numbers."""
        return tuple(any(row[i].number for row in self.rows) for i in range(len(self.columns)))

    def html(self) -> str:
        """Return it as plain HTML, for a notebook."""
        words = [[str(cell) for cell in row] for row in self.rows]
        frame = pd.DataFrame(words, columns=list(self.columns))
        return frame.to_html(index=False, border=0, escape=True)


def table(
    rows: Iterable[Mapping[str, Cell | str]],
    *,
    styles: Sequence[str] = (),
    lead: str = "",
) -> Table | None:
    """Return a table of rows that all have the same columns; None where there is no row."""
    cells = [
        {name: cell if isinstance(cell, Cell) else Cell(cell) for name, cell in row.items()}
        for row in rows
    ]
    if not cells:
        return None
    columns = [name for name in cells[0] if any(not row[name].is_empty for row in cells)]
    return Table(
        tuple(columns),
        tuple(tuple(row[name] for name in columns) for row in cells),
        tuple(styles) or ("",) * len(cells),
        lead,
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(
        f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in line)} |\n" for line in lines
    )


def estimate(mean: Number, low: Number, high: Number, digits: int = 3) -> Cell:
    """Return a mean with its interval; an empty cell where there is none."""
    shown = number(mean, digits)
    if shown.is_empty or low is None or pd.isna(low):
        return shown
    interval = f"[{low:.{digits}f}, {high:.{digits}f}]".replace("-", "\u2212")
    return Cell(shown.text, shown.value, interval, number=True)


def estimate_of(row: Mapping[str, Any] | pd.Series | None, digits: int = 3) -> Cell:
    """Return ``estimate`` of a row with mean, low and high."""
    return estimate(
        *(row["mean"], row["low"], row["high"]) if row is not None else (None,) * 3, digits
    )


def number(value: Number, digits: int = 0) -> Cell:
    """Return a number, and in full to sort by; an empty cell where there is none."""
    if value is None or pd.isna(value):
        return Cell(number=True)
    text = f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", "\u2212")
    return Cell(text, repr(float(value)), number=True)


def counted(count: SupportsFloat, noun: str) -> str:
    """Return "1 group", "3 groups"."""
    return f"{count:.0f} {noun}{'' if count == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
