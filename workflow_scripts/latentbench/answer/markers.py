"""Markers of the groups: Wilcoxon's rank sum of every group against all other cells on
log-normalised values, Benjamini and Hochberg over genes, by ``scanpy.tl.rank_genes_groups``.

A gene's p-value in the counts that made the groups is too small (Gao, Bien and Witten 2022,
doi:10.1080/01621459.2022.2116331): noise that drew a cell into a group is found there again. It
means what it says in counts that the groups were not found in, which a study holds out of all that
its models see (``maths.count_splitting``); elsewhere it ranks genes. The unit is the
cell: where cells come from several donors, the p-values speak of these donors' cells, not of donors
(Squair et al. 2021, doi:10.1038/s41467-021-25960-2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from scipy import sparse

FEWEST = 3
"""Cells of a group without which it has no markers."""


@dataclass(frozen=True)
class Markers:
    """``ranked`` is what goes into uns["rank_genes_groups"], as scanpy writes it; ``table`` has a
    row a group and gene, best first: group, gene, rank (from 1), score (z), log2_fold_change, p,
    p_adjusted, share and share_of_rest (cells with a molecule of the gene).
    """

    ranked: Mapping[str, Any]
    table: pd.DataFrame


def markers_of(
    held_out: sparse.csr_matrix,
    groups: Int[np.ndarray, " obs"],
    var_names: Sequence[str],
    *,
    key: str = "latentbench_cluster",
    n_top: int = 100,
) -> Markers | None:
    """Return the ``n_top`` genes of highest score of every group (numbered from 0; -1: none), named
    by its number; None where fewer than two groups have ``FEWEST`` cells.

    ``key``: the obs column that holds the groups, which scanpy's plots look up.
    """
    import scanpy as sc

    sizes = np.bincount(groups[groups >= 0])
    tested = [str(group) for group in np.flatnonzero(sizes >= FEWEST)]
    if len(tested) < 2:
        return None
    counted = np.flatnonzero(groups >= 0)
    adata = sc.AnnData(
        sparse.csr_matrix(held_out[counted], dtype=np.float32),
        obs=pd.DataFrame(
            {key: pd.Categorical(groups[counted].astype(str))},
            index=[str(cell) for cell in counted],
        ),
        var=pd.DataFrame(index=list(var_names)),
    )
    sc.pp.normalize_total(adata)
    sc.pp.log1p(adata)
    sc.tl.rank_genes_groups(
        adata,
        key,
        groups=tested,
        method="wilcoxon",
        tie_correct=True,
        pts=True,
        n_genes=min(n_top, adata.n_vars),
    )
    ranked = adata.uns["rank_genes_groups"]
    tables = [_table_of(ranked, group) for group in tested]
    return Markers(ranked, pd.concat(tables, ignore_index=True))


def _table_of(ranked: Mapping[str, Any], group: str) -> pd.DataFrame:
    genes = ranked["names"][group]
    return pd.DataFrame(
        {
            "group": int(group),
            "gene": genes,
            "rank": np.arange(1, len(genes) + 1),
            "score": ranked["scores"][group],
            "log2_fold_change": ranked["logfoldchanges"][group],
            "p": ranked["pvals"][group],
            "p_adjusted": ranked["pvals_adj"][group],
            "share": ranked["pts"].loc[genes, group].to_numpy(),
            "share_of_rest": ranked["pts_rest"].loc[genes, group].to_numpy(),
        }
    )
