"""A variant that needs a number of clusters where nobody declared one: it is trained with an upper
bound, and what its components amount to is found by merging those that claim the same cells.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from latentbench.logs import logger
from latentbench.maths.merging import merged_components, sums_over_groups
from latentbench.models import MODELS
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractBoundedModel
from latentbench.study.variant import Variant
from latentbench.training.variant import Trained


def bounded_by(variant: Variant, bound: str | Path) -> Variant:
    """Return the variant with the number of clusters of a file of rule ``bound_clusters``."""
    n_clusters = json.loads(Path(bound).read_text(encoding="utf-8"))["n_clusters"]
    return replace(variant, hyperparameters={**variant.hyperparameters, "n_clusters": n_clusters})


def with_merged_components(trained: Trained, variant: Variant, data: TrainingData) -> Trained:
    """Return the training with the probabilities of merged components in place of those of
    components; of kinds whose probabilities are no posterior (``maths.merging``), as it is.
    """
    if not issubclass(MODELS[variant.kind].load(), AbstractBoundedModel):
        return trained
    train = data.train.numpy()
    merged = []
    for report, probs in zip(trained.reports, trained.cluster_probs, strict=True):
        if probs is not None and np.isfinite(probs).all():
            groups = merged_components(probs[train])
            logger.info(
                "seed %d: %d components amount to %d clusters",
                report.seed,
                probs.shape[1],
                groups.max() + 1,
            )
            probs = sums_over_groups(probs, groups)
        merged.append(probs)
    return replace(trained, cluster_probs=merged)
