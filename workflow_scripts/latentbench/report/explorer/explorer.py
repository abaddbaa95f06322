"""One data set made ready for the explorer of the report: every embedding of every model and seed,
laid out in two dimensions.

The cells are those of the maps table, or a random part of them where the budget is too small. Each
seed of each model has a layout that costs next to nothing, the first two principal components of
its codes over these cells (codes of two dimensions as they are); the seed that the maps show has
their layout besides.
 What is no label is never coloured by one, but for clusters: a cluster has the colour of the label
 that it is matched to, as in the maps.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, UInt8, UInt16

from latentbench.evaluation.trained import headline_clustering
from latentbench.figures.map_figures import cluster_colours, natural_order
from latentbench.figures.maps import OBS_COLUMNS, UNMAPPED_KINDS, clusters_of_replica, lay_out
from latentbench.figures.style import label_colours
from latentbench.files.embedding import EmbeddingFile
from latentbench.files.prepared import PreparedCells, PreparedFile
from latentbench.report.explorer.explorer_file import Explored, quantise, thin
from latentbench.report.explorer.explorer_values import choose_variables, pictures, read_values

LAYOUTS = {
    "tsne": "t-SNE",
    "umap": "UMAP",
    "pca": "first two principal components",
    "codes": "the codes themselves",
}
OF_TEXT = 4 / 3
"""What base64 adds; gzip, which comes before it, gains a little on steps of coordinates."""


def explore(
    prepared_path: str | Path,
    embedding_paths: Sequence[str | Path],
    cluster_paths: Sequence[str | Path],
    maps: pd.DataFrame,
    *,
    n_clusters: int | None,
    n_genes: int = 30,
    genes: Sequence[str] = (),
    max_megabytes: float = 4.0,
    seed: int = 0,
) -> Explored:
    """Return what the explorer shows of one data set; ``cluster_paths`` are in the order of
    ``embedding_paths``; ``n_clusters`` is the declared number, if any.

    ``genes`` (by name) and the ``n_genes`` of largest variance can colour the cells.
    ``max_megabytes``: of this data set, as text in the page.

    Raises:
        ValueError: a gene that is not there, or a budget in which hardly a cell has room.
    """
    prepared = PreparedFile(prepared_path).cells
    # In random order: of cells that overlap none lies on top because its group comes last in the
    # table.
    rows = np.random.default_rng(seed).permutation(
        np.flatnonzero(prepared.obs.index.isin(maps["cell"]))
    )
    obs = prepared.obs.iloc[rows]
    shelf = Shelf()
    columns = {
        column: _column(obs[column], column, shelf)
        for column in OBS_COLUMNS
        if column in obs and obs[column].notna().any()
    }
    of_labels = (
        dict(zip(columns["label"]["values"], columns["label"]["colours"], strict=True))
        if "label" in columns
        else {}
    )
    views = [
        view
        for paths in zip(embedding_paths, cluster_paths, strict=True)
        for view in _views_of_model(
            *paths, prepared, rows, maps, of_labels, shelf, n_clusters=n_clusters
        )
    ]
    about = {
        "dataset": "",
        "n_obs": len(prepared.obs),
        "cells": obs.index.astype(str).tolist(),
        "columns": columns,
        "views": views,
    }
    about |= _values(
        prepared_path, rows, (obs["split"] == "train").to_numpy(dtype=bool), genes, n_genes, shelf
    )
    return thin(
        Explored(shelf.arrays, about), max_bytes=int(1e6 * max_megabytes / OF_TEXT), seed=seed
    )


class Shelf:
    """Arrays by name, each content once: k-means and Leiden on the same components share them, and
    so do their seeds.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._names: dict[tuple[str, bytes], str] = {}

    def put(self, name: str, array: np.ndarray) -> str:
        """Keep an array and return the name under which it lies."""
        key = (str(array.dtype), array.tobytes())
        if key not in self._names:
            self._names[key] = name
            self.arrays[name] = np.ascontiguousarray(array)
        return self._names[key]


def _column(texts: pd.Series, column: str, shelf: Shelf) -> dict[str, Any]:
    """Keep an obs column: for every cell the place of its value in ``values``, or, where it has
    none, one beyond.
    """
    found = texts.astype("string")
    values = natural_order(found.dropna())
    colours = label_colours(values, first=0 if column == "label" else 10)
    return {
        "values": values,
        "colours": list(colours.values()),
        "cells": shelf.put(f"obs/{column}", _places(found, values)),
    }


def _places(
    texts: pd.Series, values: Sequence[str]
) -> UInt8[np.ndarray, " cells"] | UInt16[np.ndarray, " cells"]:
    codes = pd.Categorical(texts, categories=list(values)).codes.astype(np.int64)
    return np.where(codes < 0, len(values), codes).astype(
        np.uint8 if len(values) < 256 else np.uint16
    )


