"""Batch normalisation, ReLU and dropout of a hidden layer in one pass forward and one back, for
float32 on a CPU in training.
"""

import numpy as np
import torch
from jaxtyping import Float, Int16
from torch import Tensor
from torch.autograd.function import once_differentiable


def normalise_relu_drop(
    x: Float[Tensor, "replicas rows features"],
    weight: Float[Tensor, "replicas features"],
    bias: Float[Tensor, "replicas features"],
    *,
    running_mean: Float[Tensor, "replicas features"],
    running_variance: Float[Tensor, "replicas features"],
    momentum: float,
    eps: float,
    bits: Int16[Tensor, "replicas rows features"] | None,
    dropped: float,
) -> Float[Tensor, "replicas rows features"]:
    """Return dropout(relu(batch norm(x))) and move the running statistics, which are updated in
    place (the variance unbiased, as torch does).

    A unit is dropped where its ``bits``, uniform over all 16-bit numbers, are among the lowest
    share ``dropped``; None drops nothing."""
    return _HiddenUnits.apply(
        x, weight, bias, running_mean, running_variance, momentum, eps, bits, dropped
    )


def lowest_kept(dropped: float) -> int:
    """Return the least 16-bit number (signed) of a unit that is kept when a share is dropped; the
    share is rounded to a 65,536th.
    """
    return min(round(dropped * 2**16), 2**16 - 1) - 2**15


class _HiddenUnits(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, running_mean, running_variance, momentum, eps, bits, dropped):
        from latentbench.kernels import compiled_hidden_units  # numba: half a second to import

        x, y, statistics = (
            x.contiguous(),
            torch.empty_like(x),
            np.empty((2, x.shape[0], x.shape[2]), np.float32),
        )
        keeps_all = bits is None
        mask = np.empty((1, 1, 1), np.int16) if keeps_all else bits.numpy()
        compiled_hidden_units.forward(
            x.detach().numpy(),
            weight.detach().numpy(),
            bias.detach().numpy(),
            running_mean.numpy(),
            running_variance.numpy(),
            np.float32(momentum),
            np.float32(eps),
            mask,
            keeps_all,
            np.int16(lowest_kept(dropped)),
            np.float32(1 / (1 - dropped)),
            statistics,
            y.numpy(),
        )
        ctx.save_for_backward(x, weight, y)
        ctx.statistics, ctx.scale = statistics, np.float32(1 if keeps_all else 1 / (1 - dropped))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        from latentbench.kernels import compiled_hidden_units

        x, weight, y = ctx.saved_tensors
        d_x, d_weight, d_bias = (
            torch.empty_like(x),
            torch.empty_like(weight),
            torch.empty_like(weight),
        )
        compiled_hidden_units.backward(
            upstream.contiguous().numpy(),
            x.numpy(),
            weight.numpy(),
            y.numpy(),
            ctx.statistics,
            ctx.scale,
            d_x.numpy(),
            d_weight.numpy(),
            d_bias.numpy(),
        )
        return d_x, d_weight, d_bias, None, None, None, None, None, None
