"""Choosing a seed of a variant, and a variant of a data set, without labels; and how good each way
of choosing would have been, measured with them.

The rule in force is named by the config, before any score is known. What it picks goes to the user;
the labels only tell afterwards, for it and for every other criterion, what was gained over a choice
at random:

    gain   = score(picked) - mean score(candidates)                                     (1)
    share  = 100 gain / ( max score(candidates) - mean score(candidates) )              (2)
           percent: 100 for the best candidate, 0 for chance

The score is the ARI of the headline clusters of the test cells. Candidates on the level ``seed``
are the replicas of a variant, on the level ``model`` the variants of a data set, each by its mean
over seeds. Bounds and losses of different likelihoods do not compare, so no variant is chosen by
one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentbench.evaluation.bootstrap import interval, mean_of_means
from latentbench.evaluation.score_rows import NO_CLUSTERING
from latentbench.files.tables import CHOICES
from latentbench.files.tables import CRITERIA as CRITERIA_ROWS
from latentbench.outcomes import Outcome
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS


@dataclass(frozen=True)
class Criterion:
    """Where a criterion stands among the scores: the metric, of which split; of the headline
    clusters unless ``clustering`` says otherwise.
    """

    metric: str
    split: str = "train"
    clustering: str | None = None
    higher_is_better: bool = True
    between_models: bool = False


CRITERIA: dict[str, Criterion] = {
    "held_out_loss": Criterion("loss", "test", NO_CLUSTERING, higher_is_better=False),
    "iw_bound": Criterion("iw_bound", "test", NO_CLUSTERING),
    "silhouette_of_clusters": Criterion("silhouette_of_clusters", between_models=True),
    "agreement_of_seeds": Criterion("agreement_of_seeds", between_models=True),
    "agreement_with_consensus": Criterion("agreement_with_consensus", between_models=True),
    "agreement_of_models": Criterion("agreement_of_models", between_models=True),
    "mutual_information": Criterion("mutual_information", clustering="own"),
    "confidence": Criterion("confidence", clustering="own"),
}
BEST_ELSEWHERE = "best_on_other_datasets"
COMBINED = "consensus_of_all"
"""No choice at all: what the candidates agree on. Its share may be above 100."""
SCORE = ("ari", "test")
REPLICA = ["dataset", "model", "seed"]


def criterion_values(scores: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return columns dataset, model, seed, criterion, value (higher is better) and ari (NaN where
    there is none), for variants that compete.

    Controls, variants that saw labels, the consensus, and replicas that did not end ok are left
    out."""
    scores = _competing(scores, kinds)
    frames = []
    for name, criterion in CRITERIA.items():
        of_clusters = (
            scores["headline"]
            if criterion.clustering is None
            else scores["clustering"] == criterion.clustering
        )
        found = scores[
            of_clusters
            & (scores["metric"] == criterion.metric)
            & (scores["split"] == criterion.split)
        ]
        sign = 1.0 if criterion.higher_is_better else -1.0
        frames.append(found[REPLICA].assign(criterion=name, value=sign * found["value"]))
    return pd.concat(frames, ignore_index=True).join(_ari_of(scores), on=REPLICA)


