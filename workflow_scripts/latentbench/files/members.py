"""The members that a variant brings to the consensus of a data set, as a table: a row a cell
(column ``cell``), a column a member, named after its seed and its clusterer. A variant that brings
none has no further column.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from latentbench.answer.members import Members
from latentbench.files.artefacts import write_table
from latentbench.files.clusters import CELL

SEPARATOR = "/"


def write_members(parts: list[Members], cells: pd.Index, path: str | Path) -> None:
    """Write the members of one variant; clusters are numbers from 0."""
    columns = {
        f"{seed}{SEPARATOR}{clusterer}": clusters
        for part in parts
        for seed, clusterer, clusters in zip(part.seed, part.clusterer, part.clusters, strict=True)
    }
    write_table(pd.DataFrame({CELL: cells.to_numpy(dtype=object), **columns}), path)


def read_members(path: str | Path, variant: str) -> tuple[pd.Index, Members | None]:
    """Return the cells and the members of a variant; None where it brings none."""
    table = pd.read_parquet(path)
    cells, columns = pd.Index(table[CELL]), [name for name in table if name != CELL]
    if not columns:
        return cells, None
    seeds, clusterers = zip(*(name.split(SEPARATOR, 1) for name in columns), strict=True)
    return cells, Members(
        table[columns].to_numpy(dtype=np.int32).T.copy(),
        (variant,) * len(columns),
        tuple(map(int, seeds)),
        clusterers,
        np.full(len(columns), 1 / len(columns)),
    )
