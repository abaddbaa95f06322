"""embedding.h5ad: the codes and cluster probabilities of every replica of a variant on a data set,
cell by cell; and the status.json beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from latentbench.files.artefacts import write_h5ad

CODES, PROBS = "X_seed", "cluster_probs_seed"
"""What the obsm of a replica is called, before the number of its seed."""


@dataclass(frozen=True)
class EmbeddingFile:
    """An embedding.h5ad, of which only what is asked for is read.

    By h5py: the file is the pipeline's own, and importing anndata would take longer than clustering
    some thousand cells."""

    path: str | Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """dataset, model, kind, saw_labels, and clusters: whether the model clusters by itself."""
        with h5py.File(self.path) as file:
            about = {name: value[()] for name, value in file["uns/latentbench"].items()}
        return {
            name: value.decode() if isinstance(value, bytes) else value.item()
            for name, value in about.items()
        }

    @cached_property
    def cells(self) -> pd.Index:
        """The names of the cells, in the order of prepared.h5ad."""
        with h5py.File(self.path) as file:
            obs = file["obs"]
            return pd.Index(obs[obs.attrs["_index"]].asstr()[:])

    @cached_property
    def is_train(self) -> Bool[np.ndarray, " obs"]:
        """Which cells are for training."""
        with h5py.File(self.path) as file:
            return np.asarray(_texts_of(file["obs/split"]) == "train")

    @cached_property
    def batch(self) -> Int[np.ndarray, " obs"] | None:
        """Codes of the batch of every cell; None where the data set has none."""
        with h5py.File(self.path) as file:
            if "batch" not in file["obs"]:
                return None
            return np.unique(_texts_of(file["obs/batch"]), return_inverse=True)[1]

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds that have codes, in rising order."""
        return sorted(self._numbers(CODES))

    @cached_property
    def seeds_with_probs(self) -> list[int]:
        """The seeds that have cluster probabilities."""
        return sorted(self._numbers(PROBS))

    def codes(self, seed: int) -> Float[np.ndarray, "obs latent"]:
        """Return the codes of a replica."""
        return self._obsm(f"{CODES}{seed}")

    def cluster_probs(self, seed: int) -> Float[np.ndarray, "obs clusters"]:
        """Return the cluster probabilities of a replica."""
        return self._obsm(f"{PROBS}{seed}")

    def obsm(self) -> dict[str, np.ndarray]:
        """Return everything that the replicas left, by name."""
        with h5py.File(self.path) as file:
            return {name: values[:] for name, values in file["obsm"].items()}

    def _obsm(self, name: str) -> np.ndarray:
        with h5py.File(self.path) as file:
            return np.asarray(file["obsm"][name])

    def _numbers(self, prefix: str) -> list[int]:
        with h5py.File(self.path) as file:
            names = [name.removeprefix(prefix) for name in file["obsm"] if name.startswith(prefix)]
        return [int(name) for name in names if name.isdigit()]


def first_codes(
    paths: Mapping[str, str | Path],
) -> dict[tuple[str, int], Float[np.ndarray, "obs latent"]]:
    """Return the codes of the first replica of every variant that has any, by variant and seed."""
    files = {model: EmbeddingFile(path) for model, path in paths.items()}
    return {
        (model, file.seeds[0]): file.codes(file.seeds[0])
        for model, file in files.items()
        if file.seeds and file.about["kind"] != "clustering"
    }


def write_embedding(
    path: str | Path,
    *,
    obs: pd.DataFrame,
    codes: Mapping[int, Float[np.ndarray, "obs latent"]],
    cluster_probs: Mapping[int, Float[np.ndarray, "obs clusters"]],
    about: Mapping[str, Any],
) -> None:
    """Write an embedding.h5ad: ``codes`` and ``cluster_probs`` by seed; of ``obs`` the split, and
    the batch where there is one, so that whoever clusters the codes needs no file with labels.
    """
    import anndata as ad  # imported here: readers do without it

    file = ad.AnnData(
        obs=obs[[name for name in ("split", "batch") if name in obs]].copy(),
        uns={"latentbench": dict(about)},
    )
    for seed in dict.fromkeys([*codes, *cluster_probs]):
        if seed in codes:
            file.obsm[f"{CODES}{seed}"] = codes[seed].astype(np.float32)
        if seed in cluster_probs:
            file.obsm[f"{PROBS}{seed}"] = cluster_probs[seed].astype(np.float32)
    write_h5ad(file, path)


def read_status(path: str | Path) -> dict[str, Any]:
    """Return a status.json."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _texts_of(column: h5py.Group | h5py.Dataset) -> np.ndarray:
    """Return an obs column of text, be it stored as categories or as it is; missing ones as ""."""
    if isinstance(column, h5py.Dataset):
        return column.asstr()[:].astype(object)
    names = np.append(column["categories"].asstr()[:].astype(object), "")
    return names[column["codes"][:]]
