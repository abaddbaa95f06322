"""Train one variant on one data set, whatever its kind, and type whatever becomes of each replica;
a variant that fails takes no other with it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from latentbench.files.embedding import EmbeddingFile
from latentbench.logs import logger
from latentbench.models import MODELS
from latentbench.models.data import TrainingData, read_training_data
from latentbench.models.interface import AbstractClusteringModel, AbstractCodeClusteringModel
from latentbench.outcomes import Outcome, Unavailable
from latentbench.study.variant import Variant
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.devices import peak_memory_mb
from latentbench.training.fit import RunOptions, fit
from latentbench.training.options import training_options
from latentbench.training.passes import embed_cells
from latentbench.training.quality import network_quality, reference_quality, unavailable_quality
from latentbench.training.record import Fitted, ReplicaReport, empty_history
from latentbench.training.replicas import build_variant, stack_replicas, unstack_replicas
from latentbench.training.tasks import observed_classes
from latentbench.training.transfer import fit_transferred, read_source


@dataclass(frozen=True)
class Trained:
    """What one variant made of one data set, a list entry a replica (None where it did not end
    ok).
    """

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
    variant: Variant,
    *,
    seeds: Sequence[int],
    n_workers: int,
    device: str,
    held_out: Mapping[str, int] | None = None,
    checkpoints: CheckpointFolder | None = None,
    source: str | Path | None = None,
    guide: str | Path | None = None,
) -> tuple[Trained, TrainingData]:
    """Train all seeds of a variant on a prepared data set; a network resumes from its checkpoints,
    if there are any.

    ``held_out`` are the options of ``network_quality``. ``source`` is the prepared data set that
    task mode ``transfer`` trains on first, ``guide`` the embedding.h5ad in which task mode
    ``guided`` looks for groups, each seed in its own codes: a seed without them is not trained,
    typed.

    An error that is no mistake of the user's (those are a ``ValueError`` with a sentence) ends the
    variant's replicas as ``failed`` and is in the log; in a reference, each seed of which is
    computed by itself, the replica of that seed alone.

    Raises:
        ValueError: the data, or arguments that do not fit them.
    """
    data = read_training_data(prepared, layer=variant.layer, covariates=variant.covariates)
    logger.info(
        "%s on %d cells x %d variables (layer %s), seeds %s",
        variant.kind,
        data.n_obs,
        data.n_vars,
        variant.layer,
        list(seeds),
    )
    n_clusters = variant.hyperparameters.get("n_clusters")
    if n_clusters is not None and n_clusters > len(data.train):
        too_many = Unavailable(
            Outcome.NOT_APPLICABLE, f"{n_clusters} clusters for {len(data.train)} training cells"
        )
        return _untrained(variant, data, _all_alike(seeds, too_many)), data
    try:
        if not MODELS[variant.kind].is_network:
            return _compute_reference(variant, data, seeds, prepared), data
        run = RunOptions(n_workers, device, checkpoints, show_progress=False)
        if variant.task_options.mode == "transfer":
            other = read_source(
                source,
                prepared,
                layer=variant.layer,
                covariates=variant.covariates,
                levels=data.levels,
            )
            fitted = fit_transferred(
                build_variant(variant, data, seeds),
                data,
                other,
                task=variant.task_options,
                seeds=seeds,
                n_clusters=n_clusters,
                options=training_options(variant.training),
                run=run,
            )
        else:
            fitted = _fit_alone(
                variant,
                data,
                seeds,
                read_codes(guide, seeds) if guide else None,
                run=run,
            )
        return _finished(variant, fitted, data, held_out=held_out or {}), data
    except Exception as error:
        return _untrained(variant, data, _all_alike(seeds, _typed(error))), data


def _typed(error: Exception) -> Unavailable:
    """Return an error as the end of a training, its traceback in the log.

    Raises:
        ValueError: it is one, and thus a mistake of the user's; numpy's LinAlgError is none.
    """
    if isinstance(error, ValueError) and not isinstance(error, np.linalg.LinAlgError):
        raise error
    logger.error("traceback", exc_info=error)
    return Unavailable(
        Outcome.FAILED, f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0]
    )


def read_codes(
    path: str | Path, seeds: Sequence[int]
) -> dict[int, Float[np.ndarray, "obs latent"]]:
    """Return the codes of those of the seeds that have some in an embedding.h5ad."""
    file = EmbeddingFile(path)
    return {seed: file.codes(seed) for seed in seeds if seed in file.seeds}


def _fit_alone(
    variant: Variant,
    data: TrainingData,
    seeds: Sequence[int],
    codes: Mapping[int, Float[np.ndarray, "obs latent"]] | None,
    *,
    run: RunOptions,
) -> Fitted:
    """Train on the data set alone those seeds that can be; the others keep their first weights."""
    guided = [seed for seed in seeds if codes is None or seed in codes]
    model = build_variant(variant, data, seeds)
    if not guided:
        return Fitted(model, empty_history(), [_without_guide(seed) for seed in seeds])
    replicas = dict(zip(seeds, unstack_replicas(model), strict=True))
    guide_codes = None if codes is None else [codes[seed] for seed in guided]
    observed = observed_classes(
        data,
        seeds=guided,
        n_clusters=variant.hyperparameters.get("n_clusters"),
        task=variant.task_options,
        guide_codes=guide_codes,
    )
    fitted = fit(
        stack_replicas([replicas[seed] for seed in guided]),
        data,
        seeds=guided,
        observed=observed,
        options=training_options(variant.training),
        run=run,
    )
    replicas |= dict(zip(guided, unstack_replicas(fitted.model), strict=True))
    reports = {report.seed: report for report in fitted.reports}
    return Fitted(
        stack_replicas([replicas[seed] for seed in seeds]),
        fitted.history,
        [reports.get(seed) or _without_guide(seed) for seed in seeds],
    )


def _without_guide(seed: int) -> ReplicaReport:
    return ReplicaReport(
        seed,
        Outcome.FAILED,
        "the variant that guides it has no codes of this seed: its training did not end ok",
        0.0,
        0.0,
        0,
    )


def _all_alike(seeds: Sequence[int], gap: Unavailable) -> list[ReplicaReport]:
    logger.warning("%s: %s", gap.outcome, gap.reason)
    return [ReplicaReport(seed, gap.outcome, gap.reason, 0.0, 0.0, 0) for seed in seeds]


def _untrained(variant: Variant, data: TrainingData, reports: list[ReplicaReport]) -> Trained:
    """Return what is left of a variant of which no replica could be trained: the reasons."""
    nothing = [None] * len(reports)
    kind = MODELS[variant.kind]
    clusters = (
        issubclass(kind.load(), AbstractClusteringModel | AbstractCodeClusteringModel)
        if kind.is_network
        else False
    )
    return Trained(
        reports,
        nothing,
        nothing,
        {},
        empty_history(),
        unavailable_quality(reports),
        variant.saw_labels,
        clusters,
    )


def _compute_reference(
    variant: Variant, data: TrainingData, seeds: Sequence[int], prepared: str | Path
) -> Trained:
    """Return what every seed of a reference comes to; the weights of a seed that failed are not a
    number.
    """
    results, reports = map(
        list, zip(*[_reference_of(variant, data, seed) for seed in seeds], strict=True)
    )
    some = next((result for result in results if result is not None), None)
    if some is None:
        return _untrained(variant, data, reports)
    ok = [
        result if report.status is Outcome.OK else None
        for result, report in zip(results, reports, strict=True)
    ]
    embeddings = [None if result is None else result.embedding for result in ok]
    return Trained(
        reports,
        embeddings,
        [None if result is None else result.cluster_probs for result in ok],
        {
            name: np.concatenate(
                [
                    np.full_like(like, np.nan) if each is None else each.weights[name]
                    for each in results
                ]
            )
            for name, like in some.weights.items()
        },
        empty_history(),
        reference_quality(data, reports, embeddings, of_components=some.of_components),
        saw_labels=variant.saw_labels,
        clusters=some.cluster_probs is not None,
    )


def _reference_of(variant: Variant, data: TrainingData, seed: int) -> tuple[Any, ReplicaReport]:
    """Return a reference of one seed, None where it failed, and how it ended."""
    started, result, reason = time.perf_counter(), None, ""
    try:
        result = MODELS[variant.kind].load()(data, seed=seed, **variant.hyperparameters)
    except Exception as error:
        reason = _typed(error).reason
    else:
        finite = np.isfinite(result.embedding).all(axis=1)
        reason = (
            ""
            if finite.all()
            else (
                "the embedding holds a non-finite value (first: cell"
                f" {data.obs.index[int(np.argmin(finite))]})"
            )
        )
    outcome = Outcome.FAILED if reason else Outcome.OK
    return result, ReplicaReport(
        seed,
        outcome,
        reason,
        round(time.perf_counter() - started, 6),
        peak_memory_mb(torch.device("cpu")),
        0,
    )


def _finished(
    variant: Variant, fitted: Fitted, data: TrainingData, *, held_out: Mapping[str, int]
) -> Trained:
    embeddings, cluster_probs = embed_cells(fitted.model, data)
    reports, clusters_codes = fitted.reports, isinstance(fitted.model, AbstractCodeClusteringModel)
    if clusters_codes:
        clustered = [
            _clustered(fitted.model, codes, report, data)
            for codes, report in zip(embeddings, reports, strict=True)
        ]
        embeddings, cluster_probs, reports = zip(*clustered, strict=True)
    ok = [report.status is Outcome.OK for report in reports]
    embeddings = [codes if is_ok else None for codes, is_ok in zip(embeddings, ok, strict=True)]
    return Trained(
        list(reports),
        embeddings,
        [probs if is_ok else None for probs, is_ok in zip(cluster_probs, ok, strict=True)],
        {name: tensor.numpy() for name, tensor in fitted.model.state_dict().items()},
        fitted.history,
        network_quality(fitted.model, data, list(reports), embeddings, **held_out),
        variant.saw_labels,
        clusters_codes or isinstance(fitted.model, AbstractClusteringModel),
    )


def _clustered(
    model: AbstractCodeClusteringModel,
    codes: Float[np.ndarray, "obs latent"],
    report: ReplicaReport,
    data: TrainingData,
) -> tuple[Float[np.ndarray, "obs _"], Float[np.ndarray, "obs clusters"] | None, ReplicaReport]:
    """Return what a kind that clusters its codes afterwards makes of those of one replica, and how
    that replica ended.
    """
    if report.status is not Outcome.OK:
        return codes, None, report
    try:
        return *model.cluster_codes(codes, train=data.train.numpy(), seed=report.seed), report
    except Exception as error:
        gap = _typed(error)
        return codes, None, replace(report, status=gap.outcome, reason=gap.reason)
