"""What others have published beside what this study finds: every published number with our mean,
its interval, and where theirs lies.

Theirs is rarely made as ours: one picked run instead of all seeds, all cells instead of held-out
ones, another matching of clusters to labels. The sheet says how (``protocol``), so that a reader
can weigh the comparison; nothing here corrects for it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentbench.evaluation.bootstrap import interval
from latentbench.outcomes import Outcome

SHEET_COLUMNS = [
    *[
        "experiment",
        "chapter",
        "dataset",
        "model",
        "table",
        "clustering",
        "split",
        "metric",
        "cell_type",
        "hidden",
    ],
    *["source", "value", "value_high", "protocol", "bar", "remark"],
]
NUMBERS = ("value", "value_high", "bar")
TABLES = ("scores", "predictions")
FOUND_COLUMNS = [
    "mean",
    "low",
    "high",
    "lowest",
    "highest",
    "n_seeds",
    "status",
    "reason",
    "standing",
    "bar_met",
]


def read_published(path: str | Path) -> pd.DataFrame:
    """Read the sheet of published results; texts that are blank are "", numbers that are blank NaN.

    Raises:
        ValueError: a column is missing, a cell holds no number where one belongs, or an unknown
        table.
    """
    sheet = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    if missing := [column for column in SHEET_COLUMNS if column not in sheet]:
        raise ValueError(
            f"{path}: no column {', '.join(missing)}; the columns are: {', '.join(SHEET_COLUMNS)},"
            " separated by tabs"
        )
    for line, row in enumerate(sheet.to_dict("records"), start=2):
        _check(row, f"{path}, line {line}")
    return sheet[SHEET_COLUMNS].assign(**{name: pd.to_numeric(sheet[name]) for name in NUMBERS})


def compare_with_published(
    published: pd.DataFrame,
    scores: pd.DataFrame,
    predictions: pd.DataFrame | None,
    *,
    n_bootstrap: int = 2000,
) -> pd.DataFrame:
    """Return a row for every published result: the sheet's columns and ours.

    ``mean`` over seeds, its 95 % interval over seeds and, of ARI, ACC and purity, over cells, the
    lowest and the highest seed. ``standing``: ``above``, ``below`` or ``within`` says where ours
    is, by the whole interval, beside the published number (or range); without an interval by the
    mean. ``bar_met``: whether the mean reaches the bar that we set ourselves. ``status`` and
    ``reason`` say why there is no mean: the study did not run it, or its seeds have no value."""
    found = [
        _found(row, {"scores": scores, "predictions": predictions}, n_bootstrap)
        for row in published.to_dict("records")
    ]
    return pd.concat(
        [published.reset_index(drop=True), pd.DataFrame(found, columns=FOUND_COLUMNS)], axis=1
    )


def _check(row: Mapping[str, str], where: str) -> None:
    if row["table"] not in TABLES:
        raise ValueError(f"{where}: table: '{row['table']}' is not one of {', '.join(TABLES)}")
    for name in NUMBERS:
        try:
            number = float(row[name] or "nan")
        except ValueError:
            raise ValueError(f"{where}: {name}: '{row[name]}' is no number") from None
        if name == "value" and not math.isfinite(number):
            raise ValueError(f"{where}: value: the published number is missing")


def _found(
    row: Mapping[str, Any], tables: Mapping[str, pd.DataFrame | None], n_bootstrap: int
) -> dict[str, Any]:
    if not row["model"]:
        return _without(
            Outcome.NOT_APPLICABLE, row["remark"] or "no model of this study answers it"
        )
    table = tables[row["table"]]
    rows = table[_matching(table, row)] if table is not None else []
    if not len(rows):
        return _without(Outcome.NOT_APPLICABLE, "not part of this study")
    by_seed = (
        rows[rows["status"] == Outcome.OK]
        .groupby("seed", dropna=False)["value"]
        .mean()
        .to_numpy(dtype=np.float64)
    )
    if not len(by_seed):
        worst = rows.iloc[0]
        return _without(worst["status"], worst["reason"])
    low, high = interval([by_seed], n_bootstrap, cell_error=_cell_error(table, row))
    mean = float(by_seed.mean())
    ours = {
        "mean": mean,
        "low": low,
        "high": high,
        "lowest": by_seed.min(),
        "highest": by_seed.max(),
        "n_seeds": len(by_seed),
    }
    met = "" if math.isnan(row["bar"]) else "yes" if mean >= row["bar"] else "no"
    return {
        **ours,
        "status": str(Outcome.OK),
        "reason": "",
        "standing": _standing(mean, low, high, row),
        "bar_met": met,
    }


def _cell_error(table: pd.DataFrame, row: Mapping[str, Any]) -> float:
    """Return the standard error of our mean that comes from which cells were scored; 0 where it was
    not measured.
    """
    errors = table[_matching(table, {**row, "metric": f"{row['metric']}_se"})]["value"].dropna()
    return float(errors.mean()) if len(errors) else 0.0


def _matching(table: pd.DataFrame, row: Mapping[str, Any]) -> pd.Series:
    of_scores, of_predictions = (
        ["clustering", "split"],
        [
            "hidden",
            *(["cell_type"] if row["cell_type"] else []),
        ],
    )
    keys = [
        "dataset",
        "model",
        "metric",
        *(of_scores if row["table"] == "scores" else of_predictions),
    ]
    return pd.concat([table[key] == row[key] for key in keys], axis=1).all(axis=1)


def _standing(mean: float, low: float, high: float, row: Mapping[str, Any]) -> str:
    theirs_low = row["value"]
    theirs_high = theirs_low if math.isnan(row["value_high"]) else row["value_high"]
    low, high = (mean, mean) if math.isnan(low) else (low, high)
    return "above" if low > theirs_high else "below" if high < theirs_low else "within"


def _without(status: str, reason: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(["mean", "low", "high", "lowest", "highest"], np.nan),
        "n_seeds": 0,
        "status": str(status),
        "reason": reason,
        "standing": "",
        "bar_met": "",
    }
