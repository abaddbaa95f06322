"""Which model to take, without labels: a rule named beforehand.

Of every variant, means over its seeds:

    agreement    ARI of its members with the groups, members of like granularity          (1)
    stability    ARI between members of the same clusterer and other seeds                (2)
    predictive   the score of held-out counts on one scale for all, where there is one,
                 higher is better                                                          (3)

    score = 2 rank(agreement) + rank(predictive) + rank(stability) / 2                     (4)

with ranks from 0 (worst) to 1 (best), 1/2 where a variant has no value. The highest score is
chosen, agreement breaking ties. The chance of a variant is how often resampling variants' seeds,
cells and the groups with them chooses it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from latentbench.answer.certainty import H
from latentbench.answer.members import Members, effective_number, pairwise_ari
from latentbench.answer.support import Resamples

WEIGHTS = {"agreement": 2.0, "predictive": 1.0, "stability": 0.5}


@dataclass(frozen=True)
class Choice:
    """The chosen variant, and a row a variant: ``agreement``, ``stability``, ``predictive`` (NaN
    where there is none), ``score`` and ``chance``.
    """

    variant: str
    table: pd.DataFrame


def choose_model(
    members: Members,
    groups: Int[np.ndarray, " obs"],
    ari: Float[np.ndarray, " members"],
    resamples: Resamples,
    *,
    predictive: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Choice:
    """Return the choice by equation (4); ``ari``: of every member with the groups.

    ``predictive``: by variant, equation (3).
    """
    table = pd.DataFrame(index=pd.Index(members.variants, name="variant"))
    like = _like(members, groups)
    table["agreement"] = _by_variant(members, ari, like)
    table["stability"] = stabilities(members, like)
    table["predictive"] = pd.Series(predictive or {}, dtype=np.float64).reindex(table.index)
    table["score"] = scores(table)
    rng = np.random.default_rng(seed)
    chosen = pd.Series(0.0, index=table.index)
    for each in resamples.ari:
        drawn = _drawn(members, rng)
        again = table.assign(agreement=_by_variant(members, each, like * drawn))
        chosen[_best(again.assign(score=scores(again)))] += 1
    return Choice(_best(table), table.assign(chance=chosen / max(len(resamples.ari), 1)))


def scores(table: pd.DataFrame) -> pd.Series:
    """Return equation (4) of every variant."""
    total = pd.Series(0.0, index=table.index)
    for criterion, weight in WEIGHTS.items():
        ranks = table[criterion].rank()
        known = table[criterion].notna().sum()
        total += weight * ((ranks - 1) / max(known - 1, 1) if known > 1 else ranks * 0).fillna(0.5)
    return total


def stabilities(members: Members, like: Float[np.ndarray, " members"]) -> pd.Series:
    """Return equation (2) of every variant, NaN of those with one seed."""
    variant, seed = np.array(members.variant), np.array(members.seed)
    clusterer = np.array(members.clusterer)
    ari = pairwise_ari(members.clusters)
    found = {}
    for name in members.variants:
        chosen = np.flatnonzero(variant == name)
        pairs = (clusterer[chosen, None] == clusterer[chosen]) & (
            seed[chosen, None] != seed[chosen]
        )
        weight = pairs * like[chosen, None] * like[chosen]
        found[name] = (
            float((weight * ari[np.ix_(chosen, chosen)]).sum() / weight.sum())
            if weight.sum() > 0
            else np.nan
        )
    return pd.Series(found, dtype=np.float64)


def _like(members: Members, groups: Int[np.ndarray, " obs"]) -> Float[np.ndarray, " members"]:
    """Return how much a member's granularity is that of the groups, in (0, 1]."""
    distance = np.log(members.granularity) - np.log(effective_number(groups))
    return np.exp(-0.5 * (distance / H) ** 2) + 1e-9


def _by_variant(
    members: Members, ari: Float[np.ndarray, " members"], share: Float[np.ndarray, " members"]
) -> pd.Series:
    frame = pd.DataFrame({"variant": members.variant, "share": share, "sum": share * ari})
    sums = frame.groupby("variant")[["sum", "share"]].sum()
    return sums["sum"] / sums["share"]


def _drawn(members: Members, rng: np.random.Generator) -> Float[np.ndarray, " members"]:
    """Return how often each member's seed is drawn, seeds of a variant with replacement."""
    variant, seed = np.array(members.variant), np.array(members.seed)
    counts = np.zeros(len(variant))
    for name in members.variants:
        seeds = np.unique(seed[variant == name])
        for each in rng.choice(seeds, size=len(seeds)):
            counts[(variant == name) & (seed == each)] += 1
    return counts


def _best(table: pd.DataFrame) -> str:
    return str(table.sort_values(["score", "agreement"], ascending=False, kind="stable").index[0])
