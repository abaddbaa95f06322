"""The choice of cells and genes from counts that come in blocks of cells, larger than memory: what
``counts.py`` does by scanpy, to the same numbers (tests).

Cells are gone through three times: for what is measured of each, for the genes that enough training
cells have and their sums, and, over kept genes alone, for every cell's total and the scores of the
genes, whose caps and residuals need those sums."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Bool, Float, Int
from scipy import sparse

from latentbench.data.row_blocks import RowBlocks
from latentbench.logs import logger
from latentbench.maths.count_splitting import split_counts
from latentbench.preprocessing.counts import Recipe
from latentbench.preprocessing.doublets import NOT_STREAMED
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
from latentbench.preprocessing.variable_genes import (
    Choice,
    GeneSums,
    can_choose_by_batch,
    gene_sums,
)


@dataclass(frozen=True)
class Kept:
    """The cells and genes that pass, ``sums`` of these genes over these training cells batch by
    batch, in how many cells a gene is stored, what was measured of all cells, what was dropped.
    """

    cells: Bool[np.ndarray, " all_obs"]
    genes: Bool[np.ndarray, " all_vars"]
    sums: list[GeneSums]
    n_stored: Int[np.ndarray, " vars"]
    measured: pd.DataFrame
    filters: dict[str, int]


@dataclass(frozen=True)
class Selection:
    """What of all cells and genes is kept, which of the kept genes are highly variable, every kept
    cell's total, the total it is scaled to, and what of this is written down.
    """

    kept: Kept
    is_train: Bool[np.ndarray, " obs"]
    highly_variable: Bool[np.ndarray, " vars"]
    totals: Float[np.ndarray, " obs"]
    target: float
    record: dict[str, object]


def select(
    frame: AnnData,
    blocks: RowBlocks,
    is_empty: Bool[np.ndarray, " all_obs"],
    recipe: Recipe,
    *,
    held_out: float | int = 0,
    where: str,
) -> Selection:
    """Go through the counts and return what is kept of them; genes are chosen, and totals are, by
    what models see (``maths.count_splitting``).

    ``frame`` holds obs (with ``split``) and var of all cells and genes; a column ``mt`` is added to
    its var. Raises ``ValueError`` for a step that wants the counts in memory."""
    _refuse_unstreamed(frame, recipe, where)
    is_train = (frame.obs["split"] == "train").to_numpy()
    frame.var["mt"] = is_mitochondrial(frame.var)
    warn_without_mitochondrial(frame.var["mt"].to_numpy(), recipe.limits)
    batches = (
        pd.factorize(frame.obs["batch"])[0]
        if recipe.hvg_by_batch and "batch" in frame.obs
        else np.zeros(frame.n_obs, dtype=np.int64)
    )
    kept = control_quality(
        blocks,
        is_empty=is_empty,
        is_train=is_train,
        batches=batches,
        is_mito=frame.var["mt"].to_numpy(),
        limits=recipe.limits,
        held_out=held_out,
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
    by_batch = recipe.hvg_by_batch and can_choose_by_batch(frame.obs[kept.cells & is_train])
    if not by_batch:
        batches = np.zeros(frame.n_obs, dtype=np.int64)
    sums = kept.sums if by_batch else [sum(kept.sums[1:], start=kept.sums[0])]
    choice = Choice(sums, recipe.n_top_genes, recipe.hvg_flavor)
    totals = []
    for rows, block in blocks:
        counts = seen_and_held_out(block, rows, kept, held_out)[0]
        totals.append(totals_of(counts))
        train = is_train[rows][kept.cells[rows]]
        choice.add(counts[train], batches[rows][kept.cells[rows]][train])
    chosen, all_totals, kept_is_train = (
        choice.most_variable(),
        np.concatenate(totals),
        is_train[kept.cells],
    )
    target = (
        float(np.median(all_totals[kept_is_train]))
        if recipe.target_sum == "median"
        else float(recipe.target_sum)
    )
    record = {
        "filters": kept.filters,
        "quality": shown_quality(kept.measured, is_empty, kept.cells),
        "variable_genes": {
            "flavor": choice.flavor,
            "batch_key": "batch" if choice.flavor and by_batch else "",
            "n_top_genes": int(chosen.sum()),
        },
    }
    if recipe.doublets != "none":
        record["doublets"] = {"skipped": NOT_STREAMED}
    return Selection(kept, kept_is_train, chosen, all_totals, target, record)


def control_quality(
    blocks: RowBlocks,
    *,
    is_empty: Bool[np.ndarray, " all_obs"],
    is_train: Bool[np.ndarray, " all_obs"],
    batches: Int[np.ndarray, " all_obs"],
    is_mito: Bool[np.ndarray, " all_vars"],
    limits: Limits,
    held_out: float | int = 0,
    where: str,
) -> Kept:
    """Return the cells, and the genes of these cells, that pass.

    Raises ``ValueError`` when too little is left."""
    measured = pd.concat([measures_of(counts, is_mito) for _, counts in blocks], ignore_index=True)
    failing = cells_failing(measured, is_empty, is_train, limits)
    passing = ~np.any(list(failing.values()), axis=0) & ~is_empty
    n_stored = np.zeros(blocks.shape[1], dtype=np.int64)
    # A cell of no batch (-1) is counted with the last: genes are then not chosen by batch.
    numbers = range(max(int(batches.max()) + 1, 1))
    nothing, doubtful = gene_sums(sparse.csr_matrix((0, blocks.shape[1]))), []
    sums = [nothing for _ in numbers]
    n_detected = np.zeros(blocks.shape[1], dtype=np.int64)
    for rows, counts in blocks:
        n_stored += np.bincount(counts.indices, minlength=blocks.shape[1])
        train = passing[rows] & is_train[rows]
        n_detected += np.bincount(counts[train].indices, minlength=blocks.shape[1])
        for number in np.unique(batches[rows]):
            here = np.flatnonzero(train & (batches[rows] == number))
            sums[number] += gene_sums(_split(counts[here], here + rows.start, held_out)[0])
        frequent = n_detected >= limits.min_cells
        doubtful.append(_without_genes(counts, rows, passing[rows], frequent))
    present, genes = n_stored > 0, n_detected >= limits.min_cells
    # A cell may have had its counts in dropped genes only; nothing of it is left to normalise.
    emptied = np.concatenate(
        [cells[np.asarray(counts[:, genes].sum(axis=1)).ravel() == 0] for cells, counts in doubtful]
    )
    cells = passing.copy()
    cells[emptied] = False
    filters = filters_of(
        is_empty=is_empty,
        failing=failing,
        cells=cells,
        n_emptied=len(emptied),
        genes=genes,
        present=present,
    )
    refuse_if_little_is_left(
        cells, genes, is_train, n_before=(int((~is_empty).sum()), int(present.sum())), where=where
    )
    trained_on = np.bincount(batches[cells & is_train] % len(sums), minlength=len(sums))
    kept_sums = [each.of_genes(genes, int(n)) for each, n in zip(sums, trained_on, strict=True)]
    return Kept(cells, genes, kept_sums, n_stored[genes], measured, filters)


def seen_and_held_out(
    block: sparse.csr_matrix, rows: slice, kept: Kept, share: float | int
) -> tuple[sparse.csr_matrix, sparse.csr_matrix | None]:
    """Return what models see of the kept cells and genes of a block, and what is held out."""
    here = np.flatnonzero(kept.cells[rows])
    seen, held_out = _split(block[here], here + rows.start, share)
    return seen[:, kept.genes], None if held_out is None else held_out[:, kept.genes]


def _split(
    counts: sparse.csr_matrix, rows: Int[np.ndarray, " obs"], share: float | int
) -> tuple[sparse.csr_matrix, sparse.csr_matrix | None]:
    if not share:
        return counts, None
    parts = split_counts(counts, held_out=share, rows=rows)
    return parts.seen, parts.held_out


def measures_of(counts: sparse.csr_matrix, is_mito: Bool[np.ndarray, " vars"]) -> pd.DataFrame:
    """Return ``MEASURES`` of the cells of a block; an empty cell has a mitochondrial share of 0."""
    totals = totals_of(counts)
    share = np.divide(
        counts @ is_mito.astype(np.float64), totals, out=np.zeros_like(totals), where=totals > 0
    )
    columns = (totals, np.diff(counts.indptr), 100 * share)
    return pd.DataFrame(dict(zip(MEASURES, columns, strict=True))).astype(MEASURES)


def totals_of(counts: sparse.csr_matrix) -> Float[np.ndarray, " obs"]:
    """Return every cell's sum of counts."""
    return np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()


