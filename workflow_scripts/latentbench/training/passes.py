"""Passes over cells outside the gradient steps: means over cells, of the loss terms above all, and
which cells early stopping holds back.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentbench.kernels.sparse_rows import SparseCells
from latentbench.maths.random_streams import RandomStreams, drawing_from, seed_of
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractClusteringModel, AbstractModel, Minibatch
from latentbench.training.options import EarlyStopping


def evaluate_terms(
    model: AbstractModel,
    data: TrainingData,
    seeds: Sequence[int],
    cells: Int[Tensor, "replicas cells"],
    *,
    chunk: int = 1024,
) -> dict[str, Float[Tensor, " replicas"]]:
    """Return the per-cell mean of every loss term over ``cells``; of a model that bounds log p(x),
    minus their sum is the ELBO.
    """
    return mean_over_cells(model.loss_terms, model, data, seeds, cells, chunk=chunk)


@torch.no_grad()
def mean_over_cells(
    compute: Callable[[Minibatch], dict[str, Float[Tensor, "replicas obs ..."]]],
    model: AbstractModel,
    data: TrainingData,
    seeds: Sequence[int],
    cells: Int[Tensor, "replicas cells"],
    *,
    chunk: int = 1024,
    sampled: bool = True,
) -> dict[str, Float[Tensor, "replicas ..."]]:
    """Return the means over ``cells`` of what is computed of each, in eval mode, no class observed,
    the noise the same at every call.

    ``sampled`` False takes the values of the cells as they are where the likelihood binarises.
    """
    model.eval()
    totals: dict[str, Tensor] = {}
    with drawing_from(RandomStreams(seeds, "evaluation", data.device)):
        for part in cells.split(chunk, dim=1):
            for name, values in compute(
                data.minibatch(part, model.likelihood, sampled=sampled)
            ).items():
                totals[name] = totals.get(name, 0) + values.sum(1) / cells.shape[1]
    return totals


def without_validation(
    data: TrainingData, seeds: Sequence[int], rule: EarlyStopping | None
) -> tuple[Int[Tensor, "replicas train"], Int[Tensor, "replicas validation"]]:
    """Return the cells that each replica trains on and those that its early stopping looks at: a
    part of the training cells, chosen by its seed.
    """
    n_validation = max(1, round(rule.validation_fraction * len(data.train))) if rule else 0
    orders = (
        [
            np.random.default_rng(seed_of(seed, "validation")).permutation(len(data.train))
            for seed in seeds
        ]
        if rule
        else [np.arange(len(data.train))] * len(seeds)
    )
    cells = torch.stack(
        [data.train[torch.from_numpy(order).to(data.train.device)] for order in orders]
    )
    if cells.shape[1] - n_validation < 2:
        raise ValueError(
            f"early_stopping.validation_fraction {rule.validation_fraction} of {cells.shape[1]}"
            " training cells leaves fewer than 2 to train on"
        )
    return cells[:, n_validation:], cells[:, :n_validation]


@torch.no_grad()
def compute_on(
    model: AbstractModel,
    data: TrainingData,
    cells: Int[Tensor, "replicas cells"],
    compute: Callable[[Minibatch], Tensor],
    *,
    chunk: int = 2048,
) -> Float[Tensor, "replicas cells features"]:
    """Return what ``compute`` makes of the cells, in eval mode, their values as they are."""
    model.eval()
    return torch.cat(
        [
            compute(data.minibatch(part, model.likelihood, sampled=False))
            for part in cells.split(chunk, dim=1)
        ],
        dim=1,
    )


def codes_of(
    model: AbstractModel, data: TrainingData, cells: Int[Tensor, "replicas cells"]
) -> Float[Tensor, "replicas cells latent"]:
    """Return the codes of the cells."""
    return compute_on(model, data, cells, model.embed)


def inputs_of(
    model: AbstractModel,
    data: TrainingData,
    cells: Int[Tensor, "replicas cells"],
    places: Int[Tensor, "replicas chosen"],
) -> Float[Tensor, "replicas chosen vars"]:
    """Return what the encoder reads of those of the cells that stand at ``places``."""
    inputs = data.minibatch(cells.gather(1, places), model.likelihood, sampled=False).inputs
    return inputs.to_dense() if isinstance(inputs, SparseCells) else inputs


@torch.no_grad()
def embed_cells(
    model: AbstractModel, data: TrainingData, *, chunk: int = 2048
) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    """Return every replica's codes and cluster probabilities (None for a model that does not
    cluster) of all cells, in eval mode.
    """
    model.eval()
    codes, probs = [], []
    for cells in torch.arange(data.n_obs).split(chunk):
        minibatch = data.minibatch(
            cells.expand(model.n_replicas, -1), model.likelihood, sampled=False
        )
        codes.append(model.embed(minibatch))
        if isinstance(model, AbstractClusteringModel):
            probs.append(model.cluster_probs(minibatch))
    clusters = list(torch.cat(probs, dim=1).numpy()) if probs else [None] * model.n_replicas
    return list(torch.cat(codes, dim=1).numpy()), clusters
