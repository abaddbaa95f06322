"""Presets: raw data to what models see. Whatever is fitted is fitted on training cells and applied to all."""

from collections.abc import Callable
from typing import Any

import numpy as np
from anndata import AnnData
from jaxtyping import Bool, Float
from scipy import sparse

from latentbench.logs import logger
from latentbench.preprocessing.gate import pass_gate
from latentbench.preprocessing.pca import cap_and_scale, fit_pca
from latentbench.preprocessing.split import split_cells
from latentbench.preprocessing.variable_genes import highly_variable


def preprocess(raw: AnnData, *, preset: str, options: dict[str, Any], split: dict[str, Any]) -> AnnData:
    """Return prepared.h5ad's content (docs/architecture.md) from raw.h5ad's: gate, split, preset, in this order.

    ``options`` are the keyword arguments of the preset, ``split`` those of ``split_cells``. Raises ``ValueError`` for data that the gate
    refuses or that leaves nothing after quality control.
    """
    record = dict(raw.uns.get("latentbench", {}))
    adata, filters, warnings = pass_gate(raw)
    adata.obs["split"], how_split = split_cells(adata.obs, **split)
    adata.uns["latentbench"] = {**record, "preset": preset, "options": _storable(options), "split": _storable(how_split), "filters": filters}
    adata.uns["latentbench"]["warnings"] = np.array(warnings, dtype=object)
    return PRESETS[preset](adata, **options)


def counts_standard(
    adata: AnnData,
    *,
    min_counts: int = 20,
    min_genes: int = 10,
    max_mito_fraction: float | None = None,
    min_cells: int = 3,
    target_sum: float | str = 1e4,
    n_top_genes: int | None = 2000,
    hvg_flavor: str = "seurat_v3",
    scale: bool = True,
    n_pcs: int = 50,
) -> AnnData:
    """Return counts after quality control, with X = log(1 + scaled counts), highly variable genes and their principal components."""
    adata = _quality_control(adata, min_counts, min_genes, max_mito_fraction, min_cells)
    is_train = _is_train(adata)
    adata.layers["counts"] = adata.X
    adata.X = _log_normalised(adata.X, is_train, target_sum)
    adata.var["highly_variable"] = highly_variable(adata.layers["counts"][is_train], n_top_genes, hvg_flavor)
    adata.uns["latentbench"]["n_top_genes"] = int(adata.var["highly_variable"].sum())
    variable = adata.X[:, adata.var["highly_variable"].to_numpy()]
    return _with_pca(adata, cap_and_scale(variable, is_train) if scale else variable, n_pcs)


def counts_raw(
    adata: AnnData,
    *,
    min_counts: int = 1,
    min_genes: int = 1,
    max_mito_fraction: float | None = None,
    min_cells: int = 1,
    target_sum: float | str = 1e4,
    n_pcs: int = 50,
) -> AnnData:
    """Return counts with all their genes, X = log(1 + scaled counts), and principal components of X."""
    options = {"min_counts": min_counts, "min_genes": min_genes, "max_mito_fraction": max_mito_fraction, "min_cells": min_cells}
    return counts_standard(adata, **options, target_sum=target_sum, n_top_genes=None, scale=False, n_pcs=n_pcs)


def images_unit(adata: AnnData, *, max_value: int | None = None, n_pcs: int = 50) -> AnnData:
    """Return pixels divided by ``max_value`` (the largest training pixel if None), from 0 to 1; test pixels above it become 1 and are counted."""
    largest = max_value or int(adata.X[_is_train(adata)].max())
    if largest == 0:
        raise ValueError(f"data set {adata.uns['latentbench']['dataset']}: every training pixel is 0")
    adata.uns["latentbench"]["max_value"] = largest
    adata.uns["latentbench"]["filters"]["pixels_clipped"] = int(np.greater(adata.X, largest).sum())
    adata.X = np.minimum(adata.X.astype(np.float32) / np.float32(largest), np.float32(1))
    adata.var["highly_variable"] = True
    return _with_pca(adata, adata.X, n_pcs)


def images_binarised(adata: AnnData, *, max_value: int | None = None, threshold: float = 0.5, n_pcs: int = 50) -> AnnData:
    """Return images of zeros and ones: 1 where ``images_unit`` gives more than ``threshold``."""
    adata = images_unit(adata, max_value=max_value, n_pcs=n_pcs)
    adata.X = np.greater(adata.X, threshold).astype(np.float32)
    return _with_pca(adata, adata.X, n_pcs)


