"""All scores of one data set: of every variant, from the files that it left, and of the consensus
of the variants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from latentbench.evaluation.scores import score_clusters, score_training
from latentbench.evaluation.trained import read_trained
from latentbench.files.clusters import CELL, read_clusters
from latentbench.files.prepared import PreparedFile
from latentbench.files.tables import QUALITY_OF_VARIANT, RELIABILITY, SCORES
from latentbench.logs import logger


@dataclass(frozen=True)
class VariantFiles:
    """The files of one variant on the data set."""

    embedding: str | Path
    status: str | Path
    history: str | Path
    quality: str | Path
    clusters: str | Path
    criteria: str | Path


def score_dataset(
    prepared_path: str | Path,
    variants: Sequence[VariantFiles],
    consensus: Sequence[tuple[str | Path, str | Path]],
    *,
    n_clusters: int | None,
    silhouette_max_obs: int = 10_000,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all scores of the data set, and the reliability of the cluster probabilities.

    ``consensus``: the clusters and criteria of the consensus of the variants; none where there is
    no consensus. ``n_clusters``: the declared number, if any.

    Raises:
        ValueError: the cells of the prepared data are not those that were embedded.
    """
    prepared = PreparedFile(prepared_path).cells
    labels = prepared.codes("label")
    scores, reliabilities = [], []
    for files in variants:
        trained, clusters = (
            read_trained(files.embedding, files.status),
            read_clusters(files.clusters),
        )
        prepared.require(trained.cells)
        scores.append(score_clusters(clusters, SCORES.read(files.criteria), labels))
        history, quality = pd.read_parquet(files.history), QUALITY_OF_VARIANT.read(files.quality)
        scored, reliability = score_training(
            trained,
            history,
            quality,
            labels,
            n_clusters=n_clusters,
            silhouette_max_obs=silhouette_max_obs,
        )
        scores.append(scored)
        reliabilities.append(reliability)
    for clusters_path, criteria_path in consensus:
        clusters, criteria = read_clusters(clusters_path), SCORES.read(criteria_path)
        prepared.require(pd.Index(clusters[CELL]))
        of_members = criteria["metric"] == "agreement_of_models"
        scores += [score_clusters(clusters, criteria[~of_members], labels), criteria[of_members]]
    every = SCORES.stacked(scores)
    logger.info("%d of %d scores could be had", int(np.isfinite(every["value"]).sum()), len(every))
    return every, RELIABILITY.stacked(reliabilities)
