"""A part of every cell's molecules that no model sees: groups that were found in the others are
told apart, tested and given markers by it, and codes are asked to predict it.

A count x keeps x - h, h | x ~ Binomial(x, share): where noise is Poisson the two parts are
independent given what the cell expresses (Neufeld et al. 2024, doi:10.1093/biostatistics/kxac047).
Every cell draws from a stream of its own, so that neither which cells are kept nor how many are
read at a time makes a difference.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Int
from scipy import sparse

SEED = 20261127


def hold_out(
    counts: sparse.csr_matrix, rows: Int[np.ndarray, " obs"], share: float
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return what is seen of counts (cells x genes), and what is held out; ``rows`` number the
    cells among those of the file.

    A cell that would lose all its molecules loses none."""
    counts.sum_duplicates()
    held = np.zeros_like(counts.data)
    for row, (start, stop) in zip(rows, pairwise(counts.indptr), strict=True):
        rng = np.random.Generator(np.random.Philox(key=[SEED, int(row)]))
        drawn = rng.binomial(counts.data[start:stop], share)
        if drawn.sum() < counts.data[start:stop].sum():
            held[start:stop] = drawn
    parts = (
        sparse.csr_matrix((part, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)
        for part in (counts.data - held, held)
    )
    seen, held_out = parts
    for part in (seen, held_out):
        part.eliminate_zeros()
    return seen, held_out
