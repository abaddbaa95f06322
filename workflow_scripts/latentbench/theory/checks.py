"""An equation with numbers put in: both sides, their difference, and whether it holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Side = float | complex | np.ndarray
COLUMNS = [
    "topic",
    "equation",
    "says",
    "left",
    "relation",
    "right",
    "difference",
    "tolerance",
    "holds",
]


@dataclass(frozen=True)
class Check:
    """One line of the table.

    ``relation`` is ``"="``, ``"<="`` or ``"!="``; the last for what the theory says fails, and
    shows failing. A side that is an array is shown by the root mean square of its entries, and
    ``difference`` is then the largest one of an entry; for ``"<="`` it is by how much the left side
    is above the right one."""

    equation: str
    says: str
    left: float
    relation: str
    right: float
    difference: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the relation holds up to the tolerance; never where a side is not finite."""
        return bool(
            self.difference > self.tolerance
            if self.relation == "!="
            else self.difference <= self.tolerance
        )


def equal(equation: str, says: str, left: Side, right: Side, *, tolerance: float = 1e-9) -> Check:
    """Return the check that both sides are equal, entry by entry."""
    return _compared(equation, says, left, "=", right, tolerance)


def unequal(equation: str, says: str, left: Side, right: Side, *, tolerance: float = 1e-3) -> Check:
    """Return the check that some entry of both sides differs by more than the tolerance."""
    return _compared(equation, says, left, "!=", right, tolerance)


def at_most(
    equation: str, says: str, left: float, right: float, *, tolerance: float = 1e-9
) -> Check:
    """Return the check that the left side is no larger than the right one."""
    return Check(equation, says, float(left), "<=", float(right), float(left - right), tolerance)


def as_table(checks_of_topics: Iterable[tuple[str, Sequence[Check]]]) -> pd.DataFrame:
    """Return a row a check, in their order."""
    rows = [
        (
            topic,
            check.equation,
            check.says,
            check.left,
            check.relation,
            check.right,
            check.difference,
            check.tolerance,
            check.holds,
        )
        for topic, checks in checks_of_topics
        for check in checks
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def refuse_failures(table: pd.DataFrame) -> None:
    """Raise if a check of the table fails.

    Raises:
        ValueError: naming every check that fails, with its numbers.
    """
    failed = table[~table["holds"].astype(bool)]
    if len(failed):
        sentences = [
            f"{row.equation} '{row.says}' fails: {row.left:.6g} {row.relation} {row.right:.6g} is"
            f" off by {row.difference:.3g}"
            for row in failed.itertuples()
        ]
        raise ValueError(
            f"theory: {len(failed)} of {len(table)} checks do not hold: {'; '.join(sentences)}"
        )


def _compared(
    equation: str, says: str, left: Side, relation: str, right: Side, tolerance: float
) -> Check:
    left, right = np.asarray(left), np.asarray(right)
    return Check(
        equation,
        says,
        _size(left),
        relation,
        _size(right),
        float(np.abs(left - right).max()),
        tolerance,
    )


def _size(side: np.ndarray) -> float:
    return float(side.real) if side.ndim == 0 else float(np.sqrt(np.mean(np.abs(side) ** 2)))
