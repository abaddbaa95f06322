"""The standard scanpy recipe as a reference: principal components, neighbour graph, Leiden (Wolf
2018, doi:10.1186/s13059-017-1382-0).

A file of its own: the other references need neither scikit-learn nor igraph, whose imports cost
more than they compute.
"""

import numpy as np

from latentbench.maths.random_streams import seed_of
from latentbench.models.data import TrainingData
from latentbench.models.references import Reference, onehot
from latentbench.neighbours import NeighbourGraph, leiden_at


def leiden_pca(
    data: TrainingData,
    *,
    seed: int,
    n_latent: int = 20,
    n_neighbors: int = 15,
    resolution: float = 1.0,
) -> Reference:
    """Cluster the neighbour graph of the principal components by Leiden: the standard scanpy recipe
    (Wolf 2018, Traag 2019) at a fixed resolution.

    No number of clusters is used. The graph is of the training cells; a test cell takes the label
    that its nearest training cells vote for.

    Use: as the standard of the field, and where no number of groups is known.
    Cost: a neighbour graph of the training cells.
    """
    codes = data.pca[:, :n_latent]
    is_train = np.isin(np.arange(data.n_obs), data.train.cpu().numpy())
    graph = NeighbourGraph(codes, is_train, n_neighbors=n_neighbors)
    labels = np.empty(data.n_obs, dtype=np.int64)
    labels[is_train] = leiden_at(graph.train, resolution, seed_of(seed, "leiden"))
    labels[~is_train] = graph.vote(labels[is_train])
    return Reference(codes, onehot(labels), of_components=True)
