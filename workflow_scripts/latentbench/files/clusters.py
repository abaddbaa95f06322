"""The clusters of one variant on one data set as a table: a row a cell (columns ``cell`` and
``split``), a column a clustering.

A clustering of one replica is the column ``<clustering>_seed<seed>``; one of all replicas together,
such as their consensus, has no seed in its name. Clusters are numbers from 0. A clustering that
could not be had has no column: the reason stands beside it in the criteria."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from latentbench.evaluation.clusterings import Clusters
from latentbench.outcomes import Unavailable

CELL, SPLIT = "cell", "split"

Found = dict[tuple[int | None, str], Clusters | Unavailable]
"""By seed (None: of all seeds together) and clustering: the clusters of all cells, or why there
are none."""


def column_of(seed: int | None, clustering: str) -> str:
    """Return the name of a clustering's column."""
    return clustering if seed is None else f"{clustering}_seed{seed}"


def clusters_frame(
    found: Found, cells: pd.Index, is_train: Bool[np.ndarray, " obs"]
) -> pd.DataFrame:
    """Return the table of what was found."""
    columns = {
        column_of(*key): clusters.astype(np.int32)
        for key, clusters in found.items()
        if not isinstance(clusters, Unavailable)
    }
    return pd.DataFrame(
        {
            CELL: cells.to_numpy(dtype=object),
            SPLIT: np.where(is_train, "train", "test").astype(object),
            **columns,
        }
    )


def read_clusters(path: str | Path) -> pd.DataFrame:
    """Return the clusters table of a variant or of a consensus."""
    return pd.read_parquet(path)


def training_cells(frame: pd.DataFrame) -> Bool[np.ndarray, " obs"]:
    """Return which cells of the table are training cells."""
    return (frame[SPLIT] == "train").to_numpy(dtype=bool)


def clusters_of(
    frame: pd.DataFrame, seed: int | None, clustering: str
) -> Int[np.ndarray, " obs"] | None:
    """Return a clustering from the table, None where it holds none."""
    column = column_of(seed, clustering)
    return frame[column].to_numpy(dtype=np.int64) if column in frame else None


def seeds_of(frame: pd.DataFrame, clustering: str) -> list[int]:
    """Return the seeds of which the table holds a clustering, in its order."""
    start = f"{clustering}_seed"
    return [
        int(name.removeprefix(start))
        for name in frame.columns
        if name.startswith(start) and name.removeprefix(start).isdigit()
    ]
