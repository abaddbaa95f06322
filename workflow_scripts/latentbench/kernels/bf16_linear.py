"""A linear layer whose three products are taken in bfloat16, all else in float32: for a wide output layer, on a processor with bf16.

A product of bf16 numbers is summed in float32, so the error is that of rounding the factors (2^-9 relative each) and the result.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def bf16_linear(
    x: Float[Tensor, "replicas rows n_in"], weight: Float[Tensor, "replicas n_in n_out"], bias: Float[Tensor, "replicas 1 n_out"]
) -> Float[Tensor, "replicas rows n_out"]:
    """Return x W + b."""
    return _Bf16Linear.apply(x, weight, bias)


def processor_has_bf16() -> bool:
    """Whether bf16 products are faster than float32 here: with avx512_bf16 or amx they are, emulated they are slower."""
    return torch.cpu._is_avx512_bf16_supported()


class _Bf16Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        rounded = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(*rounded)
        return torch.bmm(*rounded).float().add_(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        x, weight = ctx.saved_tensors
        rounded = upstream.bfloat16()
        return torch.bmm(rounded, weight.mT).float(), torch.bmm(x.mT, rounded).float(), upstream.sum(1, keepdim=True)
