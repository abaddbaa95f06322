"""Counts split into two independent parts: groups are found in one, and told apart, tested and
given markers in the other, so that nothing is judged by the noise that it was found in.

A count x is split by drawing how many of its molecules go to the first part:

    x_1 | x ~ Binomial(x, e),  x_2 = x - x_1                                                (1)
    x ~ Poisson(m):  x_1 ~ Poisson(e m) and x_2 ~ Poisson((1 - e) m), independent           (2)
    x_1 | x ~ BetaBinomial(x, e t, (1 - e) t)                                               (3)
    x ~ NB(m, t):    x_1 ~ NB(e m, e t) and x_2 ~ NB((1 - e) m, (1 - e) t), independent     (4)
    Cov(x_1, x_2) = e (1 - e) m^2 / t  of an NB split by (1)                                (5)

with NB(m, t) of mean m and variance m + m^2 / t. (1) and (2) are count splitting (Neufeld et al.
2024, doi:10.1093/biostatistics/kxac047), (3) and (4) data thinning (Neufeld et al. 2024, JMLR 25,
23-0446). An estimate of t is the moments', over cells of the same expected expression,

    1 / t_j = max(0, sum_i (x_ij - m_ij)^2 - m_ij) / sum_i m_ij^2                           (6)
    m_ij = s_i sum_k x_kj / sum_k s_k

with s_i the library size and the sums over k inside i's group.

Which when: molecule counts (UMIs) by (1). What varies beyond Poisson between cells of one kind is
then shared by both parts, gene by gene as (5) says; it counts as biology, and the tests of
``reality`` allow for it, as they allow for any cloud without a gap. Reads without UMIs, whose
overdispersion is technical, by (3) with t from (6) inside first groups. t must never come from
cells of several kinds: (3) would then make the parts independent of each other across kinds, too,
and nothing would be found any more. Both cost depth: at e = 1/2 each part has half of the
molecules, so that a difference is sqrt(2) times fewer standard errors wide in either.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

N_IN_BLOCK = 4096
"""Rows drawn at a time; part of what a seed means."""


@dataclass(frozen=True)
class Parts:
    """Two parts of the same counts (int32, CSR): their sum is the counts."""

    seen: sparse.csr_matrix
    held_out: sparse.csr_matrix


def thin(
    counts: sparse.spmatrix | sparse.sparray,
    *,
    share: float = 0.5,
    theta: Float[np.ndarray, " vars"] | None = None,
    seed: int = 0,
) -> Parts:
    """Return counts (cells x genes) split in two, ``share`` of every count into the first part.

    By equation (1), or, with ``theta`` (inverse dispersion of every gene, infinite where Poisson),
    by equation (3). The same seed gives the same parts, however many rows follow.

    Raises:
        ValueError: counts that are negative or not whole, a share outside (0, 1), a theta that is
            not positive.
    """
    if not 0 < share < 1:
        raise ValueError(f"thinning: the share is {share}; give one between 0 and 1")
    if theta is not None and not (theta > 0).all():
        raise ValueError("thinning: theta must be above 0 (infinite: Poisson)")
    blocks = list(thinned_blocks(counts, share=share, theta=theta, seed=seed))
    return Parts(
        *(sparse.vstack([block[part] for block in blocks], format="csr") for part in (0, 1))
    )


def thinned_blocks(
    counts: sparse.spmatrix | sparse.sparray,
    *,
    share: float = 0.5,
    theta: Float[np.ndarray, " vars"] | None = None,
    seed: int = 0,
) -> Iterator[tuple[sparse.csr_matrix, sparse.csr_matrix]]:
    """Yield both parts of ``N_IN_BLOCK`` rows at a time, as ``thin`` does."""
    counts = sparse.csr_matrix(counts)
    for number, start in enumerate(range(0, counts.shape[0], N_IN_BLOCK)):
        block = counts[start : start + N_IN_BLOCK]
        block.sum_duplicates()
        x = _whole(block.data, start)
        rng = np.random.default_rng([seed, number])
        if theta is None:
            probability = share
        else:
            probability = _beta(theta[block.indices], share, rng)
        first = rng.binomial(x, probability).astype(np.int32)
        yield _with(block, first), _with(block, x - first)


def inverse_dispersion(
    counts: sparse.spmatrix | sparse.sparray, groups: Int[np.ndarray, " obs"] | None = None
) -> Float[np.ndarray, " vars"]:
    """Return theta of every gene by equation (6), infinite where the counts vary no more than
    Poisson's; ``groups`` number from 0, cells of -1 are left out.
    """
    counts = sparse.csr_matrix(counts).astype(np.float64)
    groups = np.zeros(counts.shape[0], dtype=np.int64) if groups is None else groups
    excess, scale = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    for group in range(groups.max() + 1):
        x = counts[groups == group]
        if x.shape[0] < 2 or x.sum() == 0:
            continue
        size = np.asarray(x.sum(axis=1)).ravel()
        rate = np.asarray(x.sum(axis=0)).ravel() / size.sum()
        squares = np.asarray(x.multiply(x).sum(axis=0)).ravel()
        crossed = np.asarray(x.T @ size).ravel() * rate
        expected = np.square(size).sum() * np.square(rate)
        excess += (squares - 2 * crossed + expected) * x.shape[0] / (x.shape[0] - 1)
        excess -= rate * size.sum()
        scale += expected
    theta = np.full(counts.shape[1], np.inf)
    np.divide(scale, excess, out=theta, where=excess > 0)
    return theta


def _beta(theta: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return the shares of equation (3), ``share`` itself where theta is infinite."""
    shares = np.full(len(theta), share)
    drawn = np.isfinite(theta)
    shares[drawn] = rng.beta(share * theta[drawn], (1 - share) * theta[drawn])
    return shares


def _whole(values: np.ndarray, start: int) -> Int[np.ndarray, " nonzero"]:
    whole = values.astype(np.int64)
    wrong = np.flatnonzero((whole != values) | (whole < 0))
    if len(wrong):
        raise ValueError(
            f"thinning: counts hold {values[wrong[0]]} (in rows from {start}); give raw counts,"
            " whole and not negative"
        )
    return whole


def _with(block: sparse.csr_matrix, values: np.ndarray) -> sparse.csr_matrix:
    part = sparse.csr_matrix(
        (values.astype(np.int32), block.indices.copy(), block.indptr.copy()), shape=block.shape
    )
    part.eliminate_zeros()
    return part
