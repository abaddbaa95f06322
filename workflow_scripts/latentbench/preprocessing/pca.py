"""Principal components: exact, fitted on training cells, the same signs every time; sparse data is never made dense."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

# Below this many variables the covariance matrix is small and its eigenvectors are exact and quick; above, Lanczos from a fixed start.
MOST_VARS_FOR_COVARIANCE = 4096


@dataclass(frozen=True)
class PCA:
    """A fitted PCA: mean (vars), components (pcs, vars) with orthonormal rows, and each one's share of the training variance."""

    mean: Float[np.ndarray, " vars"]
    components: Float[np.ndarray, "pcs vars"]
    variance_ratio: Float[np.ndarray, " pcs"]

    def transform(self, x) -> Float32[np.ndarray, "obs pcs"]:
        """Return the scores of ``x`` (obs x vars, dense or sparse)."""
        return np.asarray(x @ self.components.T - self.mean @ self.components.T, dtype=np.float32)


def fit_pca(x, n_pcs: int) -> PCA:
    """Return the first ``n_pcs`` principal components of ``x`` (obs x vars, dense or sparse), fewer where its rank allows no more.

    A component's largest loading is positive, which fixes the signs.
    """
    n_obs, n_vars = x.shape
    n_pcs = min(n_pcs, n_obs - 1, n_vars)
    if n_pcs < 1:
        raise ValueError(f"principal components need at least 2 training cells, there is {n_obs}")
    x = x.astype(np.float64)
    mean = np.asarray(x.mean(axis=0)).ravel()
    variances, components = (_from_covariance if n_vars <= MOST_VARS_FOR_COVARIANCE else _from_lanczos)(x, mean, n_pcs)
    components *= np.sign(components[np.arange(len(components)), np.abs(components).argmax(axis=1)])[:, None]
    total = float((x.multiply(x) if sparse.issparse(x) else x**2).sum() - n_obs * (mean**2).sum())
    return PCA(mean, components, variances / total if total > 0 else np.zeros(len(variances)))


def cap_and_scale(x, is_train: Bool[np.ndarray, " obs"], *, cap: float = 10.0):
    """Return non-negative ``x`` divided by its training standard deviation, no value more than ``cap`` of them above the training mean.

    Zeros stay zeros, so sparse data stays sparse; PCA takes care of the mean. Variables that do not vary are left at 0.
    """
    scaled = sparse.csr_matrix(x, dtype=np.float64, copy=True)
    train = scaled[is_train]
    mean = np.asarray(train.mean(axis=0)).ravel()
    train.data **= 2
    sd = np.sqrt(np.maximum(np.asarray(train.sum(axis=0)).ravel() - train.shape[0] * mean**2, 0) / max(train.shape[0] - 1, 1))
    per_sd = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0)
    scaled.data = np.minimum(scaled.data, (mean + cap * sd)[scaled.indices]) * per_sd[scaled.indices]
    return scaled


def _from_covariance(x, mean: Float[np.ndarray, " vars"], n_pcs: int):
    gram = x.T @ x
    scatter = (gram.toarray() if sparse.issparse(gram) else gram) - x.shape[0] * np.outer(mean, mean)
    values, vectors = np.linalg.eigh(scatter)
    return np.maximum(values[::-1][:n_pcs], 0), np.ascontiguousarray(vectors[:, ::-1][:, :n_pcs].T)


def _from_lanczos(x, mean: Float[np.ndarray, " vars"], n_pcs: int):
    ones = np.ones(x.shape[0])
    centred = LinearOperator(
        x.shape,
        dtype=np.float64,
        matvec=lambda v: x @ v.ravel() - (mean @ v.ravel()) * ones,
        rmatvec=lambda u: x.T @ u.ravel() - mean * u.sum(),
    )
    start = np.random.default_rng(0).standard_normal(min(x.shape))
    _, singular, right = svds(centred, k=n_pcs, v0=start, return_singular_vectors="vh")
    order = np.argsort(-singular, kind="stable")
    return singular[order] ** 2, right[order]
