"""Predictions of cells that no method has seen, where the study asks for some."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from latentbench.figures.style import method_colours
from latentbench.prediction.metrics import METRIC_NAMES, METRICS
from latentbench.prediction.tables import question_name
from latentbench.report.cells import Cell, Table, number, table
from latentbench.report.figures import placed
from latentbench.report.results import Results
from latentbench.report.sections import Section


def view(results: Results) -> dict[str, Any] | None:
    """Return the figure, the table, and what has no number."""
    predictions = results.table_if_any("predictions")
    if predictions is None:
        return None
    summary = results.table("predictions_summary")
    return {
        "figures": placed(results, "predictions"),
        "table": predictions_table(summary, method_colours(predictions)),
        "gaps": gaps_table(predictions),
    }


def predictions_table(summary: pd.DataFrame, colours: Mapping[str, str]) -> Table | None:
    """Return a row for every data set, protocol and method, those of ``colours`` in their order,
    from the summary of the predictions.
    """
    blocks = {
        (*key, method): rows.set_index("metric")
        for (*key, method), rows in summary.groupby(["dataset", "hidden", "asked", "model"])
    }
    order = {method: i for i, method in enumerate(colours)}
    return table(
        {
            "Data set": question_name(*key),
            "Method": Cell(
                method + (" †" if rows["saw_labels"].any() else ""), colour=colours[method]
            ),
            **{METRIC_NAMES[metric]: number(rows["value"].get(metric), 3) for metric in METRICS},
            "Cell types": number(rows["n_types"].max()),
            "Seeds": number(rows["n_seeds"].max() or None),
        }
        for (*key, method), rows in sorted(
            blocks.items(), key=lambda block: (block[0][:3], order[block[0][3]])
        )
    )


def gaps_table(predictions: pd.DataFrame) -> Table | None:
    """Return a row for everything without a value, with its reason."""
    absent = predictions[predictions["status"] != "ok"]
    types = absent.groupby(["dataset", "model", "metric", "status", "reason"])["cell_type"]
    of_types = types.agg(lambda types: ", ".join(sorted(set(types)))).reset_index()
    # What holds for all metrics is said once.
    metrics = of_types.groupby(["dataset", "model", "cell_type", "status", "reason"])["metric"]
    said = metrics.agg(
        lambda found: "all" if len(found) == len(METRICS) else ", ".join(found)
    ).reset_index()
    return table(
        {
            "Data set": row.dataset,
            "Method": row.model,
            "Cell types": row.cell_type,
            "Metric": row.metric,
            "Outcome": Cell(row.status.replace("_", " "), warns=True),
            "Reason": row.reason,
        }
        for row in said.itertuples()
    )


SECTION = Section(110, "Predictions", view)
