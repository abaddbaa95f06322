"""Reading what the page shows besides the tables."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from anndata.io import read_elem


def read_prepared(path: str | Path, row: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return of a prepared.h5ad: about (its ``uns['latentbench']``, and what its
    ``row`` of the data sheet says), n_obs, n_vars, n_labels; the matrices are not read.
    """
    with h5py.File(path) as file:
        about = {key: _plain(value) for key, value in read_elem(file["uns/latentbench"]).items()}
        obs = read_elem(file["obs"])
        n_vars = len(read_elem(file["var"]))
    return {
        "about": about | dict(row or {}),
        "n_obs": len(obs),
        "n_vars": n_vars,
        "n_labels": int(obs["label"].nunique()) if "label" in obs else 0,
    }


def read_versions(status_paths: Iterable[str | Path]) -> dict[str, str]:
    """Return package -> version over all trainings; where they differ, all versions."""
    found: dict[str, set[str]] = {}
    for path in status_paths:
        for name, version in json.loads(Path(path).read_text(encoding="utf-8"))["versions"].items():
            found.setdefault(name, set()).add(str(version))
    return {name: " and ".join(sorted(versions)) for name, versions in found.items()}


def read_logs(status_paths: Iterable[str | Path]) -> dict[tuple[str, str], str]:
    """Return, by data set and model, the last lines of the log of every training of which a replica
    did not end ok.
    """
    statuses = [json.loads(Path(path).read_text(encoding="utf-8")) for path in status_paths]
    return {
        (status["dataset"], status["model"]): "\n".join(status["log"])
        for status in statuses
        if status.get("log")
    }


def figures_by_name(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Return figure files by their name without suffix."""
    return {Path(path).stem: Path(path) for path in paths}


def _plain(value: Any) -> Any:
    """HDF5 hands out numpy scalars and bytes; a page wants Python's own."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else value
