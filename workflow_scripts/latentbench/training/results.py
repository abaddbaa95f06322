"""Train one variant on one data set and write its five files: weights, history, embedding, status, quality."""

import importlib.metadata
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from safetensors.numpy import save

from latentbench.artefacts import atomic_path, write_h5ad, write_json, write_table
from latentbench.likelihoods import LIKELIHOODS
from latentbench.logs import logger
from latentbench.models import MODELS
from latentbench.models.data import TrainingData, read_training_data
from latentbench.models.interface import AbstractClusteringModel, AbstractCodeClusteringModel, AbstractModel
from latentbench.outcomes import Outcome
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.devices import peak_memory_mb
from latentbench.training.fit import fit
from latentbench.training.quality import network_quality, reference_quality
from latentbench.training.record import Fitted, ReplicaReport, empty_history
from latentbench.training.replicas import build_replicas
from latentbench.training.tasks import observed_classes
from latentbench.training.transfer import fit_transferred, read_source

VERSIONED = ("torch", "numpy", "scipy", "scikit-learn", "anndata")


@dataclass(frozen=True)
class Trained:
    """What one variant made of one data set, a list entry a replica (None where it did not end ok)."""

    reports: list[ReplicaReport]
    embeddings: list[Float[np.ndarray, "obs latent"] | None]
    cluster_probs: list[Float[np.ndarray, "obs clusters"] | None]
    weights: dict[str, np.ndarray]
    history: pd.DataFrame
    quality: pd.DataFrame
    saw_labels: bool
    clusters: bool


def train_variant(
    prepared: str | Path,
    *,
    kind: str,
    likelihood: str | None,
    hyperparameters: Mapping[str, Any],
    task: Mapping[str, Any],
    training: Mapping[str, Any],
    seeds: Sequence[int],
    n_workers: int,
    device: str,
    covariates: Sequence[str] = (),
    held_out: Mapping[str, int] | None = None,
    checkpoints: CheckpointFolder | None = None,
    source: str | Path | None = None,
    guide: str | Path | None = None,
) -> tuple[Trained, TrainingData]:
    """Train all seeds of a variant on a prepared data set, whatever its kind; a network resumes from its checkpoints, if there are any.

    ``held_out`` are the options of ``network_quality``. ``source`` is the prepared data set that task mode ``transfer`` trains on first, ``guide`` the
    embedding.h5ad in which task mode ``guided`` looks for groups, each seed in its own codes.
    """
    layer = LIKELIHOODS[likelihood].layer if likelihood is not None else "X"
    data = read_training_data(prepared, layer=layer, covariates=covariates)
    logger.info("%s on %d cells x %d variables (layer %s), seeds %s", kind, data.n_obs, data.n_vars, layer, list(seeds))
    if hyperparameters.get("n_clusters", 1) > len(data.train):
        raise ValueError(
            f"{prepared}: {hyperparameters['n_clusters']} clusters for {len(data.train)} training cells: "
            "lower n_clusters in the data sheet's row or in the variant's hyperparameters"
        )
    if not MODELS[kind].is_network:
        return _compute_reference(kind, data, seeds, hyperparameters), data
    if MODELS[kind].covariates != "none":
        hyperparameters = {**hyperparameters, "n_covariates": len(data.levels)}
    model = build_replicas(kind, data.n_vars, likelihood=likelihood, seeds=seeds, **hyperparameters)
    n_clusters = hyperparameters.get("n_clusters")
    options = {"n_workers": n_workers, "device": device, "show_progress": False, **training}
    if task.get("mode") == "transfer":
        other = read_source(source, prepared, layer=layer, covariates=covariates, levels=data.levels)
        transfer = {key: value for key, value in task.items() if key != "mode"}
        fitted = fit_transferred(model, data, other, seeds=seeds, n_clusters=n_clusters, checkpoints=checkpoints, options=options, **transfer)
        return _finished(fitted, data, saw_labels=True, held_out=held_out or {}), data
    observed = observed_classes(data, seeds=seeds, n_clusters=n_clusters, guide_codes=read_codes(guide, seeds) if guide else None, **task)
    fitted = fit(model, data, seeds=seeds, observed=observed, checkpoints=checkpoints, **options)
    return _finished(fitted, data, saw_labels=observed.true_labels, held_out=held_out or {}), data


def read_codes(path: str | Path, seeds: Sequence[int]) -> list[Float[np.ndarray, "obs latent"]]:
    """Return the codes of some seeds from an embedding.h5ad.

    Raises:
        ValueError: a seed that did not end ok has no codes.
    """
    obsm = ad.read_h5ad(path).obsm
    if missing := [seed for seed in seeds if f"X_seed{seed}" not in obsm]:
        raise ValueError(f"{path}: no codes of seed {', '.join(map(str, missing))}, whose training did not end ok: mend that variant, or guide by another")
    return [np.asarray(obsm[f"X_seed{seed}"]) for seed in seeds]


