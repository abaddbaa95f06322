"""Highly variable genes of counts that come in blocks of cells, which scanpy cannot do: both
flavours agree with it to rounding (tests).

A flavour is begun from the sums of all training cells, is shown their counts once more, block by
block, and then has a score for every gene."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int
from scipy import sparse
from skmisc.loess import loess

from latentbench.logs import logger

FEWEST_GENES_FOR_LOESS = 20
FEWEST_CELLS_OF_A_BATCH = 20
"""Training cells that every batch must have for variable genes to be chosen batch by batch."""
WITHOUT_LOESS = "pearson_residuals"
"""The flavour that stands in where the loess fit of seurat_v3 fails: it fits no curve."""
MOST_DENSE = 2**23
"""Values of a dense piece of residuals (67 MB as float64)."""


class LoessError(ValueError):
    """There are too few genes or distinct means for the fit."""


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


class SeuratV3(AbstractFlavor):
    """The variance of every gene's standardised counts (Stuart et al. 2019; Hafemeister and
    Satija's vst).

    The expected standard deviation is a loess fit of log10 variance on log10 mean; standardised
    counts are capped at sqrt(n_obs). Raises ``LoessError``."""

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
    ``cap``, the square root of the number of cells of all batches."""

    def __init__(self, sums: GeneSums, *, cap: float, theta: float = 100.0) -> None:
        self.cap = cap
        self.n_obs, self.share, self.theta = sums.n_obs, sums.total / sums.total.sum(), theta
        self.residuals, self.squares = np.zeros_like(self.share), np.zeros_like(self.share)

    def add(self, counts: sparse.csr_matrix) -> None:
        per_cell, by_gene = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel(), counts.tocsc()
        genes_at_once = max(1, MOST_DENSE // max(1, counts.shape[0]))
        for start in range(0, counts.shape[1], genes_at_once):
            genes = slice(start, start + genes_at_once)
            mu = np.outer(per_cell, self.share[genes])
            sd = np.sqrt(np.where(mu > 0, mu + mu**2 / self.theta, 1.0))
            residuals = (by_gene[:, genes].toarray() - mu) / sd
            np.clip(residuals, -self.cap, self.cap, out=residuals)
            self.residuals[genes] += residuals.sum(axis=0)
            self.squares[genes] += np.einsum("ij,ij->j", residuals, residuals)

    def scores(self) -> Float[np.ndarray, " vars"]:
        return self.squares / self.n_obs - (self.residuals / self.n_obs) ** 2


class Choice:
    """The choice of the ``n_top_genes`` most variable genes from blocks of training cells, in each
    batch and merged by rank as scanpy does.

    ``flavor`` is the one in use: none ("") where all genes are taken, ``WITHOUT_LOESS`` where loess
    fails."""

    def __init__(self, sums: Sequence[GeneSums], n_top_genes: int | None, flavor: str) -> None:
        self.n_vars, self.n_top_genes = len(sums[0].total), n_top_genes
        is_every_gene = n_top_genes is None or n_top_genes >= self.n_vars
        self.flavor, self.batches = flavor, []
        if is_every_gene:
            self.flavor = ""
            return
        try:
            self.batches = _begin(flavor, sums)
        except LoessError as fault:
            log_without_loess(fault)
            self.flavor = WITHOUT_LOESS
            self.batches = _begin(WITHOUT_LOESS, sums)

    def add(self, counts: sparse.csr_matrix, batches: Int[np.ndarray, " obs"]) -> None:
        """Take in a block of the training cells, and which batch each is of."""
        for number, batch in enumerate(self.batches):
            batch.add(counts[batches == number])

    def most_variable(self) -> Bool[np.ndarray, " vars"]:
        """Return which genes are chosen."""
        if not self.batches:
            return np.ones(self.n_vars, dtype=bool)
        scores = np.stack([batch.scores() for batch in self.batches])
        if len(scores) == 1:
            return most_variable(scores[0], self.n_top_genes)
        ranks = np.argsort(np.argsort(-scores, axis=1), axis=1).astype(np.float32)
        among = ranks < self.n_top_genes
        median = np.ma.median(np.ma.array(ranks, mask=~among), axis=0).filled(np.inf)
        often = -among.sum(axis=0)
        first, then = (median, often) if self.flavor == "seurat_v3" else (often, median)
        chosen = np.zeros(self.n_vars, dtype=bool)
        chosen[np.lexsort((then, first))[: self.n_top_genes]] = True
        return chosen


def _begin(flavor: str, sums: Sequence[GeneSums]) -> list[AbstractFlavor]:
    if flavor == "pearson_residuals":
        cap = float(np.sqrt(sum(each.n_obs for each in sums)))
        return [PearsonResiduals(each, cap=cap) for each in sums]
    return [SeuratV3(each) for each in sums]


def can_choose_by_batch(train: pd.DataFrame) -> bool:
    """Whether obs of the training cells names several batches that all have
    ``FEWEST_CELLS_OF_A_BATCH``; a batch that is too small is warned of.
    """
    if "batch" not in train:
        return False
    sizes = train["batch"].value_counts()
    sizes = sizes[sizes > 0]
    if len(sizes) < 2:
        return False
    if sizes.min() < FEWEST_CELLS_OF_A_BATCH or train["batch"].isna().any():
        logger.warning(
            "variable genes are chosen over all batches together: batch %s has %d training cells,"
            " or a cell has no batch",
            sizes.idxmin(),
            sizes.min(),
        )
        return False
    return True


def log_without_loess(fault: ValueError) -> None:
    """Say that the flavour of the config could not be used."""
    logger.warning(
        "hvg_flavor seurat_v3: the loess fit fails (%s); %s is used", fault, WITHOUT_LOESS
    )


def pearson_residuals(
    counts: sparse.csr_matrix, train: sparse.csr_matrix, *, theta: float = 100.0
) -> Float32[np.ndarray, "obs vars"]:
    """Return r of ``PearsonResiduals`` for all cells, the genes' shares and the cap being those of
    the training cells; scanpy's own function fits them on the very cells it transforms.
    """
    share = np.asarray(train.sum(axis=0), dtype=np.float64).ravel() / train.sum()
    mu = np.outer(np.asarray(counts.sum(axis=1), dtype=np.float64).ravel(), share)
    residuals = (counts.toarray() - mu) / np.sqrt(np.where(mu > 0, mu + mu**2 / theta, 1.0))
    return residuals.clip(-np.sqrt(train.shape[0]), np.sqrt(train.shape[0])).astype(np.float32)


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
    # With a handful of points the compiled loess does not raise, it ends the process.
    if x.size < FEWEST_GENES_FOR_LOESS:
        raise LoessError(f"{x.size} genes vary, the fit needs {FEWEST_GENES_FOR_LOESS}")
    fit = loess(x, y, span=span, degree=2)
    try:
        fit.fit()
    except ValueError as singular:
        raise LoessError(str(singular)) from singular
    return fit.outputs.fitted_values
