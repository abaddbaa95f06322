"""The answer for codes and clusterings that an AnnData holds already, as a function: for those who
live in notebooks, without a pipeline and without training.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Int

from latentbench.answer.answer import Answer, find_groups
from latentbench.answer.members import given, members_of, together
from latentbench.outcomes import Unavailable
from latentbench.study.spelling import nearest


def judge(
    adata: AnnData,
    embeddings: Sequence[str] = (),
    clusterings: Sequence[str] = (),
    *,
    batch: str | None = None,
    n_clusters: int | None = None,
    seed: int = 0,
    key_added: str = "latentbench",
) -> Answer:
    """Find the groups that embeddings and clusterings of ``adata`` agree on, and how sure it is.

    Writes, as scanpy's tools do, ``obs[f"{key_added}_cluster"]`` (a category a group, numbered by
    falling size), ``obs[f"{key_added}_certainty"]`` (between 0 and 1),
    ``obs[f"{key_added}_runner_up"]`` (the group that it would be otherwise) and
    ``uns[key_added]`` (number of groups and its interval, table of groups, agreement of the
    variants, which of them to take), and returns the whole answer.

    Args:
        adata: cells with what is judged; no label of it is read.
        embeddings: names in ``obsm``, such as ``["X_scVI", "X_pca"]``, one at least unless there
            are two clusterings.
        clusterings: names in ``obs``, such as ``["leiden"]``.
        batch: column of ``obs`` that names batches, so that protocol does not pass for biology.
        n_clusters: a declared number of groups; the number found stands beside it.
        seed: of all that is drawn.

    Raises:
        ValueError: a name that is not there, missing values, or nothing to agree on.
    """
    batches = None if batch is None else _codes(adata, batch)
    members = [
        *(
            members_of(_embedding(adata, name), variant=name, seed=seed, batch=batches)
            for name in embeddings
        ),
        *(given(_codes(adata, name), variant=name) for name in clusterings),
    ]
    if not members:
        raise ValueError(
            f"judge: nothing to judge: name embeddings of obsm ({_listed(adata.obsm)}) or"
            f" clusterings of obs ({_listed(adata.obs.columns)})"
        )
    answer = find_groups(together(members), n_clusters=n_clusters, seed=seed)
    if isinstance(answer, Unavailable):
        raise ValueError(f"judge: {answer.reason}; name more embeddings or clusterings")
    write_answer(adata, answer, key_added=key_added)
    return answer


def write_answer(adata: AnnData, answer: Answer, *, key_added: str = "latentbench") -> None:
    """Write an answer into obs and uns of the cells that it is about."""
    names = [str(group) for group in range(answer.n_groups)]
    for key, groups in (("cluster", answer.groups), ("runner_up", answer.runner_up)):
        adata.obs[f"{key_added}_{key}"] = pd.Categorical.from_codes(groups, names)
    adata.obs[f"{key_added}_certainty"] = answer.certainty
    adata.uns[key_added] = {**adata.uns.get(key_added, {}), **about_answer(answer)}


def about_answer(answer: Answer) -> dict[str, Any]:
    """Return what an answer says besides the cells, as h5ad can hold it."""
    return {
        "n_groups": answer.n_groups,
        "n_found": answer.n_found,
        "interval": np.array(answer.interval),
        "agreement": answer.agreement,
        "groups": _frame(answer.table),
        "variants": _frame(answer.choice.table),
        "agreement_of_variants": _frame(answer.variants),
        "chosen": answer.choice.variant,
        "tree": {
            "group_of_leaf": answer.group_of_leaf,
            "parent": answer.tree.parent,
            "height": answer.tree.height,
            "support": answer.split_support,
        },
    }


def _frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose index and columns are text, as h5ad wants them."""
    return frame.set_axis(frame.index.astype(str), axis=0).rename_axis(None)


def _embedding(adata: AnnData, name: str) -> np.ndarray:
    if name not in adata.obsm:
        raise ValueError(
            f"judge: no obsm['{name}']{nearest(name, list(adata.obsm))}; there are:"
            f" {_listed(adata.obsm)}"
        )
    return np.asarray(adata.obsm[name], dtype=np.float64)


def _codes(adata: AnnData, name: str) -> Int[np.ndarray, " obs"]:
    if name not in adata.obs:
        raise ValueError(
            f"judge: no obs['{name}']{nearest(name, list(adata.obs.columns))}; there are:"
            f" {_listed(adata.obs.columns)}"
        )
    column = adata.obs[name]
    if column.isna().any():
        cell = adata.obs_names[int(np.flatnonzero(column.isna())[0])]
        raise ValueError(
            f"judge: obs['{name}'] has no value for {int(column.isna().sum())} cells (first:"
            f" {cell}); leave these cells out or fill them in"
        )
    return pd.Categorical(column.astype(str)).codes.astype(np.int64)


def _listed(names: Any) -> str:
    return ", ".join(map(str, names)) or "none"
