"""The five files of a training: weights, history, embedding, status, quality."""

import importlib.metadata
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
from safetensors.numpy import save

from latentbench.files.artefacts import atomic_path, write_h5ad, write_json, write_table
from latentbench.models.data import TrainingData
from latentbench.outcomes import Outcome
from latentbench.training.variant import Trained

VERSIONED = ("torch", "numpy", "scipy", "scikit-learn", "anndata")
LAST_LINES = 20


def write_results(
    trained: Trained,
    data: TrainingData,
    *,
    dataset: str,
    model: str,
    kind: str,
    device: str,
    weights: str | Path,
    history: str | Path,
    embedding: str | Path,
    status: str | Path,
    quality: str | Path,
    log: str | Path,
) -> None:
    """Write the five files of a training, as docs/architecture.md says; where a replica did not end
    ok, with the last lines of ``log``.
    """
    with atomic_path(weights) as temporary:
        temporary.write_bytes(
            save({name: np.ascontiguousarray(array) for name, array in trained.weights.items()})
        )
    write_table(trained.history, history)
    write_table(trained.quality, quality)
    about = {"dataset": dataset, "model": model, "kind": kind, "saw_labels": trained.saw_labels}
    write_h5ad(_embedding_file(trained, data, {**about, "clusters": trained.clusters}), embedding)
    versions = {package: importlib.metadata.version(package) for package in VERSIONED}
    failed = any(
        report.status not in (Outcome.OK, Outcome.NOT_APPLICABLE) for report in trained.reports
    )
    lines = (
        Path(log).read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        if failed
        else []
    )
    replicas = [asdict(report) for report in trained.reports]
    write_json(
        {**about, "device": device, "versions": versions, "replicas": replicas, "log": lines},
        status,
    )


def _embedding_file(trained: Trained, data: TrainingData, about: dict[str, Any]) -> ad.AnnData:
    file = ad.AnnData(obs=data.obs[["split"]].copy(), uns={"latentbench": about})
    for report, codes, probs in zip(
        trained.reports, trained.embeddings, trained.cluster_probs, strict=True
    ):
        if codes is not None:
            file.obsm[f"X_seed{report.seed}"] = codes.astype(np.float32)
        if probs is not None:
            file.obsm[f"cluster_probs_seed{report.seed}"] = probs.astype(np.float32)
    return file
