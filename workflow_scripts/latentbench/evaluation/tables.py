"""The study's tables: every score, history and status in one frame each, in a fixed order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from latentbench.evaluation.metrics import AGREEMENT
from latentbench.evaluation.score_rows import (
    COLUMN_TYPES,
    IDENTITY,
    NO_CLUSTERING,
    SCORE_COLUMNS,
    SPLITS,
)
from latentbench.outcomes import Outcome
from latentbench.study.applicability import CONSENSUS

STATUS_COLUMNS = [
    "dataset",
    "model",
    "kind",
    "saw_labels",
    "device",
    "seed",
    "status",
    "reason",
    "seconds",
    "peak_memory_mb",
    "epochs",
]


def collect_scores(
    scores: Sequence[pd.DataFrame], not_applicable: Sequence[Mapping[str, str]]
) -> pd.DataFrame:
    """Return all scores; a (dataset, model) that could not be trained has one row a split and
    metric, without a seed.
    """
    never_ran = pd.DataFrame(
        [
            (
                pair["dataset"],
                pair["model"],
                pd.NA,
                split,
                NO_CLUSTERING,
                metric,
                np.nan,
                str(Outcome.NOT_APPLICABLE),
                pair["reason"],
                False,
                True,
            )
            for pair in not_applicable
            for split in SPLITS
            for metric in AGREEMENT
        ],
        columns=SCORE_COLUMNS,
    )
    return _stacked([*scores, never_ran], IDENTITY, COLUMN_TYPES)


def collect_statuses(
    statuses: Sequence[Mapping[str, Any]],
    not_applicable: Sequence[Mapping[str, str]],
    kinds: Mapping[str, str],
) -> pd.DataFrame:
    """Return one row a replica, and one without a seed for every (dataset, model) that could not be
    trained.
    """
    shared = ("dataset", "model", "kind", "saw_labels", "device")
    replicas = [
        {**{key: status[key] for key in shared}, **replica}
        for status in statuses
        for replica in status["replicas"]
    ]
    status = str(Outcome.NOT_APPLICABLE)
    never_ran = [
        {
            **pair,
            "kind": kinds[pair["model"]],
            "saw_labels": False,
            "device": "",
            "seed": pd.NA,
            "status": status,
        }
        for pair in not_applicable
    ]
    types = {
        "seed": "Int64",
        "epochs": "Int64",
        "seconds": "float64",
        "peak_memory_mb": "float64",
        "saw_labels": bool,
    }
    return _stacked(
        [pd.DataFrame(rows, columns=STATUS_COLUMNS) for rows in (replicas, never_ran)],
        ["dataset", "model", "seed"],
        types,
    )


def collect_histories(
    histories: Sequence[pd.DataFrame], statuses: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return all histories with their dataset and model; the two sequences go in step."""
    named = [
        history.assign(dataset=status["dataset"], model=status["model"])
        for history, status in zip(histories, statuses, strict=True)
    ]
    columns = ["dataset", "model", "replica", "epoch", "term", "split", "value"]
    types = {"replica": "int64", "epoch": "int64", "value": "float64"}
    return _stacked(
        [frame[columns] for frame in named],
        ["dataset", "model", "replica", "term", "split", "epoch"],
        types,
    )


def cost_table(status: pd.DataFrame) -> pd.DataFrame:
    """Return, for every data set and trained variant, the median seconds of a replica, the highest
    peak memory and number of epochs, and how many replicas.
    """
    trained = status[
        status["seed"].notna()
        & (status["status"] != Outcome.NOT_APPLICABLE)
        & (status["kind"] != CONSENSUS)
    ]
    totals = {
        "seconds": ("seconds", "median"),
        "peak_memory_mb": ("peak_memory_mb", "max"),
        "epochs": ("epochs", "max"),
        "n_replicas": ("seed", "nunique"),
    }
    return trained.groupby(["dataset", "model"], sort=True).agg(**totals).reset_index()


def collect_quality(
    qualities: Sequence[pd.DataFrame], statuses: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return all that trainings measured on held-out cells, with their dataset and model; the two
    sequences go in step.
    """
    named = [
        quality.assign(dataset=status["dataset"], model=status["model"])
        for quality, status in zip(qualities, statuses, strict=True)
    ]
    columns = ["dataset", "model", "seed", "split", "measure", "part", "value", "status", "reason"]
    return _stacked(
        [frame[columns] for frame in named], columns[:6], {"seed": "int64", "value": "float64"}
    )


def collect_reliability(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the reliability of every model's cluster probabilities, by bin of confidence."""
    types = {
        "seed": "int64",
        "bin": "int64",
        "n_obs": "int64",
        "confidence": "float64",
        "accuracy": "float64",
    }
    return _stacked(list(tables), ["dataset", "model", "seed", "split", "bin"], types)


def _stacked(
    frames: Sequence[pd.DataFrame], order: list[str], types: Mapping[str, Any]
) -> pd.DataFrame:
    # Empty frames are left out: they would decide the types of the rest.
    filled = [frame.astype(dict(types)) for frame in frames if len(frame)] or [
        frames[0].astype(dict(types))
    ]
    return pd.concat(filled, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)
