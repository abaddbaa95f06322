"""Counts split into two parts, of which models see one: groups that were found in it are told
apart, tested and given markers by the other, and codes are asked to predict it.

A count x is split by drawing how many of its molecules are held out, with share e:

    x_2 | x ~ Binomial(x, e),  x_1 = x - x_2                                                (1)
    x ~ Poisson(m):  x_1 ~ Poisson((1 - e) m) and x_2 ~ Poisson(e m), independent           (2)
    Cov(x_1, x_2) = e (1 - e) m^2 / t  where x has mean m and variance m + m^2 / t          (3)

(Neufeld et al. 2024, doi:10.1093/biostatistics/kxac047). So what varies beyond Poisson between
cells of one kind is shared by both parts, gene by gene; it counts as biology, and the tests of
``answer.reality`` allow for it, as they allow for any cloud without a gap. Each cell draws from a
stream of its own: neither which cells are kept nor how many are read at a time makes a difference.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Int
from scipy import sparse

SEED = 20261127


@dataclass(frozen=True)
class Parts:
    """Two parts of the same counts (cells x genes, CSR): their sum is the counts."""

    seen: sparse.csr_matrix
    held_out: sparse.csr_matrix


def split_counts(
    counts: sparse.csr_matrix,
    *,
    held_out: float | int,
    rows: Int[np.ndarray, " obs"] | None = None,
    seed: int = SEED,
) -> Parts:
    """Return counts (whole, at least 0) split by equation (1), ``held_out`` of every count into the
    second part; ``rows`` number the cells, by default from 0.

    A cell that would lose all its molecules loses none.

    Raises:
        ValueError: a share outside (0, 1), or counts that are none.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"count splitting: the share is {held_out}; give one between 0 and 1")
    counts = sparse.csr_matrix(counts)
    counts.sum_duplicates()
    x = counts.data.astype(np.int32)
    if len(wrong := np.flatnonzero((x != counts.data) | (x < 0))):
        raise ValueError(
            f"count splitting: counts hold {counts.data[wrong[0]]}; give raw counts, whole and not"
            " negative"
        )
    out = np.zeros_like(x)
    numbers = np.arange(counts.shape[0]) if rows is None else rows
    for row, (start, stop) in zip(numbers, pairwise(counts.indptr), strict=True):
        rng = np.random.Generator(np.random.Philox(key=[seed, int(row)]))
        drawn = rng.binomial(x[start:stop], held_out)
        if drawn.sum() < x[start:stop].sum():
            out[start:stop] = drawn
    return Parts(_with(counts, x - out), _with(counts, out))


def _with(counts: sparse.csr_matrix, values: np.ndarray) -> sparse.csr_matrix:
    part = sparse.csr_matrix(
        (values, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape
    )
    part.eliminate_zeros()
    return part
