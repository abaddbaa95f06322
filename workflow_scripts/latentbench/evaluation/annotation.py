"""The annotated data set for the user: prepared.h5ad with every model's embedding and clusters."""

from collections.abc import Mapping

import pandas as pd
from anndata import AnnData

from latentbench.evaluation.controls import CONTROL_KINDS
from latentbench.evaluation.scores import NO_CLUSTERING
from latentbench.logs import logger
from latentbench.outcomes import Outcome


def choose_replica(scores: pd.DataFrame, ok_seeds: list[int]) -> tuple[int, str]:
    """Return the replica of one variant to show and the criterion, which no label has touched.

    The lowest held-out loss where the variant has one, otherwise the first seed that ended ok; ``ok_seeds`` is not empty.
    """
    losses = scores[(scores["metric"] == "loss") & (scores["clustering"] == NO_CLUSTERING) & (scores["split"] == "test") & (scores["status"] == Outcome.OK)]
    if losses.empty:
        return min(ok_seeds), "first seed that ended ok (no held-out loss)"
    best = losses.sort_values(["value", "seed"], kind="stable").iloc[0]
    return int(best["seed"]), "lowest held-out loss"


def annotate(prepared: AnnData, embeddings: Mapping[str, AnnData], clusters: Mapping[str, pd.DataFrame], scores: pd.DataFrame) -> AnnData:
    """Add ``obsm['X_<model>']``, ``obs['<model>_cluster']`` (headline clustering) of one replica of every model to ``prepared`` and return it.

    Controls are left out. ``scores`` are those of this data set. An obsm of preprocessing with the name of a model's (``X_pca``) moves to
    ``<name>_preprocessing``. What was chosen, and what could not be, is in ``uns['latentbench']['annotation'][model]``.
    """
    notes: dict[str, dict[str, str | int]] = {}
    for model, embedding in embeddings.items():
        if embedding.uns["latentbench"]["kind"] in CONTROL_KINDS:
            continue
        ok_seeds = [int(key.removeprefix("X_seed")) for key in embedding.obsm if key.startswith("X_seed")]
        if not ok_seeds:
            notes[model] = {"left_out": "no replica ended ok"}
            continue
        seed, criterion = choose_replica(scores[scores["model"] == model], ok_seeds)
        _add_embedding(prepared, f"X_{model}", embedding.obsm[f"X_seed{seed}"])
        clustering = _add_clusters(prepared, model, seed, clusters[model], scores)
        notes[model] = {"seed": seed, "criterion": criterion, "clustering": clustering}
    prepared.uns["latentbench"]["annotation"] = notes
    return prepared


def _add_embedding(prepared: AnnData, key: str, codes) -> None:
    if key in prepared.obsm:
        prepared.obsm[f"{key}_preprocessing"] = prepared.obsm[key]
        logger.info("obsm['%s'] of preprocessing is now obsm['%s_preprocessing']: a model has that name", key, key)
    prepared.obsm[key] = codes


def _add_clusters(prepared: AnnData, model: str, seed: int, clusters: pd.DataFrame, scores: pd.DataFrame) -> str:
    """Add the replica's headline clusters and return the clustering's name, or why there is none."""
    headline = scores.loc[(scores["model"] == model) & scores["headline"], "clustering"].iloc[0]
    chosen = clusters[(clusters["seed"] == seed) & (clusters["clustering"] == headline)]
    if chosen.empty:
        return f"none: {headline} gave no clusters for this seed"
    by_cell = chosen.set_index("cell")["cluster"].reindex(prepared.obs_names)
    names = sorted(by_cell.unique(), key=int)
    prepared.obs[f"{model}_cluster"] = pd.Categorical(by_cell, categories=names)
    return headline
