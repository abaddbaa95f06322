"""Who competes for the answer, on each data set and over all of them, decided by rules that were
fixed beforehand.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentbench.outcomes import Outcome
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS

ANSWER_METRIC, ANSWER_SPLIT = "ari", "test"
FEW_SEEDS, FEW_DATASETS = 10, 6
ALL_DATASETS = "all"

CONTROL, SAW_LABELS, OF_OTHERS = "control", "saw labels", "made of the others"
COUNTED_AS_PCA = "counted once, as pca: k-means of principal components"
STANDING = (CONTROL, SAW_LABELS, OF_OTHERS, COUNTED_AS_PCA)
"""Reasons that hold whatever the scores are."""

CELL_ERROR = "ari_se"

ByModel = dict[str, dict[str, pd.Series]]
"""Model -> data set -> ARI of every replica that has one, by seed."""


@dataclass(frozen=True)
class Contest:
    """The rows that count, what every model scored, and why some do not compete.

    ``reasons``: (model, scope) -> why not, "" if it does; a scope is a data set or all of them.
    ``contested``: the data sets where any contestant has a value, and that count over all of them;
    ``cell_errors``: (model, data set) -> the standard error of the mean over seeds that comes from
    which cells were in the split; nothing where it was not measured."""

    counted: pd.DataFrame
    values: ByModel
    reasons: dict[tuple[str, str], str]
    contested: list[str]
    cell_errors: dict[tuple[str, str], float]

    @property
    def scopes(self) -> list[str]:
        """Every data set, sorted, then all of them."""
        return [*sorted(self.counted["dataset"].unique()), ALL_DATASETS]

    def datasets_of(self, scope: str) -> list[str]:
        """Return the data sets that a scope is about."""
        return self.contested if scope == ALL_DATASETS else [scope]

    def telling_datasets(self, scope: str) -> list[str]:
        """Return the data sets of a scope on which not all contestants have the same mean, which
        says nothing of their order; all of them where there is no other.
        """
        datasets, contestants = self.datasets_of(scope), self.contestants(scope)
        telling = [
            dataset
            for dataset in datasets
            if len({round(float(values[dataset].mean()), 12) for values in contestants.values()})
            > 1
        ]
        return telling or datasets

    def cell_error(self, scope: str, *models: str) -> float:
        """Return the standard error over cells of the mean of a model on one data set, or of the
        difference of two as if they were independent, which overstates it; 0 over all data sets,
        whose spread holds it already, and where it was not measured.
        """
        errors = [self.cell_errors.get((model, scope), 0.0) for model in models]
        return float(np.sqrt(np.sum(np.square(errors))))

    def values_in(self, scope: str) -> ByModel:
        """Return the values of every model that was planned there, contestant or not."""
        if scope == ALL_DATASETS:
            return self.values
        return {
            model: {name: seeds for name, seeds in v.items() if name == scope}
            for model, v in self.values.items()
            if (model, scope) in self.reasons
        }

    def contestants(self, scope: str) -> ByModel:
        """Return the values of those that compete: each has some on every data set of the scope."""
        return {
            model: by_dataset
            for model, by_dataset in self.values_in(scope).items()
            if self.reasons[model, scope] == "" and by_dataset
        }


def hold_contest(
    scores: pd.DataFrame, kinds: Mapping[str, str], *, circular: Collection[str] = ()
) -> Contest:
    """Return who competes, by test ARI of the headline clustering.

    In the contest are the models that are no control, are not made of the others (their consensus),
    saw no label and have a value for at least half of their replicas; k-means of principal
    components counts once, whether as the headline of ``pca`` or as ``kmeans_pca``. Over all data
    sets it is those of which that holds on every data set where any contestant has a value. Data
    sets whose labels are ``circular`` do not count over all of them, unless there are no others.
    ``kinds`` maps each model to its kind."""
    headline = scores.sort_values("seed", kind="stable")
    headline = headline[headline["headline"] & (headline["split"] == ANSWER_SPLIT)]
    counted = headline[headline["metric"] == ANSWER_METRIC]
    errors = headline[headline["metric"] == CELL_ERROR].dropna(subset="value")
    values, reasons = _values_by_model(counted), _reasons_against(counted, kinds)
    contested = sorted(
        {
            dataset
            for model, by_dataset in values.items()
            for dataset in by_dataset
            if reasons[model, dataset] == ""
        }
    )
    counting = [dataset for dataset in contested if dataset not in circular] or contested
    overall = _reasons_overall(values, reasons, counting)
    # The seeds meet the same cells: the error of their mean is at most the mean of their errors.
    cell_errors = errors.groupby(["model", "dataset"])["value"].mean().to_dict()
    return Contest(counted, values, reasons | overall, counting, cell_errors)


def note_on_size(*, n_seeds: int, n_datasets: int | None = None) -> str:
    """Return what is to be said of a small sample; "" of a large one. ``n_datasets``: None where
    one data set speaks for itself alone.
    """
    notes = []
    if n_datasets is not None and n_datasets < FEW_DATASETS:
        notes.append(f"{n_datasets} data set{'s' * (n_datasets != 1)}: too few to speak of others")
    if n_seeds == 1:
        notes.append("1 seed: no interval and no test")
    elif 0 < n_seeds < FEW_SEEDS:
        notes.append(f"{n_seeds} seeds: a small sample, the interval is rough")
    return "; ".join(notes)


def _values_by_model(counted: pd.DataFrame) -> ByModel:
    values: ByModel = {str(model): {} for model in sorted(counted["model"].unique())}
    ok = counted[counted["status"] == Outcome.OK]
    for (model, dataset), group in ok.groupby(["model", "dataset"], sort=True):
        values[str(model)][str(dataset)] = group.set_index("seed")["value"].sort_index()
    return values


def _reasons_against(counted: pd.DataFrame, kinds: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Return why a model does not compete on a data set, "" if it does, for every pair in the
    scores.
    """
    reasons = {}
    by_kmeans = {
        str(row.dataset)
        for row in counted[counted["status"] == Outcome.OK].itertuples()
        if kinds[row.model] == "pca" and row.clustering == "kmeans"
    }
    for (model, dataset), group in counted.groupby(["model", "dataset"], sort=True):
        n_ok = int((group["status"] == Outcome.OK).sum())
        if kinds[model] in CONTROL_KINDS:
            reason = CONTROL
        elif kinds[model] == CONSENSUS:
            reason = OF_OTHERS
        elif group["saw_labels"].any():
            reason = SAW_LABELS
        elif kinds[model] == "kmeans_pca" and dataset in by_kmeans:
            reason = COUNTED_AS_PCA
        elif (group["status"] == Outcome.NOT_APPLICABLE).all():
            reason = str(group["reason"].iloc[0])
        elif n_ok * 2 < len(group) or n_ok == 0:
            reason = (
                f"{n_ok} of {len(group)} replicas have a score:"
                f" {group.loc[group['status'] != Outcome.OK, 'reason'].iloc[0]}"
            )
        else:
            reason = ""
        reasons[str(model), str(dataset)] = reason
    return reasons


def _reasons_overall(
    values: ByModel, reasons: Mapping[tuple[str, str], str], contested: list[str]
) -> dict[tuple[str, str], str]:
    """Return the reasons over all data sets: a model competes if it does on each of ``contested``;
    means over different data sets cannot be compared.
    """
    overall = {}
    for model in values:
        asked = contested or [dataset for name, dataset in reasons if name == model]
        against = {dataset: reasons.get((model, dataset), "did not run") for dataset in asked}
        standing = {reason for reason in against.values() if reason in STANDING}
        absent = [dataset for dataset, reason in against.items() if reason]
        overall[model, ALL_DATASETS] = (
            min(standing)
            if standing
            else (f"no score to compare on {', '.join(absent)}" if absent else "")
        )
    return overall
