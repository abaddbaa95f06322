"""The study's tables: every score, history and status in one frame each, in a fixed order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from latentbench.evaluation.metrics import AGREEMENT
from latentbench.evaluation.score_rows import NO_CLUSTERING, SPLITS
from latentbench.files.tables import HISTORY, QUALITY, RELIABILITY, SCORES, STATUS
from latentbench.outcomes import Outcome
from latentbench.study.applicability import CONSENSUS


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
        columns=SCORES.columns,
    )
    return SCORES.stacked([*scores, never_ran])


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
    return STATUS.stacked(
        [pd.DataFrame(rows, columns=STATUS.columns) for rows in (replicas, never_ran)]
    )


def collect_histories(
    histories: Sequence[pd.DataFrame], statuses: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return all histories with their dataset and model; the two sequences go in step."""
    named = [
        history.assign(dataset=status["dataset"], model=status["model"])
        for history, status in zip(histories, statuses, strict=True)
    ]
    return HISTORY.stacked(named)


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
    return QUALITY.stacked(named)


def collect_reliability(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the reliability of every model's cluster probabilities, by bin of confidence."""
    return RELIABILITY.stacked(list(tables))
