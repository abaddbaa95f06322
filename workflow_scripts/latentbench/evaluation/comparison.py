"""Which scores of two studies differ beyond what their seeds explain.

A row is a (dataset, model, split, clustering, metric). Its values in A and B are paired where two
seeds or more have one in both, and compared by Student's paired t-test,

    t = mean(d) / (sd(d) / sqrt(n)),  d = B - A,  n - 1 degrees of freedom
                                      (1)

otherwise by Welch's (1947) test of two samples. (1) is ``bootstrap.p_value`` of one data set with
infinitely many resamples: a comparison makes hundreds of tests, and a p-value that cannot fall
below 1 / 2001 would survive no correction. p-values are adjusted by Holm's method over all rows
that were tested.

Where three seeds or more agree that the difference is the same to rounding there is no noise to
compare it with, and it is beyond noise as it is: a model that is the same for every seed has
changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped
from scipy.special import stdtr

from latentbench.evaluation.bootstrap import ALPHA, holm
from latentbench.outcomes import Outcome

ROW = ["dataset", "model", "split", "clustering", "metric"]
KEYS = [*ROW, "seed"]
NEEDED = [*KEYS, "value", "status"]
ROUNDING = 1e-9
LEAST_ALIKE = 3
NO_SEED = -1


class Verdict(StrEnum):
    """What became of a row from A to B."""

    BEYOND_NOISE = "beyond_noise"
    UNTESTED = "untested"
    WITHIN_NOISE = "within_noise"
    NO_VALUE = "no_value"
    IDENTICAL = "identical"
    ONLY_IN_A = "only_in_a"
    ONLY_IN_B = "only_in_b"


COLUMNS = [
    *ROW,
    "verdict",
    "n_a",
    "n_b",
    "mean_a",
    "mean_b",
    "difference",
    "test",
    "p_value",
    "p_holm",
    "statuses",
    "seeds_only_in_a",
    "seeds_only_in_b",
]


@dataclass(frozen=True)
class Side:
    """The scores of one study, a row a row of the comparison, a column a seed; where there is none
    the value is NaN and the status "".
    """

    values: Float[np.ndarray, "rows seeds"]
    statuses: Shaped[np.ndarray, "rows seeds"]

    @property
    def there(self) -> Bool[np.ndarray, "rows seeds"]:
        """Which seeds the study has."""
        return self.statuses != ""

    @property
    def scored(self) -> Bool[np.ndarray, "rows seeds"]:
        """Which seeds have a value."""
        return (self.statuses == str(Outcome.OK)) & ~np.isnan(self.values)


def compare(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return one row for every row of the scores of A (``first``) or B (``second``), worst first.

    ``verdict``: see ``Verdict``; ``difference`` is B - A; ``statuses``: seeds whose outcome
    changed, as "seed 3: ok -> failed"; ``untested``: values differ but there are too few seeds for
    a test.

    Raises:
        ValueError: a replica is there twice.
    """
    tables = [_keyed(scores, name) for scores, name in ((first, "A"), (second, "B"))]
    rows = pd.MultiIndex.from_frame(pd.concat(tables)[ROW].drop_duplicates().sort_values(ROW))
    seeds = np.unique(np.concatenate([table["seed"] for table in tables])).astype(np.int64)
    a, b = (_side(table, rows, seeds) for table in tables)
    found = [
        _compared(
            Side(a.values[i : i + 1], a.statuses[i : i + 1]),
            Side(b.values[i : i + 1], b.statuses[i : i + 1]),
            seeds,
        )
        for i in range(len(rows))
    ]
    frame = pd.concat(
        [
            rows.to_frame(index=False),
            pd.DataFrame(found, columns=[name for name in COLUMNS if name not in ROW]),
        ],
        axis=1,
    )
    tested = frame["p_value"].notna().to_numpy()
    frame["p_holm"] = np.nan
    frame.loc[tested, "p_holm"] = holm(frame.loc[tested, "p_value"].to_numpy(dtype=np.float64))
    frame["verdict"] = frame["verdict"].mask(frame["p_holm"] <= ALPHA, str(Verdict.BEYOND_NOISE))
    place = {str(verdict): i for i, verdict in enumerate(Verdict)}
    order = pd.DataFrame(
        {
            "place": frame["verdict"].map(place),
            "p": frame["p_holm"].fillna(0.0),
            "size": -frame["difference"].abs(),
        }
    )
    return frame.loc[
        order.sort_values(["place", "p", "size"], kind="stable").index, COLUMNS
    ].reset_index(drop=True)


def differs(frame: pd.DataFrame) -> bool:
    """Whether anything differs that seeds do not explain: a value beyond noise, or the outcome of a
    replica.
    """
    return bool((frame["verdict"] == Verdict.BEYOND_NOISE).any() or (frame["statuses"] != "").any())


