"""The annotated data set for the user: prepared.h5ad with every model's embedding and clusters, and
the one that the rule of the study picks without labels.
"""

from collections.abc import Mapping

import pandas as pd
from anndata import AnnData

from latentbench.evaluation.selection import choices, choose_replica
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

    Also ``obs['<model>_consensus']``, the consensus of its seeds, ``obs['consensus_cluster']``,
    that of all variants, and ``obs['latentbench_cluster']``, the clusters of the variant that
    ``rule`` (criterion by level, see ``selection``) picks. Controls are left out. ``clusters`` may
    hold the consensus's table beside the variants'; ``scores`` are those of this data set. An obsm
    of preprocessing with the name of a model's (``X_pca``) moves to ``<name>_preprocessing``. What
    was chosen and by what, and what could not be, is in ``uns['latentbench']['annotation'][model]``
    and ``['selected']``."""
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
        _add_embedding(prepared, f"X_{model}", embedding.obsm[f"X_seed{seed}"])
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
    prepared.uns["latentbench"]["selected"] = _select(
        prepared, scores[scores["dataset"] == dataset], kinds, rule
    )
    return prepared


def _select(
    prepared: AnnData, scores: pd.DataFrame, kinds: Mapping[str, str], rule: Mapping[str, str]
) -> dict[str, str]:
    """Add the clusters of the variant that the rule picks, and return what it picked; nothing where
    no variant has a value of the criterion.
    """
    made = choices(scores, kinds, **rule)
    chosen = made[(made["level"] == "model") & made["in_force"]]
    if chosen.empty or f"{chosen['picked'].iloc[0]}_cluster" not in prepared.obs:
        return {"model": "none", "criterion": rule["model"]}
    model = str(chosen["picked"].iloc[0])
    prepared.obs["latentbench_cluster"] = prepared.obs[f"{model}_cluster"]
    return {"model": model, "criterion": rule["model"]}


def _add_embedding(prepared: AnnData, key: str, codes) -> None:
    if key in prepared.obsm:
        prepared.obsm[f"{key}_preprocessing"] = prepared.obsm[key]
        logger.info(
            "obsm['%s'] of preprocessing is now obsm['%s_preprocessing']: a model has that name",
            key,
            key,
        )
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
    prepared.obs[key] = pd.Categorical(by_cell.astype(str), categories=names)
    return True
