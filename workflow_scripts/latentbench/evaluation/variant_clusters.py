"""Every clustering of every replica of one variant on one data set. No label is given to anything
here.

A replica that did not end ok gives its status in the place of each of its clusterings.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from latentbench.evaluation.clusterings import CLUSTERINGS, Clusters, Replica, leiden_sweep
from latentbench.evaluation.consensus import consensus
from latentbench.evaluation.trained import TrainedVariant
from latentbench.files.clusters import Found
from latentbench.neighbours import NeighbourGraph
from latentbench.outcomes import Unavailable


def cluster_replicas(
    trained: TrainedVariant,
    names: Sequence[str],
    *,
    n_clusters: int | None,
    n_neighbors: int,
    sweep: bool,
) -> Found:
    """Return every clustering of ``names`` of every replica, and with ``sweep`` Leiden's at each of
    a row of resolutions.

    Replicas with the same embedding (those of ``pca``, say) share one neighbour graph.

    Raises:
        ValueError: a clustering is unknown.
    """
    if unknown := sorted(set(names) - set(CLUSTERINGS)):
        raise ValueError(
            f"config: evaluation: clustering: clusterings: unknown {', '.join(unknown)}; there are"
            f" {', '.join(CLUSTERINGS)}"
        )
    graphs: dict[str, NeighbourGraph] = {}
    found: Found = {}
    for seed, problem in trained.problems.items():
        if problem:
            found |= {(seed, name): problem for name in names}
            continue
        z = trained.codes(seed)
        digest = hashlib.sha256(np.ascontiguousarray(z)).hexdigest()
        graph = graphs.setdefault(
            digest, NeighbourGraph(z, trained.is_train, n_neighbors=n_neighbors)
        )
        replica = Replica(z, trained.is_train, graph, n_clusters, seed, trained.cluster_probs(seed))
        found |= {(seed, name): CLUSTERINGS[name](replica) for name in names}
        found |= (
            {(seed, name): clusters for name, clusters in leiden_sweep(replica).items()}
            if sweep
            else {}
        )
    return found


def consensus_of(
    members: Sequence[Clusters | Unavailable],
    *,
    is_train: Bool[np.ndarray, " obs"],
    n_clusters: int | None,
    weights: Sequence[float] | None = None,
) -> Clusters | Unavailable:
    """Return the consensus of those members that there are; ``weights``: one a member, of any sum,
    equal by default.
    """
    there = [
        number for number, clusters in enumerate(members) if not isinstance(clusters, Unavailable)
    ]
    kept = [weights[number] for number in there] if weights else None
    return consensus(
        [members[number] for number in there],
        is_train=is_train,
        n_clusters=n_clusters,
        seed=0,
        weights=kept,
    )
