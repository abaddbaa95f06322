"""Marker genes of groups of cells: of the clusters that the study's rule picked without labels, and
of the labels beside them.

    t of gene j in group g = (mean_g - mean_rest) / sqrt(variance_g / n_g + variance_rest / n_rest)
        (1)

Welch's t (1947) on log-normalised values of the training cells. It ranks genes and tests nothing:
the clusters were found in these very cells, so that a p-value of their difference would mean little
(Gao, Bien and Witten 2022, doi:10.1080/01621459.2022.2116331), and none is given."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Float, Int
from scipy import sparse

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

PerGroup = Float[np.ndarray, "groups genes"]


@dataclass(frozen=True)
class Moments:
    """Of every group of cells: how many there are, and of every gene sums, sums of squares, and in
    how many cells it is above zero.
    """

    n_cells: Int[np.ndarray, " groups"]
    sums: PerGroup
    squares: PerGroup
    expressing: PerGroup


def marker_table(annotated: AnnData, *, n_top: int = 10) -> pd.DataFrame:
    """Return a row for every group and every gene that is among the ``n_top`` of any group: its
    rank there by (1), means, and share of cells expressing it.

    ``annotated`` is an annotated.h5ad of counts. A group of fewer than two training cells, or a
    grouping that is not there, is one row with its reason."""
    about, train = annotated.uns["latentbench"], (annotated.obs["split"] == "train").to_numpy()
    x = sparse.csr_matrix(annotated.X[train])
    tables: dict[str, tuple[list[str], Moments, PerGroup]] = {}
    rows: list[dict[str, object]] = []
    for grouping, column in GROUPINGS.items():
        gap = _gap(annotated, column, about)
        if gap is not None:
            rows.append(
                {
                    "grouping": grouping,
                    "group": "",
                    "n_cells": 0,
                    "status": gap.outcome,
                    "reason": gap.reason,
                }
            )
            continue
        factor = annotated.obs[column][train].astype("category").cat.remove_unused_categories()
        names = [str(name) for name in factor.cat.categories]
        moments = moments_of(x, factor.cat.codes.to_numpy().astype(np.int64), len(names))
        tables[grouping] = names, moments, welch_t(moments)
    chosen = np.unique(
        np.concatenate(
            [_top(t, n_top).ravel() for _, _, t in tables.values()]
            or [np.array([], dtype=np.int64)]
        )
    )
    for grouping, (names, moments, t) in tables.items():
        rows += _rows_of(grouping, names, moments, t, chosen, annotated.var_names)
    model = str(about["selected"]["model"])
    return (
        pd.DataFrame(rows)
        .assign(dataset=str(about["dataset"]), model=model)
        .reindex(columns=list(COLUMNS))
        .astype({"rank": "Int64"})
    )


def moments_of(x: sparse.csr_matrix, groups: Int[np.ndarray, " obs"], n_groups: int) -> Moments:
    """Return the moments of every group of rows; a row of group -1 belongs to none."""
    inside = groups >= 0
    members = sparse.csr_matrix(
        (np.ones(inside.sum()), (groups[inside], np.flatnonzero(inside))),
        shape=(n_groups, x.shape[0]),
    )
    values = x.astype(np.float64)
    sums, squares, expressing = (
        np.asarray((members @ each).todense())
        for each in (values, values.multiply(values).tocsr(), (values > 0).astype(np.float64))
    )
    return Moments(np.bincount(groups[inside], minlength=n_groups), sums, squares, expressing)


def welch_t(moments: Moments) -> PerGroup:
    """Return (1) of every group against all others; 0 where nothing varies, NaN where a side has
    fewer than two cells.
    """
    n = moments.n_cells[:, None].astype(np.float64)
    n_rest = n.sum() - n
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, rest = moments.sums / n, (moments.sums.sum(0) - moments.sums) / n_rest
        variances = (
            np.maximum(moments.squares - n * mean**2, 0) / (n - 1),
            np.maximum(moments.squares.sum(0) - moments.squares - n_rest * rest**2, 0)
            / (n_rest - 1),
        )
        error = np.sqrt(variances[0] / n + variances[1] / n_rest)
        t = np.where(error > 0, (mean - rest) / error, 0.0)
    return np.where((n > 1) & (n_rest > 1), t, np.nan)


def _gap(annotated: AnnData, column: str, about) -> Unavailable | None:
    if column in annotated.obs:
        return None
    if column == "label":
        return Unavailable(Outcome.NOT_APPLICABLE, "the data set has no labels")
    return Unavailable(
        Outcome.NOT_APPLICABLE,
        f"no variant has a value of {about['selected']['criterion']}, by which one is picked",
    )


def _top(t: PerGroup, n_top: int) -> Int[np.ndarray, "some top"]:
    """The genes with the largest t of every group that has one, the first of equal ones."""
    return np.argsort(-t[np.isfinite(t).all(axis=1)], axis=1, kind="stable")[:, :n_top]


def _rows_of(
    grouping: str,
    names: list[str],
    moments: Moments,
    t: PerGroup,
    chosen: Int[np.ndarray, " chosen"],
    gene_names: pd.Index,
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for g, name in enumerate(names):
        n, n_rest = int(moments.n_cells[g]), int(moments.n_cells.sum() - moments.n_cells[g])
        about = {"grouping": grouping, "group": name, "n_cells": n}
        if not np.isfinite(t[g]).all():
            reason = f"{n} training cells in the group, {n_rest} outside it: a variance needs two"
            rows.append({**about, "status": Outcome.DEGENERATE, "reason": reason})
            continue
        rank = np.empty(t.shape[1], dtype=np.int64)
        rank[np.argsort(-t[g], kind="stable")] = np.arange(1, t.shape[1] + 1)
        for j in chosen.tolist():
            mean, rest = (
                moments.sums[g, j] / n,
                (moments.sums[:, j].sum() - moments.sums[g, j]) / n_rest,
            )
            found = {
                "gene": str(gene_names[j]),
                "rank": int(rank[j]),
                "t": t[g, j],
                "mean": mean,
                "mean_rest": rest,
                "share": moments.expressing[g, j] / n,
            }
            rows.append({**about, **found, "status": Outcome.OK, "reason": ""})
    return rows
