"""Agreement of a clustering with the true labels, and the silhouette of the labels in an embedding:
pure functions.

With n_ij cells of class i in cluster j, a_i = sum_j n_ij, b_j = sum_i n_ij and n cells in all:

    ARI           (sum C(n_ij,2) - E) / ((A + B)/2 - E),  A = sum C(a_i,2), B = sum C(b_j,2), E = A
                  B / C(n,2)   (1)  Hubert and Arabie 1985
    MI            sum n_ij/n log( n n_ij / (a_i b_j) );   H(a) = -sum a_i/n log(a_i/n)
    NMI           MI / ((H(a) + H(b))/2)
                  (2)  Strehl and Ghosh 2002
    AMI           (MI - E[MI]) / ((H(a) + H(b))/2 - E[MI])
                  (3)  Vinh et al. 2010
    ACC           max over one-to-one matchings of sum n_i,match(i) / n; an unmatched cluster counts
                  as wrong    (4)  Kuhn 1955
    purity        sum_j max_i n_ij / n
                  (5)
    homogeneity   MI / H(a);  completeness  MI / H(b);  v_measure  their harmonic mean, which equals
                  (2)         (6)  Rosenberg and Hirschberg 2007
    ari_null_sd   the standard deviation of (1) when the clusters are dealt out at random, sizes
                  kept            (7)  Fowlkes and Mallows 1983

All are 1 for a perfect clustering (purity, homogeneity and completeness for some others too),
except (7), a yardstick and no score. The functions of a table expect at least two classes and two
clusters; ``agreement`` turns anything less into a typed outcome."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import expected_mutual_information

from latentbench.outcomes import Outcome, Unavailable

Table = Int[np.ndarray, "classes clusters"]


def contingency_table(
    labels_true: Int[np.ndarray, " obs"], labels_pred: Int[np.ndarray, " obs"]
) -> Table:
    """Return n_ij, the cells of class i in cluster j; classes and clusters without a cell have no
    row and no column.
    """
    classes, rows = np.unique(labels_true, return_inverse=True)
    clusters, columns = np.unique(labels_pred, return_inverse=True)
    return np.bincount(
        rows * len(clusters) + columns, minlength=len(classes) * len(clusters)
    ).reshape(len(classes), len(clusters))


def adjusted_rand_index(table: Table) -> float:
    """Return equation (1), in [-0.5, 1], 0 on average for random clusters; 1 for two clusterings
    that are both trivial in the same way.
    """
    n = int(table.sum())
    pairs, pairs_true, pairs_pred = (
        _pairs(counts) for counts in (table, table.sum(axis=1), table.sum(axis=0))
    )
    expected = pairs_true * pairs_pred / (n * (n - 1) / 2) if n > 1 else 0.0
    highest = (pairs_true + pairs_pred) / 2
    return 1.0 if highest == expected else (pairs - expected) / (highest - expected)


def normalised_mutual_information(table: Table) -> float:
    """Return equation (2), in [0, 1]; it grows with the number of clusters, even for random
    ones.
    """
    return _mutual_information(table) / _mean_entropy(table)


def adjusted_mutual_information(table: Table) -> float:
    """Return equation (3), at most 1, 0 on average for random clusters."""
    expected = expected_mutual_information(table, int(table.sum()))
    room = _mean_entropy(table) - expected
    # Both all singletons: expected = mean entropy up to rounding, and agreement is perfect by
    # construction.
    return 1.0 if abs(room) < 1e-12 else float((_mutual_information(table) - expected) / room)


def accuracy(table: Table) -> float:
    """Return equation (4), in [0, 1]."""
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / table.sum())


def purity(table: Table) -> float:
    """Return equation (5), in (0, 1]; it reaches 1 for clusters of one cell each."""
    return float(table.max(axis=0).sum() / table.sum())


def homogeneity(table: Table) -> float:
    """Return the first of equation (6), in [0, 1]: 1 if no cluster mixes classes."""
    return _mutual_information(table) / _entropy(table.sum(axis=1))


def completeness(table: Table) -> float:
    """Return the second of equation (6), in [0, 1]: 1 if no class is torn apart, as in a single
    cluster.
    """
    entropy = _entropy(table.sum(axis=0))
    return _mutual_information(table) / entropy if entropy else 1.0


def v_measure(table: Table) -> float:
    """Return the harmonic mean of homogeneity and completeness, in [0, 1]."""
    both = homogeneity(table) + completeness(table)
    return 2 * homogeneity(table) * completeness(table) / both if both else 0.0


def ari_null_sd(table: Table) -> float:
    """Return equation (7): how far from 0 the ARI of random clusters of these sizes typically
    lies.
    """
    n = float(table.sum())
    if n < 4:
        return 0.0
    (pairs_a, triples_a), (pairs_b, triples_b) = (_falling(table.sum(axis=axis)) for axis in (1, 0))
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


AGREEMENT: dict[str, Callable[[Table], float]] = {
    "ari": adjusted_rand_index,
    "nmi": normalised_mutual_information,
    "ami": adjusted_mutual_information,
    "acc": accuracy,
    "purity": purity,
    "homogeneity": homogeneity,
    "completeness": completeness,
    "v_measure": v_measure,
    "ari_null_sd": ari_null_sd,
}


def agreement(
    labels: Int[np.ndarray, " obs"], clusters: Int[np.ndarray, " obs"]
) -> dict[str, float | Unavailable]:
    """Return every metric of ``AGREEMENT`` over the labelled cells (label code >= 0)."""
    labelled = labels >= 0
    table = contingency_table(labels[labelled], clusters[labelled])
    problem = problem_with_labels(labels)
    return {name: problem or metric(table) for name, metric in AGREEMENT.items()}


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
    z: Float[np.ndarray, "obs latent"],
    labels: Int[np.ndarray, " obs"],
    *,
    max_obs: int = 10_000,
    block_rows: int = 256,
) -> float | Unavailable:
    """Return the mean silhouette width (Rousseeuw 1987, Euclidean) of the labelled cells, in [-1,
    1]; a class of one cell counts 0.

    The distances are made ``block_rows`` rows at a time. Above ``max_obs`` labelled cells the
    widths of ``max_obs`` of them, drawn with seed 0, are averaged, among themselves."""
    if problem := problem_with_labels(labels):
        return problem
    cells = np.flatnonzero(labels >= 0)
    if len(cells) > max_obs:
        cells = np.sort(np.random.default_rng(0).choice(cells, size=max_obs, replace=False))
        if problem := problem_with_labels(labels[cells]):
            return problem
    z = z[cells].astype(np.float64)
    _, codes = np.unique(labels[cells], return_inverse=True)
    blocks = [
        np.arange(start, min(start + block_rows, len(z))) for start in range(0, len(z), block_rows)
    ]
    return float(
        np.concatenate(
            [_silhouette_widths(block, z - z.mean(axis=0), codes) for block in blocks]
        ).mean()
    )


def _silhouette_widths(
    block: Int[np.ndarray, " rows"],
    z: Float[np.ndarray, "obs latent"],
    codes: Int[np.ndarray, " obs"],
) -> Float[np.ndarray, " rows"]:
    squares = (
        (z[block] ** 2).sum(axis=1)[:, None] + (z**2).sum(axis=1)[None, :] - 2 * z[block] @ z.T
    )
    distances = np.sqrt(np.maximum(squares, 0.0))
    rows = np.arange(len(block))
    distances[rows, block] = 0.0  # rounding leaves about 1e-8 of a cell's distance to itself
    members = np.eye(codes.max() + 1)[codes]
    sizes = members.sum(axis=0)
    to_classes = distances @ members
    codes = codes[block]
    own_size = sizes[codes]
    within = to_classes[rows, codes] / np.maximum(own_size - 1, 1)
    to_classes = to_classes / sizes
    to_classes[rows, codes] = np.inf
    nearest = to_classes.min(axis=1)
    larger = np.maximum(within, nearest)
    return np.where(
        (own_size > 1) & (larger > 0), (nearest - within) / np.where(larger > 0, larger, 1.0), 0.0
    )


def _pairs(counts: Int[np.ndarray, "*any"]) -> float:
    """Return sum C(counts, 2)."""
    return float((counts * (counts - 1)).sum()) / 2


def _falling(sizes: Int[np.ndarray, " groups"]) -> tuple[float, float]:
    """Return the ordered pairs and triples of cells within groups of these sizes."""
    sizes = sizes.astype(np.float64)
    return float((sizes * (sizes - 1)).sum()), float((sizes * (sizes - 1) * (sizes - 2)).sum())


def _entropy(sizes: Int[np.ndarray, " groups"]) -> float:
    shares = sizes[sizes > 0] / sizes.sum()
    return float(-(shares * np.log(shares)).sum())


def _mean_entropy(table: Table) -> float:
    return (_entropy(table.sum(axis=1)) + _entropy(table.sum(axis=0))) / 2


def _mutual_information(table: Table) -> float:
    rows, columns = np.nonzero(table)
    counts = table[rows, columns]
    n = table.sum()
    logs = (
        np.log(counts)
        + np.log(n)
        - np.log(table.sum(axis=1)[rows])
        - np.log(table.sum(axis=0)[columns])
    )
    return max(float((counts / n * logs).sum()), 0.0)
