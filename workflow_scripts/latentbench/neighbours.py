"""The neighbour graph of an embedding: shared nearest neighbours among the training cells (Levine et al. 2015, doi:10.1016/j.cell.2015.05.047).

    N(i)   = i and its n_neighbors nearest training cells (Euclidean)                  (1)
    w(i,j) = |N(i) & N(j)| / |N(i) | N(j)|  for j in N(i) or i in N(j), i != j         (2)

The Jaccard weight (2) is PhenoGraph's. It has no bandwidth to choose and is the same for any rescaling of the embedding, so that models whose codes live on
different scales meet the same graph. A test cell t joins by N(t) = its nearest training cells and votes with the weights (2).

Its communities are Leiden's (Traag et al. 2019, doi:10.1038/s41598-019-41695-z), by modularity with a resolution (Reichardt and Bornholdt 2006,
doi:10.1103/PhysRevE.74.016110):

    Q = 1/(2m) sum_ij [ w_ij - resolution * d_i d_j / (2m) ] [cluster_i = cluster_j]       (3)
"""

import random
from functools import cached_property

import igraph
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array, triu
from sklearn.neighbors import NearestNeighbors


class NeighbourGraph:
    """The graph of one embedding, each part built on first use and kept: all clusterings of equal embeddings share it."""

    def __init__(self, z: Float[np.ndarray, "obs latent"], is_train: Bool[np.ndarray, " obs"], *, n_neighbors: int = 15) -> None:
        self._z_train, self._z_test = z[is_train], z[~is_train]
        self._n_neighbors = min(n_neighbors, len(self._z_train) - 1)

    @cached_property
    def _finder(self) -> NearestNeighbors:
        return NearestNeighbors(n_neighbors=self._n_neighbors).fit(self._z_train)

    @cached_property
    def _neighbourhoods(self) -> csr_array:
        """Return N(i) of equation (1) as the rows of a 0/1 matrix (train, train)."""
        others = self._finder.kneighbors(return_distance=False)
        return _rows_of_ones(np.column_stack([np.arange(len(others)), others]), len(others))

    @cached_property
    def train(self) -> igraph.Graph:
        """The undirected graph of the training cells, edge attribute ``weight`` from equation (2)."""
        either = triu(self._neighbourhoods.maximum(self._neighbourhoods.T), k=1).tocoo()
        rows, columns = either.coords
        weights = _jaccard(self._neighbourhoods, self._neighbourhoods, rows, columns)
        return igraph.Graph(n=len(self._z_train), edges=np.column_stack([rows, columns]), edge_attrs={"weight": weights.tolist()})

    @cached_property
    def _votes(self) -> csr_array:
        """Return the weights (2) of every test cell's nearest training cells, (test, train)."""
        if not len(self._z_test):
            return csr_array((0, len(self._z_train)))
        nearest = _rows_of_ones(self._finder.kneighbors(self._z_test, return_distance=False), len(self._z_train))
        rows, columns = nearest.tocoo().coords
        return csr_array((_jaccard(nearest, self._neighbourhoods, rows, columns), (rows, columns)), shape=nearest.shape)

    def vote(self, clusters_train: Int[np.ndarray, " train"]) -> Int[np.ndarray, " test"]:
        """Return the cluster with the largest summed weight among each test cell's nearest training cells; a tie goes to the lower number."""
        n_clusters = int(clusters_train.max()) + 1
        membership = csr_array((np.ones(len(clusters_train)), (np.arange(len(clusters_train)), clusters_train)), shape=(len(clusters_train), n_clusters))
        return np.asarray((self._votes @ membership).toarray().argmax(axis=1), dtype=np.int64)


def leiden_at(graph: igraph.Graph, resolution: float, seed: int) -> Int[np.ndarray, " train"]:
    """Return Leiden's clusters by equation (3), numbered from 0, after two iterations (scanpy's setting); igraph's generator is seeded at every call."""
    igraph.set_random_number_generator(random.Random(seed))
    found = graph.community_leiden(objective_function="modularity", weights="weight", resolution=resolution, n_iterations=2)
    return np.asarray(found.membership, dtype=np.int64)


def _rows_of_ones(columns: Int[np.ndarray, "rows neighbours"], n_columns: int) -> csr_array:
    n_rows, width = columns.shape
    matrix = csr_array((np.ones(columns.size), columns.ravel(), np.arange(n_rows + 1) * width), shape=(n_rows, n_columns))
    matrix.sort_indices()
    return matrix


def _jaccard(left: csr_array, right: csr_array, rows: np.ndarray, columns: np.ndarray) -> Float[np.ndarray, " pairs"]:
    """Return the Jaccard index of row ``rows[p]`` of ``left`` with row ``columns[p]`` of ``right``, both 0/1, for every pair p."""
    shared = left[rows].multiply(right[columns]).sum(axis=1)
    sizes = np.diff(left.indptr)[rows] + np.diff(right.indptr)[columns]
    return np.asarray(shared / (sizes - shared), dtype=np.float64)
