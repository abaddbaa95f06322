"""Quality of cells: what is measured of each, and the limits that it must keep. The same for counts
in memory and for counts that come in blocks.

A limit by median absolute deviations (Germain et al. 2020, doi:10.1186/s13059-020-02136-7; Heumos
et al. 2023, doi:10.1038/s41576-023-00586-w) is

    |v - median| > n_mads MAD,  MAD = median |v - median|                              (1)

for v the log(1 + x) of a cell's counts and of its genes, and one-sided for its mitochondrial
percentage: few are no fault. Median and MAD are those of the training cells that keep the other
limits; a MAD of 0 (more than half of the cells alike) sets no limit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.stats import median_abs_deviation

from latentbench.logs import logger

SYMBOL_COLUMNS = ("symbol", "gene_symbols", "gene_name", "feature_name")
MITOCHONDRIAL = r"(?i)^(?:[a-z0-9.]+_{1,3})?mt[-:.]"
"""MT-ND1 (human), mt-Nd1 (mouse), mt:ND1 (fly), MT.ND1 (R's names), GRCh38_MT-ND1 and
mm10___mt-Nd1 (two species in one reference)."""
MITOCHONDRIAL_OF_WORMS = r"^(?:MTCE\.\d+|nduo-[1-6]|ndfl-4|ctc-[123]|ctb-1|atp-6)$"
MEASURES = {
    "total_counts": np.int64,
    "n_genes_by_counts": np.int64,
    "pct_counts_mt": np.float64,
}
"""scanpy's names of what is measured, kept in obs."""
MOST_SHOWN = 5000
SAMPLE_SEED = 20180608


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a cell and a gene must keep (None: no limit): counts and genes of a cell, its largest
    mitochondrial share, deviations by equation (1), training cells of a gene.
    """

    min_counts: int
    min_genes: int
    max_mito_fraction: float | None
    n_mads: float | int | None
    n_mads_mito: float | int | None
    min_cells: int


def is_mitochondrial(var: pd.DataFrame) -> Bool[np.ndarray, " vars"]:
    """Return which genes are mitochondrial by name: the var names, or else the first column of
    symbols that has any.
    """
    names = [var.index, *(var[column] for column in SYMBOL_COLUMNS if column in var)]
    found = []
    for column in names:
        text = pd.Series(np.asarray(column, dtype=str))
        of_any = text.str.contains(MITOCHONDRIAL) | text.str.contains(MITOCHONDRIAL_OF_WORMS)
        found.append(of_any.to_numpy(dtype=bool))
    return next((genes for genes in found if genes.any()), found[0])


def warn_without_mitochondrial(is_mito: Bool[np.ndarray, " vars"], limits: Limits) -> None:
    """Warn of a limit that was asked for and can drop nothing."""
    if limits.max_mito_fraction is not None and not is_mito.any():
        logger.warning("max_mito_fraction drops nothing: no gene has a mitochondrial name")


def cells_failing(
    measured: pd.DataFrame,
    is_empty: Bool[np.ndarray, " obs"],
    is_train: Bool[np.ndarray, " obs"],
    limits: Limits,
) -> dict[str, Bool[np.ndarray, " obs"]]:
    """Return which cells each limit on ``MEASURES`` drops; empty cells are dropped by none."""
    counts, genes, mito = (measured[name].to_numpy() for name in MEASURES)
    failing = {
        "cells_below_min_counts": counts < limits.min_counts,
        "cells_below_min_genes": genes < limits.min_genes,
    }
    if limits.max_mito_fraction is not None:
        failing["cells_above_max_mito_fraction"] = mito > 100 * limits.max_mito_fraction
    fitted_on = ~np.any(list(failing.values()), axis=0) & ~is_empty & is_train
    if limits.n_mads is not None and fitted_on.any():
        for name, values in (("counts", counts), ("genes", genes)):
            low, high = _within_mads(np.log1p(values), fitted_on, limits.n_mads)
            failing[f"cells_with_outlying_{name}"] = (np.log1p(values) < low) | (
                np.log1p(values) > high
            )
    if limits.n_mads_mito is not None and fitted_on.any():
        failing["cells_with_outlying_mito"] = (
            mito > _within_mads(mito, fitted_on, limits.n_mads_mito)[1]
        )
    return {name: cells & ~is_empty for name, cells in failing.items()}


def _within_mads(
    values: Float[np.ndarray, " obs"], fitted_on: Bool[np.ndarray, " obs"], n_mads: float | int
) -> tuple[float, float]:
    median, mad = np.median(values[fitted_on]), median_abs_deviation(values[fitted_on])
    reach = n_mads * mad if mad > 0 else np.inf
    return float(median - reach), float(median + reach)


def shown_quality(
    measured: pd.DataFrame, is_empty: Bool[np.ndarray, " obs"], kept: Bool[np.ndarray, " obs"]
) -> dict[str, np.ndarray]:
    """Return the measures of all cells that are not empty, and whether they are kept, for a figure
    of before and after: of ``MOST_SHOWN`` drawn at random where there are more.
    """
    cells = np.flatnonzero(~is_empty)
    if len(cells) > MOST_SHOWN:
        rng = np.random.default_rng(SAMPLE_SEED)
        cells = np.sort(rng.choice(cells, MOST_SHOWN, replace=False))
    shown = {name: measured[name].to_numpy()[cells].astype(np.float32) for name in MEASURES}
    return {**shown, "kept": kept[cells]}


def filters_of(
    *,
    is_empty: Bool[np.ndarray, " all_obs"],
    failing: dict[str, Bool[np.ndarray, " all_obs"]],
    cells: Bool[np.ndarray, " all_obs"],
    n_emptied: int,
    genes: Bool[np.ndarray, " all_vars"],
    present: Bool[np.ndarray, " all_vars"],
) -> dict[str, int]:
    """Return how many cells and genes each filter took alone, and how many they took together.

    Empty cells are of neither part of the split; with empty genes they are counted apart and by no
    other filter."""
    return {
        "empty_cells": int(is_empty.sum()),
        "empty_genes": int((~present).sum()),
        **{name: int(dropped.sum()) for name, dropped in failing.items()},
        "genes_below_min_cells": int((present & ~genes).sum()),
        "cells_emptied_by_gene_filter": n_emptied,
        "cells_dropped": int((~is_empty).sum() - cells.sum()),
        "genes_dropped": int((present & ~genes).sum()),
    }


def refuse_if_little_is_left(
    cells: Bool[np.ndarray, " all_obs"],
    genes: Bool[np.ndarray, " all_vars"],
    is_train: Bool[np.ndarray, " all_obs"],
    *,
    n_before: tuple[int, int],
    where: str,
) -> None:
    """Raise ``ValueError`` when no gene, no training cell or no test cell is left."""
    n_train, n_cells, n_genes = int((cells & is_train).sum()), int(cells.sum()), int(genes.sum())
    if n_genes == 0 or n_train == 0 or n_train == n_cells:
        raise ValueError(
            f"{where}: quality control leaves {n_cells} of {n_before[0]} cells ({n_train} for"
            f" training) and {n_genes} of {n_before[1]} genes; lower its thresholds in the config,"
            " or use preset counts_lenient (small panels of genes) or counts_raw"
        )
