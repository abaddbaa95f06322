"""Choosing a seed of a variant, and a variant of a data set, without labels; and how good each way of choosing would have been, measured with them.

The rule in force is named by the config, before any score is known. What it picks goes to the user; the labels only tell afterwards, for it and for every
other criterion, what was gained over a choice at random:

    gain   = score(picked) - mean score(candidates)                                     (1)
    share  = 100 gain / ( max score(candidates) - mean score(candidates) )              (2)   percent: 100 for the best candidate, 0 for chance

The score is the ARI of the headline clusters of the test cells. Candidates on the level ``seed`` are the replicas of a variant, on the level ``model`` the
variants of a data set, each by its mean over seeds. Bounds and losses of different likelihoods do not compare, so no variant is chosen by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentbench.applicability import CONSENSUS, CONTROL_KINDS
from latentbench.evaluation.bootstrap import interval, mean_of_means
from latentbench.evaluation.score_rows import NO_CLUSTERING
from latentbench.outcomes import Outcome


@dataclass(frozen=True)
class Criterion:
    """Where a criterion stands among the scores: the metric, of which split; of the headline clusters unless ``clustering`` says otherwise."""

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


def criterion_values(scores: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return columns dataset, model, seed, criterion, value (higher is better) and ari (NaN where there is none), for variants that compete.

    Controls, variants that saw labels, the consensus, and replicas that did not end ok are left out.
    """
    ours = ~scores["model"].map(kinds).isin([*CONTROL_KINDS, CONSENSUS]) & ~scores["saw_labels"] & scores["seed"].notna() & (scores["status"] == Outcome.OK)
    scores = scores[ours].astype({"seed": int})
    keys = ["dataset", "model", "seed"]
    ari = scores[scores["headline"] & (scores["metric"] == SCORE[0]) & (scores["split"] == SCORE[1])].set_index(keys)["value"].rename("ari")
    frames = []
    for name, criterion in CRITERIA.items():
        of_clusters = scores["headline"] if criterion.clustering is None else scores["clustering"] == criterion.clustering
        found = scores[of_clusters & (scores["metric"] == criterion.metric) & (scores["split"] == criterion.split)]
        sign = 1.0 if criterion.higher_is_better else -1.0
        frames.append(found[keys].assign(criterion=name, value=sign * found["value"]))
    return pd.concat(frames, ignore_index=True).join(ari, on=keys)


def choose_replica(scores: pd.DataFrame, kinds: Mapping[str, str], criterion: str, *, dataset: str, model: str, ok_seeds: list[int]) -> tuple[int, str]:
    """Return the replica of one variant to show, and by what it was chosen: the highest value of the criterion, the first seed of equal ones.

    ``ok_seeds`` is not empty. A variant without a value of the criterion (one seed, say) shows its first replica that ended ok.
    """
    values = criterion_values(scores[(scores["dataset"] == dataset) & (scores["model"] == model)], kinds)
    values = values[values["criterion"] == criterion].sort_values(["value", "seed"], ascending=[False, True], kind="stable")
    if values.empty:
        return min(ok_seeds), f"the first seed that ended ok: {criterion} has no value"
    return int(values["seed"].iloc[0]), criterion


def choices(scores: pd.DataFrame, kinds: Mapping[str, str], *, seed: str, model: str) -> pd.DataFrame:
    """Return what every criterion picks on both levels, and its gain; ``in_force`` marks the rule that the config names, ``seed`` and ``model``.

    Columns: dataset, level, model (of a choice among seeds), criterion, n_candidates, picked (a seed or a variant), value, ari, mean_ari, best_ari, gain,
    share, in_force. The ARI columns are NaN where the labels do not serve; the choice stands all the same.
    """
    values = criterion_values(scores, kinds)
    of_variants = values.groupby(["dataset", "model", "criterion"], as_index=False)[["value", "ari"]].mean()
    of_variants = of_variants[of_variants["criterion"].map(lambda name: CRITERIA[name].between_models)]
    rows = []
    for (dataset, variant, criterion), candidates in values.groupby(["dataset", "model", "criterion"], sort=True):
        rows.append({"dataset": dataset, "level": "seed", "model": variant, **_choice(candidates, "seed", criterion), "in_force": criterion == seed})
    for (dataset, criterion), candidates in of_variants.groupby(["dataset", "criterion"], sort=True):
        rows.append({"dataset": dataset, "level": "model", "model": "", **_choice(candidates, "model", criterion), "in_force": criterion == model})
    columns = ["dataset", "level", "model", "criterion", "n_candidates", "picked", "value", "ari", "mean_ari", "best_ari", "gain", "share", "in_force"]
    made = pd.DataFrame(rows, columns=columns)
    agreed = scores[(scores["clustering"] == CONSENSUS) & (scores["metric"] == SCORE[0]) & (scores["split"] == SCORE[1]) & (scores["status"] == Outcome.OK)]
    return pd.concat([made, *_combined(made, agreed)], ignore_index=True)


