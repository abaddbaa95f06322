"""What training took: seconds and memory."""

from typing import Any

import pandas as pd

from latentbench.figures.style import model_colours, model_order
from latentbench.report.cells import Cell, Table, number, table
from latentbench.report.figures import placed
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.tables import StudyTables


def view(results: Results) -> dict[str, Any] | None:
    """Return the figure and the table."""
    cost = results.table_if_any("cost")
    if cost is None:
        return None
    return {"figures": placed(results, "cost"), "table": cost_table(results.tables, cost)}


def cost_table(tables: StudyTables, cost: pd.DataFrame) -> Table | None:
    """Return a row for every data set and model, models in the order of the study."""
    order, colours = model_order(tables.kinds), model_colours(tables.kinds)
    return table(
        {
            "Data set": row.dataset,
            "Model": Cell(row.model, colour=colours[row.model]),
            "Median seconds": number(row.seconds, 2),
            "Peak memory (MB)": number(row.peak_memory_mb),
            "Epochs": number(row.epochs),
        }
        for row in sorted(cost.itertuples(), key=lambda row: (row.dataset, order.index(row.model)))
    )


SECTION = Section(130, "Time and memory", view)