def _competing(scores: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    ours = (
        ~scores["model"].map(kinds).isin([*CONTROL_KINDS, CONSENSUS])
        & ~scores["saw_labels"]
        & scores["seed"].notna()
        & (scores["status"] == Outcome.OK)
    )
    return scores[ours].astype({"seed": int})


def _ari_of(scores: pd.DataFrame) -> pd.Series:
    """Return the score of every replica that has one, by ``REPLICA``."""
    counted = scores[
        scores["headline"] & (scores["metric"] == SCORE[0]) & (scores["split"] == SCORE[1])
    ]
    return counted.set_index(REPLICA)["value"].rename("ari")


def choose_replica(
    scores: pd.DataFrame,
    kinds: Mapping[str, str],
    criterion: str,
    *,
    dataset: str,
    model: str,
    ok_seeds: list[int],
) -> tuple[int, str]:
    """Return the replica of one variant to show, and by what it was chosen: the highest value of
    the criterion, the first seed of equal ones.

    ``ok_seeds`` is not empty. A variant without a value of the criterion (one seed, say) shows its
    first replica that ended ok."""
    values = criterion_values(
        scores[(scores["dataset"] == dataset) & (scores["model"] == model)], kinds
    )
    values = values[values["criterion"] == criterion].sort_values(
        ["value", "seed"], ascending=[False, True], kind="stable"
    )
    if values.empty:
        return (
            min(ok_seeds),
            f"the first seed that ended ok: {criterion} has no value, or the variant saw labels",
        )
    return int(values["seed"].iloc[0]), criterion


def choices(
    scores: pd.DataFrame, kinds: Mapping[str, str], *, seed: str, model: str
) -> pd.DataFrame:
    """Return what every criterion picks on both levels, and its gain; ``in_force`` marks the rule
    that the config names, ``seed`` and ``model``.

    Columns: ``CHOICES``; ``model`` is that of a choice among seeds, ``picked`` a seed or a
    variant. ``mean_ari`` and ``best_ari`` are those of all that compete, whether the criterion has
    a value of them or not (a collapsed clustering has no silhouette, and is a candidate all the
    same). The ARI columns are NaN where the labels do not serve; the choice stands."""
    values = criterion_values(scores, kinds)
    ari = _ari_of(_competing(scores, kinds))
    of_variants = ari.groupby(level=["dataset", "model"]).mean()
    rows = []
    for (dataset, variant, criterion), candidates in values.groupby(
        ["dataset", "model", "criterion"], sort=True
    ):
        pool = ari[
            (ari.index.get_level_values(0) == dataset) & (ari.index.get_level_values(1) == variant)
        ].droplevel([0, 1])
        chosen = _choice(candidates.set_index("seed")["value"], pool)
        rows.append(
            {
                "dataset": dataset,
                "level": "seed",
                "model": variant,
                "criterion": criterion,
                **chosen,
                "in_force": criterion == seed,
            }
        )
    between = values[
        values["criterion"].isin(
            [name for name, criterion in CRITERIA.items() if criterion.between_models]
        )
    ]
    for (dataset, criterion), candidates in between.groupby(["dataset", "criterion"], sort=True):
        pool = of_variants[of_variants.index.get_level_values(0) == dataset].droplevel(0)
        chosen = _choice(candidates.groupby("model")["value"].mean(), pool)
        rows.append(
            {
                "dataset": dataset,
                "level": "model",
                "model": "",
                "criterion": criterion,
                **chosen,
                "in_force": criterion == model,
            }
        )
    made = pd.DataFrame(rows, columns=CHOICES.columns).astype({"in_force": bool})
    agreed = scores[
        (scores["clustering"] == CONSENSUS)
        & (scores["metric"] == SCORE[0])
        & (scores["split"] == SCORE[1])
        & (scores["status"] == Outcome.OK)
    ]
    return pd.concat([made, *_combined(made, agreed)], ignore_index=True)


def _choice(values: pd.Series, ari: pd.Series) -> dict[str, object]:
    """Return the candidate with the highest value, the first by name of equal ones, and its worth
    among all whose ``ari`` is known; both by candidate.
    """
    picked = values.sort_index(kind="stable").idxmax()
    known = len(ari) > 0 and picked in ari.index
    of_picked, mean, highest = (
        (float(ari[picked]), float(ari.mean()), float(ari.max()))
        if known
        else (np.nan, np.nan, np.nan)
    )
    return {
        **{
            "n_candidates": max(len(values), len(ari)),
            "picked": str(picked),
            "value": float(values[picked]),
        },
        **{
            "ari": of_picked,
            "mean_ari": mean,
            "best_ari": highest,
            "gain": of_picked - mean,
            "share": _share(of_picked - mean, highest - mean),
        },
    }


def _share(gain: float, room: float) -> float:
    return 100 * gain / room if room > 1e-12 else np.nan


def _combined(made: pd.DataFrame, agreed: pd.DataFrame) -> list[pd.DataFrame]:
    """Return, in the columns of ``made``, what there is in the place of a choice: the consensus of
    the seeds of a variant, and that of the variants.
    """
    of_variants = agreed["model"] != CONSENSUS
    found = agreed.assign(
        model=agreed["model"].where(of_variants, ""), level=np.where(of_variants, "seed", "model")
    ).set_index(["dataset", "level", "model"])
    candidates = made.drop_duplicates(["dataset", "level", "model"]).set_index(
        ["dataset", "level", "model"]
    )
    both = candidates.join(found["value"].rename("agreed"), how="inner").reset_index()
    if both.empty:
        return []
    gain = both["agreed"] - both["mean_ari"]
    share = [
        _share(each, room)
        for each, room in zip(gain, both["best_ari"] - both["mean_ari"], strict=True)
    ]
    return [
        both.assign(
            criterion=COMBINED,
            picked="all",
            value=np.nan,
            in_force=False,
            ari=both["agreed"],
            gain=gain,
            share=share,
        )[CHOICES.columns]
    ]


def evidence(made: pd.DataFrame, *, n_bootstrap: int = 2000) -> pd.DataFrame:
    """Return, for every level and criterion, the mean gain over data sets (over their variants
    first) with its hierarchical bootstrap interval.

    Columns: level, criterion, n_datasets, n_choices, ari, mean_ari, best_ari, gain, low, high,
    share (percent of what could be gained), in_force. Choices among fewer than two, or without an
    ARI, do not count. ``BEST_ELSEWHERE`` takes on each data set the criterion with the highest mean
    gain on the others: what choosing a criterion by labels that one has is worth on data that has
    none. It needs three data sets, and has no interval."""
    counted = made[(made["n_candidates"] > 1) & made["gain"].notna()]
    rows = []
    for level, of_level in counted.groupby("level", sort=True):
        by_criterion = {
            str(criterion): group for criterion, group in of_level.groupby("criterion", sort=True)
        }
        chosen = of_level[of_level["criterion"] != COMBINED]
        rows += [
            {"level": level, "criterion": criterion, **_worth(group, n_bootstrap)}
            for criterion, group in by_criterion.items()
        ]
        if chosen["dataset"].nunique() > 2 and len(elsewhere := _best_elsewhere(chosen)):
            # Its picks depend on each other through the data sets that they share: an interval of
            # independent ones would be too narrow.
            worth = {
                **_worth(elsewhere, n_bootstrap),
                "low": np.nan,
                "high": np.nan,
                "in_force": False,
            }
            rows.append({"level": level, "criterion": BEST_ELSEWHERE, **worth})
    return pd.DataFrame(rows, columns=CRITERIA_ROWS.columns).sort_values(
        ["level", "gain", "criterion"],
        ascending=[False, False, True],
        kind="stable",
        ignore_index=True,
    )


def _worth(group: pd.DataFrame, n_bootstrap: int) -> dict[str, object]:
    gains = _by_dataset(group, "gain")
    low, high = interval(gains, n_bootstrap)
    means = {
        name: mean_of_means(_by_dataset(group, name))
        for name in ("ari", "mean_ari", "best_ari", "gain")
    }
    return {
        **{"n_datasets": len(gains), "n_choices": len(group), **means, "low": low, "high": high},
        **{
            "share": _share(means["gain"], means["best_ari"] - means["mean_ari"]),
            "in_force": bool(group["in_force"].any()),
        },
    }


def _best_elsewhere(of_level: pd.DataFrame) -> pd.DataFrame:
    """Return the choices on each data set of the criterion that gains most on the others, the first
    by name of equal ones.
    """
    chosen = []
    for dataset, here in of_level.groupby("dataset", sort=True):
        others = of_level[
            (of_level["dataset"] != dataset) & of_level["criterion"].isin(here["criterion"])
        ]
        gains = {
            str(criterion): mean_of_means(_by_dataset(group, "gain"))
            for criterion, group in others.groupby("criterion", sort=True)
        }
        if gains:
            chosen.append(here[here["criterion"] == max(gains, key=gains.__getitem__)])
    return pd.concat(chosen, ignore_index=True) if chosen else of_level.iloc[:0]


def _by_dataset(group: pd.DataFrame, column: str) -> list[np.ndarray]:
    return [
        each[column].to_numpy(dtype=np.float64) for _, each in group.groupby("dataset", sort=True)
    ]
