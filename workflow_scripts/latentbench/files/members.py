"""The members that a variant brings to the answer of a data set, as a table: a row a cell (column
``cell``), a column a member, named after its seed and its clusterer, and behind it, where it was
fitted on a random part of the cells, which. A variant that brings none has no further column.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from latentbench.answer.members import Members
from latentbench.answer.variant_members import VariantMembers
from latentbench.files.artefacts import write_table
from latentbench.files.clusters import CELL

NAME = re.compile(r"(?P<seed>\d+)/(?P<clusterer>.+?)(~(?P<part>\d+))?")


def write_members(found: VariantMembers, cells: pd.Index, path: str | Path) -> None:
    """Write the members of one variant; clusters are numbers from 0."""
    columns = {
        f"{seed}/{clusterer}{suffix}": clusters
        for suffix, parts in (
            ("", found.members),
            *((f"~{number}", [part]) for number, part in enumerate(found.resampled)),
        )
        for part in parts
        for seed, clusterer, clusters in zip(part.seed, part.clusterer, part.clusters, strict=True)
    }
    write_table(pd.DataFrame({CELL: cells.to_numpy(dtype=object), **columns}), path)


def read_members(path: str | Path, variant: str) -> tuple[pd.Index, VariantMembers]:
    """Return the cells, and what a variant brings."""
    table = pd.read_parquet(path)
    named = {name: NAME.fullmatch(name) for name in table if name != CELL}
    parts = sorted({int(found["part"]) for found in named.values() if found["part"]})

    def members(part: str | None) -> Members:
        chosen = {name: found for name, found in named.items() if found["part"] == part}
        return Members(
            table[list(chosen)].to_numpy(dtype=np.int32).T.copy(),
            (variant,) * len(chosen),
            tuple(int(found["seed"]) for found in chosen.values()),
            tuple(found["clusterer"] for found in chosen.values()),
            np.full(len(chosen), 1 / max(len(chosen), 1)),
        )

    whole = members(None)
    return pd.Index(table[CELL]), VariantMembers(
        [whole] if len(whole.weight) else [], [members(str(part)) for part in parts]
    )
