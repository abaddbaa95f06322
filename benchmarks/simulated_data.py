"""The data of the benchmarks: counts, pixels and codes of the right shape, share of zeros and
spread, the same every time, with nothing to download.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy import sparse
from sides.task import Task

from latentbench.files.artefacts import atomic_path

SEED, N_GROUPS, CHUNK = 20180603, 10, 5_000
PIXELS_ON = 0.19
"""Share of the pixels above zero: MNIST has 19.1 %."""


def write_simulated(task: Task, path: str | Path) -> None:
    """Write the ``n_train + n_test`` rows of a task as a float32 CSR matrix (``.npz``)."""
    chunks = counts(task) if task.is_counts else pixels(task)
    with atomic_path(path) as temporary:
        sparse.save_npz(
            temporary,
            sparse.vstack([sparse.csr_matrix(chunk) for chunk in chunks], format="csr"),
            compressed=False,
        )


def write_codes(n_obs: int, path: str | Path) -> None:
    """Write codes ``z`` (obs, 10) of twenty overlapping groups of unequal sizes, and their
    ``labels`` (``.npz``).
    """
    rng = np.random.default_rng(SEED)
    shares = 0.85 ** np.arange(20)
    labels = rng.choice(20, n_obs, p=shares / shares.sum())
    centres = 1.6 * rng.standard_normal((20, 10))
    np.savez(
        path,
        z=(centres[labels] + rng.standard_normal((n_obs, 10))).astype(np.float32),
        labels=labels,
    )


def counts(task: Task) -> Iterator[Float[np.ndarray, "obs vars"]]:
    """Yield negative binomial counts of ten groups with continuous variation inside; about 15.7 %
    are above zero.
    """
    rng = np.random.default_rng(SEED)
    groups, loadings = rng.normal(0, 1, (N_GROUPS, 10)), rng.standard_normal((10, task.n_vars))
    log_mean, theta = rng.normal(-2.58, 1.4, task.n_vars), rng.gamma(2, 0.75, task.n_vars) + 0.1
    for n_obs in chunk_sizes(task):
        codes = groups[rng.integers(0, N_GROUPS, n_obs)] + 0.3 * rng.standard_normal((n_obs, 10))
        mean = rng.lognormal(0, 0.35, (n_obs, 1)) * np.exp(log_mean + 0.35 * codes @ loadings)
        yield rng.poisson(rng.gamma(theta, mean / theta)).astype(np.float32)


def pixels(task: Task) -> Iterator[Float[np.ndarray, "obs vars"]]:
    """Yield square images in [0, 1], in steps of 1 / 255: smooth random fields of ten groups,
    strong in the middle, cut so that 19 % of the pixels are on.
    """
    rng = np.random.default_rng(SEED)
    waves = smooth_fields(round(np.sqrt(task.n_vars)))
    groups = rng.standard_normal((N_GROUPS, len(waves)))
    for n_obs in chunk_sizes(task):
        field = (
            groups[rng.integers(0, N_GROUPS, n_obs)]
            + 0.7 * rng.standard_normal((n_obs, len(waves)))
        ) @ waves
        above = field - np.quantile(field, 1 - PIXELS_ON)
        yield (np.ceil(255 * np.clip(2 * above / field.std(), 0, 1)) / 255).astype(np.float32)


def smooth_fields(side: int, *, n_waves: int = 7) -> Float[np.ndarray, "fields pixels"]:
    """Return products of the first cosines along both axes under a bell over the middle of an
    image.
    """
    place = (np.arange(side) + 0.5) / side
    lines = np.cos(np.pi * np.arange(n_waves)[:, None] * place) * np.exp(
        -((place - 0.5) ** 2) / (2 * 0.2**2)
    )
    return np.einsum("ax,by->abxy", lines, lines).reshape(n_waves**2, side**2)


def chunk_sizes(task: Task) -> list[int]:
    """Return how many rows to draw at a time."""
    n_obs = task.n_train + task.n_test
    return [min(CHUNK, n_obs - start) for start in range(0, n_obs, CHUNK)]
