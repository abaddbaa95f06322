"""The compiled backend: tensors in, tensors out. Lays out shapes and allocates results. Importing
it imports numba.

Every likelihood has a value and a gradient for a given weight of every row (``upstream``); the
gradients come in the shapes of the parameters."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.kernels import compiled_counts, compiled_values
from latentbench.kernels.sparse_rows import SparseCells

Counts = Float[Tensor, "#replicas *#samples obs vars"] | SparseCells
Sizes = Float[Tensor, "#replicas *#samples obs 1"]
PerVar = Float[Tensor, "replicas *samples obs vars"]
PerCell = Float[Tensor, "replicas *samples obs"]


def negative_binomial(
    x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Tensor
) -> PerCell:
    """Return log NB(x)."""
    log_prob, array = _per_cell(scale_logits)
    compiled_counts.negative_binomial(
        *_sparse(x, scale_logits),
        *_rows(scale_logits),
        _sizes(library_size, scale_logits),
        _theta(log_theta, scale_logits),
        None,
        0,
        array,
    )
    return log_prob


def negative_binomial_gradient(
    x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Tensor, *, upstream: PerCell
) -> tuple[PerVar, Tensor]:
    """Return the gradients by ``scale_logits`` and ``log_theta``."""
    theta, d_logits = (
        _theta(log_theta, scale_logits),
        torch.empty(scale_logits.shape, dtype=scale_logits.dtype),
    )
    d_log_theta = np.empty_like(theta)
    compiled_counts.negative_binomial_gradient(
        *_sparse(x, scale_logits),
        *_rows(scale_logits),
        _sizes(library_size, scale_logits),
        theta,
        None,
        0,
        _upstream(upstream),
        _flat(d_logits),
        d_log_theta,
        None,
    )
    return d_logits, _to_shape(d_log_theta, log_theta)


def zero_inflated_negative_binomial(
    x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Tensor, zi_logits: PerVar
) -> PerCell:
    """Return log ZINB(x)."""
    log_prob, array = _per_cell(scale_logits)
    compiled_counts.negative_binomial(
        *_sparse(x, scale_logits),
        *_rows(scale_logits),
        _sizes(library_size, scale_logits),
        _theta(log_theta, scale_logits),
        *_rows(zi_logits),
        array,
    )
    return log_prob


def zero_inflated_negative_binomial_gradient(
    x: Counts,
    library_size: Sizes,
    scale_logits: PerVar,
    log_theta: Tensor,
    zi_logits: PerVar,
    *,
    upstream: PerCell,
) -> tuple[PerVar, Tensor, PerVar]:
    """Return the gradients by ``scale_logits``, ``log_theta`` and ``zi_logits``."""
    theta, d_logits, d_zi_logits = (
        _theta(log_theta, scale_logits),
        *(torch.empty(t.shape, dtype=t.dtype) for t in (scale_logits, zi_logits)),
    )
    d_log_theta = np.empty_like(theta)
    compiled_counts.negative_binomial_gradient(
        *_sparse(x, scale_logits),
        *_rows(scale_logits),
        _sizes(library_size, scale_logits),
        theta,
        *_rows(zi_logits),
        _upstream(upstream),
        _flat(d_logits),
        d_log_theta,
        _flat(d_zi_logits),
    )
    return d_logits, _to_shape(d_log_theta, log_theta), d_zi_logits


def poisson(x: Counts, library_size: Sizes, scale_logits: PerVar) -> PerCell:
    """Return log Poisson(x)."""
    log_prob, array = _per_cell(scale_logits)
    compiled_counts.poisson(
        *_sparse(x, scale_logits),
        *_rows(scale_logits),
        scale_logits.shape[-1],
        _sizes(library_size, scale_logits),
        array,
    )
    return log_prob


def poisson_gradient(
    x: Counts, library_size: Sizes, scale_logits: PerVar, *, upstream: PerCell
) -> tuple[PerVar]:
    """Return the gradient by ``scale_logits``."""
    d_logits = torch.empty(scale_logits.shape, dtype=scale_logits.dtype)
    compiled_counts.poisson_gradient(
        *_sparse(x, scale_logits),
        *_rows(scale_logits),
        scale_logits.shape[-1],
        _upstream(upstream),
        _flat(d_logits),
    )
    return (d_logits,)


def bernoulli(x: Counts, logits: PerVar) -> PerCell:
    """Return log Bernoulli(x)."""
    log_prob, array = _per_cell(logits)
    compiled_values.bernoulli(_dense(x, logits), *_rows(logits), False, array)
    return log_prob


def bernoulli_gradient(x: Counts, logits: PerVar, *, upstream: PerCell) -> tuple[PerVar]:
    """Return the gradient by ``logits``."""
    return (_of_logits(x, logits, upstream, continuous=False),)


def continuous_bernoulli(x: Counts, logits: PerVar) -> PerCell:
    """Return the log density of a continuous Bernoulli."""
    log_prob, array = _per_cell(logits)
    compiled_values.bernoulli(_dense(x, logits), *_rows(logits), True, array)
    return log_prob


def continuous_bernoulli_gradient(x: Counts, logits: PerVar, *, upstream: PerCell) -> tuple[PerVar]:
    """Return the gradient by ``logits``."""
    return (_of_logits(x, logits, upstream, continuous=True),)


def gaussian(x: Counts, mean: PerVar, log_variance: Tensor) -> PerCell:
    """Return log N(x; mean, exp(log_variance)), one ``log_variance`` a replica."""
    log_prob, array = _per_cell(mean)
    compiled_values.gaussian(
        _dense(x, mean), *_rows(mean), _per_replica(log_variance, mean)[:, 0], array
    )
    return log_prob


def gaussian_gradient(
    x: Counts, mean: PerVar, log_variance: Tensor, *, upstream: PerCell
) -> tuple[PerVar, Tensor]:
    """Return the gradients by ``mean`` and ``log_variance``."""
    d_mean, d_log_variance = torch.empty(mean.shape, dtype=mean.dtype), np.empty((len(mean), 1))
    compiled_values.gaussian_gradient(
        _dense(x, mean),
        *_rows(mean),
        _per_replica(log_variance, mean)[:, 0],
        _upstream(upstream),
        _flat(d_mean),
        d_log_variance[:, 0],
    )
    return d_mean, _to_shape(d_log_variance.astype(np.float32), log_variance)


VALUES = {
    "negative_binomial": negative_binomial,
    "zero_inflated_negative_binomial": zero_inflated_negative_binomial,
    "poisson": poisson,
    "bernoulli": bernoulli,
    "continuous_bernoulli": continuous_bernoulli,
    "gaussian": gaussian,
}
GRADIENTS = {
    "negative_binomial": negative_binomial_gradient,
    "zero_inflated_negative_binomial": zero_inflated_negative_binomial_gradient,
    "poisson": poisson_gradient,
    "bernoulli": bernoulli_gradient,
    "continuous_bernoulli": continuous_bernoulli_gradient,
    "gaussian": gaussian_gradient,
}


def value(name: str, data: tuple[Any, ...], parameters: tuple[Tensor, ...]) -> PerCell:
    """Return log p of a family by name: (replicas, *samples, obs)."""
    return VALUES[name](*data, *parameters)


def gradient(
    name: str, data: tuple[Any, ...], parameters: tuple[Tensor, ...], upstream: PerCell
) -> tuple[Tensor, ...]:
    """Return the gradients of sum ``upstream`` * log p by the parameters."""
    return GRADIENTS[name](*data, *parameters, upstream=upstream)


def _of_logits(x: Counts, logits: PerVar, upstream: PerCell, *, continuous: bool) -> PerVar:
    d_logits = torch.empty(logits.shape, dtype=logits.dtype)
    compiled_values.bernoulli_gradient(
        _dense(x, logits), *_rows(logits), continuous, _upstream(upstream), _flat(d_logits)
    )
    return d_logits


def _per_cell(logits: PerVar) -> tuple[PerCell, np.ndarray]:
    """Return the tensor to fill, and its memory as (replicas, samples, obs)."""
    log_prob = torch.empty(logits.shape[:-1])
    return log_prob, log_prob.view(logits.shape[0], -1, logits.shape[-2]).numpy()


def _upstream(upstream: PerCell) -> np.ndarray:
    return upstream.contiguous().view(upstream.shape[0], -1, upstream.shape[-1]).numpy()


def _sparse(x: Counts, logits: PerVar) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return values, columns and starts of the rows of x, and how many samples they hold: one where
    it is the same for all.
    """
    if isinstance(x, SparseCells):
        return x.values, x.columns, x.starts, 1
    dense = _dense(x, logits)
    rows = dense.reshape(-1, dense.shape[-1])
    of_row, columns = np.nonzero(rows)
    starts = np.concatenate([[0], np.cumsum(np.bincount(of_row, minlength=len(rows)))])
    return rows[of_row, columns], columns.astype(np.uint32), starts, dense.shape[1]


