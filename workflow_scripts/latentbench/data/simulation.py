"""Simulated data sets with known groups, the same bytes every time."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

BLOBS_SEED = 20180601
COUNTS_SEED = 20180602


def blobs(
    *,
    n_vars: int = 16,
    n_classes: int = 5,
    n_per_group: int = 350,
    separation: float = 8.0,
    effect: float = 1.2,
) -> AnnData:
    """Return the thesis's toy: Gaussian classes under two conditions, obs columns ``class`` and
    ``condition``.

        x = separation * q_class + effect * [treated] * q_condition + N(0, I)

    The q are orthonormal. Classes are ``separation * sqrt(2)`` (11.3) standard deviations apart, so
    a perfect clustering exists (ARI 1.0); the shift by ``effect`` is small beside the noise and
    orthogonal to every class difference."""
    rng = np.random.default_rng(BLOBS_SEED)
    directions = np.linalg.qr(rng.standard_normal((n_vars, n_classes + 1)))[0].T
    of_class, treated = (
        part.ravel() for part in np.mgrid[:n_classes, :2].repeat(n_per_group, axis=-1)
    )
    x = separation * directions[of_class] + effect * treated[:, None] * directions[-1]
    x = (x + rng.standard_normal(x.shape)).astype(np.float32)
    obs = pd.DataFrame(
        {
            "class": [f"class {k}" for k in of_class],
            "condition": np.where(treated == 1, "treated", "control"),
        }
    )
    return _named(AnnData(x, obs=obs.set_index(numbered("cell", len(obs)))), "feature")


def counts(
    *,
    n_obs: int = 600,
    n_vars: int = 300,
    n_groups: int = 4,
    n_markers: int = 25,
    fold: float = 6.0,
    dispersion: float = 0.3,
) -> AnnData:
    """Return negative binomial counts with known groups and two batches, obs columns ``group`` and
    ``batch``.

        n_cg ~ Poisson(l_c * m_g * fold^[g marks c's group] * b_g^[second batch] *
        Gamma(1/dispersion, dispersion))

    Library sizes l are log-normal, gene means m gamma, the batch factors b log-normal with sd 0.2.
    """
    rng = np.random.default_rng(COUNTS_SEED)
    group = rng.choice(
        n_groups, n_obs, p=np.arange(n_groups, 0, -1) / np.arange(n_groups, 0, -1).sum()
    )
    batch = rng.integers(0, 2, n_obs)
    marks = np.zeros((n_groups, n_vars))
    for k in range(n_groups):
        marks[k, k * n_markers : (k + 1) * n_markers] = np.log(fold)
    log_mean = (
        np.log(rng.gamma(1.0, 1.0, n_vars) + 0.05)
        + marks[group]
        + batch[:, None] * rng.normal(0, 0.2, n_vars)
    )
    library = rng.lognormal(0, 0.3, (n_obs, 1))
    mean = library * np.exp(log_mean) * rng.gamma(1 / dispersion, dispersion, (n_obs, n_vars))
    obs = pd.DataFrame(
        {"group": [f"group {k}" for k in group], "batch": [f"batch {b}" for b in batch]}
    )
    return _named(
        AnnData(
            sparse.csr_matrix(rng.poisson(mean).astype(np.int32)),
            obs=obs.set_index(numbered("cell", n_obs)),
        ),
        "gene",
    )


SIMULATED: dict[str, Callable[[], AnnData]] = {"blobs": blobs, "counts": counts}


def numbered(prefix: str, n: int) -> pd.Index:
    """Return the names ``<prefix>_0`` to ``<prefix>_<n - 1>``, all of one width."""
    return pd.Index([f"{prefix}_{i:0{len(str(n - 1))}d}" for i in range(n)])


def _named(adata: AnnData, prefix: str) -> AnnData:
    adata.var_names = numbered(prefix, adata.n_vars)
    return adata
