"""Counts that are larger than memory: read a block of rows at a time, written a block at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
from anndata import AnnData
from anndata.io import read_elem
from jaxtyping import Bool, Int
from scipy import sparse

from latentbench.faults import reading
from latentbench.logs import logger

MOST_STORED = 2**21
"""Stored values of one block: 17 MB as int32 counts and columns. Arrays above some 30 MB are
slower: their memory goes back to the system after every use."""
GB = 1e9
VALUES_PER_CHUNK = 2**18


@dataclass(frozen=True)
class RowBlocks:
    """A sparse matrix (obs x vars) in blocks of consecutive rows, from row ``edges[k]`` to
    ``edges[k + 1]``, read anew every time they are gone through.
    """

    shape: tuple[int, int]
    edges: Int[np.ndarray, " edges"]
    read: Callable[[slice], sparse.csr_matrix]

    def __iter__(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        for start, stop in pairwise(self.edges.tolist()):
            yield slice(start, stop), self.read(slice(start, stop))


@dataclass(frozen=True)
class StreamedCells:
    """Cells whose values are not in memory: ``frame`` holds all else (obs, var, obsm, uns; its X is
    None).
    """

    frame: AnnData
    values: RowBlocks

    @property
    def shape(self) -> tuple[int, int]:
        """How many cells and variables."""
        return self.values.shape


def blocks_in_memory(matrix: sparse.csr_matrix, *, most_stored: int = MOST_STORED) -> RowBlocks:
    """Return a matrix in memory in the blocks that it would have on disk, so that what is done to a
    block needs as little memory.
    """
    return RowBlocks(
        matrix.shape, edges_by_stored(matrix.indptr, most_stored), lambda rows: matrix[rows]
    )


def blocks_on_disk(path: str | Path, group: str, *, most_stored: int = MOST_STORED) -> RowBlocks:
    """Return a CSR group (``X``, ``layers/counts`` ...) of an h5ad file in blocks of at most
    ``most_stored`` values, or of one row where that has more.
    """
    with h5py.File(path) as file:
        shape, indptr = (
            tuple(int(size) for size in file[group].attrs["shape"]),
            file[group]["indptr"][()].astype(np.int64),
        )
        n_stored = {file[group][part].shape[0] for part in ("data", "indices")}
    if (
        len(indptr) != shape[0] + 1
        or indptr[0] != 0
        or (np.diff(indptr) < 0).any()
        or n_stored != {int(indptr[-1])}
    ):
        raise ValueError(
            f"{path}: the places of the sparse values in {group} are damaged (row ends do not fit"
            f" its {shape[0]} rows or its values); get it again"
        )

    def read(rows: slice) -> sparse.csr_matrix:
        start, stop = (int(indptr[row]) for row in (rows.start, rows.stop))
        with reading(path), h5py.File(path) as file:
            # scipy works on columns of int32; a file may keep them in fewer bytes.
            data, columns = (
                file[group]["data"][start:stop],
                file[group]["indices"][start:stop].astype(np.int32, copy=False),
            )
        return sparse.csr_matrix(
            (data, columns, (indptr[rows.start : rows.stop + 1] - start).astype(np.int32)),
            shape=(rows.stop - rows.start, shape[1]),
        )

    return RowBlocks(shape, edges_by_stored(indptr, most_stored), read)


def some_rows(blocks: RowBlocks, keep: Bool[np.ndarray, " obs"]) -> RowBlocks:
    """Return the rows that are kept, in the same order and cut at the same places."""
    places = np.flatnonzero(keep)

    def read(rows: slice) -> sparse.csr_matrix:
        wanted = places[rows]
        return blocks.read(slice(int(wanted[0]), int(wanted[-1]) + 1))[wanted - wanted[0]]

    return RowBlocks(
        (len(places), blocks.shape[1]), np.unique(np.searchsorted(places, blocks.edges)), read
    )


def edges_by_stored(
    indptr: Int[np.ndarray, " rows_and_end"], most_stored: int
) -> Int[np.ndarray, " edges"]:
    """Return where to cut rows so that no block holds more than ``most_stored`` values; a row that
    alone has more is a block of its own.
    """
    edges, n_rows = [0], len(indptr) - 1
    while edges[-1] < n_rows:
        fitting = int(np.searchsorted(indptr, indptr[edges[-1]] + most_stored, side="right")) - 1
        edges.append(max(fitting, edges[-1] + 1))
    return np.array(edges)


def empty_rows(path: str | Path, group: str) -> Bool[np.ndarray, " obs"]:
    """Return which rows of a CSR group store nothing, from its row ends alone."""
    with h5py.File(path) as file:
        return np.diff(file[group]["indptr"][()]) == 0


def gb_in_memory(path: str | Path, group: str) -> float:
    """Return what a CSR group takes in memory as int32 counts and columns, in GB (10^9 bytes); 0
    where the group is not CSR.
    """
    with h5py.File(path) as file:
        is_csr = group in file and file[group].attrs.get("encoding-type") == "csr_matrix"
        return 8 * file[group]["data"].shape[0] / GB if is_csr else 0.0


def warn_of_large_dense(path: str | Path, limit_gb: float) -> None:
    """Warn of dense values in X of more than ``limit_gb`` (10^9 bytes), before reading them fails
    for want of memory.
    """
    with h5py.File(path) as file:
        gb = file["X"].nbytes / GB if isinstance(file["X"], h5py.Dataset) else 0.0
    if gb > limit_gb:
        logger.warning(
            "%s: %.1f GB of dense values are read whole and need some three times that; only counts"
            " are prepared block by block",
            path,
            gb,
        )


def read_frame(path: str | Path) -> AnnData:
    """Return an h5ad file without its values: obs, var, obsm and uns."""
    with h5py.File(path) as file:
        parts = {
            name: read_elem(file[name]) for name in ("obs", "var", "obsm", "uns") if name in file
        }
    return AnnData(**parts)


def empty_csr(parent: h5py.Group, name: str, shape: tuple[int, int]) -> h5py.Group:
    """Return a new group that says it is anndata's CSR matrix of a shape (obs x vars); its three
    datasets are still to be written.
    """
    group = parent.create_group(name)
    group.attrs.update(
        {"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": np.array(shape)}
    )
    return group


def append_csr(
    parent: h5py.Group, name: str, n_vars: int, blocks: Iterable[sparse.csr_matrix]
) -> None:
    """Write blocks of int32 rows one after the other as a compressed CSR group."""
    group, indptr = empty_csr(parent, name, (0, n_vars)), [np.zeros(1, dtype=np.int64)]
    compressed = {
        "shape": (0,),
        "maxshape": (None,),
        "chunks": (VALUES_PER_CHUNK,),
        "compression": "gzip",
        "compression_opts": 1,
        "shuffle": True,
    }
    data, indices = (
        group.create_dataset(part, dtype=np.int32, **compressed) for part in ("data", "indices")
    )
    for block in blocks:
        n_before = data.shape[0]
        for dataset, values in ((data, block.data), (indices, block.indices)):
            dataset.resize((n_before + block.nnz,))
            dataset[n_before:] = values
        indptr.append(n_before + block.indptr[1:].astype(np.int64))
    group.create_dataset("indptr", data=np.concatenate(indptr), compression="gzip")
    group.attrs["shape"] = np.array((sum(map(len, indptr)) - 1, n_vars))