def log_normalised(
    counts: sparse.csr_matrix, totals: Float[np.ndarray, " obs"], target: float
) -> sparse.csr_matrix:
    """Return log(1 + counts * target / total) as CSR float32; a total may hold counts of further
    genes.
    """
    scaled = np.repeat(target / np.maximum(totals, 1), np.diff(counts.indptr))
    scaled *= counts.data
    return sparse.csr_matrix(
        (
            np.log1p(scaled, out=scaled).astype(np.float32),
            counts.indices.copy(),
            counts.indptr.copy(),
        ),
        shape=counts.shape,
    )


def _refuse_unstreamed(frame: AnnData, recipe: Recipe, where: str) -> None:
    """Raise ``ValueError`` for steps that look at all counts at once."""
    chooses = recipe.n_top_genes is not None
    asked = {
        "doublets: remove": recipe.doublets == "remove",
        f"hvg_flavor: {recipe.hvg_flavor}": chooses
        and recipe.hvg_flavor in ("seurat", "cell_ranger"),
        "pca_of: pearson_residuals": recipe.pca_of == "pearson_residuals",
    }
    if unstreamed := [option for option, wanted in asked.items() if wanted]:
        raise ValueError(
            f"{where}: {', '.join(unstreamed)}: cannot be done block by block, and these counts are"
            " larger than stream_above_gb; raise it, or set another value of the preset"
        )


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