def _keyed(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the columns that are compared; a row of a variant that never ran has seed
    ``NO_SEED``.
    """
    frame = scores[NEEDED].assign(
        seed=scores["seed"].astype("Int64").fillna(NO_SEED).astype(np.int64)
    )
    twice = frame[frame.duplicated(KEYS)]
    if len(twice):
        raise ValueError(
            f"{name}: {', '.join(map(str, twice[KEYS].iloc[0]))} is there twice; a scores table has"
            " one row for each seed"
        )
    return frame


def _side(table: pd.DataFrame, rows: pd.MultiIndex, seeds: Int[np.ndarray, " seeds"]) -> Side:
    place = (
        rows.get_indexer(pd.MultiIndex.from_frame(table[ROW])),
        np.searchsorted(seeds, table["seed"]),
    )
    values, statuses = (
        np.full((len(rows), len(seeds)), np.nan),
        np.full((len(rows), len(seeds)), "", dtype=object),
    )
    values[place], statuses[place] = (
        table["value"].to_numpy(dtype=np.float64),
        table["status"].astype(str).to_numpy(),
    )
    return Side(values, statuses)


def _compared(a: Side, b: Side, seeds: Int[np.ndarray, " seeds"]) -> dict[str, Any]:
    """Return what is said of one row, before Holm's correction."""
    scored_a, scored_b = a.values[a.scored], b.values[b.scored]
    known = {
        "n_a": len(scored_a),
        "n_b": len(scored_b),
        "mean_a": _mean(scored_a),
        "mean_b": _mean(scored_b),
        "difference": _mean(scored_b) - _mean(scored_a),
        "test": "",
        "p_value": np.nan,
        "statuses": _status_changes(a, b, seeds),
        "seeds_only_in_a": ", ".join(map(str, seeds[(a.there & ~b.there)[0]])),
        "seeds_only_in_b": ", ".join(map(str, seeds[(b.there & ~a.there)[0]])),
    }
    if not (a.there.any() and b.there.any()):
        return {**known, "verdict": str(Verdict.ONLY_IN_A if a.there.any() else Verdict.ONLY_IN_B)}
    if (a.statuses == b.statuses).all() and np.array_equal(a.values, b.values, equal_nan=True):
        return {**known, "verdict": str(Verdict.IDENTICAL)}
    if not (len(scored_a) and len(scored_b)):
        return {**known, "verdict": str(Verdict.NO_VALUE)}
    pairs = a.scored & b.scored
    return known | (
        _paired(a.values[pairs], b.values[pairs])
        if pairs.sum() > 1
        else _unpaired(scored_a, scored_b)
    )


def _paired(a: Float[np.ndarray, " seeds"], b: Float[np.ndarray, " seeds"]) -> dict[str, Any]:
    difference = b - a
    mean, n = difference.mean(), len(difference)
    known: dict[str, Any] = {"test": "paired t", "difference": float(mean)}
    if _small(difference, a):
        return {**known, "verdict": str(Verdict.WITHIN_NOISE)}
    if _small(difference - mean, a):
        return {**known, **_alike(n)}
    p_value = 2 * stdtr(n - 1, -abs(mean) / (difference.std(ddof=1) / np.sqrt(n)))
    return {**known, "verdict": str(Verdict.WITHIN_NOISE), "p_value": float(p_value)}


def _unpaired(a: Float[np.ndarray, " _"], b: Float[np.ndarray, " _"]) -> dict[str, Any]:
    if _small(np.concatenate([a - a.mean(), b - b.mean()]), a):
        return (
            {"verdict": str(Verdict.WITHIN_NOISE)}
            if _small(np.array([b.mean() - a.mean()]), a)
            else _alike(min(len(a), len(b)))
        )
    if min(len(a), len(b)) < 2:
        return {"verdict": str(Verdict.UNTESTED)}
    errors = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    df = errors.sum() ** 2 / (errors**2 / [len(a) - 1, len(b) - 1]).sum()
    p_value = 2 * stdtr(df, -abs(b.mean() - a.mean()) / np.sqrt(errors.sum()))
    return {"test": "Welch", "verdict": str(Verdict.WITHIN_NOISE), "p_value": float(p_value)}


def _alike(n_seeds: int) -> dict[str, Any]:
    """Return what is said of a difference that is the same for all of ``n_seeds``."""
    return (
        {"test": "the same for every seed", "verdict": str(Verdict.BEYOND_NOISE)}
        if n_seeds >= LEAST_ALIKE
        else {"test": "", "verdict": str(Verdict.UNTESTED)}
    )


def _small(values: Float[np.ndarray, " _"], beside: Float[np.ndarray, " _"]) -> bool:
    """Whether values are 0 to rounding, beside others of their kind."""
    return bool(np.abs(values).max() <= ROUNDING * max(1.0, float(np.abs(beside).max())))


def _status_changes(a: Side, b: Side, seeds: Int[np.ndarray, " seeds"]) -> str:
    changed = np.flatnonzero((a.there & b.there & (a.statuses != b.statuses))[0])
    return "; ".join(
        (f"seed {seeds[i]}: " if seeds[i] != NO_SEED else "")
        + f"{a.statuses[0, i]} -> {b.statuses[0, i]}"
        for i in changed
    )


def _mean(values: Float[np.ndarray, " _"]) -> float:
    return float(values.mean()) if len(values) else np.nan


def counts(frame: pd.DataFrame) -> Mapping[str, int]:
    """Return how many rows have each verdict, in the order of ``Verdict``."""
    found = frame["verdict"].value_counts()
    return {str(verdict): int(found.get(str(verdict), 0)) for verdict in Verdict}
