"""What the replicas' own clusterings were when a phase last refreshed them, and which replicas have
settled since.
"""

from collections.abc import Collection

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentbench.models.interface import AbstractModel
from latentbench.training.state import State


class ClusterRefresh:
    """The cluster probabilities of all cells at the last refresh (nan where a cell is not trained
    on), and the weights of the replicas that are done.
    """

    def __init__(self) -> None:
        self.probs: Float[Tensor, "replicas obs clusters"] | None = None
        self.settled_at: dict[int, int] = {}
        self._weights: dict[str, Tensor] = {}
        self._settling: list[int] = []

    def forget(self) -> None:
        """Begin a phase without a refresh; who has settled stays settled."""
        self.probs, self._settling = None, []

    def take(
        self,
        probs: Float[Tensor, "replicas train clusters"],
        train: Int[Tensor, "replicas train"],
        n_obs: int,
        *,
        settled_below: float,
    ) -> None:
        """Note the probabilities of the training cells, and the replicas in which a share below
        ``settled_below`` of them moved to another cluster.
        """
        if self.probs is not None:
            before = self.probs.gather(1, train[..., None].expand_as(probs)).argmax(-1)
            moved = (before != probs.argmax(-1)).float().mean(1)
            self._settling = sorted(
                {
                    *self._settling,
                    *(index for index, share in enumerate(moved.tolist()) if share < settled_below),
                }
            )
        self.probs = probs.new_full((len(probs), n_obs, probs.shape[-1]), float("nan")).scatter(
            1, train[..., None].expand_as(probs), probs
        )

    def probs_of(
        self, cells: Int[Tensor, "replicas batch"]
    ) -> Float[Tensor, "replicas batch clusters"] | None:
        """Return the probabilities of the cells of a minibatch."""
        return (
            None
            if self.probs is None
            else self.probs.gather(1, cells[..., None].expand(-1, -1, self.probs.shape[-1]))
        )

    def settle(
        self, model: AbstractModel, epoch: int, *, already_over: Collection[int] = ()
    ) -> None:
        """At the end of an epoch, keep the weights of the replicas that settled in it: those beside
        them train on.
        """
        for index in self._settling:
            if index in self.settled_at or index in already_over:
                continue
            self.settled_at[index] = epoch
            for name, tensor in model.state_dict().items():
                self._weights.setdefault(name, torch.zeros_like(tensor))[index] = tensor[index]

    def restore_settled(self, model: AbstractModel) -> None:
        """Give every settled replica the weights that it had then."""
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                for index in self.settled_at:
                    tensor[index] = self._weights[name][index]

    def state(self) -> State:
        """Return the last refresh, who settled, and their weights."""
        probs = {} if self.probs is None else {"probs": self.probs}
        weights = {f"weights.{name}": tensor for name, tensor in self._weights.items()}
        numbers = {"settling": self._settling, "settled_at": sorted(self.settled_at.items())}
        return State({**probs, **weights}, numbers)

    def restore(self, state: State) -> None:
        """Go back to a saved state."""
        self.probs, self._settling = state.tensors.get("probs"), list(state.numbers["settling"])
        self.settled_at = dict(state.numbers["settled_at"])
        self._weights = {
            name.removeprefix("weights."): tensor.clone()
            for name, tensor in state.tensors.items()
            if name.startswith("weights.")
        }
