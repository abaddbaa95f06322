"""Adam whose parameters and moments lie in flat tensors: one thing to save, one pass to make a
step.
"""

from collections.abc import Iterator

import numpy as np
import torch

from latentbench.models.interface import AbstractModel
from latentbench.training.state import State

BETAS, EPS = (0.9, 0.999), 1e-8


class FlatAdam:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980) over the parameters of a model that require a
    gradient; they become views of one flat tensor.

    On a CPU a step is a compiled pass over each parameter and the gradient that autograd left
    there; elsewhere torch's fused step over one flat tensor, its gradients accumulated in place.
    Every operation is elementwise, so replicas do not mix. ``learning_rate`` may be changed between
    steps."""

    def __init__(
        self, model: AbstractModel, *, learning_rate: float, weight_decay: float = 0.0
    ) -> None:
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.n_steps = 0
        self.values = torch.nn.Parameter(
            torch.cat([parameter.detach().flatten() for parameter in self.parameters])
        )
        self.first, self.second = (
            torch.zeros_like(self.values.data),
            torch.zeros_like(self.values.data),
        )
        for parameter, part in self._parts():
            parameter.data = self.values.data[part].view_as(parameter)
        self._step = (
            self._compiled_step() if self.values.device.type == "cpu" else self._fused_step()
        )

    def clip(self, largest: float) -> None:
        """Scale each replica's gradient to a norm of at most ``largest``, replica by replica."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norms = (
            torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients])
            .sum(0)
            .sqrt()
        )
        scale = largest / norms.clamp(min=largest)
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))

    def step(self) -> None:
        """Move along the gradients and forget them."""
        self.n_steps += 1
        self._step()

    def state(self) -> State:
        """Return what a step reads and changes besides the parameters."""
        return State({"first": self.first, "second": self.second}, {"n_steps": self.n_steps})

    def restore(self, state: State) -> None:
        """Go back to a saved state."""
        self.n_steps = state.numbers["n_steps"]
        self.first.copy_(state.tensors["first"])
        self.second.copy_(state.tensors["second"])

    def _parts(self) -> Iterator[tuple[torch.nn.Parameter, slice]]:
        offset = 0
        for parameter in self.parameters:
            yield parameter, slice(offset, offset + parameter.numel())
            offset += parameter.numel()

    def _compiled_step(self):
        from latentbench.kernels.adam import adam_step  # numba: half a second to import

        flat = [self.values.detach().numpy(), self.first.numpy(), self.second.numpy()]
        parts = [(parameter, *(array[part] for array in flat)) for parameter, part in self._parts()]

        def step() -> None:
            corrections = [1 - beta**self.n_steps for beta in BETAS]
            scalars = [
                np.float32(number)
                for number in (
                    self.learning_rate / corrections[0],
                    *BETAS,
                    corrections[1] ** -0.5,
                    EPS,
                    self.weight_decay,
                )
            ]
            for parameter, values, first, second in parts:
                if parameter.grad is not None:
                    adam_step(
                        values,
                        parameter.grad.contiguous().view(-1).numpy(),
                        first,
                        second,
                        *scalars,
                    )
                    parameter.grad = None

        return step

    def _fused_step(self):
        self.values.grad = torch.zeros_like(self.values)
        for parameter, part in self._parts():
            # Autograd adds into a gradient that is there already: into this view.
            parameter.grad = self.values.grad[part].view_as(parameter)
        adam = torch.optim.Adam(
            [self.values],
            lr=self.learning_rate,
            betas=BETAS,
            eps=EPS,
            weight_decay=self.weight_decay,
            fused=True,
        )

        def step() -> None:
            steps = torch.tensor(float(self.n_steps - 1), device=self.values.device)
            adam.state[self.values] = {
                "step": steps,
                "exp_avg": self.first,
                "exp_avg_sq": self.second,
            }
            adam.param_groups[0]["lr"] = self.learning_rate
            adam.step()
            self.values.grad.zero_()

        return step
