"""Loss kernels for a GPU: the formulas of ``reference``, fused by torch's compiler into the few
passes that their sums need.

Nothing is repeated here, and nothing is believed: a fused formula is used on a device once it has
given there, on a drawn sample, what the formula gives. Where it does not, or where nothing can be
compiled (for want of a C compiler, say), the log says so and the formula runs operation by
operation. Sparse rows are made dense before: the compiler sees tensors alone."""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from latentbench.kernels import reference

logger = logging.getLogger(__name__)
N_PARAMETERS = {
    "negative_binomial": 2,
    "zero_inflated_negative_binomial": 3,
    "gaussian": 2,
}  # the others have logits alone
# relative, of float32 sums over vars that are added up in another order; a gradient in bfloat16 may
# be rounded to the next number
TOLERANCE = 1e-4


def value(name: str, data: tuple[Any, ...], parameters: tuple[Tensor, ...]) -> reference.PerCell:
    """Return log p of a family by name: (replicas, *samples, obs)."""
    return _fused(reference.value)(name, reference.dense(data, parameters), parameters)


def gradient(
    name: str, data: tuple[Any, ...], parameters: tuple[Tensor, ...], upstream: reference.PerCell
) -> tuple[Tensor, ...]:
    """Return the gradients of sum ``upstream`` * log p by the parameters, as ``reference.gradient``
    does.
    """
    return _fused(reference.gradient)(name, reference.dense(data, parameters), parameters, upstream)


@cache
def is_right(name: str, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the fused form of a family can be had on a device and gives what its formula gives,
    both for parameters of a precision.
    """
    data, parameters, upstream = drawn_sample(name, device, dtype)
    try:
        theirs = (value(name, data, parameters), *gradient(name, data, parameters, upstream))
    except Exception as error:  # whatever a compiler may say: the formula needs none
        logger.warning(
            "%s is not fused on %s, which costs time: %s: %s",
            name,
            device,
            type(error).__name__,
            str(error).strip().split("\n")[0],
        )
        return False
    ours = (
        reference.value(name, data, parameters),
        *reference.gradient(name, data, parameters, upstream),
    )
    errors = [
        float((mine - other).abs().max() / other.abs().max())
        for mine, other in zip(ours, theirs, strict=True)
    ]
    if not all(
        error <= max(TOLERANCE, torch.finfo(mine.dtype).eps)
        for error, mine in zip(errors, ours, strict=True)
    ):
        logger.warning(
            "%s is not fused on %s, which costs time: the fused form is off by a relative %.1g",
            name,
            device,
            max(errors),
        )
        return False
    return True


@cache
def _fused(function: Callable) -> Callable:
    return torch.compile(function, dynamic=True)


def drawn_sample(
    name: str, device: torch.device, dtype: torch.dtype, *, n_vars: int = 40, spread: float = 1.0
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], reference.PerCell]:
    """Draw what a family takes: data (two replicas of three cells, counts or grey values),
    parameters of a standard deviation, weights of the cells.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.poisson(
        torch.exp(spread * torch.randn((2, 3, n_vars), generator=generator)), generator=generator
    )
    is_count = name in ("negative_binomial", "zero_inflated_negative_binomial", "poisson")
    data = (x, x.sum(-1, keepdim=True) + 1) if is_count else (x / (x.max() + 1),)
    shapes = [(2, 3, n_vars), (2, 1, n_vars), (2, 3, n_vars)][: N_PARAMETERS.get(name, 1)]
    parameters = [
        (spread * torch.randn(shape, generator=generator)).to(device, dtype) for shape in shapes
    ]
    return (
        tuple(each.to(device) for each in data),
        tuple(parameters),
        torch.rand((2, 3), generator=generator).to(device),
    )
