"""How well an unsupervised criterion orders the replicas of a data set: Spearman's correlation with
the ARI over (model, seed).

    rho = cov(r, s) / sqrt(var(r) var(s)),   r and s the ranks of criterion and ARI, ties sharing
                                             their average          (1)  Spearman 1904

The replicas of one model resemble each other, so they are no independent points. The interval is
from the bootstrap of ``bootstrap.py`` with models drawn first, then seeds within each; over all
data sets the mean of rho is taken, with data sets drawn before both. A resample is kept as the
number of times that each replica was drawn, and its ranks are those of replicas repeated as often.
Its tails are widened by the number of units drawn first."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from latentbench.evaluation.bootstrap import RANDOM_STATE, widened_tail
from latentbench.evaluation.contest import ALL_DATASETS, FEW_DATASETS
from latentbench.files.tables import CORRELATIONS
from latentbench.outcomes import Outcome, Unavailable

KEYS = ["dataset", "model", "seed", "criterion"]
LEAST_REPLICAS, FEW_MODELS = 3, 6


def criterion_agreement(frame: pd.DataFrame, *, n_bootstrap: int = 2000) -> pd.DataFrame:
    """Return one row for every criterion on every data set (its name in ``scope``) and on all of
    them (``scope`` = "all": the mean over those with a rho).

    ``frame``: columns dataset, model, seed, criterion, value, ari. The sign is that of the
    criterion as it is given: one that is to be low has a rho below 0 where it serves. Replicas
    without a value or an ARI are left out and counted.

    Raises:
        ValueError: a column is missing, or a replica is there twice.
    """
    missing = [column for column in (*KEYS, "value", "ari") if column not in frame]
    if missing:
        raise ValueError(
            f"criterion agreement: no column {', '.join(missing)}; it takes {', '.join(KEYS)},"
            " value, ari"
        )
    twice = frame[frame.duplicated(KEYS)]
    if len(twice):
        raise ValueError(
            f"criterion agreement: {', '.join(map(str, twice[KEYS].iloc[0]))} is there twice; give"
            " each replica once for each criterion"
        )
    rows = []
    for criterion, of_criterion in frame.groupby("criterion", sort=True):
        parts = {
            str(dataset): rows_of.sort_values(["model", "seed"])
            for dataset, rows_of in of_criterion.groupby("dataset", sort=True)
        }
        rows += [_row(dataset, criterion, [part], n_bootstrap) for dataset, part in parts.items()]
        rows.append(
            _row(
                ALL_DATASETS,
                criterion,
                [part for part in parts.values() if not isinstance(_rho(part), Unavailable)]
                or list(parts.values()),
                n_bootstrap,
            )
        )
    return pd.DataFrame(rows, columns=CORRELATIONS.columns)


def spearman(
    values: Float[np.ndarray, " replicas"],
    ari: Float[np.ndarray, " replicas"],
    times: Float[np.ndarray, "resamples replicas"],
) -> Float[np.ndarray, " resamples"]:
    """Return equation (1) of every resample, in which replica i is there ``times[:, i]`` times; NaN
    where either has no spread.
    """
    r, s = _weighted_ranks(values, times), _weighted_ranks(ari, times)
    n = times.sum(axis=1, keepdims=True)
    r, s = (
        r - (times * r).sum(axis=1, keepdims=True) / n,
        s - (times * s).sum(axis=1, keepdims=True) / n,
    )
    spread = np.sqrt((times * r**2).sum(axis=1) * (times * s**2).sum(axis=1))
    return np.divide(
        (times * r * s).sum(axis=1), spread, out=np.full(len(times), np.nan), where=spread > 1e-9
    )


def _weighted_ranks(
    values: Float[np.ndarray, " replicas"], times: Float[np.ndarray, "resamples replicas"]
) -> Float[np.ndarray, "resamples replicas"]:
    """Return the average rank of each replica among all copies."""
    distinct, place = np.unique(values, return_inverse=True)
    copies = times @ np.eye(len(distinct))[place]
    return (np.cumsum(copies, axis=1) - copies / 2 + 0.5)[:, place]


def _usable(part: pd.DataFrame) -> pd.DataFrame:
    return part[
        np.isfinite(part["value"].astype(np.float64)) & np.isfinite(part["ari"].astype(np.float64))
    ]


def _rho(part: pd.DataFrame) -> float | Unavailable:
    """Return rho of one data set."""
    usable = _usable(part)
    if len(usable) < LEAST_REPLICAS:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"{len(usable)} of {len(part)} replicas have the criterion and an ARI; it takes"
            f" {LEAST_REPLICAS}",
        )
    for name, column in (("criterion", "value"), ("ARI", "ari")):
        if usable[column].nunique() == 1:
            return Unavailable(
                Outcome.DEGENERATE,
                f"the {name} is {usable[column].iloc[0]:g} for every replica, so there is no order"
                " to compare",
            )
    return float(spearman(*_arrays(usable), np.ones((1, len(usable))))[0])


def _row(
    scope: str, criterion: Any, parts: Sequence[pd.DataFrame], n_bootstrap: int
) -> dict[str, Any]:
    usable = [_usable(part) for part in parts]
    sizes = {
        "n_datasets": len(parts),
        "n_models": len(set().union(*(part["model"] for part in usable))),
        "n_replicas": sum(map(len, usable)),
        "n_left_out": sum(map(len, parts)) - sum(map(len, usable)),
    }
    found = [_rho(part) for part in parts]
    absent = next((rho for rho in found if isinstance(rho, Unavailable)), None)
    if absent is not None:
        return {
            "scope": scope,
            "criterion": criterion,
            "rho": np.nan,
            "low": np.nan,
            "high": np.nan,
            **sizes,
            "status": str(absent.outcome),
            "reason": absent.reason,
            "note": "",
        }
    low, high = _interval(usable, n_bootstrap)
    known = {
        "scope": scope,
        "criterion": criterion,
        "rho": float(np.mean([rho for rho in found if isinstance(rho, float)])),
        "low": low,
        "high": high,
    }
    return {**known, **sizes, "status": str(Outcome.OK), "reason": "", "note": _note(scope, sizes)}


def _note(scope: str, sizes: dict[str, int]) -> str:
    notes = []
    if scope == ALL_DATASETS and sizes["n_datasets"] < FEW_DATASETS:
        notes.append(
            f"{sizes['n_datasets']} data set{'s' * (sizes['n_datasets'] != 1)}: too few to speak of"
            " others"
        )
    if sizes["n_models"] < FEW_MODELS:
        notes.append(
            f"{sizes['n_models']} model{'s' * (sizes['n_models'] != 1)}: the interval is rough"
        )
    return "; ".join(notes)


def _interval(parts: Sequence[pd.DataFrame], n_bootstrap: int) -> tuple[float, float]:
    """Return the 95 % interval of the mean rho; resamples without spread have no rho and are left
    out.
    """
    rng = np.random.default_rng([RANDOM_STATE, len(parts)])
    drawn = rng.integers(len(parts), size=(n_bootstrap, len(parts)))
    rhos = np.empty(drawn.shape)
    for dataset, part in enumerate(parts):
        here = drawn == dataset
        rhos[here] = spearman(*_arrays(part), _times(part, int(here.sum()), rng))
    means = rhos.mean(axis=1)
    means = means[~np.isnan(means)]
    n_models = parts[0]["model"].nunique()
    n_units = len(parts) if len(parts) > 1 else (n_models if n_models > 1 else len(parts[0]))
    if not len(means):
        return np.nan, np.nan
    tail = widened_tail(n_units)
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _times(
    part: pd.DataFrame, n_draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "draws replicas"]:
    """Return how often each replica is drawn: models with replacement, then, for each drawn one, as
    many of its seeds as it has with replacement.
    """
    sizes = part.groupby("model", sort=False).size().to_numpy()
    models = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=n_draws)
    return np.concatenate(
        [
            rng.multinomial(models[:, i] * size, np.full(size, 1 / size))
            for i, size in enumerate(sizes)
        ],
        axis=1,
    ).astype(np.float64)


def _arrays(
    part: pd.DataFrame,
) -> tuple[Float[np.ndarray, " replicas"], Float[np.ndarray, " replicas"]]:
    return part["value"].to_numpy(dtype=np.float64), part["ari"].to_numpy(dtype=np.float64)
