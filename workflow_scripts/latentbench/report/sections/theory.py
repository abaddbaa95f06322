"""The equations that the models rest on, with numbers put in."""

from typing import Any

import pandas as pd

from latentbench.report.cells import Cell, Table, table
from latentbench.report.results import Results
from latentbench.report.sections import Section

SIGNS = {"=": "=", "<=": "≤", "!=": "≠"}


def view(results: Results) -> dict[str, Any] | None:
    """Return the checks by topic, each with whether all hold."""
    theory = results.table_if_any("theory")
    if theory is None:
        return None
    return {
        "topics": [
            {
                "name": f"{topic[0].upper()}{topic[1:]}",
                "table": theory_table(checks),
                "hold": bool(checks["holds"].all()),
            }
            for topic, checks in theory.groupby("topic", sort=False)
        ]
    }


def theory_table(checks: pd.DataFrame) -> Table | None:
    """Return a row a check: its equation, what it says, both sides, the difference, whether it
    holds.
    """
    return table(
        {
            "Equation": row.equation,
            "What it says": row.says,
            "Both sides": f"{_plain(row.left)} {SIGNS[row.relation]} {_plain(row.right)}",
            "Difference": Cell(
                f"{row.difference:.1e}".replace("-", "\u2212"),
                repr(float(row.difference)),
                number=True,
            ),
            "Holds": Cell("yes") if row.holds else Cell("no", warns=True),
        }
        for row in checks.itertuples()
    )


def _plain(value: float) -> str:
    return f"{0.0 if abs(value) < 1e-6 else value:.4g}".replace("-", "\u2212")


SECTION = Section(170, "Theory", view)
