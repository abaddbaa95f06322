"""Predictions by networks: trained without the hidden cells, then asked what the control cells
would be under the other condition.

A conditional model is told the other condition (``AbstractConditionalModel``), a shift model's
codes move by the mean shift of the other types (``AbstractShiftModel``). All predictions are on the
scale of log-normalised expression. The logarithm of an expected count is not the expected
logarithm: of a model of counts one cell is drawn from its own likelihood for every control cell
(with its dispersion and its zeros), scaled as the control cell's counts were in preprocessing, and
log(1 + .) is taken. A model of log-normalised values predicts their means, which vary less over
cells than cells do, and are never zero."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int

from latentbench.logs import logger
from latentbench.maths.distributions import Predicted
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.data import TrainingData, read_training_data
from latentbench.models.interface import (
    AbstractConditionalModel,
    AbstractModel,
    AbstractShiftModel,
    Minibatch,
)
from latentbench.outcomes import Outcome, Unavailable
from latentbench.prediction.means import means_of, means_table
from latentbench.prediction.metrics import METRICS, Cells, Truth, agreement
from latentbench.prediction.protocol import HeldOut, Perturbation, shift_of_package
from latentbench.prediction.requests import CELL_TYPE
from latentbench.prediction.tables import prediction_table, rows_of
from latentbench.preprocessing.pca import fit_pca
from latentbench.study.variant import Variant
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.fit import RunOptions, fit
from latentbench.training.options import training_options
from latentbench.training.passes import embed_cells
from latentbench.training.record import ReplicaReport
from latentbench.training.replicas import build_variant
from latentbench.training.tasks import observed_classes

N_PCS = 50
"""Principal components for those who start from them (task mode ``guided``): fitted anew for
every question, without the hidden cells."""


def network_predictions(
    prepared: str | Path,
    perturbation: Perturbation,
    questions: Sequence[HeldOut],
    *,
    dataset: str,
    model: str,
    variant: Variant,
    stimulated: str,
    seeds: Sequence[int],
    n_workers: int,
    device: str,
    checkpoints: CheckpointFolder | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train all seeds of a variant anew for every set of training cells and return the rows of what
    they predict, and the gene means of it.

    Questions with the same training cells follow each other, and are asked of the same networks. A
    training resumes from its checkpoint, if there is one; each leaves one of its end, so that a
    prediction which was stopped repeats none that is done."""
    rows, means = [], []
    data = read_training_data(prepared, layer=variant.layer, covariates=variant.covariates)
    factors = _scaling_factors(data, perturbation) if variant.layer == "counts" else None
    for _, group in groupby(questions, key=lambda question: question.train.tobytes()):
        same = list(group)
        hidden = f"stimulated '{same[0].cell_type}'" if same[0].hidden == CELL_TYPE else "nothing"
        logger.info(
            "hidden: %s; %d training cells, %d questions", hidden, len(same[0].train), len(same)
        )
        of_these = (
            checkpoints.of_part(sha256(same[0].train.tobytes()).hexdigest())
            if checkpoints
            else None
        )
        run = RunOptions(n_workers, device, of_these, show_progress=False)
        network, reports, saw_labels = _trained(
            variant, _without(data, perturbation, same[0]), seeds, run
        )
        by_shift = isinstance(network, AbstractShiftModel)
        for held_out in same:
            predict = (
                _by_shift(network, data, perturbation, held_out)
                if by_shift
                else _by_condition(network, data, stimulated)
            )
            with drawing_from(RandomStreams(seeds, "prediction")):
                predicted = predicted_of_controls(
                    network, data, held_out.controls, predict, drawn=factors is not None
                )
            truth = Truth(perturbation.x[held_out.controls], perturbation.x[held_out.stimulated])
            for report, values in zip(reports, predicted, strict=True):
                cells = _predicted_cells(report, values, factors, held_out)
                found = (
                    dict.fromkeys(METRICS, cells)
                    if isinstance(cells, Unavailable)
                    else agreement(cells, truth)
                )
                rows += rows_of(
                    dataset,
                    model,
                    report.seed,
                    held_out.hidden,
                    held_out.cell_type,
                    found,
                    saw_labels=saw_labels or by_shift,
                )
                if not isinstance(cells, Unavailable):
                    means.append(
                        means_of(dataset, model, report.seed, perturbation, held_out, cells)
                    )
    return prediction_table(rows), means_table(means)


