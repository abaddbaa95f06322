"""Marker genes of groups of cells by ``sc.tl.rank_genes_groups``: of the clusters that the study's
rule picked without labels, and of the labels beside them.

Welch's t (1947) on log-normalised values of the training cells. It ranks genes and tests nothing:
the clusters were found in these very cells, so that a p-value of their difference would mean little
(Gao, Bien and Witten 2022, doi:10.1080/01621459.2022.2116331), and none is given."""

import numpy as np
import pandas as pd
from anndata import AnnData

from latentbench.outcomes import Outcome, Unavailable

GROUPINGS = {"cluster": "latentbench_cluster", "label": "label"}
"""What is grouped by, and the obs column of annotated.h5ad."""
COLUMNS = (
    "dataset",
    "model",
    "grouping",
    "group",
    "n_cells",
    "gene",
    "rank",
    "t",
    "mean",
    "mean_rest",
    "share",
    "status",
    "reason",
)


def marker_table(annotated: AnnData, *, n_top: int = 10) -> pd.DataFrame:
    """Return a row for every group and every gene that is among the ``n_top`` of any group: its
    rank there by t, means, and share of cells expressing it.

    ``annotated`` is an annotated.h5ad of counts. A group of fewer than two training cells, or a
    grouping that is not there, is one row with its reason."""
    about = annotated.uns["latentbench"]
    train = annotated[annotated.obs["split"] == "train"].copy()
    ranked: dict[str, pd.DataFrame] = {}
    gaps: list[dict[str, object]] = []
    for grouping, column in GROUPINGS.items():
        gap = _gap(annotated, column, about)
        if gap is not None:
            found = {"group": "", "n_cells": 0, "status": gap.outcome, "reason": gap.reason}
            gaps.append({"grouping": grouping, **found})
            continue
        groups = train.obs[column].astype("category").cat.remove_unused_categories()
        train.obs[column] = groups.cat.rename_categories(str)
        sizes = train.obs[column].value_counts(sort=False)
        for name, n in sizes.items():
            if min(n, sizes.sum() - n) < 2:
                reason = (
                    f"{n} training cells in the group, {sizes.sum() - n} outside it: a variance"
                    " needs two"
                )
                found = {"group": name, "n_cells": n, "status": Outcome.DEGENERATE}
                gaps.append({"grouping": grouping, **found, "reason": reason})
        testable = [name for name, n in sizes.items() if min(n, sizes.sum() - n) > 1]
        if testable:
            ranked[grouping] = _ranked(train[train.obs[column].notna()], column, testable)
    chosen = {
        gene for table in ranked.values() for gene in table.loc[table["rank"] <= n_top, "gene"]
    }
    rows = [
        table[table["gene"].isin(chosen)].assign(grouping=grouping, status=Outcome.OK, reason="")
        for grouping, table in ranked.items()
    ]
    return (
        pd.concat([*rows, pd.DataFrame(gaps)], ignore_index=True)
        .assign(dataset=str(about["dataset"]), model=str(about["answer"].get("chosen", "none")))
        .reindex(columns=list(COLUMNS))
        .astype({"rank": "Int64", "n_cells": np.int64})
    )


def _ranked(train: AnnData, column: str, groups: list[str]) -> pd.DataFrame:
    """Return every gene's rank, t, means and share in every one of ``groups`` against all others,
    genes in their order.
    """
    import scanpy as sc  # on use: it takes seconds

    ranked = sc.tl.rank_genes_groups(
        train, column, groups=groups, method="t-test", use_raw=False, copy=True
    )
    place = pd.Series(np.arange(train.n_vars), index=train.var_names)
    tables = []
    for name in groups:
        found = sc.get.rank_genes_groups_df(ranked, name).dropna(subset=["names"])
        found = found.assign(place=place.loc[found["names"]].to_numpy())
        # scanpy leaves the order of equal scores to the sort: here the first gene comes first.
        found = found.sort_values(["scores", "place"], ascending=[False, True], ignore_index=True)
        inside = (train.obs[column] == name).to_numpy()
        within, rest = train.X[inside], train.X[~inside]
        values = pd.DataFrame(
            {
                "mean": np.asarray(within.mean(axis=0)).ravel(),
                "mean_rest": np.asarray(rest.mean(axis=0)).ravel(),
                "share": np.asarray((within > 0).sum(axis=0)).ravel() / within.shape[0],
            },
            index=train.var_names,
        )
        found = found.assign(rank=np.arange(1, len(found) + 1), n_cells=int(inside.sum()))
        found = found.rename(columns={"names": "gene", "scores": "t"}).sort_values("place")
        found["t"] = found["t"].astype(np.float64)
        tables.append(found.assign(group=name).join(values, on="gene"))
    return pd.concat(tables, ignore_index=True)


def _gap(annotated: AnnData, column: str, about) -> Unavailable | None:
    if column in annotated.obs:
        return None
    if column == "label":
        return Unavailable(Outcome.NOT_APPLICABLE, "the data set has no labels")
    return Unavailable(
        Outcome.NOT_APPLICABLE,
        f"there is no answer: {about['answer']['reason']}",
    )
