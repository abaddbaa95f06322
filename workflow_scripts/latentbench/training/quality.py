"""How good a trained model is as a model of cells: bounds on log p(x), reconstruction, and whether
its latent dimensions are in use. No label is read.

    w = p(x, h | c) / q(h | x),  h ~ q(h | x) all latents of a cell: E[w] = p(x | c)
                                 (1)
    elbo:      -sum of the loss terms at one draw of every cell <= E[log w] <= log p(x | c)
               (2)
    iw_bound:  L_k = log 1/k sum_i w_i,  E[L_k] <= log p(x | c),  rising with k
               (3)
    iw_bound_se:  var L_k = (k sum_i w_i^2 / (sum_i w_i)^2 - 1) / (k - 1),  of the mean of n cells
                  sqrt(sum var) / n   (4)
    active_units: dimensions j with var_x(E[z_j | x]) > .01
        (5)

(2): Kingma and Welling 2014, arXiv:1312.6114. (3): Burda 2016, arXiv:1509.00519, equation 8 and
theorem 1; (5): its section 5.3. (4) is the delta method: the noise of the draws alone, neither the
distance of the bound to log p(x) nor that cells were sampled; it is too small where a few weights
carry the sum. All in nats a cell, classes never observed, dropout off. (3) is of at most
``max_obs`` cells of a split, the same for every model and seed (``iw_bound_n_obs``)."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentbench.files.tables import QUALITY_OF_VARIANT
from latentbench.logs import logger
from latentbench.maths.likelihoods import GaussianLikelihood
from latentbench.maths.random_streams import RandomStreams, drawing_from, seed_of
from latentbench.models.data import TrainingData
from latentbench.models.interface import (
    AbstractBoundedModel,
    AbstractGaussianLatentModel,
    AbstractModel,
    Minibatch,
)
from latentbench.outcomes import Outcome, Unavailable
from latentbench.training.passes import evaluate_terms, mean_over_cells
from latentbench.training.record import ReplicaReport
from latentbench.training.replicas import stack_replicas, unstack_replicas

MEASURES = (
    "elbo",
    "iw_bound",
    "iw_bound_se",
    "iw_bound_n_obs",
    "reconstruction",
    "reconstruction_error",
    "loss_term",
    "kl_per_dimension",
    "active_units",
    "latent_variance",
)

ACTIVE_ABOVE = 0.01
CHUNK = 256

Codes = Float[np.ndarray, "obs latent"]
Values = dict[tuple[str, str], Sequence[float] | Unavailable]
"""A value a replica by measure and part, or why there is none."""

NO_CELLS = Unavailable(Outcome.NOT_APPLICABLE, "the split has no cells")
NO_BOUND = Unavailable(
    Outcome.NOT_APPLICABLE, "codes without a prior: the model bounds no log p(x)"
)
NO_DENSITY = Unavailable(Outcome.NOT_APPLICABLE, "a reference is no model of p(x)")
NO_DECODER = Unavailable(
    Outcome.NOT_APPLICABLE, "nothing leads from the codes of this reference back to x"
)
NO_SPLIT = Unavailable(
    Outcome.NOT_APPLICABLE,
    "kl_z is no divergence between Gaussians: it does not split over dimensions",
)
NO_SCALE = Unavailable(
    Outcome.NOT_APPLICABLE,
    "codes without a prior have no scale of their own for a threshold to hold on to",
)


def network_quality(
    model: AbstractModel,
    data: TrainingData,
    reports: Sequence[ReplicaReport],
    embeddings: Sequence[Codes | None],
    *,
    importance_samples: int = 25,
    max_obs: int = 200,
) -> pd.DataFrame:
    """Return what is measured of a trained network's replicas on the training and the test cells, a
    tidy frame with ``QUALITY_OF_VARIANT``.

    ``importance_samples`` is k of (3), at least 2, ``max_obs`` the most cells of a split that it is
    taken on. Of a replica that did not end ok there is a row a measure, with its status."""
    replicas = [
        replica
        for replica, report in zip(unstack_replicas(model), reports, strict=True)
        if report.status is Outcome.OK
    ]
    seeds = [report.seed for report in reports if report.status is Outcome.OK]
    codes = [each for each in embeddings if each is not None]
    stack = stack_replicas(replicas) if replicas else None

    def measure(cells: Int[Tensor, " cells"]) -> Values:
        some = sampled_cells(cells, max_obs)
        values = _likelihood_values(stack, data, seeds, cells) | _bound_values(
            stack, data, seeds, some, n_samples=importance_samples
        )
        return values | _latent_values(
            [each[cells.numpy()] for each in codes],
            has_scale=isinstance(stack, AbstractBoundedModel),
        )

    logger.info(
        "quality: bounds of %d draws, on at most %d cells of a split", importance_samples, max_obs
    )
    return _tidy(data, reports, measure)


def reference_quality(
    data: TrainingData,
    reports: Sequence[ReplicaReport],
    embeddings: Sequence[Codes | None],
    *,
    of_components: bool = False,
) -> pd.DataFrame:
    """Return the same frame for a reference: it has no density, and leads back to x only where its
    codes are principal components (``of_components``).
    """
    codes = [each for each in embeddings if each is not None]
    decoded = LinearDecoder(codes[0], data) if codes and of_components else None

    def measure(cells: Int[Tensor, " cells"]) -> Values:
        absent = (
            "elbo",
            "iw_bound",
            "iw_bound_se",
            "iw_bound_n_obs",
            "reconstruction",
            "loss_term",
            "kl_per_dimension",
        )
        # Components are the same for every seed.
        error = [decoded.error(cells)] * len(codes) if decoded else NO_DECODER
        values: Values = {(name, ""): NO_DENSITY for name in absent} | {
            ("reconstruction_error", ""): error
        }
        return values | _latent_values([each[cells.numpy()] for each in codes], has_scale=False)

    return _tidy(data, reports, measure)


def unavailable_quality(reports: Sequence[ReplicaReport]) -> pd.DataFrame:
    """Return the same frame where no replica ended ok: the status of each for every measure."""
    rows = [
        (report.seed, split, name, "", math.nan, report.status, report.reason)
        for report in reports
        for split in ("train", "test")
        for name in MEASURES
    ]
    return pd.DataFrame(rows, columns=QUALITY_OF_VARIANT.columns).astype(
        {"seed": int, "value": float, "status": str}
    )


def sampled_cells(cells: Int[Tensor, " cells"], max_obs: int) -> Int[Tensor, " sampled"]:
    """Return at most ``max_obs`` of the cells, in order: a draw that does not depend on model or
    seed, so that bounds of both are of the same cells.
    """
    order = np.random.default_rng(seed_of(0, "held-out cells")).permutation(len(cells))
    return cells[torch.from_numpy(np.sort(order[:max_obs]))]


@torch.no_grad()
def importance_weighted_bound(
    model: AbstractBoundedModel,
    data: TrainingData,
    seeds: Sequence[int],
    cells: Int[Tensor, " cells"],
    *,
    n_samples: int,
) -> tuple[Float[Tensor, " replicas"], Float[Tensor, " replicas"]]:
    """Return the mean over ``cells`` of (3), k = ``n_samples``, and its standard error (4), each
    replica's from its own stream of noise.
    """
    model.eval()
    bound, variance = torch.zeros(2, len(seeds), dtype=torch.float64)
    with drawing_from(RandomStreams(seeds, "importance samples", data.device)):
        for part in cells.split(CHUNK):
            minibatch = data.minibatch(part.expand(len(seeds), -1), model.likelihood)
            log_w = torch.stack([model.log_weight(minibatch) for _ in range(n_samples)]).double()
            log_sum = torch.logsumexp(log_w, 0)
            log_share_of_squares = torch.logsumexp(2 * log_w, 0) - 2 * log_sum
            bound += (log_sum - math.log(n_samples)).sum(-1)
            variance += (
                torch.expm1(math.log(n_samples) + log_share_of_squares).clamp(min=0)
                / (n_samples - 1)
            ).sum(-1)
    return bound / len(cells), variance.sqrt() / len(cells)


class LinearDecoder:
    """The affine map from codes to x with the least squared error over the training cells: of
    principal components, the projection onto them.
    """

    def __init__(self, codes: Codes, data: TrainingData) -> None:
        self.codes, self.data = (
            np.column_stack([np.ones(len(codes)), codes.astype(np.float64)]),
            data,
        )
        products = sum(
            self.codes[part.numpy()].T @ self._x(part) for part in data.train.split(CHUNK)
        )
        of_train = self.codes[data.train.numpy()]
        self.map = np.linalg.lstsq(of_train.T @ of_train, products, rcond=None)[0]

    def error(self, cells: Int[Tensor, " cells"]) -> float:
        """Return the squared error a cell and variable."""
        squares = sum(
            np.square(self._x(part) - self.codes[part.numpy()] @ self.map).sum()
            for part in cells.split(CHUNK)
        )
        return float(squares) / (len(cells) * self.data.n_vars)

    def _x(self, cells: Int[Tensor, " cells"]) -> Float[np.ndarray, "cells vars"]:
        return (
            self.data.minibatch(cells[None], GaussianLikelihood(self.data.n_vars))
            .x[0]
            .double()
            .numpy()
        )


def _likelihood_values(
    model: AbstractModel, data: TrainingData, seeds: Sequence[int], cells: Int[Tensor, " cells"]
) -> Values:
    """Return the loss terms, which the history has of the last epoch too, and what follows from
    them.
    """
    of_all = cells.expand(len(seeds), -1)
    terms = evaluate_terms(model, data, seeds, of_all)
    is_bound = isinstance(model, AbstractBoundedModel)
    error = mean_over_cells(
        lambda minibatch: {"error": _squared_error(model, minibatch)},
        model,
        data,
        seeds,
        of_all,
        chunk=CHUNK,
        sampled=False,
    )["error"]
    values: Values = {("elbo", ""): (-sum(terms.values())).tolist() if is_bound else NO_BOUND}
    values |= {
        ("reconstruction", ""): terms["reconstruction"].tolist(),
        ("reconstruction_error", ""): error.tolist(),
    }
    values |= {("loss_term", name): term.tolist() for name, term in terms.items()}
    if not isinstance(model, AbstractGaussianLatentModel):
        return values | {("kl_per_dimension", ""): NO_SPLIT if is_bound else NO_BOUND}
    kl = mean_over_cells(
        lambda minibatch: {"kl_z": model.kl_z_of_each_dimension(minibatch)},
        model,
        data,
        seeds,
        of_all,
    )["kl_z"]
    return values | {
        ("kl_per_dimension", str(j)): each.tolist() for j, each in enumerate(kl.unbind(-1))
    }


def _squared_error(model: AbstractModel, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
    x = minibatch.x if isinstance(minibatch.x, Tensor) else minibatch.x.to_dense()
    return (x - model.reconstruct(minibatch)).square().mean(-1)


def _bound_values(
    model: AbstractModel,
    data: TrainingData,
    seeds: Sequence[int],
    cells: Int[Tensor, " cells"],
    *,
    n_samples: int,
) -> Values:
    names = ("iw_bound", "iw_bound_se", "iw_bound_n_obs")
    if not isinstance(model, AbstractBoundedModel):
        return {(name, ""): NO_BOUND for name in names}
    bound, error = importance_weighted_bound(model, data, seeds, cells, n_samples=n_samples)
    return {
        (name, ""): each
        for name, each in zip(
            names, (bound.tolist(), error.tolist(), [float(len(cells))] * len(seeds)), strict=True
        )
    }


def _latent_values(codes: Sequence[Codes], *, has_scale: bool) -> Values:
    """Return the variance over cells of every dimension of the codes, and how many of them are in
    use (5).
    """
    spread = [each.var(axis=0, dtype=np.float64) for each in codes]
    active = [float((each > ACTIVE_ABOVE).sum()) for each in spread] if has_scale else NO_SCALE
    return {("active_units", ""): active} | {
        ("latent_variance", str(j)): [float(each[j]) for each in spread]
        for j in range(len(spread[0]))
    }


def _tidy(
    data: TrainingData,
    reports: Sequence[ReplicaReport],
    measure: Callable[[Int[Tensor, " cells"]], Values],
) -> pd.DataFrame:
    """Return the frame of both splits: the rows of replicas that ended ok from what ``measure``
    returns of the cells, the others' from their reports.
    """
    rows, n_ok = [], sum(report.status is Outcome.OK for report in reports)
    for split, cells in (("train", data.train.cpu()), ("test", data.test.cpu())):
        values = (
            measure(cells) if n_ok and len(cells) else {(name, ""): NO_CELLS for name in MEASURES}
        )
        ok = iter(range(n_ok))
        for report in reports:
            if report.status is not Outcome.OK:
                rows += [
                    (report.seed, split, name, "", math.nan, report.status, report.reason)
                    for name in MEASURES
                ]
                continue
            place = next(ok)
            for (name, part), each in values.items():
                value = each if isinstance(each, Unavailable) else each[place]
                rows.append((report.seed, split, name, part, *_typed(value)))
    return pd.DataFrame(rows, columns=QUALITY_OF_VARIANT.columns).astype(
        {"seed": int, "value": float, "status": str}
    )


def _typed(value: float | Unavailable) -> tuple[float, str, str]:
    if isinstance(value, Unavailable):
        return math.nan, value.outcome, value.reason
    if not math.isfinite(value):
        return math.nan, Outcome.FAILED, f"not a finite number: {value}"
    return value, Outcome.OK, ""
