"""The answer in the annotated data set, as scanpy's plots and viewers of cells look for it: groups
and certainty in obs, a layout of the chosen variant's code in obsm, markers and what else is known
of the groups in uns.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Float, Int
from sklearn.neighbors import NearestNeighbors

from latentbench.answer.dataset_answer import HeldOutCounts
from latentbench.answer.markers import markers_of
from latentbench.figures.maps import Layout, lay_out, subset
from latentbench.logs import logger
from latentbench.outcomes import Outcome

CLUSTER, CERTAINTY, RUNNER_UP = (
    f"latentbench_{name}" for name in ("cluster", "certainty", "runner_up")
)
"""The obs columns of the answer."""

LAID_OUT = 5000
"""Cells that a layout is computed of; further ones are put among their nearest of these."""
N_NEAREST = 5


def add_answer(annotated: AnnData, tables: Mapping[str, pd.DataFrame]) -> str | None:
    """Add obs columns and ``uns['latentbench']['answer']``, and return the chosen variant; None
    where there is no answer, whose reason is then all that uns says.

    ``tables``: the answer's of one data set: cells, summary, groups, models, tree.
    """
    summary = tables["summary"].iloc[0]
    about = {name: _plain(value) for name, value in summary.items() if not pd.isna(value)}
    annotated.uns["latentbench"]["answer"] = about
    if summary["status"] != Outcome.OK:
        return None
    cells = tables["cells"].set_index("cell").reindex(annotated.obs_names)
    names = [str(group) for group in range(int(summary["n_groups"]))]
    for column, source in ((CLUSTER, "group"), (RUNNER_UP, "runner_up")):
        add_column(
            annotated, column, pd.Categorical.from_codes(cells[source].to_numpy(np.int64), names)
        )
    add_column(annotated, CERTAINTY, cells["certainty"].to_numpy(np.float64))
    for name in ("groups", "models", "tree"):
        frame = tables[name].drop(columns="dataset")
        frame = frame.astype({c: float for c in frame if frame[c].dtype == "Int64"})
        about[name] = frame.set_axis(frame.index.astype(str), axis=0)
    return str(summary["chosen"])


def add_column(annotated: AnnData, name: str, values: object) -> None:
    """Add an obs column; one of the user's with its name is kept as ``source_<name>``."""
    if name in annotated.obs:
        logger.info("obs['%s'] of the data set is now obs['source_%s']", name, name)
        annotated.obs = annotated.obs.rename(columns={name: f"source_{name}"})
    annotated.obs[name] = values


def add_layout(
    annotated: AnnData, codes: Float[np.ndarray, "obs latent"], *, layout: Layout, seed: int = 0
) -> None:
    """Add ``obsm['X_tsne']`` or ``obsm['X_umap']`` of a code; principal components of a code as
    ``obsm['X_latentbench_pca']``.

    Above ``LAID_OUT`` cells a random part is laid out, and every other cell is put at the mean of
    its ``N_NEAREST`` nearest of it: ``uns['latentbench']['layout']`` says so.
    """
    key = "X_latentbench_pca" if layout == "pca" else f"X_{layout}"
    shown = subset(len(codes), LAID_OUT, seed)
    points = lay_out(codes[shown], layout=layout, seed=seed)
    if len(shown) < len(codes):
        places = np.empty((len(codes), 2), dtype=np.float32)
        nearest = NearestNeighbors(n_neighbors=N_NEAREST).fit(codes[shown])
        places[:] = points[nearest.kneighbors(codes, return_distance=False)].mean(axis=1)
        places[shown] = points
        points = places
    if key in annotated.obsm:
        logger.info("obsm['%s'] of the data set is now obsm['%s_source']", key, key)
        annotated.obsm[f"{key}_source"] = annotated.obsm[key]
    annotated.obsm[key] = points
    annotated.uns["latentbench"]["layout"] = {"obsm": key, "cells_laid_out": len(shown)}


def add_markers(annotated: AnnData, counts: HeldOutCounts, genes: pd.Index) -> None:
    """Add ``uns['rank_genes_groups']`` of the groups, from the part of the counts that tests them;
    nothing where fewer than two groups have cells enough.
    """
    groups: Int[np.ndarray, " obs"] = annotated.obs[CLUSTER].cat.codes.to_numpy(np.int64)
    found = markers_of(counts.parts.held_out, groups, genes.tolist(), key=CLUSTER)
    if found is not None:
        annotated.uns["rank_genes_groups"] = dict(found.ranked)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
