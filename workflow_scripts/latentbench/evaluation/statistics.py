"""From the scores of a study to its summary and its answer: which model finds the groups, and how
sure can one be.
"""

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from latentbench.evaluation.bootstrap import ALPHA, holm, interval, mean_of_means, p_value
from latentbench.evaluation.contest import (
    ALL_DATASETS,
    ANSWER_METRIC,
    ANSWER_SPLIT,
    ByModel,
    Contest,
    hold_contest,
    note_on_size,
)
from latentbench.evaluation.ranks import rank_scores
from latentbench.outcomes import Outcome, Unavailable

SUMMARY_KEYS = ["dataset", "model", "clustering", "split", "metric"]


TunedOn = Mapping[str, Collection[str]]
"""Model -> the data sets on whose labels it was tuned; a model that was on none is not there."""


def summarise(
    scores: pd.DataFrame, *, tuned_on: TunedOn | None = None, n_bootstrap: int = 2000
) -> pd.DataFrame:
    """Return n_ok, n_failed, mean, sd, 95 % interval, lowest and highest over seeds of every
    (dataset, model, clustering, split, metric).

    ``n_failed`` counts replicas without a value, except those to which the metric does not apply;
    ``outcomes`` spells them out; ``tuned_here`` says whether the model was tuned on the labels of
    that data set."""
    groups = scores.sort_values("seed", kind="stable").groupby(SUMMARY_KEYS, sort=True)
    rows = [
        {
            **dict(zip(SUMMARY_KEYS, keys, strict=True)),
            **_summary_of(group, n_bootstrap),
            "tuned_here": keys[0] in (tuned_on or {}).get(keys[1], ()),
        }
        for keys, group in groups
    ]
    return pd.DataFrame(rows)


def _summary_of(group: pd.DataFrame, n_bootstrap: int) -> dict[str, object]:
    values = group.loc[group["status"] == Outcome.OK, "value"].to_numpy(dtype=np.float64)
    outcomes = Counter(group["status"])
    low, high = interval([values], n_bootstrap) if len(values) else (np.nan, np.nan)
    return {
        "n_ok": len(values),
        "n_failed": len(group) - len(values) - outcomes[Outcome.NOT_APPLICABLE],
        "mean": values.mean() if len(values) else np.nan,
        "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
        "low": low,
        "high": high,
        "lowest": values.min() if len(values) else np.nan,
        "highest": values.max() if len(values) else np.nan,
        "outcomes": ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())),
        "saw_labels": bool(group["saw_labels"].iloc[0]),
        "headline": bool(group["headline"].iloc[0]),
        "note": note_on_size(n_seeds=len(values)),
    }


def answer(
    scores: pd.DataFrame,
    kinds: Mapping[str, str],
    *,
    tuned_on: TunedOn | None = None,
    circular: Collection[str] = (),
    n_bootstrap: int = 2000,
) -> pd.DataFrame:
    """Return one row a model for every data set (its name in ``scope``) and for all of them
    (``scope`` = "all"), best first.

    The score is the test ARI of the headline clustering; ``hold_contest`` says who competes.
    ``best`` marks the highest mean (of equal ones the first name); ``distinguishable`` says of
    every other contestant whether its paired difference to the best is not 0 (Holm-adjusted p at
    most 0.05). Models outside the contest are shown with the reason.

    ``kinds`` maps each model to its kind; ``tuned_on`` names the data sets of the scope on whose
    labels the model was tuned; ``circular`` data sets do not count over all of them.
    """
    contest = hold_contest(scores, kinds, circular=circular)
    frame = pd.concat(
        [_answer_of(scope, contest, n_bootstrap) for scope in contest.scopes], ignore_index=True
    )
    counted = contest.counted
    n_failed = (
        counted[~counted["status"].isin([Outcome.OK, Outcome.NOT_APPLICABLE])]
        .groupby(["dataset", "model"])
        .size()
    )
    frame["n_failed"] = [
        int(
            sum(n_failed.get((dataset, row.model), 0) for dataset in contest.datasets_of(row.scope))
        )
        for row in frame.itertuples()
    ]
    frame["tuned_on"] = [
        ", ".join(
            sorted(
                set(contest.datasets_of(row.scope)).intersection(
                    (tuned_on or {}).get(row.model, ())
                )
            )
        )
        for row in frame.itertuples()
    ]
    return frame


