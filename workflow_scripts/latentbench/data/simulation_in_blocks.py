"""Simulated counts of any size, made a block of cells at a time, the same every time:
``simulate:counts_<cells>x<genes>``.
"""

import re

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Float, Int
from scipy import sparse

from latentbench.data.row_blocks import RowBlocks, StreamedCells
from latentbench.data.simulation import numbered

NAME = re.compile(r"counts_(?P<n_obs>[1-9]\d*)x(?P<n_vars>[1-9]\d*)")
SEED = 20180604
CELLS_PER_BLOCK = 4096
N_SLOTS = 2**20
"""A profile is a table of so many slots, each naming a gene, so that a draw is one look-up; a
gene's share is a multiple of a millionth."""


def counts_in_blocks(
    n_obs: int,
    n_vars: int,
    *,
    n_groups: int = 12,
    n_programmes: int = 4,
    median_total: float = 1800.0,
) -> StreamedCells:
    """Return counts of ``n_groups`` cell types in two batches, obs columns ``group`` and ``batch``;
    about 5 % are above 0 at 20,000 genes.

        n_c ~ Multinomial(N_c, (1 - a_c) * p_group(c) + a_c * q_programme(c)),  a_c ~ Beta(1, 4),
            N_c log-normal with sd 0.4 (0.48 in the second batch)

    Gene shares p are log-normal with sd 2.2, as wide as in droplet data; 5 % of the genes differ
    between types, by a log-normal factor with sd 1.5, and programmes q differ from the base
    likewise. Counts so vary more than Poisson. A block depends on its first cell and on ``n_vars``
    alone."""
    rng = np.random.default_rng([SEED, n_vars])
    base = np.exp(2.2 * rng.standard_normal(n_vars))
    factors = np.exp(
        np.where(
            rng.random((n_groups + n_programmes, n_vars)) < 0.05,
            rng.normal(0, 1.5, (n_groups + n_programmes, n_vars)),
            0,
        )
    )
    slots = np.concatenate([_slots(base * factor) for factor in factors])
    shares = np.arange(n_groups, 0, -1) / np.arange(n_groups, 0, -1).sum()
    group, batch = _of_cells(n_obs, shares)

    def read(rows: slice) -> sparse.csr_matrix:
        rng = np.random.default_rng([SEED, n_vars, 1 + rows.start])
        n_cells = rows.stop - rows.start
        totals = np.ceil(
            median_total * rng.lognormal(0, 0.4 * (1 + 0.2 * batch[rows]), n_cells)
        ).astype(np.int64)
        from_programme = rng.binomial(totals, rng.beta(1, 4, n_cells))
        profiles = np.column_stack(
            [group[rows], n_groups + rng.integers(0, n_programmes, n_cells)]
        ).ravel()
        drawn = np.column_stack([totals - from_programme, from_programme]).ravel()
        slot = np.repeat(profiles.astype(np.int32) * N_SLOTS, drawn) + rng.integers(
            0, N_SLOTS, drawn.sum(), dtype=np.int32
        )
        return _tabulated(totals, slots[slot], n_vars)

    obs = pd.DataFrame(
        {"group": pd.Categorical.from_codes(group, [f"group {k}" for k in range(n_groups)])},
        index=numbered("cell", n_obs),
    )
    obs["batch"] = pd.Categorical.from_codes(batch, ["batch 0", "batch 1"])
    edges = np.append(np.arange(0, n_obs, CELLS_PER_BLOCK), n_obs)
    return StreamedCells(
        AnnData(obs=obs, var=pd.DataFrame(index=numbered("gene", n_vars))),
        RowBlocks((n_obs, n_vars), edges, read),
    )


def _of_cells(
    n_obs: int, shares: Float[np.ndarray, " groups"]
) -> tuple[Int[np.ndarray, " obs"], Int[np.ndarray, " obs"]]:
    rng = np.random.default_rng([SEED, 0])
    uniform = rng.random((n_obs, 2))
    return np.minimum(np.searchsorted(np.cumsum(shares), uniform[:, 0]), len(shares) - 1), (
        uniform[:, 1] < 0.5
    ).astype(np.int64)


def _slots(weights: Float[np.ndarray, " vars"]) -> Int[np.ndarray, " slots"]:
    edges = np.rint(np.cumsum(np.concatenate([[0], weights])) / weights.sum() * N_SLOTS).astype(
        np.int64
    )
    return np.repeat(np.arange(len(weights), dtype=np.int32), np.diff(edges))


def _tabulated(
    totals: Int[np.ndarray, " obs"], gene: Int[np.ndarray, " drawn"], n_vars: int
) -> sparse.csr_matrix:
    """Return how often every gene was drawn for every cell (the first ``totals[0]`` draws are the
    first cell's), as CSR int32 with sorted columns.
    """
    n_obs = len(totals)
    # The smallest type that holds every key: half the time goes into sorting them.
    drawn = np.repeat(
        (np.arange(n_obs) * n_vars).astype(np.min_scalar_type(n_obs * n_vars)), totals
    )
    drawn += gene.astype(drawn.dtype)
    drawn.sort()
    first = np.flatnonzero(np.concatenate([[True], drawn[1:] != drawn[:-1]]))
    row, column = np.divmod(drawn[first], drawn.dtype.type(n_vars))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_obs))]).astype(np.int32)
    return sparse.csr_matrix(
        (np.diff(first, append=drawn.size).astype(np.int32), column.astype(np.int32), indptr),
        shape=(n_obs, n_vars),
    )
