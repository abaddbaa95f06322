"""One variant on one data set: its clusterings, then its scores as tidy rows.

The two steps are apart so that no label can reach a clustering: ``cluster_replicas`` is never given one. Every replica that was planned appears in the scores;
one that did not end ok gives its status for every metric that it would have had.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Bool, Int

from latentbench.evaluation.clusterings import CLUSTERINGS, Clusters, Replica, headline_clustering
from latentbench.evaluation.metrics import AGREEMENT, agreement, problem_with_labels, silhouette
from latentbench.evaluation.unavailable import Unavailable
from latentbench.logs import logger
from latentbench.neighbours import NeighbourGraph
from latentbench.outcomes import Outcome

SCORE_COLUMNS = ["dataset", "model", "seed", "split", "clustering", "metric", "value", "status", "reason", "saw_labels", "headline"]
IDENTITY = SCORE_COLUMNS[:6]
SPLITS = ("train", "test")
NO_CLUSTERING = "none"

Found = dict[tuple[int, str], Clusters | Unavailable]
Row = tuple[int, str, str, str, float | Unavailable]


def score_variant(
    embedding: AnnData,
    status: dict[str, Any],
    history: pd.DataFrame,
    labels: Int[np.ndarray, " obs"],
    *,
    n_clusters: int | None,
    clusterings: Sequence[str] = ("kmeans", "leiden"),
    n_neighbors: int = 15,
    silhouette_max_obs: int = 10_000,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores (columns ``SCORE_COLUMNS``) and the clusters (cell, seed, clustering, cluster) of one variant on one data set.

    ``embedding``, ``status`` and ``history`` are the files that training wrote; ``labels`` are codes, -1 for an unlabelled cell; ``n_clusters`` is the declared
    number. ``own`` is added for a variant that clusters by itself, and so is the headline clustering if it is not among ``clusterings``.
    """
    by_itself = bool(embedding.uns["latentbench"]["clusters"])
    headline = headline_clustering(clusters_by_itself=by_itself, n_clusters=n_clusters)
    names = list(dict.fromkeys([*(["own"] if by_itself else []), headline, *clusterings]))
    found = cluster_replicas(embedding, status["replicas"], names, n_clusters=n_clusters, n_neighbors=n_neighbors)
    is_train = _is_train(embedding)
    rows = [
        *_agreement_rows(found, labels, is_train),
        *_embedding_rows(embedding, status["replicas"], labels, is_train, silhouette_max_obs),
        *_loss_rows(history, status["replicas"]),
    ]
    return _scores_frame(rows, status, headline), _clusters_frame(found, embedding.obs_names)


def cluster_replicas(embedding: AnnData, replicas: list[dict[str, Any]], names: Sequence[str], *, n_clusters: int | None, n_neighbors: int = 15) -> Found:
    """Return, for every replica (by seed) and clustering, the clusters of all cells or why there are none.

    Raises ValueError if a clustering is unknown or a replica that ended ok left no embedding.
    """
    if unknown := sorted(set(names) - set(CLUSTERINGS)):
        raise ValueError(f"config: evaluation: clusterings: unknown {', '.join(unknown)}; there are {', '.join(CLUSTERINGS)}")
    is_train = _is_train(embedding)
    graphs: dict[str, NeighbourGraph] = {}
    found: Found = {}
    for replica in replicas:
        problem = _problem_of_replica(replica) or _problem_with_values(embedding, replica["seed"])
        if problem:
            found |= {(replica["seed"], name): problem for name in names}
            continue
        seen = _seen_by_clusterings(embedding, replica["seed"], is_train, graphs, n_clusters, n_neighbors)
        found |= {(replica["seed"], name): CLUSTERINGS[name](seen) for name in names}
    return found


def _seen_by_clusterings(
    embedding: AnnData, seed: int, is_train: Bool[np.ndarray, " obs"], graphs: dict[str, NeighbourGraph], n_clusters: int | None, n_neighbors: int
) -> Replica:
    """Return the replica as the clusterings see it; replicas with the same embedding (those of ``pca``, say) share one graph through ``graphs``."""
    z = np.asarray(embedding.obsm[f"X_seed{seed}"])
    digest = hashlib.sha256(np.ascontiguousarray(z)).hexdigest()
    if digest not in graphs:
        graphs[digest] = NeighbourGraph(z, is_train, n_neighbors=n_neighbors)
    probs = embedding.obsm.get(f"cluster_probs_seed{seed}")
    return Replica(z, is_train, graphs[digest], n_clusters, seed, None if probs is None else np.asarray(probs))


def _problem_of_replica(replica: dict[str, Any]) -> Unavailable | None:
    outcome = Outcome(replica["status"])
    return None if outcome == Outcome.OK else Unavailable(outcome, replica["reason"] or f"the replica ended {outcome}")


