"""The neighbour graph of an embedding: shared nearest neighbours among the training cells (Levine
et al. 2015, doi:10.1016/j.cell.2015.05.047).

    N(i)   = i and its n_neighbors nearest training cells (Euclidean)                  (1)
    w(i,j) = |N(i) & N(j)| / |N(i) | N(j)|  for j in N(i) or i in N(j), i != j         (2)

The Jaccard weight (2) is PhenoGraph's. It has no bandwidth to choose and is the same for any
rescaling of the embedding, so that models whose codes live on different scales meet the same graph.
A test cell t joins by N(t) = its nearest training cells and votes with the weights (2).

Its communities are Leiden's (Traag et al. 2019, doi:10.1038/s41598-019-41695-z), by modularity with
a resolution (Reichardt and Bornholdt 2006, doi:10.1103/PhysRevE.74.016110):

    Q = 1/(2m) sum_ij [ w_ij - resolution * d_i d_j / (2m) ] [cluster_i = cluster_j]       (3)

Every resolution starts from the same fine clusters of the seed, and not from single cells: equation
(3) comes out the same to the spread over seeds."""

import random
from functools import cached_property
from weakref import finalize

import igraph
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors

Neighbourhoods = Int[np.ndarray, "_ _"]
"""A set of training cells a row, sorted."""
PAIRS_PER_PIECE = 50_000
"""Of neighbourhoods that are compared at a time: some 13 MB at 15 neighbours."""
FINE_RESOLUTION = 30.0
_FINE: dict[tuple[int, int], list[int]] = {}


class NeighbourGraph:
    """The graph of one embedding, each part built on first use and kept: all clusterings of equal
    embeddings share it.
    """

    def __init__(
        self,
        z: Float[np.ndarray, "obs latent"],
        is_train: Bool[np.ndarray, " obs"],
        *,
        n_neighbors: int = 15,
    ) -> None:
        self._z_train, self._z_test = z[is_train], z[~is_train]
        self._n_neighbors = min(n_neighbors, len(self._z_train) - 1)

    @cached_property
    def _neighbourhoods(self) -> Neighbourhoods:
        """Return N(i) of equation (1)."""
        others = nearest_others(self._z_train, self._n_neighbors)
        return np.sort(np.column_stack([np.arange(len(others)), others]), axis=1)

    @cached_property
    def train(self) -> igraph.Graph:
        """The undirected graph of the training cells, edge attribute ``weight`` from equation
        (2).
        """
        return graph_of(self._neighbourhoods)

    @cached_property
    def _votes(self) -> csr_array:
        """Return the weights (2) of every test cell's nearest training cells, (test, train)."""
        hoods = np.sort(nearest(self._z_test, self._z_train, self._n_neighbors), axis=1)
        pairs = np.column_stack([np.repeat(np.arange(len(hoods)), hoods.shape[1]), hoods.ravel()])
        return csr_array(
            (_jaccard(hoods, self._neighbourhoods, pairs), tuple(pairs.T)),
            shape=(len(hoods), len(self._z_train)),
        )

    def vote(self, clusters_train: Int[np.ndarray, " train"]) -> Int[np.ndarray, " test"]:
        """Return the cluster with the largest summed weight among each test cell's nearest training
        cells; a tie goes to the lower number.
        """
        n_clusters = int(clusters_train.max()) + 1
        membership = csr_array(
            (np.ones(len(clusters_train)), (np.arange(len(clusters_train)), clusters_train)),
            shape=(len(clusters_train), n_clusters),
        )
        return np.asarray((self._votes @ membership).toarray().argmax(axis=1), dtype=np.int64)


def nearest_others(
    points: Float[np.ndarray, "obs latent"], n_neighbors: int
) -> Int[np.ndarray, "obs neighbours"]:
    """Return every point's nearest other points (Euclidean, exact), nearest first; at most all
    others.
    """
    n_neighbors = min(n_neighbors, len(points) - 1)
    if n_neighbors < 1:
        return np.empty((len(points), 0), dtype=np.int64)
    return _search(points).kneighbors(n_neighbors=n_neighbors, return_distance=False)


