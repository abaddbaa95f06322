"""The annotated data set for the user: prepared.h5ad with every model's embedding and clusters, of
the replica that the rule of the study picks without labels.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from anndata import AnnData

from latentbench.evaluation.annotated_answer import add_column
from latentbench.evaluation.selection import choose_replica
from latentbench.files.clusters import CELL, clusters_of
from latentbench.logs import logger
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS

Notes = dict[str, dict[str, str | int]]


def annotate(
    prepared: AnnData,
    embeddings: Mapping[str, AnnData],
    clusters: Mapping[str, pd.DataFrame],
    scores: pd.DataFrame,
    kinds: Mapping[str, str],
    *,
    dataset: str,
    rule: Mapping[str, str],
) -> AnnData:
    """Add ``obsm['X_<model>']`` and ``obs['<model>_cluster']`` (headline clustering) of one replica
    of every model to ``prepared`` and return it.

    Also ``obs['<model>_consensus']``, the consensus of its seeds, and ``obs['consensus_cluster']``,
    that of all variants; the layer ``counts`` has all counts, those that models saw and those held
    out. Controls are left out. ``clusters`` may hold the consensus's table beside
    the variants'; ``scores`` are those of this data set, ``rule`` the criterion by level (see
    ``selection``). What of the data set has the name of something that is added is kept: an obs
    column as ``source_<name>``, an obsm as ``<name>_source``, and that of preprocessing as
    ``X_pca_preprocessing``. What was chosen and by what, and what could not be, is in
    ``uns['latentbench']['annotation'][model]``."""
    if "held_out" in prepared.layers:
        prepared.layers["counts"] = prepared.layers["counts"] + prepared.layers.pop("held_out")
    notes: Notes = {}
    for model, embedding in embeddings.items():
        if kinds[model] in CONTROL_KINDS:
            continue
        ok_seeds = [
            int(key.removeprefix("X_seed")) for key in embedding.obsm if key.startswith("X_seed")
        ]
        if not ok_seeds:
            notes[model] = {"left_out": "no replica ended ok"}
            continue
        seed, criterion = choose_replica(
            scores, kinds, rule["seed"], dataset=dataset, model=model, ok_seeds=ok_seeds
        )
        _add_embedding(prepared, obsm_of(model), embedding.obsm[f"X_seed{seed}"])
        headline = str(
            scores.loc[(scores["model"] == model) & scores["headline"], "clustering"].iloc[0]
        )
        there = _add_clusters(prepared, f"{model}_cluster", clusters[model], seed, headline)
        _add_clusters(prepared, f"{model}_consensus", clusters[model], None, CONSENSUS)
        notes[model] = {
            "seed": seed,
            "criterion": criterion,
            "clustering": headline if there else f"none: {headline} gave no clusters for this seed",
        }
    if CONSENSUS in clusters:
        _add_clusters(prepared, f"{CONSENSUS}_cluster", clusters[CONSENSUS], None, CONSENSUS)
    prepared.uns["latentbench"]["annotation"] = notes
    return prepared


def obsm_of(model: str) -> str:
    """Return the name in obsm of a variant's code."""
    return model if model.startswith("X_") else f"X_{model}"


def _add_embedding(prepared: AnnData, key: str, codes) -> None:
    if key in prepared.obsm and not np.array_equal(prepared.obsm[key], codes):
        kept = f"{key}_preprocessing" if key == "X_pca" else f"{key}_source"
        prepared.obsm[kept] = prepared.obsm[key]
        logger.info("obsm['%s'] is now obsm['%s']: a model has that name", key, kept)
    prepared.obsm[key] = codes


def _add_clusters(
    prepared: AnnData, key: str, clusters: pd.DataFrame, seed: int | None, clustering: str
) -> bool:
    """Add a clustering to obs and return whether there is one."""
    found = clusters_of(clusters, seed, clustering)
    if found is None:
        return False
    by_cell = pd.Series(found, index=clusters[CELL]).reindex(prepared.obs_names)
    names = [str(number) for number in sorted(set(found.tolist()))]
    add_column(prepared, key, pd.Categorical(by_cell.astype(str), categories=names))
    return True
