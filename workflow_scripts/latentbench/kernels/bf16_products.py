"""Linear layers whose products are taken in bfloat16, on a processor that has them; parameters,
statistics and sums stay float32.

A product of bf16 numbers is summed in float32, so the error is that of rounding factors and result
(2^-9 relative each), fresh in every step."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch
from jaxtyping import BFloat16, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

LEAST_WEIGHTS = 2**15
"""Below this many weights the casts cost more than the products gain."""

_active: ContextVar[bool] = ContextVar("whether products are taken in bfloat16", default=False)


@contextmanager
def products_in_bf16(enabled: bool) -> Iterator[None]:
    """Take the large products of layers in training mode in bfloat16 inside the block, if
    enabled.
    """
    token = _active.set(enabled)
    try:
        yield
    finally:
        _active.reset(token)


def uses_bf16(weight: Float[Tensor, "replicas n_in n_out"], *, training: bool) -> bool:
    """Whether a layer of this weight takes its products in bfloat16 now: never in evaluation."""
    return training and _active.get() and weight.shape[1] * weight.shape[2] >= LEAST_WEIGHTS


@cache
def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 products pay on a device (emulated ones are slower than float32) and are right
    there: each within rounding of the float32 product.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return False
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(1, 64, 96, generator=generator), torch.randn(1, 96, 80, generator=generator)
    error = (torch.bmm(a.bfloat16(), b.bfloat16()).float() - torch.bmm(a, b)).abs()
    largest = torch.bmm(a.abs(), b.abs())
    return bool((error <= 3 * 2**-9 * largest).all())


def bf16_linear(
    x: Float[Tensor, "replicas rows n_in"],
    weight: Float[Tensor, "replicas n_in n_out"],
    bias: Float[Tensor, "replicas 1 n_out"] | None,
) -> BFloat16[Tensor, "replicas rows n_out"]:
    """Return x W + b in bfloat16. The gradients of weight and bias are float32, that of x has the
    type of x.
    """
    return _Bf16Linear.apply(x, weight, bias)


class _Bf16Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        rounded, rounded_weight = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(rounded, rounded_weight)
        ctx.type_of_x, ctx.has_bias = x.dtype, bias is not None
        if bias is None:
            return torch.bmm(rounded, rounded_weight)
        return torch.baddbmm(bias.bfloat16(), rounded, rounded_weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        x, weight = ctx.saved_tensors
        upstream = upstream.bfloat16()
        d_x = torch.bmm(upstream, weight.mT).to(ctx.type_of_x) if ctx.needs_input_grad[0] else None
        d_bias = upstream.sum(1, keepdim=True).float() if ctx.has_bias else None
        return d_x, torch.bmm(x.mT, upstream).float(), d_bias
