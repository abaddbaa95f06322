"""Agreement of a clustering with the true labels, and the silhouette of the labels in an embedding.

ARI, NMI, AMI, homogeneity, completeness and V are scikit-learn's; what it has none of is here.
With n_ij cells of class i in cluster j, a_i = sum_j n_ij, b_j = sum_i n_ij and n cells in all:

    ACC           max over one-to-one matchings of sum n_i,match(i) / n; an unmatched cluster counts
                  as wrong    (1)  Kuhn 1955
    purity        sum_j max_i n_ij / n
                  (2)
    ari_null_sd   the standard deviation of the ARI when the clusters are dealt out at random, sizes
                  kept            (3)  Fowlkes and Mallows 1983
    ari_se        sqrt( (n - 1)/n sum_c (t_c - mean t)^2 ), t_c the ARI without cell c: its standard
                  error over cells, by the jackknife   (4)  Efron and Stein 1981
    acc_se, purity_se   sqrt( p (1 - p) / n ) of the share p that (1), (2) count, the matching held
                  (5)

All are 1 for a perfect clustering (purity, homogeneity and completeness for some others too),
except (3) to (5), yardsticks and no scores. The functions expect at least two classes;
``agreement`` turns anything less into a typed outcome."""

from collections.abc import Callable

import numpy as np
import sklearn
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    completeness_score,
    homogeneity_score,
    normalized_mutual_info_score,
    silhouette_score,
    v_measure_score,
)
from sklearn.metrics.cluster import contingency_matrix

from latentbench.outcomes import Outcome, Unavailable

Labels = Int[np.ndarray, " obs"]
SILHOUETTE_MEMORY_MB = 64
"""Of the block of distances that scikit-learn works on at a time."""


def accuracy(labels: Labels, clusters: Labels) -> float:
    """Return equation (1), in [0, 1]."""
    table = contingency_matrix(labels, clusters)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / table.sum())


def purity(labels: Labels, clusters: Labels) -> float:
    """Return equation (2), in (0, 1]; it reaches 1 for clusters of one cell each."""
    return float(contingency_matrix(labels, clusters).max(axis=0).sum() / len(labels))


def ari_null_sd(labels: Labels, clusters: Labels) -> float:
    """Return equation (3): how far from 0 the ARI of random clusters of these sizes typically
    lies.
    """
    n = float(len(labels))
    if n < 4:
        return 0.0
    (pairs_a, triples_a), (pairs_b, triples_b) = (
        _falling(np.unique(groups, return_counts=True)[1]) for groups in (labels, clusters)
    )
    expected = pairs_a * pairs_b / (n * (n - 1))
    highest = (pairs_a + pairs_b) / 2
    if highest == expected:
        return 0.0
    two_cells = 2 * pairs_a * pairs_b / (n * (n - 1))
    three_cells = 4 * triples_a * triples_b / (n * (n - 1) * (n - 2))
    four_cells = (
        (pairs_a * (pairs_a - 2) - 4 * triples_a)
        * (pairs_b * (pairs_b - 2) - 4 * triples_b)
        / (n * (n - 1) * (n - 2) * (n - 3))
    )
    variance = two_cells + three_cells + four_cells - expected**2
    return float(np.sqrt(max(variance, 0.0)) / (highest - expected))


def ari_se(labels: Labels, clusters: Labels) -> float:
    """Return equation (4): how far the ARI would vary over other cells of the same kind, the
    clustering held.
    """
    table = contingency_matrix(labels, clusters).astype(np.float64)
    n = table.sum()
    if n < 3:
        return 0.0
    # Cells of one class and one cluster leave the same ARI behind.
    i, j = np.nonzero(table)
    together, of_classes, of_clusters = (
        (sizes * (sizes - 1)).sum() / 2 for sizes in (table, table.sum(1), table.sum(0))
    )
    together = together - (table[i, j] - 1)
    of_classes = of_classes - (table.sum(1)[i] - 1)
    of_clusters = of_clusters - (table.sum(0)[j] - 1)
    expected = of_classes * of_clusters / ((n - 1) * (n - 2) / 2)
    highest = (of_classes + of_clusters) / 2
    without = np.divide(
        together - expected, highest - expected, out=np.ones_like(highest), where=highest > expected
    )
    mean = np.average(without, weights=table[i, j])
    return float(np.sqrt((n - 1) / n * (table[i, j] * (without - mean) ** 2).sum()))