def _answer_of(scope: str, contest: Contest, n_bootstrap: int) -> pd.DataFrame:
    datasets, contestants = contest.datasets_of(scope), contest.contestants(scope)
    means = {
        model: mean_of_means(_groups(by_dataset, datasets))
        for model, by_dataset in contestants.items()
    }
    best = min(means, key=lambda model: (-means[model], model)) if means else None
    errors = {rival: contest.cell_error(scope, str(best), rival) for rival in contestants}
    comparisons = _comparisons(best, contestants, datasets, errors, n_bootstrap)
    ranks = _mean_ranks(contestants, contest.telling_datasets(scope))
    rows = []
    for model, by_dataset in contest.values_in(scope).items():
        groups = _groups(by_dataset, datasets)
        error = contest.cell_error(scope, model)
        low, high = interval(groups, n_bootstrap, cell_error=error) if groups else (np.nan, np.nan)
        rows.append(
            {
                "scope": scope,
                "model": model,
                "metric": ANSWER_METRIC,
                "split": ANSWER_SPLIT,
                "n_datasets": len(groups),
                "n_seeds": min((len(group) for group in groups), default=0),
                "mean": mean_of_means(groups) if groups else np.nan,
                "low": low,
                "high": high,
                "mean_rank": ranks.get(model, np.nan),
                "in_contest": model in contestants,
                "reason": contest.reasons[model, scope],
                "best": model == best,
                **comparisons.get(model, _NO_COMPARISON),
                "note": note_on_size(
                    n_seeds=min((len(group) for group in groups), default=0),
                    n_datasets=len(datasets) if scope == ALL_DATASETS else None,
                ),
            }
        )
    return pd.DataFrame(rows).sort_values(
        ["in_contest", "mean", "model"],
        ascending=[False, False, True],
        kind="stable",
        ignore_index=True,
    )


_NO_COMPARISON = {
    "difference": np.nan,
    "difference_low": np.nan,
    "difference_high": np.nan,
    "p_value": np.nan,
    "p_holm": np.nan,
    "distinguishable": pd.NA,
    "untested": "",
}
UNPAIRED = Unavailable(Outcome.NOT_APPLICABLE, "no test: no seed in common")


def _comparisons(
    best: str | None,
    contestants: ByModel,
    datasets: list[str],
    errors: Mapping[str, float],
    n_bootstrap: int,
) -> dict[str, dict[str, object]]:
    """Return the best model's lead over each other contestant, paired by data set and seed, with
    its interval and Holm-adjusted test; ``errors`` are those of the leads that come from which
    cells were in the split.
    """
    rivals = [model for model in contestants if model != best]
    if not rivals:
        return {}
    leads = {
        rival: _paired_differences(contestants[best], contestants[rival], datasets)
        for rival in rivals
    }
    tests = [
        p_value(leads[rival], n_bootstrap, cell_error=errors[rival]) if leads[rival] else UNPAIRED
        for rival in rivals
    ]
    p_values = np.array([np.nan if isinstance(test, Unavailable) else test for test in tests])
    found = {}
    # The best was picked from these very scores, so the family is that of all pairs: any of them
    # could have been looked at.
    n_pairs = len(contestants) * (len(contestants) - 1) // 2
    for rival, test, p, adjusted in zip(
        rivals, tests, p_values, holm(p_values, n_tests=n_pairs), strict=True
    ):
        low, high = (
            interval(leads[rival], n_bootstrap, cell_error=errors[rival])
            if leads[rival]
            else (np.nan, np.nan)
        )
        found[rival] = {
            "difference": mean_of_means(leads[rival]) if leads[rival] else np.nan,
            "difference_low": low,
            "difference_high": high,
            "p_value": p,
            "p_holm": adjusted,
            "distinguishable": pd.NA if np.isnan(adjusted) else bool(adjusted <= ALPHA),
            "untested": test.reason if isinstance(test, Unavailable) else "",
        }
    return found


def _paired_differences(
    first: dict[str, pd.Series], second: dict[str, pd.Series], datasets: list[str]
) -> list[np.ndarray]:
    """Return, per data set, first minus second over the seeds that both have."""
    differences = [
        (first[dataset] - second[dataset]).dropna().to_numpy(dtype=np.float64)
        for dataset in datasets
    ]
    return differences if all(len(difference) for difference in differences) else []


def _mean_ranks(contestants: ByModel, datasets: list[str]) -> dict[str, float]:
    """Return each contestant's rank by mean score (1 is best, ties share the average), averaged
    over data sets.
    """
    if not contestants:
        return {}
    means = np.array(
        [
            [by_dataset[dataset].mean() for by_dataset in contestants.values()]
            for dataset in datasets
        ]
    )
    return dict(zip(contestants, rank_scores(means).mean(axis=0).tolist(), strict=True))


def _groups(by_dataset: dict[str, pd.Series], datasets: list[str]) -> list[np.ndarray]:
    return [
        by_dataset[dataset].to_numpy(dtype=np.float64)
        for dataset in datasets
        if dataset in by_dataset
    ]
