"""Counts to what models see, by scanpy's own steps: quality control, doublets, normalisation,
highly variable genes, principal components.

Whatever is fitted is fitted on the training cells, which scanpy is called on, and applied to all.
Counts that are larger than memory go through ``streamed.py`` and ``mapped.py`` to the same numbers.
scanpy is imported on use: it takes seconds, and neither images nor streamed counts want it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from anndata import AnnData
from jaxtyping import Bool

from latentbench.logs import logger
from latentbench.maths.count_splitting import split_counts
from latentbench.outcomes import Unavailable
from latentbench.preprocessing.doublets import score_doublets
from latentbench.preprocessing.pca import PCA
from latentbench.preprocessing.quality import (
    MEASURES,
    Limits,
    cells_failing,
    filters_of,
    is_mitochondrial,
    refuse_if_little_is_left,
    shown_quality,
    warn_without_mitochondrial,
)
from latentbench.preprocessing.records import record_pca
from latentbench.preprocessing.variable_genes import (
    FEWEST_GENES_FOR_LOESS,
    WITHOUT_LOESS,
    can_choose_by_batch,
    log_without_loess,
    pearson_residuals,
)

ROWS_PER_PIECE = 2048
LARGEST_WHOLE_SVD = 500
"""Cells or variables up to which all components are had at once, in less time than the first."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The options of ``counts_standard``, as the config's schema describes them."""

    min_counts: int = 1
    min_genes: int = 200
    max_mito_fraction: float | None = None
    n_mads: float | int | None = 5
    n_mads_mito: float | int | None = 3
    min_cells: int = 3
    doublets: str = "score"
    target_sum: float | str = 1e4
    n_top_genes: int | None = 2000
    hvg_flavor: str = "seurat_v3"
    hvg_by_batch: bool = True
    pca_of: str = "log1p"
    scale: bool = True
    n_pcs: int = 50

    @property
    def limits(self) -> Limits:
        """The part of quality control."""
        return Limits(**{name: getattr(self, name) for name in Limits.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class LenientRecipe(Recipe):
    """The options of ``counts_lenient``: for panels of few genes, and for cells that someone has
    filtered already.
    """

    min_counts: int = 20
    min_genes: int = 10
    n_mads: float | int | None = None
    n_mads_mito: float | int | None = None
    doublets: str = "none"


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
    return LenientRecipe(
        min_counts=min_counts,
        min_genes=min_genes,
        max_mito_fraction=max_mito_fraction,
        min_cells=min_cells,
        target_sum=target_sum,
        n_top_genes=None,
        scale=False,
        n_pcs=n_pcs,
    )


COUNT_PRESETS: dict[str, Callable[..., Recipe]] = {
    "counts_standard": Recipe,
    "counts_lenient": LenientRecipe,
    "counts_raw": counts_raw,
}


def prepare_in_memory(
    raw: AnnData,
    is_empty: Bool[np.ndarray, " all_obs"],
    recipe: Recipe,
    *,
    held_out: float | int = 0,
    where: str,
) -> AnnData:
    """Return prepared.h5ad's content of counts in memory (CSR int32 in X, ``split`` in obs): all
    genes that passed, the highly variable ones marked.

    Quality is that of all counts; ``held_out``: the share of them (layer ``held_out``) that neither
    X nor the layer ``counts`` has (``maths.count_splitting``)."""
    import scanpy as sc

    adata = _passing(raw, is_empty, recipe, held_out=held_out, where=where)
    is_train = _is_train(adata)
    adata.layers["counts"] = adata.X.copy()
    totals = np.asarray(adata.X.sum(axis=1)).ravel()
    target = np.median(totals[is_train]) if recipe.target_sum == "median" else recipe.target_sum
    sc.pp.normalize_total(adata, target_sum=float(target))
    sc.pp.log1p(adata)
    adata.var["highly_variable"], variable_genes = highly_variable(adata[is_train], recipe)
    adata.uns["latentbench"]["variable_genes"] = variable_genes
    adata.obsm["X_pca"], pca = (
        _pca_of_residuals(adata, recipe)
        if recipe.pca_of == "pearson_residuals"
        else _pca_of_log_values(adata, recipe)
    )
    record_pca(adata.uns["latentbench"], pca, recipe.n_pcs)
    del adata.uns["log1p"]
    return adata


def _passing(
    raw: AnnData,
    is_empty: Bool[np.ndarray, " all_obs"],
    recipe: Recipe,
    *,
    held_out: float | int,
    where: str,
) -> AnnData:
    """Return the cells and genes that pass quality control, with what each filter took in uns; X is
    what is seen of their counts.
    """
    import scanpy as sc

    is_train, limits = _is_train(raw), recipe.limits
    raw.var["mt"] = is_mitochondrial(raw.var)
    warn_without_mitochondrial(raw.var["mt"].to_numpy(), limits)
    per_cell, per_gene = sc.pp.calculate_qc_metrics(
        raw, qc_vars=["mt"], percent_top=None, log1p=False
    )
    measured = per_cell[list(MEASURES)].fillna(0).astype(MEASURES)
    raw.obs[list(MEASURES)] = measured
    failing = cells_failing(measured, is_empty, is_train, limits)
    cells = ~np.any(list(failing.values()), axis=0) & ~is_empty
    record = raw.uns["latentbench"]
    if recipe.doublets != "none" and cells.any():
        failing |= _note_doublets(raw, cells, recipe, record, where=where)
        cells = ~np.any(list(failing.values()), axis=0) & ~is_empty
    genes, _ = sc.pp.filter_genes(raw[cells & is_train], min_cells=limits.min_cells, inplace=False)
    # A cell may have had its counts in dropped genes only; nothing of it is left to normalise.
    with_counts, _ = sc.pp.filter_cells(raw[cells][:, genes], min_counts=1, inplace=False)
    cells[np.flatnonzero(cells)[~with_counts]] = False
    present = per_gene["n_cells_by_counts"].to_numpy() > 0
    record["filters"] = filters_of(
        is_empty=is_empty,
        failing=failing,
        cells=cells,
        n_emptied=int((~with_counts).sum()),
        genes=genes,
        present=present,
    )
    record["quality"] = shown_quality(measured, is_empty, cells)
    refuse_if_little_is_left(
        cells, genes, is_train, n_before=(int((~is_empty).sum()), int(present.sum())), where=where
    )
    logger.info(
        "%s: %d of %d cells and %d of %d genes pass quality control",
        where,
        cells.sum(),
        raw.n_obs,
        genes.sum(),
        raw.n_vars,
    )
    if not held_out:
        return raw[cells, genes].copy()
    kept = raw[cells].copy()
    parts = split_counts(kept.X, held_out=held_out, rows=np.flatnonzero(cells))
    kept.X, kept.layers["held_out"] = parts.seen, parts.held_out
    return kept[:, genes].copy()


def _note_doublets(
    raw: AnnData,
    cells: Bool[np.ndarray, " all_obs"],
    recipe: Recipe,
    record: dict[str, object],
    *,
    where: str,
) -> dict[str, Bool[np.ndarray, " all_obs"]]:
    """Put scores of doublets into obs and what was found into the record; return the filter that
    takes them, where they are to be removed.
    """
    found = score_doublets(raw[cells], where=where)
    if isinstance(found, Unavailable):
        record["doublets"] = {"skipped": found.reason}
        return {}
    raw.obs["doublet_score"] = found["doublet_score"].reindex(raw.obs_names)
    is_doublet = found["predicted_doublet"].reindex(raw.obs_names, fill_value=False)
    raw.obs["predicted_doublet"] = is_doublet.astype(bool)
    removed = recipe.doublets == "remove"
    record["doublets"] = {"found": int(is_doublet.sum()), "removed": removed}
    return {"doublets": raw.obs["predicted_doublet"].to_numpy()} if removed else {}


def highly_variable(
    train: AnnData, recipe: Recipe
) -> tuple[Bool[np.ndarray, " vars"], dict[str, object]]:
    """Return which genes are the ``n_top_genes`` most variable among the training cells (all where
    there are no more), and by which flavour and batches they were chosen.

    ``train``: log-normalised X, ``layers["counts"]``. Where loess fails, on few or sparse genes,
    ``WITHOUT_LOESS`` is used and the record says so."""
    if recipe.n_top_genes is None or recipe.n_top_genes >= train.n_vars:
        every = np.ones(train.n_vars, dtype=bool)
        return every, {"flavor": "", "batch_key": "", "n_top_genes": train.n_vars}
    batch_key = "batch" if recipe.hvg_by_batch and can_choose_by_batch(train.obs) else None
    flavor = recipe.hvg_flavor
    try:
        chosen = chosen_by_scanpy(train, flavor, batch_key, recipe.n_top_genes)
    except ValueError as fault:
        if flavor != "seurat_v3":
            raise
        log_without_loess(fault)
        flavor = WITHOUT_LOESS
        chosen = chosen_by_scanpy(train, flavor, batch_key, recipe.n_top_genes)
    return chosen, {
        "flavor": flavor,
        "batch_key": batch_key or "",
        "n_top_genes": int(chosen.sum()),
    }


def chosen_by_scanpy(
    train: AnnData, flavor: str, batch_key: str | None, n_top_genes: int
) -> Bool[np.ndarray, " vars"]:
    """Return the choice of ``sc.pp.highly_variable_genes`` or its experimental sister."""
    import scanpy as sc

    options = {"n_top_genes": n_top_genes, "batch_key": batch_key, "inplace": False}
    if flavor == "seurat_v3":
        _refuse_too_few_for_loess(train, batch_key)
    if flavor == "pearson_residuals":
        # Left to itself, scanpy 1.11 keeps the first batch's cap for all the others.
        cap = np.sqrt(train.n_obs)
        found = sc.experimental.pp.highly_variable_genes(train, layer="counts", clip=cap, **options)
    else:
        layer = "counts" if flavor == "seurat_v3" else None
        found = sc.pp.highly_variable_genes(train, flavor=flavor, layer=layer, **options)
    return found["highly_variable"].reindex(train.var_names).to_numpy(dtype=bool)


def _refuse_too_few_for_loess(train: AnnData, batch_key: str | None) -> None:
    """Raise ``ValueError`` before the compiled loess, which ends the process on a handful of
    points.
    """
    groups = train.obs[batch_key] if batch_key else np.zeros(train.n_obs)
    for group in np.unique(groups):
        counts = train.layers["counts"][np.asarray(groups == group)]
        # A gene varies where its largest count is not its smallest; zeros are not stored.
        largest, smallest = counts.max(axis=0).toarray(), counts.min(axis=0).toarray()
        n_varying = int((largest > smallest).sum())
        if n_varying < FEWEST_GENES_FOR_LOESS:
            raise ValueError(f"{n_varying} genes vary, the fit needs {FEWEST_GENES_FOR_LOESS}")


def _pca_of_log_values(adata: AnnData, recipe: Recipe):
    """Return all cells' scores and the PCA of the training cells' highly variable genes."""
    import scanpy as sc

    variable = np.flatnonzero(adata.var["highly_variable"])
    train = adata[_is_train(adata), variable].copy()
    train.X = train.X.toarray().astype(np.float64)
    if recipe.scale:
        sc.pp.scale(train, max_value=10)
    pca = fit_scanpy_pca(train, recipe.n_pcs)
    values = adata.X[:, variable]
    scores = []
    for start in range(0, adata.n_obs, ROWS_PER_PIECE):
        piece = values[start : start + ROWS_PER_PIECE].toarray()
        if recipe.scale:
            mean, sd = train.var["mean"].to_numpy(), train.var["std"].to_numpy()
            piece = ((piece - mean) / sd).clip(-10, 10)
        scores.append(pca.transform(piece))
    return np.concatenate(scores), pca


def _pca_of_residuals(adata: AnnData, recipe: Recipe):
    """Return all cells' scores and the PCA of the Pearson residuals (Lause et al. 2021) of the
    highly variable genes, the shares of genes being those of the training cells.
    """
    is_train = _is_train(adata)
    counts = adata.layers["counts"][:, np.flatnonzero(adata.var["highly_variable"])]
    residuals = pearson_residuals(counts, counts[is_train])
    pca = fit_scanpy_pca(AnnData(residuals[is_train].astype(np.float64)), recipe.n_pcs)
    return pca.transform(residuals), pca


def fit_scanpy_pca(train: AnnData, n_pcs: int) -> PCA:
    """Return ``sc.pp.pca`` of dense X, fewer components where their rank allows no more; a
    component's largest loading is positive, which fixes the signs.
    """
    import scanpy as sc

    n_comps = min(n_pcs, train.n_obs - 1, train.n_vars)
    if n_comps < 1:
        raise ValueError(
            f"principal components need at least 2 training cells, there is {train.n_obs}"
        )
    # Lanczos gives fewer components than there are dimensions, and none of what does not vary.
    is_large = min(train.shape) > LARGEST_WHOLE_SVD and np.ptp(train.X, axis=0).any()
    solver = "arpack" if is_large else "full"
    sc.pp.pca(train, n_comps=n_comps, svd_solver=solver)
    components = train.varm["PCs"].T.astype(np.float64)
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(len(components)), largest])[:, None]
    mean = train.X.mean(axis=0, dtype=np.float64)
    return PCA(mean, components, np.nan_to_num(train.uns["pca"]["variance_ratio"]))


def _is_train(adata: AnnData) -> Bool[np.ndarray, " obs"]:
    return (adata.obs["split"] == "train").to_numpy()
