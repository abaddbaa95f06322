"""All scores of one data set: of every variant, from the files that it left, and of the consensus
of the variants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from latentbench.evaluation.cluster_tables import CELL
from latentbench.evaluation.prepared_cells import read_prepared_cells
from latentbench.evaluation.reading import read_quality, read_scores, read_trained
from latentbench.evaluation.score_rows import COLUMN_TYPES, IDENTITY, SCORE_COLUMNS
from latentbench.evaluation.scores import RELIABILITY_COLUMNS, score_clusters, score_training
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
    prepared = read_prepared_cells(prepared_path)
    labels = prepared.codes("label")
    scores, reliabilities = [], []
    for files in variants:
        trained, clusters = (
            read_trained(files.embedding, files.status),
            pd.read_parquet(files.clusters),
        )
        prepared.require(trained.cells)
        scores.append(score_clusters(clusters, read_scores(files.criteria), labels))
        history, quality = pd.read_parquet(files.history), read_quality(files.quality)
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
        clusters, criteria = pd.read_parquet(clusters_path), read_scores(criteria_path)
        prepared.require(pd.Index(clusters[CELL]))
        of_members = criteria["metric"] == "agreement_of_models"
        scores += [score_clusters(clusters, criteria[~of_members], labels), criteria[of_members]]
    scores.append(
        pd.DataFrame(columns=SCORE_COLUMNS).astype(COLUMN_TYPES)
    )  # a data set on which nothing runs has a table without rows
    every = pd.concat(scores, ignore_index=True).sort_values(
        IDENTITY, kind="stable", ignore_index=True
    )
    logger.info("%d of %d scores could be had", int(np.isfinite(every["value"]).sum()), len(every))
    filled = [table for table in reliabilities if len(table)]
    return every, (
        pd.concat(filled, ignore_index=True)
        if filled
        else pd.DataFrame(columns=RELIABILITY_COLUMNS)
    )