def acc_se(labels: Labels, clusters: Labels) -> float:
    """Return equation (5) of the accuracy."""
    return _error_of_share(accuracy(labels, clusters), len(labels))


def purity_se(labels: Labels, clusters: Labels) -> float:
    """Return equation (5) of the purity."""
    return _error_of_share(purity(labels, clusters), len(labels))


def _error_of_share(share: float, n: int) -> float:
    return float(np.sqrt(share * (1 - share) / n))


AGREEMENT: dict[str, Callable[[Labels, Labels], float]] = {
    "ari": adjusted_rand_score,
    "nmi": normalized_mutual_info_score,
    "ami": adjusted_mutual_info_score,
    "acc": accuracy,
    "purity": purity,
    "homogeneity": homogeneity_score,
    "completeness": completeness_score,
    "v_measure": v_measure_score,
    "ari_null_sd": ari_null_sd,
    "ari_se": ari_se,
    "acc_se": acc_se,
    "purity_se": purity_se,
}


def agreement(labels: Labels, clusters: Labels) -> dict[str, float | Unavailable]:
    """Return every metric of ``AGREEMENT`` over the labelled cells (label code >= 0)."""
    if problem := problem_with_labels(labels):
        return dict.fromkeys(AGREEMENT, problem)
    labelled = labels >= 0
    return {
        name: float(metric(labels[labelled], clusters[labelled]))
        for name, metric in AGREEMENT.items()
    }


def problem_with_labels(labels: Int[np.ndarray, " obs"]) -> Unavailable | None:
    """Return why nothing can be compared with these labels (code -1: unlabelled), or None."""
    if len(labels) == 0:
        return Unavailable(Outcome.NOT_APPLICABLE, "no cell in this split")
    classes = np.unique(labels[labels >= 0])
    if len(classes) == 0:
        return Unavailable(Outcome.NOT_APPLICABLE, "no labelled cell")
    if len(classes) == 1:
        return Unavailable(Outcome.NOT_APPLICABLE, "the labelled cells are all of one class")
    return None


def silhouette(
    z: Float[np.ndarray, "obs latent"], labels: Labels, *, max_obs: int = 10_000
) -> float | Unavailable:
    """Return the mean silhouette width (Rousseeuw 1987, Euclidean) of the labelled cells, in [-1,
    1]; a class of one cell counts 0.

    Above ``max_obs`` labelled cells the widths of ``max_obs`` of them, drawn with seed 0, are
    averaged, among themselves."""
    if problem := problem_with_labels(labels):
        return problem
    cells = np.flatnonzero(labels >= 0)
    if len(cells) > max_obs:
        cells = np.sort(np.random.default_rng(0).choice(cells, size=max_obs, replace=False))
        if problem := problem_with_labels(labels[cells]):
            return problem
    if len(np.unique(labels[cells])) == len(cells):
        return 0.0
    # Distances come from differences of squares: codes far from the origin would lose digits.
    centred = z[cells].astype(np.float64)
    centred -= centred.mean(axis=0)
    with sklearn.config_context(working_memory=SILHOUETTE_MEMORY_MB):
        return float(silhouette_score(centred, labels[cells]))


def _falling(sizes: Int[np.ndarray, " groups"]) -> tuple[float, float]:
    """Return the ordered pairs and triples of cells within groups of these sizes."""
    sizes = sizes.astype(np.float64)
    return float((sizes * (sizes - 1)).sum()), float((sizes * (sizes - 1) * (sizes - 2)).sum())
