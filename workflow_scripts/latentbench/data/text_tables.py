"""csv and tsv tables as people have them: what are names, what are annotations, what are values.

Names are text, whatever they look like (``0000``, ``1E1``, ``NA``). Whether a column is a gene, a
cell or an annotation is decided by what it is called and holds, not by its type alone.
"""

import gzip
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

MISSING_WORDS = frozenset(
    {"", "#N/A", "#NA", "N/A", "n/a", "NA", "<NA>", "NULL", "null", "NaN", "nan", "None"}
)
"""What a value that is not there is written as, in tables and in h5ad files alike."""
OF_CELLS = re.compile(
    r"""(?ix) (barcodes? | batch | cell ([_.]?(id|type|ontology_class))? | clusters? | condition
    | dataset | donor | individual | patient | plate | sample([_.]?id)? | library | tissue | phase
    | labels? | leiden | louvain | seurat_clusters | orig\.ident | size_?factors?
    | n_?(counts|genes|count_rna|count_sct|feature_rna|feature_sct) | n_genes_by_counts
    | (log1p_)?(total_counts|n_genes_by_counts)(_mt)? | (percent|pct)[._](counts_)?mi?to?
    | (is|predicted)_doublet | (doublet|scrublet|s|g2m)[._]score
    | (rna|sct|integrated)_snn_res\..* | (umap|tsne)_?\d+ | pca?_\d+)"""
)
"""What columns of cells_by_genes tables that are no genes are called."""
OF_GENES = re.compile(
    r"""(?ix) (chr(om(osome)?)? | start | end | strand | length | description | biotype
    | (gene|ensembl|entrez|feature)[_.]?(id|ids|name|names|symbols?|type|biotype)? | entrezgene
    | (external_gene|hgnc)_(name|symbol) | symbols?)"""
)
"""What columns of genes_by_cells tables that are no cells are called, featureCounts' among them."""


def read_text_table(path: Path, names_in: Iterable[str] = ()) -> pd.DataFrame:
    """Return a csv or tsv with a header line, indexed by its names: the first of the columns
    ``names_in`` that there is, or else the first column. A header that is one shorter than the
    lines below (R's ``write.table``) leaves out the first column.

    Raises:
        ValueError: no UTF-8 text, an empty file, a column that is named twice, a blank name.
    """
    separator = "\t" if ".tsv" in path.name.lower() else ","
    with open(path, "rb") as file:
        # Whatever its suffix says.
        compression = "gzip" if file.read(2) == b"\x1f\x8b" else None
    if compression is None and path.name.lower().endswith(".gz"):
        raise ValueError(f"{path}: not a gzipped file, whatever its suffix says; drop the .gz")
    try:
        first = _first_lines(path, separator, compression)
        header = _fields(path, separator, first, compression)
        below = _fields(path, separator, first + 1, compression)
        columns = ["", *header] if len(below) == len(header) + 1 else header
        named = next((columns.index(name) for name in names_in if name in columns), 0)
        frame = pd.read_csv(
            path,
            sep=separator,
            header=None,
            skiprows=first + 1,
            converters={named: str},
            index_col=False,
            names=range(max(len(columns), len(below))),
            compression=compression,
        )
    except UnicodeDecodeError as fault:
        raise ValueError(
            f"{path}: not UTF-8 text (byte {fault.object[fault.start]:#x} at {fault.start}); save"
            " it as UTF-8"
        ) from None
    except (pd.errors.EmptyDataError, IndexError):
        raise ValueError(f"{path}: the file is empty") from None
    except pd.errors.ParserError as fault:
        raise ValueError(
            f"{path}: not a table of equal lines ({str(fault).strip()}); mend the line, or save it"
            " anew"
        ) from None
    if len(below) > len(columns):
        raise ValueError(
            f"{path}: line {first + 2} has {len(below)} fields, the header {len(header)}; are there"
            " decimal commas, or a separator inside names? Save it with points, names in quotes"
        )
    _refuse_repeated(columns, path)
    columns += [""] * (frame.shape[1] - len(columns))
    frame.index = pd.Index(frame.pop(named).str.strip().to_numpy(), dtype=object)
    if (blank := np.flatnonzero(frame.index == "")).size:
        raise ValueError(
            f"{path}: line {first + 2 + blank[0]}: its name (column {named + 1}) is blank; give"
            " every line a name"
        )
    return frame.set_axis([name for at, name in enumerate(columns) if at != named], axis=1)


def is_counter(values: pd.Series) -> bool:
    """Return whether a column only numbers the lines, from 0 or 1."""
    if len(values) < 3 or not pd.api.types.is_integer_dtype(values):
        return False
    return any(
        (values.to_numpy() == np.arange(start, start + len(values))).all() for start in (0, 1)
    )


def is_of_cells(name: str, values: pd.Series) -> bool:
    """Return whether a column of a cells_by_genes table says something of cells and is no gene."""
    return (
        OF_CELLS.fullmatch(str(name).strip()) is not None
        or pd.api.types.is_bool_dtype(values)
        or not pd.api.types.is_numeric_dtype(values)
    )


def is_of_genes(name: str) -> bool:
    """Return whether a column of a genes_by_cells table says something of genes and is no cell."""
    return OF_GENES.fullmatch(str(name).strip()) is not None


def _first_lines(path: Path, separator: str, compression: str | None) -> int:
    """Return how many lines of comment (#) stand above the header."""
    opened = gzip.open if compression else open
    with opened(path, "rt", encoding="utf-8-sig") as file:
        lines = [line for line, _ in zip(file, range(20), strict=False)]
    number = 0
    while (
        number + 1 < len(lines)
        and lines[number].startswith("#")
        and lines[number].count(separator) < lines[number + 1].count(separator)
    ):
        number += 1
    return number


def _fields(path: Path, separator: str, line: int, compression: str | None) -> list[str]:
    """Return the texts of a line, none where there is no such line."""
    try:
        found = pd.read_csv(
            path,
            sep=separator,
            header=None,
            skiprows=line,
            nrows=1,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            compression=compression,
        )
    except pd.errors.EmptyDataError:
        if line == 0:
            raise
        return []
    return [str(each).strip() for each in found.iloc[0]]


def _refuse_repeated(columns: list[str], path: Path) -> None:
    named = pd.Index([name for name in columns if name])
    if named.has_duplicates:
        repeated = named[named.duplicated()]
        raise ValueError(
            f"{path}: {len(repeated)} duplicated column names (first: {repeated[0]}); make them"
            " unique, as anndata's *_names_make_unique does"
        )
