"""Tensors in, tensors out for the compiled kernels: lays out shapes, allocates the results. Importing it imports numba."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.kernels import compiled

Counts = Float[Tensor, "#replicas *#samples obs vars"]
Sizes = Float[Tensor, "#replicas *#samples obs 1"]
PerVar = Float[Tensor, "replicas *samples obs vars"]
PerCell = Float[Tensor, "replicas *samples obs"]


def negative_binomial(x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Tensor, *, wants_gradient: bool) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log NB(x) and, if wanted, its derivatives by ``scale_logits`` and ``log_theta`` (before the sum over cells)."""
    log_prob, derivatives, arrays = _results(scale_logits, 2, wants_gradient)
    theta = _per_replica(torch.exp(log_theta), scale_logits)
    compiled.negative_binomial(_counts(x, scale_logits), *_rows(scale_logits), _sizes(library_size, scale_logits), theta, None, 0, *arrays, None)
    return log_prob, derivatives


def zero_inflated_negative_binomial(
    x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Tensor, zi_logits: PerVar, *, wants_gradient: bool
) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log ZINB(x) and, if wanted, its derivatives by ``scale_logits``, ``log_theta`` (before the sum over cells) and ``zi_logits``."""
    log_prob, derivatives, arrays = _results(scale_logits, 3, wants_gradient)
    theta = _per_replica(torch.exp(log_theta), scale_logits)
    compiled.negative_binomial(_counts(x, scale_logits), *_rows(scale_logits), _sizes(library_size, scale_logits), theta, *_rows(zi_logits), *arrays)
    return log_prob, derivatives


def poisson(x: Counts, library_size: Sizes, scale_logits: PerVar, *, wants_gradient: bool) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log Poisson(x) and, if wanted, its derivative by ``scale_logits``."""
    log_prob, derivatives, arrays = _results(scale_logits, 1, wants_gradient)
    compiled.poisson(_counts(x, scale_logits), *_rows(scale_logits), _sizes(library_size, scale_logits), *arrays)
    return log_prob, derivatives


def bernoulli(x: Counts, logits: PerVar, *, wants_gradient: bool) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log Bernoulli(x) and, if wanted, its derivative by ``logits``."""
    log_prob, derivatives, arrays = _results(logits, 1, wants_gradient)
    compiled.bernoulli(_counts(x, logits), *_rows(logits), False, *arrays)
    return log_prob, derivatives


def continuous_bernoulli(x: Counts, logits: PerVar, *, wants_gradient: bool) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return the log density of a continuous Bernoulli and, if wanted, its derivative by ``logits``."""
    log_prob, derivatives, arrays = _results(logits, 1, wants_gradient)
    compiled.bernoulli(_counts(x, logits), *_rows(logits), True, *arrays)
    return log_prob, derivatives


def _results(logits: PerVar, n_derivatives: int, wants_gradient: bool) -> tuple[PerCell, tuple[PerVar, ...], list[np.ndarray]]:
    """Return the tensors to fill, and the same memory as arrays: derivatives that nobody wants are one row of scratch."""
    shape, n_vars = logits.shape[:-1], logits.shape[-1]
    log_prob = logits.new_empty(shape)
    derivatives = tuple(logits.new_empty(logits.shape if wants_gradient else (1, n_vars)) for _ in range(n_derivatives))
    arrays = [log_prob.view(shape[0], -1, shape[-1]).numpy(), *(derivative.view(-1, n_vars).numpy() for derivative in derivatives)]
    return log_prob, derivatives if wants_gradient else (), arrays


def _counts(x: Counts, logits: PerVar) -> np.ndarray:
    """Return x as (replicas, samples, obs, vars), with one sample where it is the same for all."""
    shared = all(size == 1 for size in x.shape[1:-2])
    shape = x.shape[1:-2] if shared else logits.shape[1:-2]
    return x.expand(logits.shape[0], *shape, *x.shape[-2:]).reshape(logits.shape[0], -1, *x.shape[-2:]).contiguous().numpy()


def _sizes(library_size: Sizes, logits: PerVar) -> np.ndarray:
    return library_size.expand(*logits.shape[:-1], 1).reshape(logits.shape[0], -1, logits.shape[-2]).contiguous().numpy()


def _per_replica(parameter: Tensor, logits: PerVar) -> np.ndarray:
    """Return a parameter that is the same for all cells of a replica as (replicas, vars)."""
    return parameter.reshape(parameter.shape[0], -1).expand(logits.shape[0], -1).contiguous().numpy()


def _rows(logits: PerVar) -> tuple[np.ndarray, int]:
    """Return the memory of the logits, flat, and the distance between rows: half of a decoder's outputs needs no copy."""
    rows = logits.flatten(0, -2)
    rows = rows if rows.stride(1) == 1 and rows.stride(0) >= rows.shape[1] else rows.contiguous()
    n_rows, n_vars = rows.shape
    stride = rows.stride(0)
    return rows.as_strided(((n_rows - 1) * stride + n_vars,), (1,)).numpy(), stride
