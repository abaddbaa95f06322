"""The report's tables as plain rows: what the template prints, already ordered, rounded and
worded.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from latentbench.evaluation.score_rows import ORACLE
from latentbench.figures.style import model_colours, model_order
from latentbench.report.tables import (
    HEADLINE_METRICS,
    StudyTables,
    best_model,
    failures,
    headline,
)
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS

Row = dict[str, Any]


def score_rows(tables: StudyTables) -> list[Row]:
    """Return a row for every model of one data set: headline metrics on test cells with their
    intervals, clusters found, seeds that ended well.
    """
    _, summary = headline(tables)
    kinds, colours, best = tables.kinds, model_colours(tables.kinds), best_model(tables)
    rows = []
    for model in model_order(kinds):
        of_model = summary[summary["model"] == model].set_index("metric")
        if of_model.empty:
            continue
        ari = of_model.loc["ari"]
        rows.append(
            {
                "model": model,
                "colour": colours[model],
                "clustering": ari["clustering"],
                "metrics": [
                    estimate(of_model.loc[metric]) if metric in of_model.index else estimate(None)
                    for metric in HEADLINE_METRICS
                ],
                "consensus": _mean_ari(tables, model, CONSENSUS),
                "oracle": _mean_ari(tables, model, ORACLE),
                "n_clusters": number(of_model["mean"].get("n_clusters_found"), 1),
                "seeds": f"{int(ari['n_ok'])} of {int(ari['n_ok'] + ari['n_failed'])}",
                "saw_labels": bool(ari["saw_labels"]),
                "control": kinds[model] in CONTROL_KINDS,
                "best": model == best,
            }
        )
    return rows


def _mean_ari(tables: StudyTables, model: str, clustering: str) -> dict[str, str]:
    """Return the mean ARI on test cells of a clustering that is no headline."""
    rows = tables.summary
    rows = rows[
        (rows["model"] == model)
        & (rows["clustering"] == clustering)
        & (rows["split"] == "test")
        & (rows["metric"] == "ari")
    ]
    return number(None if rows.empty else rows["mean"].iloc[0], 3)


def cost_rows(tables: StudyTables, cost: pd.DataFrame) -> list[Row]:
    """Return the table of cost as rows, models in the order of the study."""
    place, colours = (
        {model: i for i, model in enumerate(model_order(tables.kinds))},
        model_colours(tables.kinds),
    )
    return [
        {
            "dataset": row.dataset,
            "model": row.model,
            "colour": colours[row.model],
            "seconds": number(row.seconds, 2),
            "memory": number(row.peak_memory_mb, 0),
            "epochs": number(row.epochs, 0),
        }
        for row in sorted(cost.itertuples(), key=lambda row: (row.dataset, place[row.model]))
    ]


def failure_rows(tables: StudyTables, logs: Mapping[tuple[str, str], str]) -> list[Row]:
    """Return a row for everything that has no number, with its reason and, for a training, the last
    lines of its log.
    """
    return [
        {
            **{"dataset": row.dataset, "model": row.model, "seeds": row.seeds, "what": row.what},
            **{"status": str(row.status).replace("_", " "), "reason": row.reason},
            "log": logs.get((row.dataset, row.model), "") if row.what == "training" else "",
        }
        for row in failures(tables).itertuples()
    ]


def theory_rows(theory: pd.DataFrame) -> list[Row]:
    """Return the checks of the theory by topic: topic and rows, each with its equation, what it
    says, both sides, the difference, and whether it holds.
    """
    signs = {"=": "=", "<=": "≤", "!=": "≠"}
    return [
        {
            "topic": topic,
            "rows": [
                {
                    "equation": row.equation,
                    "says": row.says,
                    "sides": (
                        f"{_plain_number(row.left)} {signs[row.relation]}"
                        f" {_plain_number(row.right)}"
                    ),
                    "difference": {
                        "value": repr(float(row.difference)),
                        "text": f"{row.difference:.1e}".replace("-", "\u2212"),
                    },
                    "holds": bool(row.holds),
                }
                for row in checks.itertuples()
            ],
        }
        for topic, checks in theory.groupby("topic", sort=False)
    ]


def dataset_row(
    dataset: str, about: Mapping[str, Any], n_obs: int, n_vars: int, n_labels: int
) -> Row:
    """Return one data set as the page prints it; ``about`` is ``uns['latentbench']`` of its
    prepared.h5ad.
    """
    filters = about.get("filters", {})
    return {
        "name": dataset,
        "modality": str(about.get("modality", "")),
        "n_obs": f"{n_obs:,}".replace(",", "\u202f"),
        "n_vars": f"{n_vars:,}".replace(",", "\u202f"),
        "n_labels": n_labels,
        "n_clusters": (
            str(about["n_clusters"]) if about.get("n_clusters") is not None else "not declared"
        ),
        "preset": str(about.get("preset", "")),
        "filters": [
            f"{name.replace('_', ' ')}: {_shown(count)}" for name, count in sorted(filters.items())
        ],
        "source": str(about.get("source", "")),
        "sha256": str(about.get("sha256", "") or ""),
        "licence": str(about.get("licence", "") or ""),
        "citation": str(about.get("citation", "") or ""),
    }


def estimate(row: pd.Series | None) -> dict[str, str]:
    """Return a mean and its interval as texts, and the mean in full for sorting; empty texts where
    there is none.
    """
    if row is None or pd.isna(row["mean"]):
        return {"value": "", "mean": "–", "interval": ""}
    interval = (
        ""
        if pd.isna(row["low"])
        else f"[{row['low']:.3f}, {row['high']:.3f}]".replace("-", "\u2212")
    )
    return {
        "value": repr(float(row["mean"])),
        "mean": f"{row['mean']:.3f}".replace("-", "\u2212"),
        "interval": interval,
    }


def number(value: float | None, digits: int) -> dict[str, str]:
    """Return a number as text and, for sorting, in full; a dash where there is none."""
    if value is None or pd.isna(value):
        return {"value": "", "text": "–"}
    return {"value": repr(float(value)), "text": f"{value:,.{digits}f}".replace(",", "\u202f")}


def _plain_number(value: float) -> str:
    return f"{0.0 if abs(value) < 1e-6 else value:.4g}".replace("-", "\u2212")


def _shown(value: Any) -> str:
    return (
        f"{int(value):,}".replace(",", "\u202f")
        if isinstance(value, int) or (hasattr(value, "dtype") and value.dtype.kind in "iu")
        else str(value)
    )
