"""Task mode ``transfer``: trained with the labels of another data set, then looked at on this one
as it is, or trained on here without labels.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from latentbench.logs import logger
from latentbench.models.data import TrainingData, modelled_genes, read_training_data
from latentbench.models.interface import AbstractModel
from latentbench.outcomes import Outcome
from latentbench.training.fit import RunOptions, fit
from latentbench.training.options import TaskOptions, TrainingOptions
from latentbench.training.record import Fitted, ReplicaReport
from latentbench.training.replicas import stack_replicas, unstack_replicas
from latentbench.training.tasks import observed_classes


def read_source(
    path: str | Path,
    target: str | Path,
    *,
    layer: str,
    covariates: Sequence[str],
    levels: Sequence[str],
) -> TrainingData:
    """Read the data set that is trained on first: the genes that models of ``target`` read, found
    by name.

    Raises:
        ValueError: it lacks some of them (they are counted), or its covariates have other levels
        than ``levels``, those of the target.
    """
    source = read_training_data(
        path, layer=layer, covariates=covariates, genes=modelled_genes(target)
    )
    if source.levels != tuple(levels):
        raise ValueError(
            f"{path}: the covariates have the levels {', '.join(source.levels)}, and"
            f" {', '.join(levels)} in {target}: transfer needs the same on both sides; rename them,"
            " or leave the variant's covariates out"
        )
    return source


def fit_transferred(
    model: AbstractModel,
    data: TrainingData,
    source: TrainingData,
    *,
    task: TaskOptions,
    seeds: Sequence[int],
    n_clusters: int | None,
    options: TrainingOptions,
    run: RunOptions,
) -> Fitted:
    """Train every replica on all labels of the training cells of ``source`` and, if the task says
    ``finetune``, then on ``data`` without any.

    ``options`` hold for both trainings, their ``phases`` for the first alone: the second is one
    phase, ``finetune``. Its epochs are counted on from those of the first. A replica whose first
    training did not end well has no second one.

    Raises:
        ValueError: the source has no labels, or more classes than the model has clusters.
    """
    labels = observed_classes(
        source, seeds=seeds, n_clusters=n_clusters, task=TaskOptions(mode="supervised")
    )
    logger.info(
        "transfer: first on %d cells of %s with their labels", len(source.train), task.pretrain_on
    )
    first = fit(
        model,
        source,
        seeds=seeds,
        observed=labels,
        options=options,
        run=_under(run, "pretrain"),
    )
    ended_well = [
        index for index, report in enumerate(first.reports) if report.status is Outcome.OK
    ]
    if not task.finetune or not ended_well:
        return first
    replicas, kept = unstack_replicas(first.model), [seeds[index] for index in ended_well]
    none = observed_classes(data, seeds=kept, n_clusters=n_clusters, task=TaskOptions())
    logger.info("transfer: then on %d cells without labels", len(data.train))
    second = fit(
        stack_replicas([replicas[index] for index in ended_well]),
        data,
        seeds=kept,
        observed=none,
        options=replace(options, phases=[options.in_one_phase("finetune")]),
        run=_under(run, "finetune"),
    )
    for index, replica in zip(ended_well, unstack_replicas(second.model), strict=True):
        replicas[index] = replica
    return Fitted(
        stack_replicas(replicas), _joined(first, second), _summed(first.reports, second.reports)
    )


def _under(run: RunOptions, name: str) -> RunOptions:
    """Return the run with checkpoints of its own."""
    held = run.checkpoints
    return replace(run, checkpoints=replace(held, path=held.path / name) if held else None)


def _joined(first: Fitted, second: Fitted) -> pd.DataFrame:
    """Return both histories, the epochs of the second counted on from the last of the first."""
    epochs = {report.seed: report.epochs for report in first.reports}
    later = second.history.assign(
        epoch=second.history["epoch"] + second.history["replica"].map(epochs)
    )
    joined = pd.concat([first.history, later], ignore_index=True)
    rank = {report.seed: place for place, report in enumerate(first.reports)}
    order = (
        joined.assign(replica=joined["replica"].map(rank))
        .sort_values(["replica", "split", "epoch"], kind="stable")
        .index
    )
    return joined.loc[order].reset_index(drop=True)


def _summed(first: Sequence[ReplicaReport], second: Sequence[ReplicaReport]) -> list[ReplicaReport]:
    """Return a report a replica: how the last of its trainings ended, the time and the epochs of
    both.
    """
    later = {report.seed: report for report in second}
    return [
        (
            replace(
                later[report.seed],
                seconds=round(report.seconds + later[report.seed].seconds, 6),
                peak_memory_mb=max(report.peak_memory_mb, later[report.seed].peak_memory_mb),
                epochs=report.epochs + later[report.seed].epochs,
            )
            if report.seed in later
            else report
        )
        for report in first
    ]
