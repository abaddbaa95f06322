"""What a trained network makes of images: reconstructions, draws from its prior, its components'
means, and walks through its latent dimensions.

Of the network's first replica that ended ok. No label is read: images are drawn at random from the
test images, the same ones for every network, and walks go along the dimensions of the code with the
largest divergence from the prior."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentbench.files.weights import read_weights
from latentbench.logs import logger
from latentbench.maths.random_streams import RandomStreams, drawing_from, standard_normal_like
from latentbench.models.data import TrainingData, read_training_data
from latentbench.models.interface import (
    AbstractClusteringModel,
    AbstractGaussianLatentModel,
    AbstractGenerativeModel,
    AbstractModel,
    AbstractTwoLatentModel,
    Minibatch,
)
from latentbench.outcomes import Outcome
from latentbench.study.variant import Variant
from latentbench.training.passes import mean_over_cells
from latentbench.training.quality import sampled_cells
from latentbench.training.replicas import build_variant

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sizes:
    """How much is decoded: images reconstructed, draws from the prior, steps of a walk, dimensions
    walked through, images whose codes are kept.
    """

    n_images: int = 10
    n_draws: int = 6
    n_steps: int = 9
    n_dimensions: int = 6
    n_codes: int = 1000


SIZES = Sizes()


@dataclass(frozen=True)
class Replica:
    """A trained network of one seed, in eval mode, and the data that it was trained on."""

    model: AbstractModel
    data: TrainingData
    seed: int


def read_replica(
    prepared: str | Path, weights: str | Path, status: str | Path, variant: Variant
) -> Replica | None:
    """Return the first replica of a trained network that ended ok, from status.json and the stacked
    weights; None, and a line in the log, where none did.
    """
    ended = {
        replica["seed"]: replica["status"]
        for replica in json.loads(Path(status).read_text(encoding="utf-8"))["replicas"]
    }
    seed = next((seed for seed, outcome in ended.items() if outcome == Outcome.OK), None)
    if seed is None:
        logger.warning(
            "no replica of this %s ended ok: there is nothing to look into", variant.kind
        )
        return None
    data = read_training_data(prepared, layer=variant.layer, covariates=variant.covariates)
    model, place = build_variant(variant, data, [seed]), list(ended).index(seed)
    model.load_state_dict(
        {
            name: torch.from_numpy(stacked[place : place + 1].copy())
            for name, stacked in read_weights(weights).items()
        }
    )
    return Replica(model.eval(), data, seed)


def decode_replica(replica: Replica, shape: tuple[int, int], *, sizes: Sizes = SIZES) -> Arrays:
    """Return what ``decode_network`` does, with the seed and the ``shape`` of the images."""
    return {
        "seed": np.array([replica.seed]),
        "shape": np.array(shape),
        **decode_network(replica.model, replica.data, seed=replica.seed, sizes=sizes),
    }


def sample_replica(replica: Replica, *, n_codes: int = SIZES.n_codes) -> Arrays:
    """Return both latents of some cells under a model that has two: ``cells``, then the mean and
    one sample of each, named mu_w, w, mu_z, z.
    """
    cells = sampled_cells(torch.arange(replica.data.n_obs), n_codes)
    return {
        "seed": np.array([replica.seed]),
        "cells": cells.numpy(),
        **two_latents(replica.model, replica.data, cells, seed=replica.seed),
    }


@torch.no_grad()
def decode_network(
    model: AbstractModel, data: TrainingData, *, seed: int, sizes: Sizes = SIZES
) -> Arrays:
    """Return the arrays of a network of one replica; one without a prior over its codes has only
    images and reconstructions.

    images, reconstructions (images, vars); samples (draws, components, vars), a row of which shares
    its noise; heads (components, vars), the means of the components of a mixture; cells (codes,)
    with the means and one sample of their posteriors, code_means and code_samples (codes, latent);
    dimensions (dimensions,) by their divergence, kl (dimensions,), steps (dimensions, steps) and
    traversals (dimensions, steps, vars)."""
    shown = sampled_cells(data.test, sizes.n_images)
    minibatch = _cells(model, data, shown)
    arrays = {"images": _values(minibatch)[0], "reconstructions": model.reconstruct(minibatch)[0]}
    if isinstance(model, AbstractGenerativeModel):
        with drawing_from(RandomStreams([seed], "decoding", data.device)):
            arrays |= drawn_from_prior(
                model, data, sizes.n_draws, sizes.n_images
            ) | drawn_from_posterior(model, data, sizes.n_codes)
    if isinstance(model, AbstractGaussianLatentModel):
        arrays |= walks(model, data, shown[:1], seed=seed, sizes=sizes)
    return {
        name: each.float().numpy() if each.is_floating_point() else each.numpy()
        for name, each in arrays.items()
    }


@torch.no_grad()
def two_latents(
    model: AbstractTwoLatentModel, data: TrainingData, cells: Int[Tensor, " cells"], *, seed: int
) -> Arrays:
    """Return the means of q(w | x) and q(z | x) of the cells, and a sample of each."""
    with drawing_from(RandomStreams([seed], "two latents", data.device)):
        qz, qw = model.posteriors(_cells(model, data, cells))
        found = {"mu_w": qw.mean, "w": qw.rsample(), "mu_z": qz.mean, "z": qz.rsample()}
    return {name: values[0].float().numpy() for name, values in found.items()}


def drawn_from_prior(
    model: AbstractGenerativeModel, data: TrainingData, n_draws: int, n_columns: int
) -> dict[str, Tensor]:
    """Return what is expected of x at draws from every component, and at the components' means
    where there are several.

    A prior without components gives ``n_columns`` columns, each of them from noise of its own.
    """
    columns = model.prior_of_codes(_code_like(model, data, 1), _some(model, data, 1)).mean.shape[1]
    n_codes = n_draws if columns > 1 else n_draws * n_columns
    minibatch, noise = (
        _some(model, data, n_codes),
        standard_normal_like(_code_like(model, data, n_codes)),
    )
    prior, deviations = model.prior_of_codes(noise, minibatch), standard_normal_like(noise)
    z = prior.mean + torch.exp(0.5 * prior.log_variance) * deviations[:, None]
    samples = model.decode(z, minibatch)[0]
    if columns == 1:
        return {"samples": samples[0].unflatten(0, (n_draws, n_columns))}
    one = _some(model, data, 1)
    means = model.prior_of_codes(torch.zeros_like(_code_like(model, data, 1)), one).mean
    return {"samples": samples.transpose(0, 1), "heads": model.decode(means, one)[0, :, 0]}


def drawn_from_posterior(
    model: AbstractGenerativeModel, data: TrainingData, n_codes: int
) -> dict[str, Tensor]:
    """Return the codes of some cells: the mean of each posterior and a sample of it."""
    cells = sampled_cells(torch.arange(data.n_obs), n_codes)
    minibatch = _cells(model, data, cells)
    return {
        "cells": cells,
        "code_means": model.embed(minibatch)[0],
        "code_samples": model.sample_codes(minibatch)[0],
    }


def walks(
    model: AbstractGaussianLatentModel,
    data: TrainingData,
    start: Int[Tensor, " 1"],
    *,
    seed: int,
    sizes: Sizes,
) -> dict[str, Tensor]:
    """Return what is decoded while one dimension after another goes from the 1st to the 99th
    percentile of its codes, the others as those of one image.

    A decoder that reads the component gets the likeliest one of the image.
    """
    cells = sampled_cells(data.test, sizes.n_codes)
    divergence = mean_over_cells(
        lambda some: {"kl": model.kl_z_of_each_dimension(some)}, model, data, [seed], cells[None]
    )["kl"][0]
    dimensions = divergence.argsort(descending=True, stable=True)[: sizes.n_dimensions]
    low, high = torch.quantile(
        model.embed(_cells(model, data, cells))[0], torch.tensor([0.01, 0.99]), dim=0
    )
    steps = (
        low[dimensions, None] + torch.linspace(0, 1, sizes.n_steps) * (high - low)[dimensions, None]
    )
    image = _cells(model, data, start)
    z = model.embed(image)[0].repeat(steps.numel(), 1)
    z[torch.arange(steps.numel()), dimensions.repeat_interleave(sizes.n_steps)] = steps.flatten()
    n_components = model.prior_of_codes(torch.zeros_like(model.embed(image)), image).mean.shape[1]
    component = (
        int(model.cluster_probs(image).argmax())
        if isinstance(model, AbstractClusteringModel)
        else 0
    )
    decoded = model.decode(
        z.expand(1, n_components, -1, -1), _cells(model, data, start.expand(steps.numel()))
    )[0, component]
    return {
        "dimensions": dimensions,
        "kl": divergence[dimensions],
        "steps": steps,
        "traversals": decoded.unflatten(0, tuple(steps.shape)),
    }


def _cells(model: AbstractModel, data: TrainingData, cells: Int[Tensor, " cells"]) -> Minibatch:
    return data.minibatch(cells[None], model.likelihood, sampled=False)


def _some(model: AbstractModel, data: TrainingData, n: int) -> Minibatch:
    """Some test cells, for their covariates and library sizes; again from the first where there are
    fewer.
    """
    return _cells(model, data, data.test[torch.arange(n) % len(data.test)])


def _code_like(model: AbstractModel, data: TrainingData, n: int) -> Float[Tensor, "1 n latent"]:
    return model.embed(_some(model, data, n))


def _values(minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
    return minibatch.x if isinstance(minibatch.x, Tensor) else minibatch.x.to_dense()
