"""The standard recipe of scanpy as a reference: principal components, ``sc.pp.neighbors``,
``sc.tl.leiden`` (Wolf 2018, doi:10.1186/s13059-017-1382-0; Traag 2019,
doi:10.1038/s41598-019-41695-z), as its tutorial has it.

scanpy is imported on use: it takes seconds, and no other model wants it."""

from typing import Annotated

import numpy as np
from anndata import AnnData
from jaxtyping import Bool, Float, Int
from sklearn.neighbors import KNeighborsClassifier

from latentbench.logs import logger
from latentbench.maths.bisection import nearest_number
from latentbench.maths.random_streams import seed_of
from latentbench.models.data import TrainingData
from latentbench.models.references import Reference, onehot
from latentbench.study.options import Option


def leiden_pca(
    data: TrainingData,
    *,
    seed: int,
    n_latent: int = 50,
    n_neighbors: Annotated[
        int,
        Option(
            "neighbours of the graph as scanpy counts them, the cell itself included", at_least=2
        ),
    ] = 15,
    resolution: Annotated[float, Option("Leiden's resolution", above=0)] = 1.0,
) -> Reference:
    """Cluster the neighbour graph of the principal components by Leiden at a fixed resolution: the
    standard scanpy recipe (Wolf 2018, Traag 2019), with its defaults.

    No number of clusters is used. The graph is of the training cells; a test cell takes the label
    that most of its ``n_neighbors`` nearest training cells have.

    Use: as the standard of the field, and where no number of groups is known.
    Cost: a neighbour graph of the training cells.
    """
    codes, is_train = data.pca[:, :n_latent], _is_train(data)
    found = _leiden(_graph(codes[is_train], n_neighbors), resolution, seed)
    return _reference(codes, is_train, found, n_neighbors)


def leiden_pca_declared(
    data: TrainingData,
    *,
    seed: int,
    n_clusters: int,
    n_latent: int = 50,
    n_neighbors: Annotated[
        int,
        Option(
            "neighbours of the graph as scanpy counts them, the cell itself included", at_least=2
        ),
    ] = 15,
) -> Reference:
    """Cluster as ``leiden_pca`` does, at the resolution at which Leiden finds the declared number
    of clusters, or the nearest number that it finds.

    Use: to compare the graph with the models that are given the number of groups.
    Cost: a neighbour graph of the training cells, and Leiden up to two dozen times.
    """
    codes, is_train = data.pca[:, :n_latent], _is_train(data)
    graph = _graph(codes[is_train], n_neighbors)
    resolution, found = nearest_number(
        lambda resolution: _leiden(graph, resolution, seed), n_clusters
    )
    logger.info(
        "seed %d: %d clusters at resolution %.4g (%d declared)",
        seed,
        found.max() + 1,
        resolution,
        n_clusters,
    )
    return _reference(codes, is_train, found, n_neighbors)


def _is_train(data: TrainingData) -> Bool[np.ndarray, " obs"]:
    return np.isin(np.arange(data.n_obs), data.train.cpu().numpy())


def _graph(codes: Float[np.ndarray, "train latent"], n_neighbors: int) -> AnnData:
    import scanpy as sc

    cells = AnnData(obsm={"X_pca": codes})
    # scanpy's default search fails above some 8,000 cells with scipy 1.17; scikit-learn's is exact.
    sc.pp.neighbors(cells, n_neighbors=n_neighbors, use_rep="X_pca", transformer="sklearn")
    return cells


def _leiden(graph: AnnData, resolution: float, seed: int) -> Int[np.ndarray, " train"]:
    import scanpy as sc

    sc.tl.leiden(
        graph,
        resolution=resolution,
        random_state=seed_of(seed, "leiden") % 2**32,
        flavor="igraph",
        n_iterations=2,
        directed=False,
    )
    return graph.obs["leiden"].cat.codes.to_numpy().astype(np.int64)


def _reference(
    codes: Float[np.ndarray, "obs latent"],
    is_train: Bool[np.ndarray, " obs"],
    found: Int[np.ndarray, " train"],
    n_neighbors: int,
) -> Reference:
    labels = np.empty(len(codes), dtype=np.int64)
    labels[is_train] = found
    if not is_train.all():
        voters = KNeighborsClassifier(min(n_neighbors, len(found))).fit(codes[is_train], found)
        labels[~is_train] = voters.predict(codes[~is_train])
    return Reference(codes, onehot(labels), of_components=True)
