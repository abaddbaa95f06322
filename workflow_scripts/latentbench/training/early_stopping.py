"""Early stopping, replica by replica: remember the weights of the lowest validation loss, and say
who has waited long enough.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.models.interface import AbstractModel
from latentbench.training.options import EarlyStopping
from latentbench.training.state import State


@dataclass
class StoppingState:
    """The best validation loss of every replica, how many evaluations ago it was, in which epoch a
    replica stopped, and the best weights.
    """

    rule: EarlyStopping
    best_loss: list[float]
    waited: list[int]
    stopped_at: dict[int, int]
    best: dict[str, Tensor]

    @classmethod
    def start(cls, rule: EarlyStopping, model: AbstractModel) -> "StoppingState":
        """Return the state before the first evaluation."""
        n = model.n_replicas
        return cls(
            rule,
            [math.inf] * n,
            [0] * n,
            {},
            {name: tensor.clone() for name, tensor in model.state_dict().items()},
        )

    def look(self, model: AbstractModel, losses: Float[Tensor, " replicas"], epoch: int) -> None:
        """Take note of an evaluation; a replica that has stopped is not looked at again, so it does
        not matter what its neighbours do.
        """
        state = model.state_dict()
        for index, loss in enumerate(losses.tolist()):
            if index in self.stopped_at:
                continue
            if loss < self.best_loss[index] - self.rule.min_improvement:
                self.best_loss[index], self.waited[index] = loss, 0
                for name, tensor in state.items():
                    self.best[name][index] = tensor[index]
            else:
                self.waited[index] += 1
                if self.waited[index] >= self.rule.patience:
                    self.stopped_at[index] = epoch

    def restore_best(self, model: AbstractModel) -> None:
        """Give every replica its best weights."""
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                tensor.copy_(self.best[name])

    def state(self) -> State:
        """Return what changes, the best weights included."""
        finite = [None if math.isinf(loss) else loss for loss in self.best_loss]
        numbers = {
            "best_loss": finite,
            "waited": list(self.waited),
            "stopped_at": sorted(self.stopped_at.items()),
        }
        return State(self.best, numbers)

    def restore(self, state: State) -> None:
        """Go back to a saved state."""
        numbers = state.numbers
        self.best_loss = [math.inf if loss is None else loss for loss in numbers["best_loss"]]
        self.waited, self.stopped_at = list(numbers["waited"]), dict(numbers["stopped_at"])
        for name, tensor in self.best.items():
            tensor.copy_(state.tensors[name])
