"""The tables of ranks and of tests over data sets, from the same contest as the answer."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from latentbench.evaluation.bootstrap import ALPHA
from latentbench.evaluation.contest import (
    ALL_DATASETS,
    ByModel,
    Contest,
    hold_contest,
    note_on_size,
)
from latentbench.evaluation.ranks import (
    clique_letters,
    cliques,
    critical_difference,
    friedman,
    rank_intervals,
    rank_scores,
)
from latentbench.files.tables import RANKS
from latentbench.files.tables import TESTS as TEST_ROWS
from latentbench.outcomes import Outcome, Unavailable

TESTS = ("friedman", "iman_davenport", "nemenyi")
LEAST_DRAWN = 5
"""Simulated intervals of ranks over 2, 3 and 5 data sets hold the expected rank in 76, 88 and
95 of 100 cases (benchmarks/rank_coverage.py)."""
NOT_REJECTED = "Friedman’s test does not tell any models apart, so no pair is told apart"


def rank_table(
    scores: pd.DataFrame,
    kinds: Mapping[str, str],
    *,
    circular: Collection[str] = (),
    n_bootstrap: int = 2000,
) -> pd.DataFrame:
    """Return one row a contestant for every data set (its name in ``scope``) and for all of them
    (``scope`` = "all"), best first.

    ``mean_rank`` is by mean test ARI over seeds, averaged over data sets, with its 95 % interval;
    ``cliques``: letters, over all data sets and where a test could be made; contestants that share
    one are not told apart. ``circular`` data sets do not count over all of them."""
    contest = hold_contest(scores, kinds, circular=circular)
    rows = [row for scope in contest.scopes for row in _ranks_in(scope, contest, n_bootstrap)]
    types = {
        "mean_rank": np.float64,
        "rank_low": np.float64,
        "rank_high": np.float64,
        "n_datasets": np.int64,
    }
    return pd.DataFrame(rows, columns=RANKS.columns).astype(types)


def rank_tests(
    scores: pd.DataFrame, kinds: Mapping[str, str], *, circular: Collection[str] = ()
) -> pd.DataFrame:
    """Return one row a test over all data sets: Friedman's, Iman and Davenport's, and Nemenyi's
    critical difference.
    """
    contest = hold_contest(scores, kinds, circular=circular)
    means = _means(contest.contestants(ALL_DATASETS), contest.telling_datasets(ALL_DATASETS))
    n_datasets, n_models = means.shape
    sizes = {"scope": ALL_DATASETS, "n_datasets": n_datasets, "n_models": n_models}
    tests = friedman(means)
    if isinstance(tests, Unavailable):
        rows: list[dict[str, Any]] = [
            {**sizes, "test": name, "status": str(tests.outcome), "reason": tests.reason}
            for name in TESTS
        ]
    else:
        rows = [
            {
                **sizes,
                "test": test.name,
                "statistic": test.statistic,
                "df": test.df,
                "df_residual": test.df_residual,
                "p_value": test.p_value,
                "method": test.method,
                "status": str(Outcome.OK),
            }
            for test in tests
        ]
        nemenyi = {
            "critical_difference": critical_difference(n_models, n_datasets),
            "method": "studentised range, for many data sets",
            "status": str(Outcome.OK),
        }
        rows.append(
            {
                **sizes,
                "test": "nemenyi",
                **nemenyi,
                "reason": "" if _rejects(means) else NOT_REJECTED,
            }
        )
    frame = pd.DataFrame(rows, columns=TEST_ROWS.columns)
    numbers = ["statistic", "df", "df_residual", "p_value", "critical_difference"]
    return frame.astype(dict.fromkeys(numbers, np.float64)).fillna({"method": "", "reason": ""})


def _ranks_in(scope: str, contest: Contest, n_bootstrap: int) -> list[dict[str, Any]]:
    contestants, datasets = contest.contestants(scope), contest.telling_datasets(scope)
    if not contestants:
        return []
    means = _means(contestants, datasets)
    mean_ranks = rank_scores(means).mean(axis=0)
    intervals = rank_intervals(
        [_by_seed(contestants, dataset) for dataset in datasets], n_bootstrap
    )
    letters = _letters(means, mean_ranks) if scope == ALL_DATASETS else [""] * len(mean_ranks)
    rows = [
        {
            "scope": scope,
            "model": model,
            "mean_rank": rank,
            "rank_low": low,
            "rank_high": high,
            "n_datasets": len(datasets),
            "cliques": of_model,
            "note": _note(
                min(len(by_dataset[dataset]) for dataset in datasets),
                len(datasets) if scope == ALL_DATASETS else None,
            ),
        }
        for (model, by_dataset), rank, (low, high), of_model in zip(
            contestants.items(), mean_ranks, intervals, letters, strict=True
        )
    ]
    return sorted(rows, key=lambda row: (row["mean_rank"], row["model"]))


def _note(n_seeds: int, n_datasets: int | None) -> str:
    """Return what is to be said of a small sample, and where intervals of ranks hold less than they
    say.
    """
    drawn_first = n_seeds if n_datasets in (None, 1) else n_datasets
    narrow = (
        f"under {LEAST_DRAWN} {'seeds' if n_datasets in (None, 1) else 'data sets'} the interval of"
        " a rank is too narrow"
        if 1 < drawn_first < LEAST_DRAWN
        else ""
    )
    return "; ".join(filter(None, [note_on_size(n_seeds=n_seeds, n_datasets=n_datasets), narrow]))


def _letters(
    means: Float[np.ndarray, "datasets models"], mean_ranks: Float[np.ndarray, " models"]
) -> list[str]:
    """Return the letters of the groups; none where there is no test, one group where Friedman's
    does not tell any models apart (Demsar 2006, section 3.2.2).
    """
    n_datasets, n_models = means.shape
    if isinstance(friedman(means), Unavailable):
        return [""] * n_models
    difference = critical_difference(n_models, n_datasets) if _rejects(means) else np.inf
    return clique_letters(cliques(mean_ranks, difference), n_models)


def _rejects(means: Float[np.ndarray, "datasets models"]) -> bool:
    """Whether the better of the two tests, Iman and Davenport's, tells any models apart at 5 %."""
    tests = friedman(means)
    return not isinstance(tests, Unavailable) and tests[1].p_value <= ALPHA


def _means(contestants: ByModel, datasets: list[str]) -> Float[np.ndarray, "datasets models"]:
    return np.array(
        [
            [by_dataset[dataset].mean() for by_dataset in contestants.values()]
            for dataset in datasets
        ],
        dtype=np.float64,
    ).reshape(len(datasets), len(contestants))


def _by_seed(contestants: ByModel, dataset: str) -> Float[np.ndarray, "models seeds"]:
    """Return the values on a data set, a row a model, a column a seed that any of them has."""
    return (
        pd.DataFrame({model: by_dataset[dataset] for model, by_dataset in contestants.items()})
        .to_numpy(dtype=np.float64)
        .T
    )
