"""k-means on principal components (Lloyd 1982, doi:10.1109/TIT.1982.1056489) as a reference."""

from typing import Annotated

from sklearn.cluster import KMeans

from latentbench.maths.random_streams import seed_of
from latentbench.models.data import TrainingData
from latentbench.models.references import Reference, onehot
from latentbench.study.options import Option


def kmeans_pca(
    data: TrainingData,
    *,
    seed: int,
    n_clusters: int,
    n_latent: int = 20,
    n_init: Annotated[
        int,
        Option("starts, of which the one with the smallest sum of squares is kept", at_least=1),
    ] = 10,
) -> Reference:
    """Cluster the principal components by k-means (Lloyd 1982), fitted on the training cells; a
    test cell takes the nearest centre.

    Of ``n_init`` starts the one with the smallest sum of squared distances is kept.

    Use: as the simplest clustering that a mixture model must beat.
    Cost: that of k-means from several starts; cells times clusters times dimensions an iteration.
    """
    codes = data.pca[:, :n_latent]
    fitted = KMeans(n_clusters, n_init=n_init, random_state=seed_of(seed, "kmeans") % 2**32).fit(
        codes[data.train.cpu().numpy()]
    )
    probs = onehot(fitted.predict(codes).astype("int64"), n_clusters)
    return Reference(
        codes, probs, weights={"centres": fitted.cluster_centers_[None]}, of_components=True
    )
