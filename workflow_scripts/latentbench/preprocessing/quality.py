"""Quality control of counts in one pass: which cells and genes are kept, and the sums over the kept
training cells that the choice of genes begins with.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy import sparse

from latentbench.data.row_blocks import RowBlocks
from latentbench.logs import logger
from latentbench.preprocessing.variable_genes import GeneSums, gene_sums

SYMBOL_COLUMNS = ("symbol", "gene_symbols", "gene_name", "feature_name")


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a cell and a gene must have: counts and genes of a cell, the largest mitochondrial share
    (None: any), training cells of a gene.
    """

    min_counts: int
    min_genes: int
    max_mito_fraction: float | None
    min_cells: int


@dataclass(frozen=True)
class Kept:
    """The cells and genes that pass, ``sums`` of these genes over these training cells, in how many
    cells a gene is stored, and what was dropped by name.
    """

    cells: Bool[np.ndarray, " all_obs"]
    genes: Bool[np.ndarray, " all_vars"]
    sums: GeneSums
    n_stored: Int[np.ndarray, " vars"]
    filters: dict[str, int]


def control_quality(
    blocks: RowBlocks,
    *,
    is_empty: Bool[np.ndarray, " all_obs"],
    is_train: Bool[np.ndarray, " all_obs"],
    is_mito: Bool[np.ndarray, " all_vars"],
    thresholds: Thresholds,
    where: str,
) -> Kept:
    """Return the cells, and the genes of these cells, that pass; each filter counts what it alone
    finds, ``cells_dropped`` what they drop together.

    Empty cells are of neither part of the split; with empty genes they are counted apart and by no
    other filter. Raises ``ValueError`` when too little is left."""
    passing, n_stored = (
        np.zeros(blocks.shape[0], dtype=bool),
        np.zeros(blocks.shape[1], dtype=np.int64),
    )
    failing: Counter[str] = Counter()
    sums, doubtful = gene_sums(sparse.csr_matrix((0, blocks.shape[1]))), []
    for rows, counts in blocks:
        bad = _failing(counts, is_mito, thresholds)
        failing.update({name: int((cells & ~is_empty[rows]).sum()) for name, cells in bad.items()})
        passing[rows] = ~np.any(list(bad.values()), axis=0) & ~is_empty[rows]
        n_stored += np.bincount(counts.indices, minlength=blocks.shape[1])
        sums += gene_sums(counts[passing[rows] & is_train[rows]])
        doubtful.append(
            _without_genes(counts, rows, passing[rows], sums.n_detected >= thresholds.min_cells)
        )
    present, genes = n_stored > 0, sums.n_detected >= thresholds.min_cells
    # A cell may have had its counts in dropped genes only; nothing of it is left to normalise.
    emptied = np.concatenate(
        [cells[np.asarray(counts[:, genes].sum(axis=1)).ravel() == 0] for cells, counts in doubtful]
    )
    cells = passing.copy()
    cells[emptied] = False
    filters = {"empty_cells": int(is_empty.sum()), "empty_genes": int((~present).sum()), **failing}
    filters |= {
        "genes_below_min_cells": int((present & ~genes).sum()),
        "cells_emptied_by_gene_filter": len(emptied),
    }
    filters |= {
        "cells_dropped": int((~is_empty).sum() - cells.sum()),
        "genes_dropped": int((present & ~genes).sum()),
    }
    _refuse_if_little_is_left(
        cells, genes, is_train, n_before=(int((~is_empty).sum()), int(present.sum())), where=where
    )
    return Kept(
        cells, genes, sums.of_genes(genes, int((cells & is_train).sum())), n_stored[genes], filters
    )


def is_mitochondrial(var: pd.DataFrame) -> Bool[np.ndarray, " vars"]:
    """Return which genes' names start with MT-: the var names, or else the first column of symbols
    that has any.
    """
    names = [var.index, *(var[column] for column in SYMBOL_COLUMNS if column in var)]
    found = [
        np.asarray(pd.Index(column).astype(str).str.upper().str.startswith("MT-"), dtype=bool)
        for column in names
    ]
    return next((genes for genes in found if genes.any()), found[0])


def warn_without_mitochondrial(
    is_mito: Bool[np.ndarray, " vars"], max_mito_fraction: float | None
) -> None:
    """Warn of a limit that can drop nothing."""
    if max_mito_fraction is not None and not is_mito.any():
        logger.warning("max_mito_fraction drops nothing: no gene name starts with MT-")


def totals_of(counts: sparse.csr_matrix) -> Float[np.ndarray, " obs"]:
    """Return every cell's sum of counts."""
    return np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()


def _failing(
    counts: sparse.csr_matrix, is_mito: Bool[np.ndarray, " vars"], thresholds: Thresholds
) -> dict[str, Bool[np.ndarray, " obs"]]:
    totals = totals_of(counts)
    failing = {
        "cells_below_min_counts": totals < thresholds.min_counts,
        "cells_below_min_genes": np.diff(counts.indptr) < thresholds.min_genes,
    }
    if thresholds.max_mito_fraction is not None:
        failing["cells_above_max_mito_fraction"] = (
            counts @ is_mito.astype(np.float64) > thresholds.max_mito_fraction * totals
        )
    return failing


def _without_genes(
    counts: sparse.csr_matrix,
    rows: slice,
    passing: Bool[np.ndarray, " obs"],
    genes: Bool[np.ndarray, " vars"],
) -> tuple[Int[np.ndarray, " few"], sparse.csr_matrix]:
    """Return the passing cells that have no count in ``genes``, by number and with their counts.

    The genes that are sure to be kept grow with every block and hold every cell's commonest genes
    soon, so these are few cells, of few counts each."""
    few = np.flatnonzero(passing & (counts @ genes.astype(np.float64) == 0))
    return few + rows.start, counts[few]


def _refuse_if_little_is_left(
    cells: Bool[np.ndarray, " all_obs"],
    genes: Bool[np.ndarray, " all_vars"],
    is_train: Bool[np.ndarray, " all_obs"],
    *,
    n_before: tuple[int, int],
    where: str,
) -> None:
    n_train, n_cells, n_genes = int((cells & is_train).sum()), int(cells.sum()), int(genes.sum())
    if n_genes == 0 or n_train == 0 or n_train == n_cells:
        raise ValueError(
            f"{where}: quality control leaves {n_cells} of {n_before[0]} cells ({n_train} for"
            f" training) and {n_genes} of {n_before[1]} genes; lower its thresholds in the config"
        )
