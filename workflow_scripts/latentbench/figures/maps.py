"""Two-dimensional layouts of embeddings, all models of a data set at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_limits

from latentbench.evaluation.trained import headline_clustering
from latentbench.figures.style import lighten
from latentbench.files.clusters import CELL, clusters_of
from latentbench.files.embedding import EmbeddingFile
from latentbench.files.prepared import PreparedFile
from latentbench.files.tables import MAPS
from latentbench.logs import logger
from latentbench.study.applicability import CONTROL_KINDS

Layout = Literal["tsne", "umap", "pca"]

UNMAPPED_KINDS = frozenset(CONTROL_KINDS) - {"random_projection"}
"""Controls whose embedding is made from labels: a map of it shows nothing."""

OBS_COLUMNS = ("label", "batch", "condition", "split")


def draw_maps(
    prepared_path: str | Path,
    embedding_paths: Sequence[str | Path],
    cluster_paths: Sequence[str | Path],
    n_clusters: int | None,
    *,
    layout: Layout = "tsne",
    max_points: int = 1500,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the maps table of one data set: a row for every model and cell shown.

    The first replica of each model that ended ok is shown, with the clusters of its headline
    clustering. Above ``max_points`` cells, a random subset (fixed by ``seed``, the same for every
    model) is laid out and shown. ``cluster_paths`` are in the order of ``embedding_paths``,
    ``n_clusters`` is the declared number, if any."""
    prepared = PreparedFile(prepared_path).cells
    obs = prepared.obs
    shown = subset(len(obs), max_points, seed)
    frames, done = [], {}
    for embedding_path, cluster_path in zip(embedding_paths, cluster_paths, strict=True):
        file = EmbeddingFile(embedding_path)
        about, replicas = file.about, file.seeds
        if about["kind"] in UNMAPPED_KINDS or not replicas:
            logger.info(
                "%s: no map (%s)", about["model"], "control" if replicas else "no replica ended ok"
            )
            continue
        embedding = file.codes(replicas[0])[shown]
        # Variants that share an embedding (k-means and Leiden on the same PCA) share its layout.
        key = embedding.tobytes()
        points = done[key] = (
            done[key] if key in done else lay_out(embedding, layout=layout, seed=seed)
        )
        headline = headline_clustering(
            clusters_by_itself=bool(about["clusters"]), n_clusters=n_clusters
        )
        clusters = clusters_of_replica(pd.read_parquet(cluster_path), headline, replicas[0])
        frames.append(_rows(obs.iloc[shown], about["model"], replicas[0], points, clusters, layout))
        logger.info(
            "%s: %d cells of seed %d laid out by %s",
            about["model"],
            len(shown),
            replicas[0],
            layout,
        )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=MAPS.columns)


def clusters_of_replica(clusters: pd.DataFrame, clustering: str, replica: int) -> pd.Series:
    """Return one clustering of one replica from a clusters table: cluster names by cell; empty
    where there is none.
    """
    found = clusters_of(clusters, replica, clustering)
    return (
        pd.Series([], dtype="string")
        if found is None
        else pd.Series(found, index=clusters[CELL]).astype("string")
    )


def cluster_colours(points: pd.DataFrame, of_labels: Mapping[str, str]) -> dict[str, str]:
    """Return a colour for every cluster: its label's where the one-to-one matching gives it one,
    otherwise a shade of its commonest label's.
    """
    labelled = points.dropna(subset=["label", "cluster"])
    table = pd.crosstab(labelled["cluster"], labelled["label"])
    matched = match_clusters(table.to_numpy())
    colours = {}
    for i, cluster in enumerate(table.index):
        commonest = of_labels[table.columns[int(table.iloc[i].to_numpy().argmax())]]
        colours[cluster] = (
            of_labels[table.columns[matched[i]]] if i in matched else lighten(commonest, 0.45)
        )
    return colours


def match_clusters(table: Int[np.ndarray, "clusters labels"]) -> dict[int, int]:
    """Return the one-to-one matching of clusters (rows) to labels (columns) that covers most cells
    (Kuhn 1955).
    """
    rows, columns = linear_sum_assignment(table, maximize=True)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))


def subset(n_obs: int, max_points: int, seed: int) -> Int[np.ndarray, " points"]:
    """Return the sorted indices of at most ``max_points`` cells, drawn without replacement."""
    if n_obs <= max_points:
        return np.arange(n_obs)
    return np.sort(np.random.default_rng(seed).choice(n_obs, max_points, replace=False))


def lay_out(
    embedding: Float[np.ndarray, "obs latent"], *, layout: Layout, seed: int
) -> Float[np.ndarray, "obs 2"]:
    """Lay an embedding out in two dimensions; one of two dimensions is shown as it is, one of one
    dimension against zero.

    tsne: van der Maaten and Hinton 2008, PCA start, 500 iterations; umap: McInnes et al. 2018
    (arXiv:1802.03426); pca: the first two components. One thread: the same bytes on any number of
    cores."""
    n_latent = embedding.shape[1]
    if n_latent <= 2:
        return np.pad(embedding, ((0, 0), (0, 2 - n_latent))).astype("float32")
    with threadpool_limits(1):
        return np.asarray(_LAYOUTS[layout](embedding, seed), dtype="float32")


def _tsne(embedding: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    start = _pca(embedding, seed)
    start *= 1e-4 / max(start[:, 0].std(), np.finfo("float32").tiny)
    perplexity = min(30.0, (len(embedding) - 1) / 3)
    return TSNE(
        init=start, perplexity=perplexity, max_iter=500, angle=0.7, random_state=seed, n_jobs=1
    ).fit_transform(embedding)


def _umap(embedding: np.ndarray, seed: int) -> np.ndarray:
    from umap import UMAP

    return UMAP(n_neighbors=min(15, len(embedding) - 1), random_state=seed, n_jobs=1).fit_transform(
        embedding
    )


def _pca(embedding: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    return PCA(2, svd_solver="full", random_state=seed).fit_transform(embedding)


_LAYOUTS = {"tsne": _tsne, "umap": _umap, "pca": _pca}


def _rows(
    obs: pd.DataFrame,
    model: str,
    replica: int,
    points: np.ndarray,
    clusters: pd.Series,
    layout: str,
) -> pd.DataFrame:
    texts = {
        column: obs[column].astype("string").to_numpy() if column in obs else None
        for column in OBS_COLUMNS
    }
    cells = obs.index.astype(str)
    frame = pd.DataFrame(
        {
            "cell": cells,
            "model": model,
            "seed": replica,
            "x": points[:, 0],
            "y": points[:, 1],
            **texts,
        }
    )
    return frame.assign(layout=layout, cluster=clusters.reindex(cells).to_numpy())[
        MAPS.columns
    ].astype(dict.fromkeys((*OBS_COLUMNS, "cluster", "layout"), "string"))
