"""The full-value gate: every stored value of raw.h5ad is checked before anything is fitted, and empty cells and genes leave here."""

import numpy as np
from anndata import AnnData
from scipy import sparse

from latentbench.data.raw import refuse_duplicates
from latentbench.data.values import BY_MODALITY
from latentbench.logs import logger

SPARSE_MODALITY = "counts"


def pass_gate(raw: AnnData) -> tuple[AnnData, dict[str, int], list[str]]:
    """Return the data without empty cells and genes, what was dropped by name, and warnings in words.

    Raises ``ValueError`` for duplicated names, for values that the modality forbids (naming the first cell, variable and value), and when
    nothing is left.
    """
    record = raw.uns.get("latentbench")
    if record is None or "modality" not in record:
        raise ValueError("raw.h5ad: uns['latentbench'] does not say dataset and modality; it was not made by the rule download")
    where = f"data set {record['dataset']}"
    refuse_duplicates(raw.obs_names, "cell names (obs_names)", where)
    refuse_duplicates(raw.var_names, "variable names (var_names)", where)
    raw.X = BY_MODALITY[record["modality"]](raw.X, raw.obs_names, raw.var_names, where=where)
    if record["modality"] == SPARSE_MODALITY:
        kept, filters = _without_empty(raw, where)
    else:
        kept, filters = raw, {}
    return kept, filters, _label_warnings(kept, where)


def _without_empty(raw: AnnData, where: str) -> tuple[AnnData, dict[str, int]]:
    counts = sparse.csr_matrix(raw.X)
    cells, genes = np.diff(counts.indptr) > 0, np.bincount(counts.indices, minlength=raw.n_vars) > 0
    if not cells.any():
        raise ValueError(f"{where}: every cell is empty (all {raw.n_obs} x {raw.n_vars} counts are 0); is this the right layer?")
    filters = {"empty_cells": int((~cells).sum()), "empty_genes": int((~genes).sum())}
    return (raw if cells.all() and genes.all() else raw[cells, genes].copy()), filters


def _label_warnings(adata: AnnData, where: str) -> list[str]:
    if "label" not in adata.obs:
        return []
    labels, warnings = adata.obs["label"], []
    if labels.nunique() < 2:
        warnings.append(f"the label has {labels.nunique()} class: scores against it say nothing")
    if labels.isna().any():
        warnings.append(f"{int(labels.isna().sum())} of {adata.n_obs} cells have no label")
    for warning in warnings:
        logger.warning("%s: %s", where, warning)
    return warnings
