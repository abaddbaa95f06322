"""Counts that are larger than memory, prepared a block at a time into a file that training maps
into memory (docs/architecture.md).
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from anndata import AnnData
from anndata.io import write_elem
from jaxtyping import Bool, Int
from scipy import sparse

from latentbench.data.row_blocks import (
    RowBlocks,
    blocks_on_disk,
    empty_csr,
    empty_rows,
    read_frame,
    some_rows,
)
from latentbench.data.values import as_count_blocks
from latentbench.faults import naming
from latentbench.files.artefacts import atomic_path
from latentbench.logs import logger
from latentbench.preprocessing.counts import COUNT_PRESETS
from latentbench.preprocessing.gate import pass_gate
from latentbench.preprocessing.pca import principal_components
from latentbench.preprocessing.quality import MEASURES
from latentbench.preprocessing.records import begin_record, record_pca
from latentbench.preprocessing.shuffling import Shuffle
from latentbench.preprocessing.streamed import (
    Selection,
    log_normalised,
    seen_and_held_out,
    select,
)
from latentbench.preprocessing.subset import EVERYTHING, Subset

ORDER_SEED = 20180605
VALUES_PER_PART = 2**24
"""Stored values that are shuffled in memory at a time: 0.13 GB, and a few times that while they
are worked on."""


def preprocess_on_disk(
    raw_path: str | Path,
    prepared_path: str | Path,
    *,
    preset: str,
    options: dict[str, Any],
    split: dict[str, Any],
    subset: Subset = EVERYTHING,
    held_out: float | int = 0,
) -> None:
    """Write prepared.h5ad from a raw.h5ad of counts that is read four times, block by block;
    arguments and errors are those of ``preprocess``.

    Three passes choose cells and genes (``select``), the fourth writes the highly variable genes
    alone, cells in a random order that depends on their number only. What is left is small and is
    gone through again for the principal components."""
    everyone = read_frame(raw_path)
    where = pass_gate(everyone)
    with naming(where):
        _write_prepared(
            everyone,
            where,
            raw_path,
            prepared_path,
            preset=preset,
            options=options,
            split=split,
            subset=subset,
            held_out=held_out,
        )


def _write_prepared(
    everyone: AnnData,
    where: str,
    raw_path: str | Path,
    prepared_path: str | Path,
    *,
    preset: str,
    options: dict[str, Any],
    split: dict[str, Any],
    subset: Subset,
    held_out: float | int,
) -> None:
    chosen = subset.choose(everyone.obs, everyone.var, where=where)
    if not chosen.variables.all():
        raise ValueError(
            f"{where}: genes_of needs the counts in memory; raise stream_above_gb, or keep the"
            " shared genes of the file alone"
        )
    frame, recipe = everyone[chosen.cells].copy(), COUNT_PRESETS[preset](**options)
    is_empty = empty_rows(raw_path, "X")[chosen.cells]
    blocks = some_rows(
        as_count_blocks(
            blocks_on_disk(raw_path, "X"), everyone.obs_names, everyone.var_names, where=where
        ),
        chosen.cells,
    )
    begin_record(frame, is_empty, preset=preset, options=options, split=split, where=where)
    selection = select(frame, blocks, is_empty, recipe, held_out=held_out, where=where)
    frame.obs[list(MEASURES)] = selection.kept.measured.set_axis(frame.obs_names)
    order = np.random.default_rng(ORDER_SEED).permutation(len(selection.totals))
    prepared = frame[np.flatnonzero(selection.kept.cells)[order], _modelled(selection)].copy()
    prepared.var["highly_variable"] = True
    filters = {**chosen.left_out, **selection.kept.filters}
    prepared.uns["latentbench"] |= {**selection.record, "filters": filters, "storage": "mapped"}
    prepared.uns["latentbench"]["held_out"] = held_out
    with atomic_path(prepared_path) as temporary:
        prepared.write_h5ad(temporary, compression="gzip", compression_opts=1)
        with tempfile.TemporaryDirectory(dir=temporary.parent, prefix=".shuffle.") as folder:
            shuffle, apart = _put_all(blocks, selection, order, held_out, Path(folder))
            with h5py.File(temporary, "r+") as file:
                _write_matrices(file, shuffle, selection)
                if apart is not None:
                    _write_counts(file, "held_out", apart)
        logger.info(
            "%s: %d x %d written with %d values, largest %d",
            where,
            *prepared.shape,
            shuffle.n_stored,
            shuffle.largest,
        )
        is_train = selection.is_train[order]
        scores, pca = principal_components(
            blocks_on_disk(temporary, "X"), is_train, scale=recipe.scale, n_pcs=recipe.n_pcs
        )
        record_pca(prepared.uns["latentbench"], pca, recipe.n_pcs)
        with h5py.File(temporary, "r+") as file:
            write_elem(file["obsm"], "X_pca", scores)
            write_elem(file["uns"], "latentbench", dict(prepared.uns["latentbench"]))


def _modelled(selection: Selection) -> Bool[np.ndarray, " all_vars"]:
    modelled = selection.kept.genes.copy()
    modelled[modelled] = selection.highly_variable
    return modelled


def _put_all(
    blocks: RowBlocks,
    selection: Selection,
    order: Int[np.ndarray, " obs"],
    held_out: float | int,
    folder: Path,
) -> tuple[Shuffle, Shuffle | None]:
    """Return what models see, and what is held out of them, of the modelled genes."""
    variable = selection.highly_variable
    at_most = int(selection.kept.n_stored[variable].sum())
    shuffles = []
    for name in ("seen", "held_out")[: 2 if held_out else 1]:
        place = folder / name
        place.mkdir()
        n_parts = -(-at_most // VALUES_PER_PART)
        shuffles.append(Shuffle(place, order, int(variable.sum()), n_parts=n_parts))
    for rows, block in blocks:
        parts = seen_and_held_out(block, rows, selection.kept, held_out)
        for shuffle, part in zip(shuffles, parts, strict=False):
            shuffle.put(part[:, variable])
    return shuffles[0], shuffles[1] if held_out else None


def _write_matrices(file: h5py.File, shuffle: Shuffle, selection: Selection) -> None:
    """Write counts and X as CSR groups of contiguous datasets in the smallest types that hold them;
    X's columns and row ends are the counts' own, linked.
    """
    x = empty_csr(file, "X", (len(shuffle.order), shuffle.n_vars))
    values = x.create_dataset("data", (shuffle.n_stored,), np.float32)

    def scaled(cells: Int[np.ndarray, " some"], rows: sparse.csr_matrix, stored: slice) -> None:
        values[stored] = log_normalised(rows, selection.totals[cells], selection.target).data

    counts = _write_counts(file, "counts", shuffle, also=scaled)
    for shared in ("indices", "indptr"):
        x[shared] = counts[shared]


def _write_counts(
    file: h5py.File, layer: str, shuffle: Shuffle, also: Callable[..., None] | None = None
) -> h5py.Group:
    """Write a layer; ``also`` is given every piece of it, with its cells and where it lies."""
    counts = empty_csr(file["layers"], layer, (len(shuffle.order), shuffle.n_vars))
    kinds = (np.uint8, np.uint16, np.int32)
    kind = next(kind for kind in kinds if shuffle.largest <= np.iinfo(kind).max)
    data = counts.create_dataset("data", (shuffle.n_stored,), kind)
    narrow = np.uint16 if shuffle.n_vars <= np.iinfo(np.uint16).max else np.int32
    indices = counts.create_dataset("indices", (shuffle.n_stored,), narrow)
    indptr = [np.zeros(1, dtype=np.int64)]
    for cells, rows in shuffle.take():
        stored = slice(int(indptr[-1][-1]), int(indptr[-1][-1]) + rows.nnz)
        data[stored], indices[stored] = rows.data, rows.indices
        indptr.append(stored.start + rows.indptr[1:].astype(np.int64))
        if also is not None:
            also(cells, rows, stored)
    counts.create_dataset("indptr", data=np.concatenate(indptr))
    return counts
