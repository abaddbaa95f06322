"""Counts to what models see: quality control, normalisation, highly variable genes, principal
components.

What is chosen is chosen from blocks of cells that are gone through twice and lie in memory or on
disk: either way the choice is the same."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from anndata import AnnData
from jaxtyping import Bool, Float
from scipy import sparse

from latentbench.data.row_blocks import RowBlocks, blocks_in_memory
from latentbench.logs import logger
from latentbench.preprocessing.pca import principal_components
from latentbench.preprocessing.quality import (
    Kept,
    Thresholds,
    control_quality,
    is_mitochondrial,
    totals_of,
    warn_without_mitochondrial,
)
from latentbench.preprocessing.records import record_pca
from latentbench.preprocessing.variable_genes import begin_choice, most_variable


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The options of a preset for counts, as the config's schema describes them; the defaults are
    those of ``counts_standard``.
    """

    min_counts: int = 20
    min_genes: int = 10
    max_mito_fraction: float | None = None
    min_cells: int = 3
    target_sum: float | str = 1e4
    n_top_genes: int | None = 2000
    hvg_flavor: str = "seurat_v3"
    scale: bool = True
    n_pcs: int = 50

    @property
    def thresholds(self) -> Thresholds:
        """The part of quality control."""
        return Thresholds(
            min_counts=self.min_counts,
            min_genes=self.min_genes,
            max_mito_fraction=self.max_mito_fraction,
            min_cells=self.min_cells,
        )


def counts_raw(
    *,
    min_counts: int = 1,
    min_genes: int = 1,
    max_mito_fraction: float | None = None,
    min_cells: int = 1,
    target_sum: float | str = 1e4,
    n_pcs: int = 50,
) -> Recipe:
    """Return the recipe that keeps all genes, and takes principal components of X as it is."""
    kept = {
        "min_counts": min_counts,
        "min_genes": min_genes,
        "max_mito_fraction": max_mito_fraction,
        "min_cells": min_cells,
    }
    return Recipe(**kept, target_sum=target_sum, n_top_genes=None, scale=False, n_pcs=n_pcs)


COUNT_PRESETS: dict[str, Callable[..., Recipe]] = {
    "counts_standard": Recipe,
    "counts_raw": counts_raw,
}


@dataclass(frozen=True)
class Selection:
    """What of all cells and genes is kept, which of the kept genes are highly variable, every kept
    cell's total, and the total it is scaled to.
    """

    kept: Kept
    is_train: Bool[np.ndarray, " obs"]
    highly_variable: Bool[np.ndarray, " vars"]
    totals: Float[np.ndarray, " obs"]
    target: float


def select(
    frame: AnnData,
    blocks: RowBlocks,
    is_empty: Bool[np.ndarray, " all_obs"],
    recipe: Recipe,
    *,
    where: str,
) -> Selection:
    """Go through the counts twice and return what is kept of them.

    ``frame`` holds obs (with ``split``) and var of all cells and genes. The first pass finds cells,
    genes and the sums over training cells; the second, over kept genes alone, every cell's total
    and the scores of the genes, whose caps and residuals need those sums."""
    is_train, is_mito = (frame.obs["split"] == "train").to_numpy(), is_mitochondrial(frame.var)
    warn_without_mitochondrial(is_mito, recipe.max_mito_fraction)
    kept = control_quality(
        blocks,
        is_empty=is_empty,
        is_train=is_train,
        is_mito=is_mito,
        thresholds=recipe.thresholds,
        where=where,
    )
    logger.info(
        "%s: %d of %d cells and %d of %d genes pass quality control",
        where,
        kept.cells.sum(),
        frame.n_obs,
        kept.genes.sum(),
        frame.n_vars,
    )
    choice, totals = begin_choice(kept.sums, recipe.n_top_genes, recipe.hvg_flavor), []
    for rows, block in blocks:
        counts = block[kept.cells[rows]][:, kept.genes]
        totals.append(totals_of(counts))
        choice.add(counts[is_train[rows][kept.cells[rows]]])
    chosen, all_totals, kept_is_train = (
        most_variable(choice.scores(), recipe.n_top_genes),
        np.concatenate(totals),
        is_train[kept.cells],
    )
    target = (
        float(np.median(all_totals[kept_is_train]))
        if recipe.target_sum == "median"
        else float(recipe.target_sum)
    )
    return Selection(kept, kept_is_train, chosen, all_totals, target)


def log_normalised(
    counts: sparse.csr_matrix, totals: Float[np.ndarray, " obs"], target: float
) -> sparse.csr_matrix:
    """Return log(1 + counts * target / total) as CSR float32; a total may hold counts of further
    genes.
    """
    scaled = np.repeat(target / totals, np.diff(counts.indptr))
    scaled *= counts.data
    return sparse.csr_matrix(
        (
            np.log1p(scaled, out=scaled).astype(np.float32),
            counts.indices.copy(),
            counts.indptr.copy(),
        ),
        shape=counts.shape,
    )


def prepare_in_memory(
    raw: AnnData, is_empty: Bool[np.ndarray, " all_obs"], recipe: Recipe, *, where: str
) -> AnnData:
    """Return prepared.h5ad's content of counts in memory (CSR int32 in X): all genes that passed,
    the highly variable ones marked.
    """
    selection = select(raw, blocks_in_memory(raw.X), is_empty, recipe, where=where)
    adata = raw[selection.kept.cells, selection.kept.genes].copy()
    adata.layers["counts"] = adata.X
    adata.X = log_normalised(adata.X, selection.totals, selection.target)
    adata.var["highly_variable"] = selection.highly_variable
    variable = blocks_in_memory(adata.X[:, selection.highly_variable])
    adata.obsm["X_pca"], pca = principal_components(
        variable, selection.is_train, scale=recipe.scale, n_pcs=recipe.n_pcs
    )
    record_selection(adata, selection)
    record_pca(adata.uns["latentbench"], pca, recipe.n_pcs)
    return adata


def record_selection(prepared: AnnData, selection: Selection) -> None:
    """Write down what was dropped and how many genes are highly variable."""
    prepared.uns["latentbench"] |= {
        "filters": selection.kept.filters,
        "n_top_genes": int(selection.highly_variable.sum()),
    }
