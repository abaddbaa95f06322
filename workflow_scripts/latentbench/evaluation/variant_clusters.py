"""Every clustering of every replica of one variant on one data set. No label is given to anything here.

A replica that did not end ok gives its status in the place of each of its clusterings.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from anndata import AnnData
from jaxtyping import Bool, Float

from latentbench.evaluation.cluster_tables import Found
from latentbench.evaluation.clusterings import CLUSTERINGS, Clusters, Replica, headline_clustering, leiden_sweep
from latentbench.evaluation.consensus import consensus
from latentbench.neighbours import NeighbourGraph
from latentbench.outcomes import Outcome, Unavailable


class TrainedVariant:
    """What training left of one variant on one data set: codes and cluster probabilities of each replica, or why it has none."""

    def __init__(self, embedding: AnnData, status: Mapping[str, Any]) -> None:
        """Take the contents of embedding.h5ad and status.json.

        Raises:
            ValueError: a replica that ended ok left no embedding.
        """
        self.dataset, self.model, self.saw_labels = str(status["dataset"]), str(status["model"]), bool(status["saw_labels"])
        self.cells = embedding.obs_names
        self.is_train: Bool[np.ndarray, " obs"] = (embedding.obs["split"] == "train").to_numpy(dtype=bool)
        self.clusters_by_itself = bool(embedding.uns["latentbench"]["clusters"])
        self._obsm = embedding.obsm
        self.problems: dict[int, Unavailable | None] = {replica["seed"]: self._problem_of(replica) for replica in status["replicas"]}

    @property
    def seeds(self) -> list[int]:
        """All that were planned."""
        return list(self.problems)

    def codes(self, seed: int) -> Float[np.ndarray, "obs latent"]:
        """Return the embedding of a replica that has no problem."""
        return np.asarray(self._obsm[f"X_seed{seed}"])

    def cluster_probs(self, seed: int) -> Float[np.ndarray, "obs clusters"] | None:
        """Return the cluster probabilities of a replica that has no problem, None where the model does not cluster."""
        key = f"cluster_probs_seed{seed}"
        return np.asarray(self._obsm[key]) if key in self._obsm else None

    def headline(self, n_clusters: int | None) -> str:
        """Return the name of the clustering that speaks for the variant, given the declared number of clusters."""
        return headline_clustering(clusters_by_itself=self.clusters_by_itself, n_clusters=n_clusters)

    def _problem_of(self, replica: Mapping[str, Any]) -> Unavailable | None:
        outcome, seed = Outcome(replica["status"]), replica["seed"]
        if outcome != Outcome.OK:
            return Unavailable(outcome, replica["reason"] or f"the replica ended {outcome}")
        if f"X_seed{seed}" not in self._obsm:
            raise ValueError(f"embedding.h5ad: no obsm['X_seed{seed}'] although status.json says that seed {seed} ended ok; train this variant again")
        for key in (f"X_seed{seed}", f"cluster_probs_seed{seed}"):
            if key in self._obsm and not np.isfinite(self._obsm[key]).all():
                return Unavailable(Outcome.FAILED, f"obsm['{key}'] holds non-finite values")
        return None


def cluster_replicas(trained: TrainedVariant, names: Sequence[str], *, n_clusters: int | None, n_neighbors: int, sweep: bool) -> Found:
    """Return every clustering of ``names`` of every replica, and with ``sweep`` Leiden's at each of a row of resolutions.

    Replicas with the same embedding (those of ``pca``, say) share one neighbour graph.

    Raises:
        ValueError: a clustering is unknown.
    """
    if unknown := sorted(set(names) - set(CLUSTERINGS)):
        raise ValueError(f"config: evaluation: clustering: clusterings: unknown {', '.join(unknown)}; there are {', '.join(CLUSTERINGS)}")
    graphs: dict[str, NeighbourGraph] = {}
    found: Found = {}
    for seed, problem in trained.problems.items():
        if problem:
            found |= {(seed, name): problem for name in names}
            continue
        z = trained.codes(seed)
        digest = hashlib.sha256(np.ascontiguousarray(z)).hexdigest()
        graph = graphs.setdefault(digest, NeighbourGraph(z, trained.is_train, n_neighbors=n_neighbors))
        replica = Replica(z, trained.is_train, graph, n_clusters, seed, trained.cluster_probs(seed))
        found |= {(seed, name): CLUSTERINGS[name](replica) for name in names}
        found |= {(seed, name): clusters for name, clusters in leiden_sweep(replica).items()} if sweep else {}
    return found


def consensus_of(
    members: Sequence[Clusters | Unavailable], *, is_train: Bool[np.ndarray, " obs"], n_clusters: int | None, weights: Sequence[float] | None = None
) -> Clusters | Unavailable:
    """Return the consensus of those members that there are; ``weights``: one a member, of any sum, equal by default."""
    there = [number for number, clusters in enumerate(members) if not isinstance(clusters, Unavailable)]
    kept = [weights[number] for number in there] if weights else None
    return consensus([members[number] for number in there], is_train=is_train, n_clusters=n_clusters, seed=0, weights=kept)