def real_standardised(adata: AnnData, *, n_pcs: int = 50) -> AnnData:
    """Return real values minus their training mean, divided by their training standard deviation; constant variables become 0."""
    train = adata.X[_is_train(adata)].astype(np.float64)
    mean, sd = train.mean(axis=0), train.std(axis=0)
    # Rounding leaves a constant column a deviation of about its size times the machine's precision.
    varies = sd > 1e-12 * np.abs(mean)
    adata.X = np.where(varies, (adata.X - mean) / np.where(varies, sd, 1), 0).astype(np.float32)
    adata.uns["latentbench"]["filters"]["constant_variables_zeroed"] = int((~varies).sum())
    adata.var["highly_variable"] = True
    return _with_pca(adata, adata.X, n_pcs)


PRESETS: dict[str, Callable[..., AnnData]] = {
    "counts_standard": counts_standard,
    "counts_raw": counts_raw,
    "images_unit": images_unit,
    "images_binarised": images_binarised,
    "real_standardised": real_standardised,
}


def _quality_control(adata: AnnData, min_counts: int, min_genes: int, max_mito_fraction: float | None, min_cells: int) -> AnnData:
    """Return the cells, then the genes, that pass; each filter counts what it alone finds, ``cells_dropped`` what they drop together."""
    counts, filters, n_before = adata.X, adata.uns["latentbench"]["filters"], adata.shape
    totals, n_genes = np.asarray(counts.sum(axis=1)).ravel(), np.diff(counts.indptr)
    failing = {"cells_below_min_counts": totals < min_counts, "cells_below_min_genes": n_genes < min_genes}
    if max_mito_fraction is not None:
        failing["cells_above_max_mito_fraction"] = _mito_totals(adata) > max_mito_fraction * totals
    adata = _subset(adata, cells=~np.any(list(failing.values()), axis=0))
    filters |= {name: int(bad.sum()) for name, bad in failing.items()}
    detected_in = np.bincount(adata.X[_is_train(adata)].indices, minlength=adata.n_vars)
    adata = _subset(adata, genes=detected_in >= min_cells)
    # A cell may have had its counts in dropped genes only; nothing of it is left to normalise.
    left = np.diff(adata.X.indptr) > 0
    adata = _subset(adata, cells=left)
    filters |= {"genes_below_min_cells": int((detected_in < min_cells).sum()), "cells_emptied_by_gene_filter": int((~left).sum())}
    filters |= {"cells_dropped": n_before[0] - adata.n_obs, "genes_dropped": n_before[1] - adata.n_vars}
    adata.uns["latentbench"]["filters"] = filters
    return adata


def _subset(adata: AnnData, *, cells: Bool[np.ndarray, " obs"] | slice = slice(None), genes: Bool[np.ndarray, " vars"] | slice = slice(None)) -> AnnData:
    kept = adata[cells, genes].copy()
    if 0 in kept.shape or kept.obs["split"].nunique() < 2:
        raise ValueError(
            f"data set {adata.uns['latentbench']['dataset']}: quality control leaves {kept.n_obs} of {adata.n_obs} cells "
            f"({(kept.obs['split'] == 'train').sum()} for training) and {kept.n_vars} of {adata.n_vars} genes; lower its thresholds in the config"
        )
    return kept


def _mito_totals(adata: AnnData) -> Float[np.ndarray, " obs"]:
    is_mito = adata.var_names.str.upper().str.startswith("MT-")
    for column in ("symbol", "gene_symbols", "gene_name", "feature_name"):
        if not is_mito.any() and column in adata.var:
            is_mito = adata.var[column].astype(str).str.upper().str.startswith("MT-").to_numpy()
    if not is_mito.any():
        logger.warning("max_mito_fraction drops nothing: no gene name starts with MT-")
    return np.asarray(adata.X[:, is_mito].sum(axis=1), dtype=np.float64).ravel()


def _log_normalised(counts: sparse.csr_matrix, is_train: Bool[np.ndarray, " obs"], target_sum: float | str) -> sparse.csr_matrix:
    totals = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    target = float(np.median(totals[is_train])) if target_sum == "median" else float(target_sum)
    normalised = counts.astype(np.float32)
    normalised.data = np.log1p(counts.data * np.repeat(target / totals, np.diff(counts.indptr))).astype(np.float32)
    return normalised


def _with_pca(adata: AnnData, x, n_pcs: int) -> AnnData:
    pca = fit_pca(x[_is_train(adata)], n_pcs)
    if len(pca.components) < n_pcs:
        logger.info("%d principal components instead of %d: the data has no more", len(pca.components), n_pcs)
    adata.obsm["X_pca"] = pca.transform(x)
    adata.uns["latentbench"]["pca"] = {"n_pcs": len(pca.components), "n_pcs_asked": n_pcs, "variance_ratio": pca.variance_ratio}
    return adata


def _is_train(adata: AnnData) -> Bool[np.ndarray, " obs"]:
    return (adata.obs["split"] == "train").to_numpy()


def _storable(options: dict[str, Any]) -> dict[str, Any]:
    """Return options as h5ad can hold them: null as text, lists as arrays."""
    return {key: "null" if value is None else np.array(value, dtype=object) if isinstance(value, list) else value for key, value in options.items()}
