"""Presets: raw data to what models see. Whatever is fitted is fitted on training cells and applied
to all.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from anndata import AnnData
from jaxtyping import Bool

from latentbench.data.values import BY_MODALITY
from latentbench.faults import naming
from latentbench.preprocessing.counts import (
    COUNT_PRESETS,
    chosen_by_scanpy,
    prepare_in_memory,
)
from latentbench.preprocessing.gate import pass_gate
from latentbench.preprocessing.pca import fit_pca
from latentbench.preprocessing.records import begin_record, record_pca
from latentbench.preprocessing.subset import EVERYTHING, Subset
from latentbench.preprocessing.variable_genes import most_variable


def preprocess(
    raw: AnnData,
    *,
    preset: str,
    options: dict[str, Any],
    split: dict[str, Any],
    subset: Subset = EVERYTHING,
    held_out: float | int = 0,
) -> AnnData:
    """Return prepared.h5ad's content (docs/architecture.md) from raw.h5ad's: gate, subset, split,
    preset, in this order.

    ``options`` are the keyword arguments of the preset, ``split`` those of ``split_cells``,
    ``held_out`` the share of the molecules that models do not see (of counts alone). Raises
    ``ValueError`` for data that the gate refuses or that leaves nothing after quality control."""
    where = pass_gate(raw)
    with naming(where):
        chosen = subset.choose(raw.obs, raw.var, where=where)
        prepared = _prepared(
            raw[chosen.cells, chosen.variables].copy() if chosen.left_out else raw,
            where,
            preset=preset,
            options=options,
            split=split,
            held_out=held_out,
        )
    prepared.uns["latentbench"]["filters"] = {
        **chosen.left_out,
        **prepared.uns["latentbench"]["filters"],
    }
    return prepared


def _prepared(
    raw: AnnData,
    where: str,
    *,
    preset: str,
    options: dict[str, Any],
    split: dict[str, Any],
    held_out: float | int,
) -> AnnData:
    raw.X = BY_MODALITY[raw.uns["latentbench"]["modality"]](
        raw.X, raw.obs_names, raw.var_names, where=where
    )
    if preset in COUNT_PRESETS:
        is_empty = np.diff(raw.X.indptr) == 0
        begin_record(raw, is_empty, preset=preset, options=options, split=split, where=where)
        raw.uns["latentbench"]["held_out"] = held_out
        recipe = COUNT_PRESETS[preset](**options)
        return prepare_in_memory(raw, is_empty, recipe, held_out=held_out, where=where)
    begin_record(
        raw,
        np.zeros(raw.n_obs, dtype=bool),
        preset=preset,
        options=options,
        split=split,
        where=where,
    )
    return DENSE_PRESETS[preset](raw, **options)


def images_unit(adata: AnnData, *, max_value: int | None = None, n_pcs: int = 50) -> AnnData:
    """Return pixels divided by ``max_value`` (the largest training pixel if None), from 0 to 1;
    test pixels above it become 1 and are counted.
    """
    largest = max_value or int(adata.X[_is_train(adata)].max())
    if largest == 0:
        raise ValueError(
            f"data set {adata.uns['latentbench']['dataset']}: every training pixel is 0"
        )
    adata.uns["latentbench"]["max_value"] = largest
    adata.uns["latentbench"]["filters"]["pixels_clipped"] = int(np.greater(adata.X, largest).sum())
    adata.X = np.minimum(adata.X.astype(np.float32) / np.float32(largest), np.float32(1))
    adata.var["highly_variable"] = True
    return _with_pca(adata, adata.X, n_pcs)


def images_binarised(
    adata: AnnData, *, max_value: int | None = None, threshold: float = 0.5, n_pcs: int = 50
) -> AnnData:
    """Return images of zeros and ones: 1 where ``images_unit`` gives more than ``threshold``."""
    adata = images_unit(adata, max_value=max_value, n_pcs=n_pcs)
    adata.X = np.greater(adata.X, threshold).astype(np.float32)
    return _with_pca(adata, adata.X, n_pcs)


def real_standardised(adata: AnnData, *, n_top_vars: int | None = 2000, n_pcs: int = 50) -> AnnData:
    """Return real values minus their training mean, divided by their training standard deviation;
    constant variables become 0. Models see the ``n_top_vars`` most variable ones.
    """
    adata.var["highly_variable"] = _most_variable(adata[_is_train(adata)], n_top_vars)
    train = adata.X[_is_train(adata)].astype(np.float64)
    mean, sd = train.mean(axis=0), train.std(axis=0)
    # Rounding leaves a constant column a deviation of about its size times the machine's precision.
    varies = sd > 1e-12 * np.abs(mean)
    adata.X = np.where(varies, (adata.X - mean) / np.where(varies, sd, 1), 0).astype(np.float32)
    adata.uns["latentbench"]["filters"]["constant_variables_zeroed"] = int((~varies).sum())
    return _with_pca(adata, adata.X[:, adata.var["highly_variable"]], n_pcs)


def _most_variable(train: AnnData, n_top_vars: int | None) -> Bool[np.ndarray, " vars"]:
    """Return which variables models see: all where there are no more than ``n_top_vars``.

    Values that are never negative are taken for log-normalised counts, of which scanpy's flavour
    ``seurat`` compares genes of like mean; others have no such trend, and their variance counts."""
    if n_top_vars is None or n_top_vars >= train.n_vars:
        return np.ones(train.n_vars, dtype=bool)
    if train.X.min() < 0:
        return most_variable(train.X.var(axis=0, dtype=np.float64), n_top_vars)
    return chosen_by_scanpy(train, "seurat", None, n_top_vars)


DENSE_PRESETS: dict[str, Callable[..., AnnData]] = {
    "images_unit": images_unit,
    "images_binarised": images_binarised,
    "real_standardised": real_standardised,
}
PRESETS = {**COUNT_PRESETS, **DENSE_PRESETS}


def _with_pca(adata: AnnData, x, n_pcs: int) -> AnnData:
    pca = fit_pca([x[_is_train(adata)]], n_pcs)
    adata.obsm["X_pca"] = pca.transform(x)
    record_pca(adata.uns["latentbench"], pca, n_pcs)
    return adata


def _is_train(adata: AnnData) -> Bool[np.ndarray, " obs"]:
    return (adata.obs["split"] == "train").to_numpy()
