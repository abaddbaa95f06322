"""Free bits: a divergence costs nothing below a floor, so that training does not press it to zero
before the code is of use (Kingma 2016, arXiv:1606.04934).
"""

import torch
from jaxtyping import Float
from torch import Tensor


def at_least_on_average(
    kl: Float[Tensor, "replicas obs *dims"], floor: float
) -> Float[Tensor, "replicas obs *dims"]:
    """Return values whose mean over the minibatch is max(floor, mean of ``kl``): ``kl`` itself, or,
    without a gradient, the floor for every cell.
    """
    return torch.where(kl.mean(1, keepdim=True) > floor, kl, torch.full_like(kl, floor))