def _predicted_cells(
    report: ReplicaReport, predicted: Cells, factors: np.ndarray | None, held_out: HeldOut
) -> Cells | Unavailable:
    """Return one replica's prediction on the scale of expression: log(1 + factor * count) of
    counts, where there are ``factors`` to scale them by, else the values as they are.
    """
    if report.status is not Outcome.OK:
        return Unavailable(report.status, report.reason)
    if factors is None:
        return predicted
    return np.log1p(predicted * factors[held_out.controls, None]).astype(np.float32)


def _trained(
    variant: Variant, data: TrainingData, seeds: Sequence[int], run: RunOptions
) -> tuple[AbstractModel, list[ReplicaReport], bool]:
    observed = observed_classes(
        data,
        seeds=seeds,
        n_clusters=variant.hyperparameters.get("n_clusters"),
        task=variant.task_options,
    )
    fitted = fit(
        build_variant(variant, data, seeds),
        data,
        seeds=seeds,
        observed=observed,
        options=training_options(variant.training),
        run=run,
    )
    return fitted.model, fitted.reports, observed.true_labels


def _without(data: TrainingData, perturbation: Perturbation, held_out: HeldOut) -> TrainingData:
    """Return the data of a question: its training cells, the stimulated cells that it asks about to
    log the loss of, components of the former.
    """
    pca = fit_pca([perturbation.x[held_out.train]], N_PCS).transform(perturbation.x)
    return replace(
        data,
        train=torch.from_numpy(held_out.train),
        test=torch.from_numpy(held_out.stimulated),
        pca=pca,
    )


def _by_condition(
    model: AbstractModel, data: TrainingData, stimulated: str
) -> Callable[[Minibatch], Predicted]:
    if not isinstance(model, AbstractConditionalModel):
        raise ValueError(
            f"predictions: a {type(model).__name__} is neither told a condition nor shifted; take a"
            " kind that is"
        )
    is_condition = torch.tensor([level.startswith("condition=") for level in data.levels])
    other = torch.tensor([float(level == f"condition={stimulated}") for level in data.levels])

    return lambda minibatch: model.predict(
        minibatch, torch.where(is_condition, other, minibatch.covariates)
    )


def _by_shift(
    model: AbstractShiftModel, data: TrainingData, perturbation: Perturbation, held_out: HeldOut
) -> Callable[[Minibatch], Predicted]:
    codes, _ = embed_cells(model, data)
    shift = torch.from_numpy(
        np.stack([shift_of_package(each, perturbation, held_out) for each in codes])
    )
    return lambda minibatch: model.predict_shifted(minibatch, shift)


@torch.no_grad()
def predicted_of_controls(
    model: AbstractModel,
    data: TrainingData,
    controls: Int[np.ndarray, " controls"],
    predict: Callable[[Minibatch], Predicted],
    *,
    drawn: bool,
    chunk: int = 1024,
) -> Float[np.ndarray, "replicas controls vars"]:
    """Return what ``predict`` says of every control cell: a draw from it, by the active random
    streams, or its mean.
    """
    model.eval()
    parts = torch.from_numpy(controls).split(chunk)
    minibatches = (
        data.minibatch(cells.expand(model.n_replicas, -1), model.likelihood, sampled=False)
        for cells in parts
    )
    said = (predict(minibatch) for minibatch in minibatches)
    values = [each.sample() if drawn else each.mean for each in said]
    return torch.cat([each.float() for each in values], dim=1).numpy()


def _scaling_factors(data: TrainingData, perturbation: Perturbation) -> Float[np.ndarray, " obs"]:
    """Return the factor that preprocessing scaled each cell's counts by before it took the
    logarithm.
    """
    totals = data.dense().sum(1).numpy()
    return np.divide(
        np.expm1(perturbation.x).sum(1), totals, out=np.ones_like(totals), where=totals > 0
    )