def _combined(made: pd.DataFrame, agreed: pd.DataFrame) -> list[pd.DataFrame]:
    """Return, in the columns of ``made``, what there is in the place of a choice: the consensus of the seeds of a variant, and that of the variants."""
    if agreed.empty:
        return []
    of_variants = agreed["model"] != CONSENSUS
    found = agreed.assign(model=agreed["model"].where(of_variants, ""), level=np.where(of_variants, "seed", "model")).set_index(["dataset", "level", "model"])
    candidates = made.drop_duplicates(["dataset", "level", "model"]).set_index(["dataset", "level", "model"])
    both = candidates.join(found["value"].rename("agreed"), how="inner").reset_index()
    gain, room = both["agreed"] - both["mean_ari"], both["best_ari"] - both["mean_ari"]
    worth = {"ari": both["agreed"], "gain": gain, "share": (100 * gain / room).where(room > 1e-12)}
    return [both.assign(criterion=COMBINED, picked="all", value=np.nan, in_force=False, **worth)[list(made.columns)]]


def evidence(made: pd.DataFrame, *, n_bootstrap: int = 2000) -> pd.DataFrame:
    """Return, for every level and criterion, the mean gain over data sets (over their variants first) with its hierarchical bootstrap interval.

    Columns: level, criterion, n_datasets, n_choices, ari, mean_ari, best_ari, gain, low, high, share (percent of what could be gained), in_force. Choices among
    fewer than two, or without an ARI, do not count. ``BEST_ELSEWHERE`` takes on each data set the criterion with the highest mean gain on the others: what
    choosing a criterion by labels that one has is worth on data that has none. It needs three data sets.
    """
    counted = made[(made["n_candidates"] > 1) & made["gain"].notna()]
    rows = []
    for level, of_level in counted.groupby("level", sort=True):
        by_criterion = {str(criterion): group for criterion, group in of_level.groupby("criterion", sort=True)}
        chosen = of_level[of_level["criterion"] != COMBINED]
        if chosen["dataset"].nunique() > 2:
            by_criterion[BEST_ELSEWHERE] = _best_elsewhere(chosen).assign(in_force=False)
        rows += [{"level": level, "criterion": criterion, **_worth(group, n_bootstrap)} for criterion, group in by_criterion.items()]
    columns = ["level", "criterion", "n_datasets", "n_choices", "ari", "mean_ari", "best_ari", "gain", "low", "high", "share", "in_force"]
    return pd.DataFrame(rows, columns=columns).sort_values(["level", "gain", "criterion"], ascending=[False, False, True], kind="stable", ignore_index=True)


def _worth(group: pd.DataFrame, n_bootstrap: int) -> dict[str, object]:
    gains = _by_dataset(group, "gain")
    low, high = interval(gains, n_bootstrap)
    room = float((group["best_ari"] - group["mean_ari"]).sum())
    return {
        **{"n_datasets": len(gains), "n_choices": len(group)},
        **{name: mean_of_means(_by_dataset(group, name)) for name in ("ari", "mean_ari", "best_ari")},
        **{"gain": mean_of_means(gains), "low": low, "high": high},
        **{"share": 100 * float(group["gain"].sum()) / room if room > 0 else np.nan, "in_force": bool(group["in_force"].any())},
    }


def _best_elsewhere(of_level: pd.DataFrame) -> pd.DataFrame:
    """Return the choices on each data set of the criterion that gains most on the others, the first by name of equal ones."""
    chosen = []
    for dataset, here in of_level.groupby("dataset", sort=True):
        others = of_level[(of_level["dataset"] != dataset) & of_level["criterion"].isin(here["criterion"])]
        gains = {str(criterion): mean_of_means(_by_dataset(group, "gain")) for criterion, group in others.groupby("criterion", sort=True)}
        if gains:
            chosen.append(here[here["criterion"] == max(gains, key=gains.__getitem__)])
    return pd.concat(chosen, ignore_index=True)


def _by_dataset(group: pd.DataFrame, column: str) -> list[np.ndarray]:
    return [each[column].to_numpy(dtype=np.float64) for _, each in group.groupby("dataset", sort=True)]


def _choice(candidates: pd.DataFrame, name: str, criterion: str) -> dict[str, object]:
    ordered = candidates.sort_values(["value", name], ascending=[False, True], kind="stable")
    best = ordered.iloc[0]
    known = candidates["ari"].notna().all()
    mean, highest = (candidates["ari"].mean(), candidates["ari"].max()) if known else (np.nan, np.nan)
    gain = best["ari"] - mean if known else np.nan
    return {
        **{"criterion": criterion, "n_candidates": len(candidates), "picked": str(best[name]), "value": float(best["value"])},
        **{"ari": float(best["ari"]) if known else np.nan, "mean_ari": float(mean), "best_ari": float(highest), "gain": float(gain)},
        "share": float(100 * gain / (highest - mean)) if known and highest - mean > 1e-12 else np.nan,
    }
