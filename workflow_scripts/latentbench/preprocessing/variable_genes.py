"""Highly variable genes on counts, without importing scanpy (4 s): both flavours agree with it to rounding (tests)."""

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse
from skmisc.loess import loess

FEWEST_GENES_FOR_LOESS = 20


def highly_variable(counts: sparse.csr_matrix, n_top_genes: int | None, flavor: str) -> Bool[np.ndarray, " vars"]:
    """Return which genes are the ``n_top_genes`` most variable; all of them when there are no more than that or it is None."""
    n_vars = counts.shape[1]
    if n_top_genes is None or n_top_genes >= n_vars:
        return np.ones(n_vars, dtype=bool)
    scores = FLAVORS[flavor](counts)
    chosen = np.zeros(n_vars, dtype=bool)
    chosen[np.argsort(-scores, kind="stable")[:n_top_genes]] = True
    return chosen


def seurat_v3_scores(counts: sparse.csr_matrix, *, span: float = 0.3) -> Float[np.ndarray, " vars"]:
    """Return the variance of every gene's standardised counts (Stuart et al. 2019; Hafemeister and Satija's vst).

    The expected standard deviation is a loess fit of log10 variance on log10 mean; standardised counts are capped at sqrt(n_obs). Raises
    ``ValueError`` where there are too few genes or distinct means for the fit.
    """
    n_obs = counts.shape[0]
    mean, variance = _mean_and_variance(counts)
    varies = variance > 0
    sd = np.ones_like(mean)
    sd[varies] = np.sqrt(10 ** _loess_trend(np.log10(mean[varies]), np.log10(variance[varies]), span))
    cap = mean + sd * np.sqrt(n_obs)
    capped = counts.astype(np.float64)
    capped.data = np.minimum(capped.data, cap[capped.indices])
    squares = capped.copy()
    squares.data **= 2
    total, total_of_squares = (np.asarray(matrix.sum(axis=0)).ravel() for matrix in (capped, squares))
    return (n_obs * mean**2 + total_of_squares - 2 * total * mean) / ((n_obs - 1) * sd**2)


def pearson_residual_scores(counts: sparse.csr_matrix, *, theta: float = 100.0, genes_at_once: int = 512) -> Float[np.ndarray, " vars"]:
    """Return the variance of every gene's Pearson residuals under a negative binomial of inverse dispersion theta (Lause et al. 2021).

    r = (x - mu) / sqrt(mu + mu^2 / theta), mu = cell total * gene total / all, |r| capped at sqrt(n_obs).
    """
    n_obs, n_vars = counts.shape
    per_cell, per_gene = (np.asarray(counts.sum(axis=axis), dtype=np.float64).ravel() for axis in (1, 0))
    by_gene, scores = counts.tocsc(), np.empty(n_vars)
    for start in range(0, n_vars, genes_at_once):
        genes = slice(start, start + genes_at_once)
        mu = np.outer(per_cell, per_gene[genes]) / per_cell.sum()
        residuals = (by_gene[:, genes].toarray() - mu) / np.sqrt(mu + mu**2 / theta)
        scores[genes] = np.clip(residuals, -np.sqrt(n_obs), np.sqrt(n_obs)).var(axis=0)
    return scores


FLAVORS = {"seurat_v3": seurat_v3_scores, "pearson_residuals": pearson_residual_scores}


def _loess_trend(x: Float[np.ndarray, " genes"], y: Float[np.ndarray, " genes"], span: float) -> Float[np.ndarray, " genes"]:
    remedy = "use hvg_flavor pearson_residuals, or n_top_genes null"
    # With a handful of points the compiled loess does not raise, it ends the process.
    if x.size < FEWEST_GENES_FOR_LOESS:
        raise ValueError(f"hvg_flavor seurat_v3: {x.size} genes vary, the loess fit needs {FEWEST_GENES_FOR_LOESS}; {remedy}")
    fit = loess(x, y, span=span, degree=2)
    try:
        fit.fit()
    except ValueError as singular:
        raise ValueError(f"hvg_flavor seurat_v3: the loess fit fails ({singular}); {remedy}") from singular
    return fit.outputs.fitted_values


def _mean_and_variance(counts: sparse.csr_matrix) -> tuple[Float[np.ndarray, " vars"], Float[np.ndarray, " vars"]]:
    n_obs = counts.shape[0]
    values = counts.astype(np.float64)
    total = np.asarray(values.sum(axis=0)).ravel()
    values.data **= 2
    # Sums of whole numbers are exact, so that a gene which does not vary comes out as exactly 0.
    variance = (n_obs * np.asarray(values.sum(axis=0)).ravel() - total**2) / (n_obs * (n_obs - 1))
    return total / n_obs, variance
