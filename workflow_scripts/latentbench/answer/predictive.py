"""One scale for all models: how well does what a code knows of a cell predict counts of that cell
which it has not seen (molecular cross-validation: Batson, Royer and Webber 2019,
doi:10.1101/786269)?

A cell is coded from the first part of its counts, the second part x has n molecules. The code says
which expression p to expect, the same way for every kind of code: by the cells nearest to it,

    p_ij = (1 - l) sum_{k in N(i)} x_kj / sum_{k in N(i)} n_k + l q_j                       (1)

with N(i) the K training cells with the nearest codes (Euclidean; never i itself), q the expression
of all training cells, and K and l those of a fixed grid that predict training cells best. The
Poisson deviance of a cell, given its size n_i, is

    d_i = 2 sum_j x_ij log(x_ij / (n_i p_ij))                                               (2)

(the terms x - n p sum to 0), and the score the share of deviance explained beyond the mean,

    1 - sum_i d_i / sum_i d_i(p = q)                                                        (3)

over test cells, higher is better, the same for PCA, autoencoders and codes of unknown origin.

What it cannot tell: whether what is predicted is biology (a code of quality or batch predicts
counts, too, and a code that had its batch taken out predicts worse for it); whether groups are
right, as a code may predict well and cluster badly; and nothing honest of a code that has seen the
second part. Most of the deviance of shallow counts is noise that no model explains, so that only
differences between models mean something, paired by cell."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from latentbench.neighbours import nearest, nearest_others

N_NEIGHBOURS, MIXED = (5, 15, 50), (0.02, 0.05, 0.1, 0.2, 0.4)
"""The grids of K and l."""
N_TRAIN, N_TEST, N_CHOOSING = 20_000, 3_000, 1_000
"""Cells that predict, that are predicted, and that K and l are chosen on, at most."""
N_IN_BLOCK = 500


@dataclass(frozen=True)
class Prediction:
    """Deviances (2) of the test cells under a model and under the mean expression."""

    cells: Int[np.ndarray, " test"]
    deviance: Float[np.ndarray, " test"]
    deviance_of_mean: Float[np.ndarray, " test"]

    @property
    def explained(self) -> float:
        """Equation (3)."""
        return float(1 - self.deviance.sum() / max(self.deviance_of_mean.sum(), 1e-300))


def predict_from_code(
    z: Float[np.ndarray, "obs latent"],
    held_out: sparse.csr_matrix,
    *,
    train: Int[np.ndarray, " train"],
    test: Int[np.ndarray, " test"],
    seed: int = 0,
) -> Prediction:
    """Return the deviances of test cells (indices) by equation (1).

    Raises:
        ValueError: a code that is not finite or of another number of cells.
    """
    if len(z) != held_out.shape[0] or not np.isfinite(z).all():
        raise ValueError(
            f"predictive: a code of {len(z)} cells for counts of {held_out.shape[0]}, or one that"
            " is not finite; give a finite code for every cell"
        )
    rng = np.random.default_rng([seed, 4])
    train, test = _some(train, N_TRAIN, rng), _some(test, N_TEST, rng)
    counts = sparse.csr_matrix(held_out[train]).astype(np.float64)
    mean = _mean_expression(counts)
    z_train = z[train].astype(np.float64)
    most = min(max(N_NEIGHBOURS), len(train) - 1)
    chosen = _some(np.arange(len(train)), N_CHOOSING, rng)
    others = nearest_others(z_train, most)[chosen]
    grid = {
        (k, mixed): _deviances(counts[chosen], counts, others[:, :k], mixed, mean).sum()
        for k in sorted({min(k, most) for k in N_NEIGHBOURS})
        for mixed in MIXED
    }
    k, mixed = min(grid, key=lambda each: (grid[each], each))
    x = sparse.csr_matrix(held_out[test]).astype(np.float64)
    found = nearest(z[test].astype(np.float64), z_train, k)
    return Prediction(test, _deviances(x, counts, found, mixed, mean), _deviances_of(x, mean[None]))


def _deviances(
    x: sparse.csr_matrix,
    counts: sparse.csr_matrix,
    neighbours: Int[np.ndarray, "cells k"],
    mixed: float,
    mean: Float[np.ndarray, " vars"],
) -> Float[np.ndarray, " cells"]:
    """Return equation (2) with the expectations of equation (1)."""
    sizes = np.asarray(counts.sum(axis=1)).ravel()
    deviance = np.empty(x.shape[0])
    for start in range(0, x.shape[0], N_IN_BLOCK):
        near = neighbours[start : start + N_IN_BLOCK]
        rows = np.repeat(np.arange(len(near)), near.shape[1])
        picked = sparse.csr_matrix(
            (np.ones(near.size), (rows, near.ravel())), shape=(len(near), counts.shape[0])
        )
        total = np.maximum(sizes[near].sum(axis=1, keepdims=True), 1)
        shares = (1 - mixed) * (picked @ counts).toarray() / total + mixed * mean
        deviance[start : start + N_IN_BLOCK] = _deviances_of(x[start : start + N_IN_BLOCK], shares)
    return deviance


def _deviances_of(
    x: sparse.csr_matrix, shares: Float[np.ndarray, "_ vars"]
) -> Float[np.ndarray, " cells"]:
    """Return equation (2); one row of shares is for all cells. A gene that no training cell has is
    expected as half a molecule in all of them would be (``_mean_expression``).
    """
    rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    sizes = np.asarray(x.sum(axis=1)).ravel()
    expected = sizes[rows] * shares[rows if len(shares) > 1 else 0, x.indices]
    terms = np.zeros(len(x.data))
    some = x.data > 0
    terms[some] = x.data[some] * np.log(x.data[some] / expected[some])
    return 2 * np.bincount(rows, terms, minlength=x.shape[0])


def _mean_expression(counts: sparse.csr_matrix) -> Float[np.ndarray, " vars"]:
    totals = np.asarray(counts.sum(axis=0)).ravel() + 0.5
    return totals / totals.sum()


def _some(cells: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return cells if len(cells) <= most else np.sort(rng.choice(cells, most, replace=False))