def _problem_with_values(embedding: AnnData, seed: int) -> Unavailable | None:
    if f"X_seed{seed}" not in embedding.obsm:
        raise ValueError(f"embedding.h5ad: no obsm['X_seed{seed}'] although status.json says that seed {seed} ended ok; train this variant again")
    for key in (f"X_seed{seed}", f"cluster_probs_seed{seed}"):
        if key in embedding.obsm and not np.isfinite(embedding.obsm[key]).all():
            return Unavailable(Outcome.FAILED, f"obsm['{key}'] holds non-finite values")
    return None


def _is_train(embedding: AnnData) -> Bool[np.ndarray, " obs"]:
    return (embedding.obs["split"] == "train").to_numpy(dtype=bool)


def _cells_of(split: str, is_train: Bool[np.ndarray, " obs"]) -> Bool[np.ndarray, " obs"]:
    return is_train if split == "train" else ~is_train


def _agreement_rows(found: Found, labels: Int[np.ndarray, " obs"], is_train: Bool[np.ndarray, " obs"]) -> Iterator[Row]:
    for (seed, clustering), clusters in found.items():
        for split in SPLITS:
            cells = _cells_of(split, is_train)
            problem = clusters if isinstance(clusters, Unavailable) else None
            values = dict.fromkeys([*AGREEMENT, "n_clusters_found"], problem) if problem else agreement(labels[cells], clusters[cells])
            yield from ((seed, split, clustering, metric, value) for metric, value in values.items())


def _embedding_rows(
    embedding: AnnData, replicas: list[dict[str, Any]], labels: Int[np.ndarray, " obs"], is_train: Bool[np.ndarray, " obs"], silhouette_max_obs: int
) -> Iterator[Row]:
    for replica in replicas:
        seed = replica["seed"]
        problem = _problem_of_replica(replica) or _problem_with_values(embedding, seed)
        for split in SPLITS:
            cells = _cells_of(split, is_train)
            yield seed, split, NO_CLUSTERING, "n_labelled", float((labels[cells] >= 0).sum())
            yield seed, split, NO_CLUSTERING, "n_unlabelled", float((labels[cells] < 0).sum())
            width = problem or problem_with_labels(labels[cells])
            width = width or silhouette(np.asarray(embedding.obsm[f"X_seed{seed}"])[cells], labels[cells], max_obs=silhouette_max_obs)
            yield seed, split, NO_CLUSTERING, "silhouette", width


def _loss_rows(history: pd.DataFrame, replicas: list[dict[str, Any]]) -> Iterator[Row]:
    """Yield the loss per cell of the test cells at the last epoch, where this variant has one; lower is better.

    Not that of the training cells: it is taken in training mode, over weights that move, with the observed classes put in, and cannot be compared with it.
    """
    losses = history[history["term"] == "loss"].sort_values("epoch", kind="stable")
    last = {(int(row.replica), str(row.split)): float(row.value) for row in losses.itertuples()}
    for split in ("test",) if (losses["split"] == "test").any() else ():
        for replica in replicas:
            value: float | Unavailable = last.get((replica["seed"], split), np.nan)
            if not np.isfinite(value):
                value = Unavailable(Outcome.FAILED, "the history holds no finite loss of this replica")
            yield replica["seed"], split, NO_CLUSTERING, "loss", _problem_of_replica(replica) or value


def _scores_frame(rows: list[Row], status: dict[str, Any], headline: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["seed", "split", "clustering", "metric", "found"])
    missing = [isinstance(found, Unavailable) for found in frame["found"]]
    frame["value"] = pd.Series([np.nan if gone else found for gone, found in zip(missing, frame["found"], strict=True)], dtype=np.float64)
    frame["status"] = [str(found.outcome) if gone else str(Outcome.OK) for gone, found in zip(missing, frame["found"], strict=True)]
    frame["reason"] = [found.reason if gone else "" for gone, found in zip(missing, frame["found"], strict=True)]
    frame = frame.assign(
        dataset=status["dataset"], model=status["model"], saw_labels=bool(status["saw_labels"]), headline=(frame["clustering"] == headline).to_numpy()
    )
    logger.info("%s, %s: %d of %d scores could be had", status["dataset"], status["model"], len(missing) - sum(missing), len(missing))
    return frame[SCORE_COLUMNS].sort_values(IDENTITY, kind="stable", ignore_index=True)


def _clusters_frame(found: Found, cells: pd.Index) -> pd.DataFrame:
    frames = [
        pd.DataFrame({"cell": cells.to_numpy(dtype=object), "seed": seed, "clustering": clustering, "cluster": clusters.astype(str).astype(object)})
        for (seed, clustering), clusters in found.items()
        if not isinstance(clusters, Unavailable)
    ]
    empty = pd.DataFrame({"cell": [], "seed": [], "clustering": [], "cluster": []}, dtype=object).astype({"seed": np.int64})
    return pd.concat(frames, ignore_index=True) if frames else empty
