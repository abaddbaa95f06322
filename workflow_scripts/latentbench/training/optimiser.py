"""Adam on one flat tensor: a step costs one kernel and one Python call, however many layers a model has."""

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.models.interface import AbstractModel


class FlatAdam:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980) over all parameters of a model, which become views of one flat tensor, and their gradients of another.

    Every operation is elementwise, so replicas do not mix.
    """

    def __init__(self, model: AbstractModel, *, learning_rate: float, weight_decay: float = 0.0) -> None:
        parameters = list(model.parameters())
        self.values = torch.nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
        self.values.grad = torch.zeros_like(self.values)
        self.gradients: list[Float[Tensor, "replicas ..."]] = []
        offset = 0
        for parameter in parameters:
            part = slice(offset, offset + parameter.numel())
            parameter.data = self.values.data[part].view_as(parameter)
            # Autograd adds into a gradient that is there already: into this view.
            parameter.grad = self.values.grad[part].view_as(parameter)
            self.gradients.append(parameter.grad)
            offset += parameter.numel()
        self._adam = torch.optim.Adam([self.values], lr=learning_rate, weight_decay=weight_decay, fused=True)

    def clip(self, largest: float) -> None:
        """Scale each replica's gradient to a norm of at most ``largest``, replica by replica."""
        norms = torch.stack([gradient.flatten(1).square().sum(1) for gradient in self.gradients]).sum(0).sqrt()
        scale = largest / norms.clamp(min=largest)
        for gradient in self.gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))

    def step(self) -> None:
        """Move along the gradients and set them to zero."""
        self._adam.step()
        self.values.grad.zero_()
