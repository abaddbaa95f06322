"""The five files of a training: weights, history, embedding, status, quality."""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from latentbench.files.artefacts import write_json, write_table
from latentbench.files.embedding import write_embedding
from latentbench.files.weights import write_weights
from latentbench.models.data import TrainingData
from latentbench.outcomes import Outcome
from latentbench.study.variant import Variant
from latentbench.training.variant import Trained

VERSIONED = ("torch", "numpy", "scipy", "scikit-learn", "anndata")
LAST_LINES = 20


def write_results(
    trained: Trained,
    data: TrainingData,
    *,
    dataset: str,
    model: str,
    variant: Variant,
    device: str,
    weights: str | Path,
    history: str | Path,
    embedding: str | Path,
    status: str | Path,
    quality: str | Path,
    log: str | Path,
) -> None:
    """Write the five files of a training, as docs/architecture.md says; where a replica did not end
    ok, with the last lines of ``log``. The weights have the variant in their header.
    """
    write_weights(trained.weights, weights, variant=variant)
    write_table(trained.history, history)
    write_table(trained.quality, quality)
    about = {"dataset": dataset, "model": model, "kind": variant.kind}
    about["saw_labels"] = trained.saw_labels
    seeds = [report.seed for report in trained.reports]
    write_embedding(
        embedding,
        obs=data.obs,
        codes=_of_seeds(seeds, trained.embeddings),
        cluster_probs=_of_seeds(seeds, trained.cluster_probs),
        about={**about, "clusters": trained.clusters},
    )
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


def _of_seeds(seeds: Sequence[int], arrays: Sequence[np.ndarray | None]) -> dict[int, np.ndarray]:
    """Return what the replicas left, by seed, without those that left nothing."""
    return {seed: array for seed, array in zip(seeds, arrays, strict=True) if array is not None}
