"""Rows of a matrix that is larger than memory, put into a random order by way of files."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Int
from scipy import sparse


class Shuffle:
    """Rows that are put down in their old order and taken up in a new one.

    Row k of the new order is the old ``order[k]``. The new order is cut into ``n_parts``; a row is
    put into the file of its part, and one part at a time is read and ordered in memory. All values
    are kept as int32, in ``folder``, which must be there and is the caller's to remove."""

    def __init__(
        self, folder: Path, order: Int[np.ndarray, " obs"], n_vars: int, n_parts: int
    ) -> None:
        self.folder, self.order, self.n_vars = folder, order, n_vars
        self.n_parts, self.rows_per_part = n_parts, -(-len(order) // n_parts)
        position = np.empty_like(order)
        position[order] = np.arange(len(order))
        self.position = position
        self.n_put, self.n_stored, self.largest = 0, 0, 0

    def put(self, rows: sparse.csr_matrix) -> None:
        """Put down the next rows of the old order."""
        part = self.position[self.n_put : self.n_put + rows.shape[0]] // self.rows_per_part
        by_part = np.argsort(part, kind="stable")
        rows, edges = rows[by_part], np.searchsorted(part[by_part], np.arange(self.n_parts + 1))
        for name, (start, stop) in enumerate(pairwise(edges.tolist())):
            stored = slice(rows.indptr[start], rows.indptr[stop])
            self._append(name, "counts", rows.data[stored])
            self._append(name, "columns", rows.indices[stored])
            self._append(name, "lengths", np.diff(rows.indptr[start : stop + 1]))
        self.n_put, self.n_stored = self.n_put + rows.shape[0], self.n_stored + rows.nnz
        self.largest = max(self.largest, int(rows.data.max(initial=0)))

    def take(self) -> Iterator[tuple[Int[np.ndarray, " part"], sparse.csr_matrix]]:
        """Yield, part by part of the new order, the old numbers of its rows and the rows."""
        for name, start in enumerate(range(0, len(self.order), self.rows_per_part)):
            old = self.order[start : start + self.rows_per_part]
            lengths, data, columns = (
                self._read(name, what) for what in ("lengths", "counts", "columns")
            )
            as_put = sparse.csr_matrix(
                (data, columns, np.concatenate([[0], np.cumsum(lengths)])),
                shape=(len(old), self.n_vars),
            )
            # In the file they lie by their old numbers.
            yield old, as_put[np.argsort(np.argsort(old))]

    def _append(self, part: int, what: str, values: np.ndarray) -> None:
        with open(self.folder / f"{part}.{what}", "ab") as file:
            values.astype(np.int32, copy=False).tofile(file)

    def _read(self, part: int, what: str) -> np.ndarray:
        return np.fromfile(self.folder / f"{part}.{what}", dtype=np.int32)