def nearest(
    queries: Float[np.ndarray, "queries latent"],
    points: Float[np.ndarray, "obs latent"],
    n_neighbors: int,
) -> Int[np.ndarray, "queries neighbours"]:
    """Return every query's nearest points, nearest first; at most all points."""
    n_neighbors = min(n_neighbors, len(points))
    if not len(queries):
        return np.empty((0, n_neighbors), dtype=np.int64)
    centred = queries - points.mean(axis=0, dtype=np.float64)
    return _search(points).kneighbors(centred, n_neighbors, return_distance=False)


def _search(points: Float[np.ndarray, "obs latent"]) -> NearestNeighbors:
    # By brute force: on 100,000 codes of ten axes a k-d tree takes three times as long. Distances
    # come from differences of squares, which codes far from the origin would rob of digits.
    centred = points - points.mean(axis=0, dtype=np.float64)
    return NearestNeighbors(algorithm="brute").fit(centred)


def graph_of(hoods: Neighbourhoods) -> igraph.Graph:
    """Return the undirected graph of neighbourhoods N(i), one a cell, with the weights (2)."""
    edges = _edges(hoods)
    weights = _jaccard(hoods, hoods, edges)
    return igraph.Graph(n=len(hoods), edges=edges, edge_attrs={"weight": weights.tolist()})


def leiden_at(graph: igraph.Graph, resolution: float, seed: int) -> Int[np.ndarray, " train"]:
    """Return Leiden's clusters by equation (3), numbered from 0: two iterations (scanpy's setting)
    from fine clusters that depend on graph and seed alone.
    """
    found = _leiden(graph, resolution, seed, n_iterations=2, start=_fine_clusters(graph, seed))
    return np.asarray(found, dtype=np.int64)


def _fine_clusters(graph: igraph.Graph, seed: int) -> list[int]:
    """Return many small clusters, kept as long as the graph lives: from single cells to here goes
    half of Leiden's time, whatever the resolution.
    """
    key = id(graph), seed
    if key not in _FINE:
        _FINE[key] = _leiden(graph, FINE_RESOLUTION, seed, n_iterations=1, start=None)
        finalize(graph, _FINE.pop, key, None)
    return _FINE[key]


def _leiden(
    graph: igraph.Graph, resolution: float, seed: int, *, n_iterations: int, start: list[int] | None
) -> list[int]:
    """Return igraph's membership; its generator is seeded at every call."""
    igraph.set_random_number_generator(random.Random(seed))
    options = {
        "objective_function": "modularity",
        "weights": "weight",
        "n_iterations": n_iterations,
        "initial_membership": start,
    }
    return graph.community_leiden(resolution=resolution, **options).membership


def _edges(hoods: Neighbourhoods) -> Int[np.ndarray, "edges 2"]:
    """Return every pair i < j with j in N(i) or i in N(j) once, by i and then j."""
    n_obs = len(hoods)
    here = np.repeat(np.arange(n_obs), hoods.shape[1])
    there = hoods.ravel()
    pairs = np.sort((np.minimum(here, there) * n_obs + np.maximum(here, there))[here != there])
    once = np.diff(pairs, prepend=-1) > 0
    return np.column_stack(np.divmod(pairs[once], n_obs))


def _jaccard(
    left: Neighbourhoods, right: Neighbourhoods, pairs: Int[np.ndarray, "pairs 2"]
) -> Float[np.ndarray, " pairs"]:
    """Return the Jaccard index of the sets in row ``pairs[p, 0]`` of ``left`` and row ``pairs[p,
    1]`` of ``right``, for every pair p.
    """
    shared = np.concatenate(
        [
            (left[some[:, 0]][:, :, None] == right[some[:, 1]][:, None, :]).sum(axis=(1, 2))
            for some in np.array_split(pairs, len(pairs) // PAIRS_PER_PIECE + 1)
        ]
    )
    return shared / (left.shape[1] + right.shape[1] - shared)
