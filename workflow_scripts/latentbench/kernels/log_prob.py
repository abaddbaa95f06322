"""log p(x) summed over vars, with gradients by hand: the functions that ``distributions`` calls.

The derivatives are computed together with the value; backward only scales them by the one gradient that arrives per cell. Here, and only here, a backend is
chosen: compiled loops for float32 on a CPU, plain torch for everything else.
"""

from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentbench.kernels import reference

Counts = Float[Tensor, "#replicas *#samples obs vars"]
Sizes = Float[Tensor, "#replicas *#samples obs 1"]
PerVar = Float[Tensor, "replicas *samples obs vars"]
PerCell = Float[Tensor, "replicas *samples obs"]


def negative_binomial(x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Float[Tensor, "#replicas *#samples #obs vars"]) -> PerCell:
    """Return log NB(x) with mean ``library_size * softmax(scale_logits)`` and inverse dispersion exp(``log_theta``)."""
    return _apply("negative_binomial", (x, library_size), scale_logits, log_theta)


def zero_inflated_negative_binomial(
    x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Float[Tensor, "#replicas *#samples #obs vars"], zi_logits: PerVar
) -> PerCell:
    """Return log ZINB(x): the same NB, set to zero with probability sigmoid(``zi_logits``)."""
    return _apply("zero_inflated_negative_binomial", (x, library_size), scale_logits, log_theta, zi_logits)


def poisson(x: Counts, library_size: Sizes, scale_logits: PerVar) -> PerCell:
    """Return log Poisson(x) with mean ``library_size * softmax(scale_logits)``."""
    return _apply("poisson", (x, library_size), scale_logits)


def bernoulli(x: Counts, logits: PerVar) -> PerCell:
    """Return log Bernoulli(x) with probabilities sigmoid(``logits``)."""
    return _apply("bernoulli", (x,), logits)


def continuous_bernoulli(x: Counts, logits: PerVar) -> PerCell:
    """Return the log density of a continuous Bernoulli of the given ``logits`` at x in [0, 1]."""
    return _apply("continuous_bernoulli", (x,), logits)


def load_backend(device: torch.device, dtype: torch.dtype) -> ModuleType:
    """Return the backend for a device and precision. The first call for float32 on a CPU imports numba."""
    if device.type == "cpu" and dtype == torch.float32:
        from latentbench.kernels import cpu  # here, since numba takes half a second to import and most jobs need none of it

        return cpu
    return reference


def _apply(name: str, data: tuple[Tensor, ...], logits: PerVar, *parameters: Tensor) -> PerCell:
    assert not any(tensor.requires_grad for tensor in data), "the kernels have no derivative by the data"
    backend = load_backend(logits.device, logits.dtype)
    if parameters and not _is_per_replica(parameters[0]):
        backend = reference
    wants_gradient = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in (logits, *parameters))
    return _LogProb.apply(getattr(backend, name), wants_gradient, data, logits, *parameters)


def _is_per_replica(parameter: Tensor) -> bool:
    return all(size == 1 for size in parameter.shape[1:-1])


class _LogProb(torch.autograd.Function):
    """A kernel's value, and in backward its derivatives times what arrives per cell."""

    @staticmethod
    def forward(ctx, kernel, wants_gradient, data, *parameters):
        log_prob, derivatives = kernel(*data, *(parameter.detach() for parameter in parameters), wants_gradient=wants_gradient)
        ctx.save_for_backward(*derivatives)
        ctx.shapes = [parameter.shape for parameter in parameters]
        return log_prob

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        return None, None, None, *(_weighted(derivative, upstream, shape) for derivative, shape in zip(ctx.saved_tensors, ctx.shapes, strict=True))


def _weighted(derivative: PerVar, upstream: PerCell, shape: torch.Size) -> Tensor:
    """Return the gradient of a parameter of ``shape``: the derivatives of all cells, weighted, summed over the axes that were broadcast."""
    if shape == derivative.shape:
        return derivative * upstream.unsqueeze(-1)
    if shape.numel() == shape[0] * shape[-1] and shape[0] == len(derivative):
        cells = upstream.flatten(1).unsqueeze(1)
        return torch.bmm(cells, derivative.flatten(1, -2)).view(shape)
    return (derivative * upstream.unsqueeze(-1)).sum_to_size(shape)
