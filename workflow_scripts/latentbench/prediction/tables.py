"""The predictions table: one row for every data set, method, protocol, seed, cell type and
metric.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from latentbench.files.tables import PREDICTIONS
from latentbench.outcomes import Outcome, Unavailable
from latentbench.prediction.metrics import METRICS
from latentbench.prediction.requests import ALL_CELLS, CELL_TYPE

EACH_TYPE = "each cell type"

ALL_METHODS = "every method"
"""The model of rows that hold for every method: cell types that no question was asked of."""

Rows = list[tuple[Any, ...]]


def rows_of(
    dataset: str,
    model: str,
    seed: int | None,
    hidden: str,
    cell_type: str,
    found: Mapping[str, float | Unavailable],
    *,
    saw_labels: bool,
) -> Rows:
    """Return a row for every metric; ``seed`` None for a method without one, ``saw_labels`` whether
    it read the types of the training cells.
    """
    about = (dataset, model, hidden, pd.NA if seed is None else seed, cell_type)
    return [
        (
            (*about, metric, np.nan, str(value.outcome), value.reason, saw_labels)
            if isinstance(value, Unavailable)
            else (*about, metric, value, str(Outcome.OK), "", saw_labels)
        )
        for metric, value in found.items()
    ]


def rows_without(
    dataset: str, model: str, reasons: Mapping[str, str], hidden: Sequence[str]
) -> Rows:
    """Return rows without a value for the cell types that no question was asked of (type ->
    reason), for every protocol.
    """
    absent = {
        cell_type: dict.fromkeys(METRICS, Unavailable(Outcome.NOT_APPLICABLE, reason))
        for cell_type, reason in reasons.items()
    }
    pairs = [
        (protocol, cell_type, found) for protocol in hidden for cell_type, found in absent.items()
    ]
    return [
        row
        for protocol, cell_type, found in pairs
        for row in rows_of(dataset, model, None, protocol, cell_type, found, saw_labels=False)
    ]


def prediction_table(rows: Rows) -> pd.DataFrame:
    """Return rows as a table."""
    return PREDICTIONS.frame(rows)


def summarise_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over cell types and seeds of every (dataset, hidden, asked, model, metric),
    how many of both, and whether the method read the types.

    ``asked`` is ``"each cell type"``, or ``ALL_CELLS``, which is no type and is not averaged with
    them."""
    asked = predictions[predictions["model"] != ALL_METHODS].assign(
        asked=lambda rows: asked_about(rows["cell_type"])
    )
    totals = {
        "value": ("value", "mean"),
        "n_types": ("cell_type", "nunique"),
        "n_seeds": ("seed", "nunique"),
        "saw_labels": ("saw_labels", "any"),
    }
    return (
        asked.groupby(["dataset", "hidden", "asked", "model", "metric"], sort=True)
        .agg(**totals)
        .reset_index()
    )


def asked_about(cell_types: pd.Series) -> pd.Series:
    """Return whether all cells together were asked about, or one type."""
    return cell_types.where(cell_types == ALL_CELLS, EACH_TYPE)


def collect_predictions(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return all rows in one order."""
    return PREDICTIONS.stacked(parts)


def question_name(dataset: str, hidden: str, asked: str) -> str:
    """Return what was asked, in words: the data set alone where cells were hidden, which is the
    rule.
    """
    return dataset if hidden == CELL_TYPE else f"{dataset}, {asked}, nothing hidden (in-sample)"