def _compute_reference(kind: str, data: TrainingData, seeds: Sequence[int], hyperparameters: Mapping[str, Any]) -> Trained:
    results, reports = [], []
    for seed in seeds:
        started = time.perf_counter()
        results.append(MODELS[kind].load()(data, seed=seed, **hyperparameters))
        finite = np.isfinite(results[-1].embedding).all(axis=1)
        outcome = Outcome.OK if finite.all() else Outcome.FAILED
        reason = "" if finite.all() else f"the embedding holds a non-finite value (first: cell {data.obs.index[int(np.argmin(finite))]})"
        reports.append(ReplicaReport(seed, outcome, reason, round(time.perf_counter() - started, 6), peak_memory_mb(torch.device("cpu")), 0))
    weights = {name: np.concatenate([result.weights[name] for result in results]) for name in results[0].weights}
    embeddings = [result.embedding if report.status is Outcome.OK else None for result, report in zip(results, reports, strict=True)]
    return Trained(
        reports,
        embeddings,
        [result.cluster_probs if report.status is Outcome.OK else None for result, report in zip(results, reports, strict=True)],
        weights,
        empty_history(),
        reference_quality(data, reports, embeddings, of_components=results[0].of_components),
        saw_labels="labels" in MODELS[kind].needs,
        clusters=results[0].cluster_probs is not None,
    )


def _finished(fitted: Fitted, data: TrainingData, *, saw_labels: bool, held_out: Mapping[str, int]) -> Trained:
    embeddings, cluster_probs = embed_cells(fitted.model, data)
    if isinstance(fitted.model, AbstractCodeClusteringModel):
        train = data.train.numpy()
        final = [
            fitted.model.cluster_codes(codes, train=train, seed=report.seed) if report.status is Outcome.OK else (codes, None)
            for codes, report in zip(embeddings, fitted.reports, strict=True)
        ]
        embeddings, cluster_probs = zip(*final, strict=True)
    ok = [report.status is Outcome.OK for report in fitted.reports]
    embeddings = [codes if is_ok else None for codes, is_ok in zip(embeddings, ok, strict=True)]
    return Trained(
        fitted.reports,
        embeddings,
        [probs if is_ok else None for probs, is_ok in zip(cluster_probs, ok, strict=True)],
        {name: tensor.numpy() for name, tensor in fitted.model.state_dict().items()},
        fitted.history,
        network_quality(fitted.model, data, fitted.reports, embeddings, **held_out),
        saw_labels,
        isinstance(fitted.model, AbstractClusteringModel | AbstractCodeClusteringModel),
    )


@torch.no_grad()
def embed_cells(model: AbstractModel, data: TrainingData, *, chunk: int = 2048) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    """Return every replica's codes and cluster probabilities (None for a model that does not cluster) of all cells, in eval mode."""
    model.eval()
    codes, probs = [], []
    for cells in torch.arange(data.n_obs).split(chunk):
        minibatch = data.minibatch(cells.expand(model.n_replicas, -1), model.likelihood, sampled=False)
        codes.append(model.embed(minibatch))
        if isinstance(model, AbstractClusteringModel):
            probs.append(model.cluster_probs(minibatch))
    clusters = list(torch.cat(probs, dim=1).numpy()) if probs else [None] * model.n_replicas
    return list(torch.cat(codes, dim=1).numpy()), clusters


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
) -> None:
    """Write the five files of a training, as docs/architecture.md says."""
    with atomic_path(weights) as temporary:
        temporary.write_bytes(save({name: np.ascontiguousarray(array) for name, array in trained.weights.items()}))
    write_table(trained.history, history)
    write_table(trained.quality, quality)
    about = {"dataset": dataset, "model": model, "kind": kind, "saw_labels": trained.saw_labels}
    write_h5ad(_embedding_file(trained, data, {**about, "clusters": trained.clusters}), embedding)
    versions = {package: importlib.metadata.version(package) for package in VERSIONED}
    write_json({**about, "device": device, "versions": versions, "replicas": [asdict(report) for report in trained.reports]}, status)


def _embedding_file(trained: Trained, data: TrainingData, about: dict[str, Any]) -> ad.AnnData:
    file = ad.AnnData(obs=data.obs[["split"]].copy(), uns={"latentbench": about})
    for report, codes, probs in zip(trained.reports, trained.embeddings, trained.cluster_probs, strict=True):
        if codes is not None:
            file.obsm[f"X_seed{report.seed}"] = codes.astype(np.float32)
        if probs is not None:
            file.obsm[f"cluster_probs_seed{report.seed}"] = probs.astype(np.float32)
    return file
