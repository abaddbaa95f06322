"""Reading what evaluation needs of other stages' files; their contracts are checked here, once."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from latentbench.evaluation.trained import TrainedVariant


def read_trained(embedding_path: str | Path, status_path: str | Path) -> TrainedVariant:
    """Return what training left of a variant: its embedding.h5ad and status.json.

    Raises:
        ValueError: a replica that ended ok left no embedding.
    """
    # By h5py: the file is the pipeline's own, and importing anndata would take longer than
    # clustering some thousand cells.
    with h5py.File(embedding_path) as file:
        obs, about = file["obs"], file["uns/latentbench"]
        cells = pd.Index(obs[obs.attrs["_index"]].asstr()[:])
        split = obs["split"]
        is_train = (
            split["categories"].asstr()[:][split["codes"][:]] == "train"
            if isinstance(split, h5py.Group)
            else split.asstr()[:] == "train"
        )
        obsm = {name: values[:] for name, values in file["obsm"].items()}
        clusters = bool(about["clusters"][()])
    return TrainedVariant(
        cells, is_train, obsm, read_status(status_path), clusters_by_itself=clusters
    )


def read_reliability(path: str | Path) -> pd.DataFrame:
    """Return a reliability table; an empty bin has neither confidence nor accuracy."""
    types = {
        **dict.fromkeys(("dataset", "model", "split"), str),
        **dict.fromkeys(("seed", "bin", "n_obs"), np.int64),
        "confidence": float,
        "accuracy": float,
    }
    absent = {"confidence": [""], "accuracy": [""]}
    return pd.read_csv(
        path,
        sep="\t",
        dtype=types,
        keep_default_na=False,
        na_values=absent,
        float_precision="round_trip",
    )


def read_quality(path: str | Path) -> pd.DataFrame:
    """Return a quality.tsv; an empty part is ""."""
    types = {
        "seed": np.int64,
        "split": str,
        "measure": str,
        "part": str,
        "value": np.float64,
        "status": str,
        "reason": str,
    }
    return pd.read_csv(
        path,
        sep="\t",
        dtype=types,
        keep_default_na=False,
        na_values={"value": [""]},
        float_precision="round_trip",
    )


def read_status(path: str | Path) -> dict[str, Any]:
    """Return a status.json."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def read_scores(path: str | Path) -> pd.DataFrame:
    """Return a scores table; an empty reason is "", a row of a variant that never ran has no
    seed.
    """
    text = dict.fromkeys(
        ("dataset", "model", "split", "clustering", "metric", "status", "reason"), str
    )
    types = {**text, "seed": "Int64", "value": np.float64, "saw_labels": bool, "headline": bool}
    # Only the empty string is missing: a data set may well be called NA. Round trip: the default
    # parser may be off by one unit in the last place.
    return pd.read_csv(
        path,
        sep="\t",
        dtype=types,
        keep_default_na=False,
        na_values={"value": [""], "seed": [""]},
        float_precision="round_trip",
    )
