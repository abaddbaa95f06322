"""Principal components: exact, fitted on training cells, the same signs every time; sparse data is
made dense in small pieces at most.

Cells come in blocks (obs x vars, dense or sparse) that are gone through several times: a list of
what is in memory, or an iterable that reads anew from disk. Sums are in double precision, so that
how the cells are cut into blocks makes no difference beyond rounding."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from latentbench.data.row_blocks import RowBlocks

# Below this many variables the covariance matrix is small and its eigenvectors are exact and quick;
# above, Lanczos from a fixed start.
MOST_VARS_FOR_COVARIANCE = 4096

SPARSE_GRAM_BELOW = 0.05
"""Share of non-zeros below which the product of sparse rows is faster than that of the same
rows made dense (counts of 2,000 genes, one thread)."""
ROWS_PER_PIECE = 2048


@dataclass(frozen=True)
class PCA:
    """A fitted PCA: mean (vars), components (pcs, vars) with orthonormal rows, and each one's share
    of the training variance.
    """

    mean: Float[np.ndarray, " vars"]
    components: Float[np.ndarray, "pcs vars"]
    variance_ratio: Float[np.ndarray, " pcs"]

    def transform(self, x) -> Float32[np.ndarray, "obs pcs"]:
        """Return the scores of ``x`` (obs x vars, dense or sparse)."""
        return np.asarray(x @ self.components.T - self.mean @ self.components.T, dtype=np.float32)


@dataclass(frozen=True)
class Scaling:
    """What divides non-negative values by their standard deviation after capping them, both per
    variable; zeros stay zeros.
    """

    cap: Float[np.ndarray, " vars"]
    per_sd: Float[np.ndarray, " vars"]

    def apply(self, x) -> sparse.csr_matrix:
        """Return ``x`` (obs x vars, dense or sparse) capped and scaled, sparse, in double
        precision.
        """
        scaled = sparse.csr_matrix(x, dtype=np.float64, copy=True)
        scaled.data = (
            np.minimum(scaled.data, self.cap[scaled.indices]) * self.per_sd[scaled.indices]
        )
        return scaled


def fit_scaling(blocks: Iterable, *, cap: float = 10.0) -> Scaling:
    """Return the scaling to one standard deviation of the (training) cells in ``blocks``, no value
    more than ``cap`` of them above their mean.

    PCA takes care of the mean. Variables that do not vary are scaled to 0.
    """
    n_obs, total, total_of_squares = _column_sums(blocks)
    mean = total / n_obs
    sd = np.sqrt(np.maximum(total_of_squares - n_obs * mean**2, 0) / max(n_obs - 1, 1))
    return Scaling(mean + cap * sd, np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0))


def fit_pca(blocks: Iterable, n_pcs: int) -> PCA:
    """Return the first ``n_pcs`` principal components of the (training) cells in ``blocks``, fewer
    where their rank allows no more.

    A component's largest loading is positive, which fixes the signs.
    """
    n_obs, total, total_of_squares = _column_sums(blocks)
    n_pcs = min(n_pcs, n_obs - 1, len(total))
    if n_pcs < 1:
        raise ValueError(f"principal components need at least 2 training cells, there is {n_obs}")
    mean = total / n_obs
    fit = _from_covariance if len(total) <= MOST_VARS_FOR_COVARIANCE else _from_lanczos
    variances, components = fit(blocks, n_obs, mean, n_pcs)
    components *= np.sign(
        components[np.arange(len(components)), np.abs(components).argmax(axis=1)]
    )[:, None]
    scatter = float(total_of_squares.sum() - n_obs * (mean**2).sum())
    return PCA(mean, components, variances / scatter if scatter > 0 else np.zeros(len(variances)))


def principal_components(
    x: RowBlocks, is_train: Bool[np.ndarray, " obs"], *, scale: bool, n_pcs: int
) -> tuple[Float32[np.ndarray, "obs pcs"], PCA]:
    """Return every cell's scores and the PCA, fitted on the training cells; with ``scale`` of
    values divided by their standard deviation.
    """
    as_used = fit_scaling(_ChosenRows(x, is_train, _as_it_is)).apply if scale else _as_it_is
    pca = fit_pca(_ChosenRows(x, is_train, as_used), n_pcs)
    return np.concatenate([pca.transform(as_used(block)) for _, block in x]), pca


@dataclass(frozen=True)
class _ChosenRows:
    blocks: RowBlocks
    chosen: Bool[np.ndarray, " obs"]
    as_used: Callable

    def __iter__(self) -> Iterator:
        for rows, block in self.blocks:
            yield self.as_used(block[self.chosen[rows]])


def _as_it_is(block):
    return block


def _column_sums(
    blocks: Iterable,
) -> tuple[int, Float[np.ndarray, " vars"], Float[np.ndarray, " vars"]]:
    """Return how many cells there are, and the sums of their values and of the squares."""
    n_obs, total, total_of_squares = 0, 0.0, 0.0
    for block in blocks:
        values, ones = block.astype(np.float64), np.ones(block.shape[0])
        squares = values.power(2) if sparse.issparse(values) else values**2
        n_obs, total, total_of_squares = (
            n_obs + len(ones),
            total + values.T @ ones,
            total_of_squares + squares.T @ ones,
        )
    return n_obs, total, total_of_squares


def _from_covariance(blocks: Iterable, n_obs: int, mean: Float[np.ndarray, " vars"], n_pcs: int):
    scatter = sum(
        (_gram(block.astype(np.float64)) for block in blocks), start=-n_obs * np.outer(mean, mean)
    )
    values, vectors = np.linalg.eigh(scatter)
    return np.maximum(values[::-1][:n_pcs], 0), np.ascontiguousarray(vectors[:, ::-1][:, :n_pcs].T)


def _gram(x) -> Float[np.ndarray, "vars vars"]:
    """Return x^T x; of sparse rows as a sparse product or from small dense pieces, whichever is
    faster.
    """
    if not sparse.issparse(x):
        return x.T @ x
    if x.nnz <= SPARSE_GRAM_BELOW * x.shape[0] * x.shape[1]:
        return (x.T @ x).toarray()
    pieces = (
        x[start : start + ROWS_PER_PIECE].toarray()
        for start in range(0, x.shape[0], ROWS_PER_PIECE)
    )
    return sum(piece.T @ piece for piece in pieces)


def _from_lanczos(blocks: Iterable, n_obs: int, mean: Float[np.ndarray, " vars"], n_pcs: int):
    def scores(v):
        return (
            np.concatenate([block.astype(np.float64) @ v.ravel() for block in blocks])
            - mean @ v.ravel()
        )

    def loadings(u):
        total, start = -mean * u.sum(), 0
        for block in blocks:
            total += block.astype(np.float64).T @ u.ravel()[start : start + block.shape[0]]
            start += block.shape[0]
        return total

    centred = LinearOperator((n_obs, len(mean)), dtype=np.float64, matvec=scores, rmatvec=loadings)
    start = np.random.default_rng(0).standard_normal(min(centred.shape))
    _, singular, right = svds(centred, k=n_pcs, v0=start, return_singular_vectors="vh")
    order = np.argsort(-singular, kind="stable")
    return singular[order] ** 2, right[order]
