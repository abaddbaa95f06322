"""Highly variable genes on counts that come in blocks of cells, without importing scanpy (4 s):
both flavours agree with it to rounding (tests).

A flavour is begun from the sums of all training cells, is shown their counts once more, block by
block, and then has a score for every gene."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from skmisc.loess import loess

FEWEST_GENES_FOR_LOESS = 20
MOST_DENSE = 2**23
"""Values of a dense piece of residuals (67 MB as float64)."""


@dataclass(frozen=True)
class GeneSums:
    """Sums over ``n_obs`` cells: in how many a gene is detected, its counts, and their squares."""

    n_obs: int
    n_detected: Int[np.ndarray, " vars"]
    total: Float[np.ndarray, " vars"]
    total_of_squares: Float[np.ndarray, " vars"]

    def __add__(self, other: "GeneSums") -> "GeneSums":
        """Return the sums over both sets of cells."""
        return GeneSums(
            self.n_obs + other.n_obs,
            self.n_detected + other.n_detected,
            self.total + other.total,
            self.total_of_squares + other.total_of_squares,
        )

    def of_genes(self, genes: Bool[np.ndarray, " vars"], n_obs: int) -> "GeneSums":
        """Return the sums of some genes over ``n_obs`` cells: those that were summed, but for some
        that have no count in these genes.
        """
        return GeneSums(
            n_obs, self.n_detected[genes], self.total[genes], self.total_of_squares[genes]
        )


def gene_sums(counts: sparse.csr_matrix) -> GeneSums:
    """Return the sums over the cells of one block; whole numbers sum exactly, so neither blocks nor
    their order make a difference.
    """
    values = counts.data.astype(np.float64)
    n_detected = np.bincount(counts.indices, minlength=counts.shape[1])
    return GeneSums(
        counts.shape[0], n_detected, _per_gene(counts, values), _per_gene(counts, values**2)
    )


class AbstractFlavor(ABC):
    """A way to score how variable genes are; it is made from a ``GeneSums``."""

    @abstractmethod
    def add(self, counts: sparse.csr_matrix) -> None:
        """Take in a block of the training cells (obs x vars)."""

    @abstractmethod
    def scores(self) -> Float[np.ndarray, " vars"]:
        """Return a score for every gene, larger for a more variable one."""


class EveryGene(AbstractFlavor):
    """For when there is nothing to choose: every gene scores 0."""

    def __init__(self, sums: GeneSums) -> None:
        self.n_vars = len(sums.total)

    def add(self, counts: sparse.csr_matrix) -> None:
        """Look at nothing."""

    def scores(self) -> Float[np.ndarray, " vars"]:
        return np.zeros(self.n_vars)


class SeuratV3(AbstractFlavor):
    """The variance of every gene's standardised counts (Stuart et al. 2019; Hafemeister and
    Satija's vst).

    The expected standard deviation is a loess fit of log10 variance on log10 mean; standardised
    counts are capped at sqrt(n_obs). Raises ``ValueError`` where there are too few genes or
    distinct means for the fit."""

    def __init__(self, sums: GeneSums, *, span: float = 0.3) -> None:
        self.n_obs, self.mean = sums.n_obs, sums.total / sums.n_obs
        # Sums of whole numbers are exact, so that a gene which does not vary comes out as exactly
        # 0.
        variance = (sums.n_obs * sums.total_of_squares - sums.total**2) / (
            sums.n_obs * (sums.n_obs - 1)
        )
        varies = variance > 0
        self.sd = np.ones_like(self.mean)
        self.sd[varies] = np.sqrt(
            10 ** _loess_trend(np.log10(self.mean[varies]), np.log10(variance[varies]), span)
        )
        self.cap = self.mean + self.sd * np.sqrt(self.n_obs)
        self.capped, self.capped_squares = np.zeros_like(self.mean), np.zeros_like(self.mean)

    def add(self, counts: sparse.csr_matrix) -> None:
        values = np.minimum(counts.data, self.cap[counts.indices])
        self.capped += _per_gene(counts, values)
        self.capped_squares += _per_gene(counts, values**2)

    def scores(self) -> Float[np.ndarray, " vars"]:
        return (self.n_obs * self.mean**2 + self.capped_squares - 2 * self.capped * self.mean) / (
            (self.n_obs - 1) * self.sd**2
        )


class PearsonResiduals(AbstractFlavor):
    """The variance of every gene's Pearson residuals under a negative binomial of inverse
    dispersion theta (Lause et al. 2021).

    r = (x - mu) / sqrt(mu + mu^2 / theta), mu = cell total * gene total / all, |r| capped at
    sqrt(n_obs)."""

    def __init__(self, sums: GeneSums, *, theta: float = 100.0) -> None:
        self.n_obs, self.share, self.theta = sums.n_obs, sums.total / sums.total.sum(), theta
        self.residuals, self.squares = np.zeros_like(self.share), np.zeros_like(self.share)

    def add(self, counts: sparse.csr_matrix) -> None:
        per_cell, by_gene = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel(), counts.tocsc()
        genes_at_once = max(1, MOST_DENSE // max(1, counts.shape[0]))
        for start in range(0, counts.shape[1], genes_at_once):
            genes = slice(start, start + genes_at_once)
            mu = np.outer(per_cell, self.share[genes])
            residuals = (by_gene[:, genes].toarray() - mu) / np.sqrt(mu + mu**2 / self.theta)
            np.clip(residuals, -np.sqrt(self.n_obs), np.sqrt(self.n_obs), out=residuals)
            self.residuals[genes] += residuals.sum(axis=0)
            self.squares[genes] += np.einsum("ij,ij->j", residuals, residuals)

    def scores(self) -> Float[np.ndarray, " vars"]:
        return self.squares / self.n_obs - (self.residuals / self.n_obs) ** 2


FLAVORS: dict[str, Callable[[GeneSums], AbstractFlavor]] = {
    "seurat_v3": SeuratV3,
    "pearson_residuals": PearsonResiduals,
}


def begin_choice(sums: GeneSums, n_top_genes: int | None, flavor: str) -> AbstractFlavor:
    """Return what scores the genes: nothing has to be looked at where all of them are taken."""
    is_every_gene = n_top_genes is None or n_top_genes >= len(sums.total)
    return EveryGene(sums) if is_every_gene else FLAVORS[flavor](sums)


def most_variable(
    scores: Float[np.ndarray, " vars"], n_top_genes: int | None
) -> Bool[np.ndarray, " vars"]:
    """Return which genes have the ``n_top_genes`` highest scores; all of them when there are no
    more than that or it is None.
    """
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[np.argsort(-scores, kind="stable")[:n_top_genes]] = True
    return chosen


def _per_gene(
    counts: sparse.csr_matrix, values: Float[np.ndarray, " stored"]
) -> Float[np.ndarray, " vars"]:
    return sparse.csr_matrix(
        (values, counts.indices, counts.indptr), shape=counts.shape
    ).T @ np.ones(counts.shape[0])


def _loess_trend(
    x: Float[np.ndarray, " genes"], y: Float[np.ndarray, " genes"], span: float
) -> Float[np.ndarray, " genes"]:
    remedy = "use hvg_flavor pearson_residuals, or n_top_genes null"
    # With a handful of points the compiled loess does not raise, it ends the process.
    if x.size < FEWEST_GENES_FOR_LOESS:
        raise ValueError(
            f"hvg_flavor seurat_v3: {x.size} genes vary, the loess fit needs"
            f" {FEWEST_GENES_FOR_LOESS}; {remedy}"
        )
    fit = loess(x, y, span=span, degree=2)
    try:
        fit.fit()
    except ValueError as singular:
        raise ValueError(
            f"hvg_flavor seurat_v3: the loess fit fails ({singular}); {remedy}"
        ) from singular
    return fit.outputs.fitted_values
