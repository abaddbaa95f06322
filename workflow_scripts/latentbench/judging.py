"""The answer for codes and clusterings that an AnnData holds already, as a function: for those who
live in notebooks, without a pipeline and without training.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Int
from scipy import sparse

from latentbench.answer.answer import Answer
from latentbench.answer.dataset_answer import answer_of, held_out_counts
from latentbench.answer.members import given, members_of
from latentbench.answer.variant_members import VariantMembers, resampled_members
from latentbench.outcomes import Unavailable
from latentbench.study.spelling import nearest


def judge(
    adata: AnnData,
    embeddings: Sequence[str] = (),
    clusterings: Sequence[str] = (),
    *,
    batch: str | None = None,
    n_clusters: int | None = None,
    counts: str | None = None,
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
        counts: layer of raw counts ("X": X itself), by whose thinned halves neighbouring groups are
            told apart; ``uns[key_added]["groups"]`` then has ``separability`` (AUC), ``p_value``
            and ``told_apart``.
        seed: of all that is drawn.

    Raises:
        ValueError: a name that is not there, missing values, or nothing to agree on.
    """
    batches = None if batch is None else _codes(adata, batch)
    codes = {name: _embedding(adata, name) for name in embeddings}
    brought = [
        *(_brought_by(z, variant=name, seed=seed, batch=batches) for name, z in codes.items()),
        *(VariantMembers([given(_codes(adata, name), variant=name)]) for name in clusterings),
    ]
    if not brought:
        raise ValueError(
            f"judge: nothing to judge: name embeddings of obsm ({_listed(adata.obsm)}) or"
            f" clusterings of obs ({_listed(adata.obs.columns)})"
        )
    answered = answer_of(
        brought,
        counts=None if counts is None else held_out_counts(_counts(adata, counts), seed=seed),
        batch=batches,
        n_clusters=n_clusters,
        codes={(name, seed): z for name, z in codes.items()},
        seed=seed,
    )
    answer = answered.answer
    if isinstance(answer, Unavailable):
        raise ValueError(f"judge: {answer.reason}; name more embeddings or clusterings")
    write_answer(adata, answer, key_added=key_added)
    if answered.pairs is not None:
        table = answer.table.join(answered.pairs)
        adata.uns[key_added]["groups"] = _frame(table)
    return answer


def _brought_by(codes: np.ndarray, **options: Any) -> VariantMembers:
    return VariantMembers([members_of(codes, **options)], resampled_members(codes, **options))


def _counts(adata: AnnData, layer: str) -> sparse.csr_matrix:
    if layer != "X" and layer not in adata.layers:
        raise ValueError(
            f"judge: no layers['{layer}']{nearest(layer, list(adata.layers))}; there are:"
            f" {_listed(adata.layers)}; X itself is 'X'"
        )
    return sparse.csr_matrix(adata.X if layer == "X" else adata.layers[layer])


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
