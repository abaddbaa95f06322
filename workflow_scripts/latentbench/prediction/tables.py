"""The predictions table: one row for every data set, method, seed, cell type and metric."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentbench.outcomes import Outcome, Unavailable
from latentbench.prediction.metrics import METRICS

PREDICTION_COLUMNS = ["dataset", "model", "seed", "cell_type", "metric", "value", "status", "reason", "saw_labels"]
TYPES = {"seed": "Int64", "value": "float64", "saw_labels": bool}

ALL_METHODS = "every method"
"""The model of rows that hold for every method: cell types that no question was asked of."""

Rows = list[tuple[Any, ...]]


def rows_of(dataset: str, model: str, seed: int | None, cell_type: str, found: Mapping[str, float | Unavailable], *, saw_labels: bool) -> Rows:
    """Return a row for every metric; ``seed`` None for a method without one, ``saw_labels`` whether it read the types of the training cells."""
    about = (dataset, model, pd.NA if seed is None else seed, cell_type)
    return [
        (*about, metric, np.nan, str(value.outcome), value.reason, saw_labels)
        if isinstance(value, Unavailable)
        else (*about, metric, value, str(Outcome.OK), "", saw_labels)
        for metric, value in found.items()
    ]


def rows_without(dataset: str, model: str, reasons: Mapping[str, str]) -> Rows:
    """Return rows without a value for the cell types that no question was asked of (type -> reason)."""
    absent = {cell_type: dict.fromkeys(METRICS, Unavailable(Outcome.NOT_APPLICABLE, reason)) for cell_type, reason in reasons.items()}
    return [row for cell_type, found in absent.items() for row in rows_of(dataset, model, None, cell_type, found, saw_labels=False)]


def prediction_table(rows: Rows) -> pd.DataFrame:
    """Return rows as a table."""
    return pd.DataFrame(rows, columns=PREDICTION_COLUMNS).astype(TYPES)


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read a predictions table; an empty reason is "", a row without a seed has a missing one."""
    texts = dict.fromkeys(("dataset", "model", "cell_type", "metric", "status", "reason"), str)
    return pd.read_csv(path, sep="\t", dtype={**texts, **TYPES}, keep_default_na=False, na_values={"value": [""], "seed": [""]}, float_precision="round_trip")


def summarise_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over cell types and seeds of every (dataset, model, metric), how many of both there are, and whether the method read the types."""
    asked = predictions[predictions["model"] != ALL_METHODS]
    totals = {"value": ("value", "mean"), "n_types": ("cell_type", "nunique"), "n_seeds": ("seed", "nunique"), "saw_labels": ("saw_labels", "any")}
    return asked.groupby(["dataset", "model", "metric"], sort=True).agg(**totals).reset_index()


def collect_predictions(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return all rows in one order."""
    order = ["dataset", "model", "seed", "cell_type", "metric"]
    return pd.concat(parts, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)
