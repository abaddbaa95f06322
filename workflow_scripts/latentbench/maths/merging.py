"""Components of a mixture that claim the same cells, merged into one cluster, by the probabilities
of the components alone: no label is within reach.

A mixture describes a group of an odd shape, or a large one, by several components (Baudry 2010,
doi:10.1198/jcgs.2010.08111). With tau_ik the probability of component k for cell i, the share of
the cells of k that are taken for cells of l, the most probable component, is estimated by (Hennig
2010, doi:10.1007/s11634-010-0058-3, "directly estimated misclassification probabilities")

    p(l | k) = sum_i tau_ik [argmax_m tau_im = l] / sum_i tau_ik
        (1)
    overlap(k, l) = max(p(l | k), p(k | l))
        (2)

The pair that overlaps most is merged, its probabilities added, (1) and (2) are computed anew, and
so on while there is an overlap of ``above`` or more. Components without a cell are merged on the
way. tau must be posterior probabilities: of the soft assignments of ``dec`` and its kin, in which
every cluster has a share of every cell, (1) says nothing."""

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

MERGED_ABOVE = 0.1
"""Overlap from which components are one cluster: of the cells of one, one in ten is taken for
the other's. Chosen by the labels of data sets (docs/models.md, Merged components, says which)."""


def merged_components(
    probs: Float[np.ndarray, "obs clusters"], *, above: float = MERGED_ABOVE
) -> Int[np.ndarray, " clusters"]:
    """Return the number of the group, from 0, that each component is merged into."""
    probs, groups = probs.astype(np.float64), np.arange(probs.shape[1])
    while groups.max() > 0:
        overlap = overlaps(probs)
        kept, gone = sorted(np.unravel_index(int(overlap.argmax()), overlap.shape))
        if overlap[kept, gone] < above:
            break
        probs[:, kept] += probs[:, gone]
        probs = np.delete(probs, gone, axis=1)
        groups = np.where(groups == gone, kept, groups)
        groups -= groups > gone
    return groups


def overlaps(probs: Float[np.ndarray, "obs clusters"]) -> Float[np.ndarray, "clusters clusters"]:
    """Return equation (2) of every two components; 0 of a component with itself."""
    n_obs, n_clusters = probs.shape
    assigned = sparse.csr_matrix(
        (np.ones(n_obs), (probs.argmax(axis=1), np.arange(n_obs))), shape=(n_clusters, n_obs)
    )
    shares = np.asarray(assigned @ probs).T
    sizes = probs.sum(axis=0)[:, None]
    shares = np.divide(shares, sizes, out=np.zeros_like(shares), where=sizes > 0)
    np.fill_diagonal(shares, 0)
    return np.maximum(shares, shares.T)


def sums_over_groups(
    probs: Float[np.ndarray, "obs clusters"], groups: Int[np.ndarray, " clusters"]
) -> Float[np.ndarray, "obs groups"]:
    """Return the probability of every group: that of its components together."""
    return probs @ np.eye(groups.max() + 1, dtype=probs.dtype)[groups]
