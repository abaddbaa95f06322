"""Which variants can be trained on which data sets, and if not, why: read from the sheets alone,
before anything runs.
"""

from collections.abc import Mapping
from typing import Any

from latentbench.models import DATA_MODALITIES, MODELS

FITTING_MODALITIES: dict[str, tuple[str, ...]] = {
    "gaussian": DATA_MODALITIES,
    "gaussian_shared": DATA_MODALITIES,
    "bernoulli": ("images",),
    "continuous_bernoulli": ("images",),
    "poisson": ("counts",),
    "nb": ("counts",),
    "zinb": ("counts",),
}
"""Which kinds of data a likelihood is a distribution of."""

CONTROL_KINDS = ("random_projection", "shuffled_labels", "true_labels")
"""Kinds whose scores are known beforehand."""

CONSENSUS = "consensus"
"""The name of the method that takes what the variants of a data set agree on: no variant may
have it."""

TASKS_WITH_LABELS = ("supervised", "semi_supervised")


def layer_of(likelihood: str | None) -> str:
    """Return the layer of a prepared data set that a likelihood scores: the counts, or X."""
    return "counts" if FITTING_MODALITIES.get(likelihood or "") == ("counts",) else "X"


def likelihood_of(entry: Mapping[str, Any], modality: str) -> str | None:
    """Return the likelihood that a variant names for a modality."""
    likelihood = entry["likelihood"]
    return likelihood if isinstance(likelihood, str) else likelihood.get(modality)


def number_of_clusters(
    entry: Mapping[str, Any], row: Mapping[str, Any], source: Mapping[str, Any] | None
) -> int | None:
    """Return the number of clusters of a variant, or the larger one that the sheet declares for the
    data sets that it sees; None if it is nowhere.
    """
    declared = [
        each["n_clusters"]
        for each in (row, source)
        if each is not None and each["n_clusters"] is not None
    ]
    return entry.get("hyperparameters", {}).get("n_clusters", max(declared, default=None))


def is_bounded(
    entry: Mapping[str, Any], row: Mapping[str, Any], source: Mapping[str, Any] | None
) -> bool:
    """Return whether a variant is given an upper bound on the number of clusters
    (``answer.bound``), because it needs a number and nobody declared one: networks that are shown
    no label.
    """
    kind = MODELS[entry["kind"]]
    return (
        kind.is_network
        and "n_clusters" in kind.needs
        and number_of_clusters(entry, row, source) is None
        and not sees_labels(entry)
    )


def sees_labels(entry: Mapping[str, Any]) -> bool:
    """Return whether a variant is shown labels, of the data set or of another."""
    return "labels" in MODELS[entry["kind"]].needs or entry.get("task", {}).get("mode") in (
        *TASKS_WITH_LABELS,
        "transfer",
    )


def obstacle(
    entry: Mapping[str, Any], row: Mapping[str, Any], source: Mapping[str, Any] | None
) -> str | None:
    """Return why a variant cannot be trained on a data set, as a sentence, or None; ``source`` is
    the row of the data set that it is pretrained on.
    """
    kind, dataset, modality = MODELS[entry["kind"]], row["dataset"], row["modality"]
    if kind.is_network:
        likelihood = likelihood_of(entry, modality)
        if likelihood is None:
            return f"the variant names no likelihood for {modality} data"
        if modality not in FITTING_MODALITIES[likelihood]:
            return (
                f"likelihood '{likelihood}' is a distribution of"
                f" {' or '.join(FITTING_MODALITIES[likelihood])}, and {dataset} holds {modality}"
                " data"
            )
    if (
        "n_clusters" in kind.needs
        and number_of_clusters(entry, row, source) is None
        and not is_bounded(entry, row, source)
    ):
        return (
            f"kind '{entry['kind']}' needs a number of clusters: fill n_clusters in the sheet's row"
            f" of {dataset} or in the variant's hyperparameters"
        )
    if kind.covariates == "required" and (
        absent := [column for column in entry["covariates"] if row[column] is None]
    ):
        return (
            f"it is conditioned on {' and '.join(absent)}, and the sheet's row of {dataset} names"
            " no such column"
        )
    needs_labels = "labels" in kind.needs or entry.get("task", {}).get("mode") in TASKS_WITH_LABELS
    if needs_labels and row["label"] is None:
        return f"it needs labels, and the sheet's row of {dataset} names no label column"
    return _obstacle_of_transfer(entry, row, source) if source else None


def _obstacle_of_transfer(
    entry: Mapping[str, Any], row: Mapping[str, Any], source: Mapping[str, Any]
) -> str | None:
    """Return why a variant that is pretrained on ``source`` cannot be brought to a data set."""
    dataset, other = row["dataset"], source["dataset"]
    if other == dataset:
        return f"it is pretrained on {other} itself"
    if source["modality"] != row["modality"]:
        return (
            f"it is pretrained on {other}, which holds {source['modality']} data, and {dataset}"
            f" holds {row['modality']} data"
        )
    if source["label"] is None:
        return (
            f"it is pretrained on the labels of {other}, whose row in the sheet names no label"
            " column"
        )
    if absent := [
        column
        for column in entry.get("covariates", [])
        if row[column] is not None and source[column] is None
    ]:
        return (
            f"it is conditioned on {' and '.join(absent)} and pretrained on {other}, whose row in"
            " the sheet names no such column"
        )
    return None
