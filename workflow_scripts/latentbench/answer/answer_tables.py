"""An answer as tables: what report, figures and annotated data are made from."""

import numpy as np
import pandas as pd
from jaxtyping import Int

from latentbench.answer.answer import Answer
from latentbench.answer.cut import Agreement, structures
from latentbench.answer.dataset_answer import HeldOutCounts
from latentbench.files.tables import (
    ANSWER_AGREEMENT,
    ANSWER_CELLS,
    ANSWER_GROUPS,
    ANSWER_MODELS,
    ANSWER_NUMBERS,
    ANSWER_SUMMARY,
    ANSWER_TREE,
    HALVES,
    HELD_OUT,
)
from latentbench.outcomes import Outcome, Unavailable

CERTAIN_FROM = 0.9
"""Certainty from which a cell is called certain."""
AGREED_FROM = 0.6
"""Support under other variants from which models agree on a group (Hennig 2007: a cluster is
recovered from .5, and stable from .75)."""


def answer_tables(
    answer: Answer | Unavailable,
    *,
    dataset: str,
    n_cells: int,
    n_clusters: int | None,
    null: Agreement | None = None,
    counts: HeldOutCounts | None = None,
    pairs: pd.DataFrame | None = None,
    markers: pd.Series | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables of one data set by name, all but that of the cells.

    ``pairs``: a row a group with ``separability``, ``p_value`` and ``told_apart`` of it and its
    nearest group; ``null``: how far members agree where there is one group; ``markers``: the
    first marker genes of every group, as text.
    """
    if isinstance(answer, Unavailable):
        gap = {"status": str(answer.outcome), "reason": answer.reason}
        row = {"dataset": dataset, "n_cells": n_cells, "n_declared": n_clusters, **gap}
        empty = (ANSWER_GROUPS, ANSWER_MODELS, ANSWER_TREE, ANSWER_AGREEMENT, ANSWER_NUMBERS)
        return {ANSWER_SUMMARY.name: ANSWER_SUMMARY.frame([row])} | {
            table.name: table.frame() for table in empty
        }
    summary = {
        "dataset": dataset,
        "n_cells": n_cells,
        "n_groups": answer.n_groups,
        "n_found": answer.n_found,
        "n_low": answer.interval[0],
        "n_high": answer.interval[1],
        "n_declared": n_clusters,
        "certain_share": float((answer.certainty >= CERTAIN_FROM).mean()),
        "agreement": answer.agreement,
        **_beyond_null(answer, null),
        "tested_on": _tested_on(counts),
        "n_agreed": _n_agreed(answer),
        "chosen": answer.choice.variant,
        "chance": float(answer.choice.table.loc[answer.choice.variant, "chance"]),
        "status": str(Outcome.OK),
        "reason": "",
    }
    return {
        ANSWER_SUMMARY.name: ANSWER_SUMMARY.frame([summary]),
        ANSWER_GROUPS.name: _groups(answer, dataset, pairs, markers),
        ANSWER_MODELS.name: _models(answer, dataset),
        ANSWER_TREE.name: _tree(answer, dataset),
        ANSWER_AGREEMENT.name: _agreement(answer, dataset),
        ANSWER_NUMBERS.name: ANSWER_NUMBERS.frame(
            (dataset, number, float(agreement))
            for number, agreement in enumerate(answer.agreement_of_cuts.overall, start=1)
        ),
    }


def cells_table(answer: Answer | Unavailable, cells: pd.Index) -> pd.DataFrame:
    """Return a row a cell: its group, certainty and runner-up; no row where there is no answer."""
    if isinstance(answer, Unavailable):
        return ANSWER_CELLS.frame()
    return ANSWER_CELLS.typed(
        pd.DataFrame(
            {
                "cell": cells.to_numpy(dtype=object),
                "group": answer.groups,
                "certainty": answer.certainty,
                "runner_up": answer.runner_up,
            }
        )
    )


def _tested_on(counts: HeldOutCounts | None) -> str:
    if counts is None:
        return ""
    return HELD_OUT if counts.fresh else HALVES


def _beyond_null(answer: Answer, null: Agreement | None) -> dict[str, float]:
    if null is None:
        return {}
    structure, alike = structures(answer.agreement_of_cuts, null)
    return {
        "null_agreement": float(null.overall.max()),
        "structure": structure,
        "structure_alike": alike,
    }


def _n_agreed(answer: Answer) -> int | None:
    support = answer.support.variants
    return None if isinstance(support, Unavailable) else int((support >= AGREED_FROM).sum())


def _groups(
    answer: Answer, dataset: str, pairs: pd.DataFrame | None, markers: pd.Series | None
) -> pd.DataFrame:
    table = answer.table.reset_index().rename(columns={"together_with_nearest": "together"})
    table = table.assign(dataset=dataset, share=table["cells"] / table["cells"].sum())
    nothing = {"separability": np.nan, "p_value": np.nan, "told_apart": ""}
    for name, absent in nothing.items():
        table[name] = absent if pairs is None else pairs[name].reindex(table["group"]).to_numpy()
    table["markers"] = "" if markers is None else markers.reindex(table["group"]).fillna("").array
    if answer.n_groups == 1:
        table["nearest"] = pd.NA
    return ANSWER_GROUPS.typed(table)


def _models(answer: Answer, dataset: str) -> pd.DataFrame:
    table = answer.choice.table.reset_index().rename(columns={"variant": "model"})
    return ANSWER_MODELS.typed(
        table.assign(dataset=dataset, chosen=table["model"] == answer.choice.variant)
    )


def _tree(answer: Answer, dataset: str) -> pd.DataFrame:
    n_leaves = answer.tree.n_leaves
    cells: Int[np.ndarray, " leaves"] = np.bincount(answer.tree.leaf, minlength=n_leaves)
    return ANSWER_TREE.typed(
        pd.DataFrame(
            {
                "dataset": dataset,
                "leaf": np.arange(n_leaves),
                "parent": answer.tree.parent,
                "height": answer.tree.height,
                "support": answer.split_support,
                "group": answer.group_of_leaf,
                "cells": cells,
            }
        )
    )


def _agreement(answer: Answer, dataset: str) -> pd.DataFrame:
    long = answer.variants.rename_axis("model").reset_index().melt("model", var_name="other")
    return ANSWER_AGREEMENT.stacked([long.rename(columns={"value": "ari"}).assign(dataset=dataset)])
