"""log p(x) summed over vars, with gradients by hand: the functions that ``distributions`` calls.

Here, and only here, a backend is chosen: compiled loops for float32 (and bfloat16 logits) on a CPU,
the formulas in torch for everything else, on a GPU fused where that can be had and is right."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentbench.kernels import fused, reference
from latentbench.kernels.sparse_rows import SparseCells

Values = Float[Tensor, "#replicas *#samples obs vars"]
Counts = Values | SparseCells
Sizes = Float[Tensor, "#replicas *#samples obs 1"]
PerVar = Float[Tensor, "replicas *samples obs vars"]
PerCell = Float[Tensor, "replicas *samples obs"]


def negative_binomial(
    x: Counts,
    library_size: Sizes,
    scale_logits: PerVar,
    log_theta: Float[Tensor, "#replicas *#samples #obs vars"],
) -> PerCell:
    """Return log NB(x) with mean ``library_size * softmax(scale_logits)`` and inverse dispersion
    exp(``log_theta``).
    """
    return _apply("negative_binomial", (x, library_size), scale_logits, log_theta)


def zero_inflated_negative_binomial(
    x: Counts,
    library_size: Sizes,
    scale_logits: PerVar,
    log_theta: Float[Tensor, "#replicas *#samples #obs vars"],
    zi_logits: PerVar,
) -> PerCell:
    """Return log ZINB(x): the same NB, set to zero with probability sigmoid(``zi_logits``)."""
    return _apply(
        "zero_inflated_negative_binomial", (x, library_size), scale_logits, log_theta, zi_logits
    )


def poisson(x: Counts, library_size: Sizes, scale_logits: PerVar) -> PerCell:
    """Return log Poisson(x) with mean ``library_size * softmax(scale_logits)``."""
    return _apply("poisson", (x, library_size), scale_logits)


def bernoulli(x: Values, logits: PerVar) -> PerCell:
    """Return log Bernoulli(x) with probabilities sigmoid(``logits``)."""
    return _apply("bernoulli", (x,), logits)


def continuous_bernoulli(x: Values, logits: PerVar) -> PerCell:
    """Return the log density of a continuous Bernoulli of the given ``logits`` at x in [0, 1]."""
    return _apply("continuous_bernoulli", (x,), logits)


def gaussian(
    x: Values, mean: PerVar, log_variance: Float[Tensor, "#replicas *#samples #obs #vars"]
) -> PerCell:
    """Return log N(x; mean, exp(log_variance)), its constant included."""
    return _apply("gaussian", (x,), mean, log_variance)


@contextmanager
def gradients_only() -> Iterator[None]:
    """Inside the block the functions return NaN in place of values where a gradient will be asked
    for, and save the time.

    For a loss that is linear in every log p with constant weights
    (``AbstractModel.linear_in_log_prob``); NaN, so that any other shows it."""
    token = _values_wanted.set(False)
    try:
        yield
    finally:
        _values_wanted.reset(token)


_values_wanted: ContextVar[bool] = ContextVar("whether values are wanted", default=True)


def load_backend(name: str, device: torch.device, dtype: torch.dtype) -> ModuleType:
    """Return the backend of a family for a device and precision. The first call for a CPU imports
    numba, for a GPU it compiles.
    """
    if device.type == "cpu" and dtype in (torch.float32, torch.bfloat16):
        from latentbench.kernels import (
            cpu,
        )  # here, since numba takes half a second to import and most jobs need none of it

        return cpu
    return fused if device.type == "cuda" and fused.is_right(name, device, dtype) else reference


def _apply(
    name: str, data: tuple[Tensor | SparseCells, ...], logits: PerVar, *parameters: Tensor
) -> PerCell:
    assert not any(isinstance(each, Tensor) and each.requires_grad for each in data), (
        "the kernels have no derivative by the data"
    )
    backend = load_backend(name, logits.device, logits.dtype)
    if parameters and not _is_per_replica(parameters[0], of_vars=name != "gaussian"):
        backend = reference
    has_gradient = torch.is_grad_enabled() and any(
        parameter.requires_grad for parameter in (logits, *parameters)
    )
    return _LogProb.apply(
        backend, name, _values_wanted.get() or not has_gradient, data, logits, *parameters
    )


def _is_per_replica(parameter: Tensor, *, of_vars: bool) -> bool:
    return all(size == 1 for size in (parameter.shape[1:-1] if of_vars else parameter.shape[1:]))


class _LogProb(torch.autograd.Function):
    """A family's value in forward; in backward, once it is known what arrives per cell, its
    gradients.
    """

    @staticmethod
    def forward(ctx, backend, name, wants_value, data, *parameters):
        ctx.backend, ctx.name, ctx.data = backend, name, data
        ctx.save_for_backward(*parameters)
        if not wants_value:
            return torch.full(
                parameters[0].shape[:-1],
                torch.nan,
                dtype=torch.promote_types(parameters[0].dtype, torch.float32),
                device=parameters[0].device,
            )
        return backend.value(name, data, tuple(parameter.detach() for parameter in parameters))

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        return (
            None,
            None,
            None,
            None,
            *ctx.backend.gradient(ctx.name, ctx.data, ctx.saved_tensors, upstream),
        )
