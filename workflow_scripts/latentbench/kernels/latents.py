"""What a variational model does with q(z | x): draw from it, take its divergence from N(0, I).
Small tensors: the fewer operations, the better.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def reparameterised(
    mean: Float[Tensor, "*any dims"],
    log_variance: Float[Tensor, "*any dims"],
    noise: Float[Tensor, "*any dims"],
) -> Float[Tensor, "*any dims"]:
    """Return mean + exp(log_variance / 2) noise (Kingma and Welling 2014, section 2.4)."""
    return _Reparameterised.apply(mean, log_variance, noise)


def kl_from_standard_normal(
    mean: Float[Tensor, "*any dims"], log_variance: Float[Tensor, "*any dims"]
) -> Float[Tensor, "*any"]:
    """Return KL(N(mean, exp(log_variance)) || N(0, I)), summed over the last axis (Kingma and
    Welling 2014, appendix B).
    """
    return _StandardKL.apply(mean, log_variance)


class _Reparameterised(torch.autograd.Function):
    @staticmethod
    def forward(ctx, mean, log_variance, noise):
        scaled = noise * torch.exp(0.5 * log_variance)
        ctx.save_for_backward(scaled)
        return mean + scaled

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        (scaled,) = ctx.saved_tensors
        return upstream, upstream * scaled * 0.5, None


class _StandardKL(torch.autograd.Function):
    @staticmethod
    def forward(ctx, mean, log_variance):
        excess = torch.expm1(log_variance)
        ctx.save_for_backward(mean, excess)
        return 0.5 * (torch.addcmul(excess, mean, mean) - log_variance).sum(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        mean, excess = ctx.saved_tensors
        weights = upstream.unsqueeze(-1)
        return weights * mean, weights * excess * 0.5