def _views_of_model(
    embedding_path: str | Path,
    cluster_path: str | Path,
    prepared: PreparedCells,
    rows: Int[np.ndarray, " cells"],
    maps: pd.DataFrame,
    of_labels: Mapping[str, str],
    shelf: Shelf,
    *,
    n_clusters: int | None,
) -> list[dict[str, Any]]:
    """Return a view for every replica of a model that ended ok: model, seed, layouts (first the one
    of the maps), and its clusters.
    """
    file = EmbeddingFile(embedding_path)
    model, kind = file.about["model"], file.about["kind"]
    codes = {seed: file.codes(seed) for seed in file.seeds}
    codes = {seed: each for seed, each in codes.items() if np.isfinite(each).all()}
    if kind in UNMAPPED_KINDS:
        return []
    clustering = headline_clustering(
        clusters_by_itself=bool(file.about["clusters"]), n_clusters=n_clusters
    )
    found, cells = pd.read_parquet(cluster_path), prepared.obs.index[rows].astype(str)
    return [
        {
            **{"model": model, "seed": replica},
            "layouts": [
                _layout(name, points, f"{name}/{model}/{replica}", shelf)
                for name, points in _points(
                    codes[replica][rows], maps, model, replica, cells
                ).items()
            ],
            "clusters": _clusters(
                clusters_of_replica(found, clustering, replica).reindex(cells),
                prepared.obs.iloc[rows],
                of_labels,
                model,
                replica,
                shelf,
            ),
        }
        for replica in sorted(codes)
    ]


def _points(
    codes: np.ndarray, maps: pd.DataFrame, model: str, replica: int, cells: pd.Index
) -> dict[str, Float[np.ndarray, "cells 2"]]:
    """Return the layouts of one embedding: by name, the place of every cell."""
    if codes.shape[1] <= 2:
        return {"codes": lay_out(codes, layout="pca", seed=0)}
    shown = maps[(maps["model"] == model) & (maps["seed"] == replica) & (maps["layout"] != "pca")]
    of_maps = (
        {}
        if shown.empty
        else {
            str(shown["layout"].iloc[0]): (
                shown.set_index("cell").loc[cells, ["x", "y"]].to_numpy(dtype=np.float32)
            )
        }
    )
    return of_maps | {"pca": lay_out(codes, layout="pca", seed=0)}


def _layout(
    name: str, points: Float[np.ndarray, "cells 2"], array: str, shelf: Shelf
) -> dict[str, Any]:
    steps, low, high = quantise(points.T, np.uint16)
    return {
        "name": name,
        "title": LAYOUTS[name],
        "points": shelf.put(array, steps),
        "low": low,
        "high": high,
    }


def _clusters(
    found: pd.Series,
    obs: pd.DataFrame,
    of_labels: Mapping[str, str],
    model: str,
    replica: int,
    shelf: Shelf,
) -> dict[str, Any] | None:
    """Keep the clusters of one replica with their colours; None where it has none."""
    if found.isna().all():
        return None
    values = natural_order(found.dropna())
    own = label_colours(values)
    if of_labels:
        points = pd.DataFrame(
            {"label": obs["label"].astype("string").to_numpy(), "cluster": found.to_numpy()}
        )
        own |= cluster_colours(points, of_labels)
    return {
        "values": values,
        "colours": [own[value] for value in values],
        "cells": shelf.put(f"clusters/{model}/{replica}", _places(found, values)),
    }


def _values(
    path: str | Path,
    rows: np.ndarray,
    is_train: Bool[np.ndarray, " cells"],
    genes: Sequence[str],
    n_genes: int,
    shelf: Shelf,
) -> dict[str, Any]:
    """Keep what the cells' variables or pictures are, and say how they were chosen."""
    values = read_values(path, rows)
    chosen, words = choose_variables(values, is_train, genes, n_genes)
    about: dict[str, Any] = {
        "dataset": values.dataset,
        "modality": values.modality,
        "chosen": words,
        "variables": [],
        "image": None,
    }
    if not len(rows):
        return about
    if chosen:
        steps, low, high = quantise(np.ascontiguousarray(values.x[:, chosen].T), np.uint8)
        shelf.arrays["variables"] = steps
        about["variables"] = [
            {"name": str(values.var.index[i]), "low": low[k], "high": high[k]}
            for k, i in enumerate(chosen)
        ]
    images = pictures(values)
    if images is not None:
        shelf.arrays["pictures"] = images.reshape(-1, images.shape[2])
        about["image"] = {"height": images.shape[0], "width": images.shape[1]}
    return about