def _dense(x: Counts, logits: PerVar) -> np.ndarray:
    """Return x as (replicas, samples, obs, vars), with one sample where it is the same for all."""
    if isinstance(x, SparseCells):
        x = x.to_dense()
    shared = all(size == 1 for size in x.shape[1:-2])
    shape = x.shape[1:-2] if shared else logits.shape[1:-2]
    return (
        x.expand(logits.shape[0], *shape, *x.shape[-2:])
        .reshape(logits.shape[0], -1, *x.shape[-2:])
        .contiguous()
        .numpy()
    )


def _sizes(library_size: Sizes, logits: PerVar) -> np.ndarray:
    return (
        library_size.expand(*logits.shape[:-1], 1)
        .reshape(logits.shape[0], -1, logits.shape[-2])
        .contiguous()
        .numpy()
    )


def _theta(log_theta: Tensor, logits: PerVar) -> np.ndarray:
    return _per_replica(torch.exp(log_theta), logits)


def _per_replica(parameter: Tensor, logits: PerVar) -> np.ndarray:
    """Return a parameter that is the same for all cells of a replica as (replicas, its last
    axis).
    """
    return (
        parameter.reshape(parameter.shape[0], -1).expand(logits.shape[0], -1).contiguous().numpy()
    )


def _to_shape(gradient: np.ndarray, parameter: Tensor) -> Tensor:
    """Return the gradient (replicas, last axis) in the shape of its parameter: summed, where one
    row served all replicas.
    """
    summed = gradient if len(parameter) == len(gradient) else gradient.sum(0)
    return torch.from_numpy(summed).view(parameter.shape)


def _rows(logits: PerVar) -> tuple[np.ndarray, int]:
    """Return the memory of the logits, flat, and the distance between rows: half of a decoder's
    outputs needs no copy.
    """
    rows = logits.flatten(0, -2)
    rows = rows if rows.stride(1) == 1 and rows.stride(0) >= rows.shape[1] else rows.contiguous()
    n_rows, n_vars = rows.shape
    stride = rows.stride(0)
    return _flat(rows.as_strided(((n_rows - 1) * stride + n_vars,), (1,))), stride


def _flat(tensor: Tensor) -> np.ndarray:
    """Return the memory of a contiguous tensor, flat; of bfloat16 the bits, since numpy has no such
    type.
    """
    flat = tensor.view(-1)
    return (flat.view(torch.uint16) if flat.dtype == torch.bfloat16 else flat).numpy()
