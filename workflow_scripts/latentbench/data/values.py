"""Every stored value checked: counts, pixels and real numbers, with the first fault named by cell,
variable and value.
"""

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import sparse

from latentbench.data.row_blocks import RowBlocks

INT32_MAX = np.iinfo(np.int32).max
PIXEL_MAX = 255


class Table:
    """A matrix with the names that an error message needs: where it came from, its cells and its
    variables.
    """

    def __init__(self, matrix, obs_names, var_names, where: str):
        if matrix is None or 0 in matrix.shape:
            raise ValueError(
                f"{where}: there are no values (shape {None if matrix is None else matrix.shape})"
            )
        self.obs_names, self.var_names, self.where = obs_names, var_names, where
        self.sparse = _canonical_csr(matrix, where) if sparse.issparse(matrix) else None
        self.values = (
            self.sparse.data
            if self.sparse is not None
            else np.ascontiguousarray(matrix).reshape(-1)
        )
        if self.values.dtype == np.float16:
            # Half precision overflows in the comparisons below.
            self.values = self.values.astype(np.float32)
        self.shape = matrix.shape
        if self.values.dtype.kind not in "biuf":
            raise ValueError(
                f"{where}: holds {self.values.dtype} values; give numbers only (text columns belong"
                " into obs)"
            )

    def refuse_where(self, bad: Bool[np.ndarray, " stored"], fault: str, remedy: str) -> None:
        """Raise ``ValueError`` with the first stored value where ``bad`` is true."""
        if not bad.any():
            return
        k = int(np.argmax(bad))
        cell, variable = self._position(k)
        raise ValueError(
            f"{self.where}: {fault} in {int(bad.sum())} of {bad.size} stored values (first: cell"
            f" {self.obs_names[cell]}, variable {self.var_names[variable]}: {self.values[k]});"
            f" {remedy}"
        )

    def _position(self, k: int) -> tuple[int, int]:
        if self.sparse is None:
            return divmod(k, self.shape[1])
        return int(np.searchsorted(self.sparse.indptr, k, side="right")) - 1, int(
            self.sparse.indices[k]
        )


def as_counts(matrix, obs_names, var_names, *, where: str) -> sparse.csr_matrix:
    """Return counts as CSR int32 after checking every stored value; whole numbers stored as floats
    are cast.

    Raises ``ValueError`` for values that are not finite, negative, fractional, or above the range
    of int32."""
    table = Table(matrix, obs_names, var_names, where)
    table.refuse_where(
        ~np.isfinite(table.values), "non-finite values", "remove or repair these cells"
    )
    table.refuse_where(table.values < 0, "negative values", "give raw counts, not scaled ones")
    if table.values.dtype.kind == "f":
        fractional = table.values != np.rint(table.values)
        table.refuse_where(
            fractional,
            "non-integer values",
            _remedy_for_fractions(table) if fractional.any() else "",
        )
    table.refuse_where(
        table.values > INT32_MAX,
        f"values above {INT32_MAX}",
        "no counting experiment gives these; check the file",
    )
    counts = table.sparse if table.sparse is not None else table.values.reshape(table.shape)
    return sparse.csr_matrix(counts.astype(np.int32, copy=False))


def as_count_blocks(blocks: RowBlocks, obs_names, var_names, *, where: str) -> RowBlocks:
    """Return the same rows, each block checked by ``as_counts`` whenever it is read; a fault is
    counted within its block.
    """
    return RowBlocks(
        blocks.shape,
        blocks.edges,
        lambda rows: as_counts(blocks.read(rows), obs_names[rows], var_names, where=where),
    )


def as_pixels(matrix, obs_names, var_names, *, where: str) -> UInt8[np.ndarray, "obs vars"]:
    """Return images as dense uint8 after checking that every pixel is a whole number from 0 to
    255.
    """
    table = Table(_dense(matrix, where), obs_names, var_names, where)
    table.refuse_where(~np.isfinite(table.values), "non-finite pixels", "repair these images")
    table.refuse_where(
        (table.values < 0) | (table.values > PIXEL_MAX),
        "pixels outside 0 to 255",
        "store pixels as 0 to 255, or use modality real",
    )
    if table.values.dtype.kind == "f":
        table.refuse_where(
            table.values != np.rint(table.values),
            "non-integer pixels",
            "store pixels as 0 to 255 (not scaled to 0 to 1), or use modality real",
        )
    return table.values.astype(np.uint8).reshape(table.shape)


def as_real(matrix, obs_names, var_names, *, where: str) -> Float32[np.ndarray, "obs vars"]:
    """Return real-valued data as dense float32 after checking that every value is finite."""
    table = Table(_dense(matrix, where), obs_names, var_names, where)
    with np.errstate(over="ignore"):
        values = table.values.astype(np.float32)
    table.refuse_where(
        ~np.isfinite(values),
        "values that are not finite in float32",
        "remove or repair these cells",
    )
    return values.reshape(table.shape)


BY_MODALITY = {"counts": as_counts, "images": as_pixels, "real": as_real}


def _canonical_csr(matrix, where: str) -> sparse.csr_matrix:
    """Return a copy as CSR, sorted, without duplicates and zeros; its places are checked before
    compiled code follows them.
    """
    if matrix.format in ("csr", "csc"):
        try:
            matrix.check_format(full_check=True)
        except ValueError as fault:
            raise ValueError(
                f"{where}: the places of its sparse values are damaged ({fault}); get the file"
                " again"
            ) from None
    csr = sparse.csr_matrix(matrix, copy=True)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    return csr


def _dense(matrix, where: str):
    return _canonical_csr(matrix, where).toarray() if sparse.issparse(matrix) else matrix


def _remedy_for_fractions(table: Table) -> str:
    matrix = (
        table.sparse
        if table.sparse is not None
        else sparse.csr_matrix(table.values.reshape(table.shape).astype(np.float64))
    )
    largest = float(table.values.max())
    # exp of anything above 30 would be more counts than a cell has; below, natural-log data of
    # whole transcriptomes sums to one constant.
    if largest < 30:
        linear = matrix.astype(np.float64)
        linear.data = np.expm1(linear.data)
        totals = np.asarray(linear.sum(axis=1)).ravel()
        if totals.std() < 0.01 * totals.mean():
            return (
                f"they are already normalised and logged (exp(x) - 1 sums to {totals.mean():.0f} in"
                " every cell): give raw counts"
            )
        return f"they look log-transformed (largest value {largest:.2f}): give raw counts"
    return "give raw counts, not normalised ones"
