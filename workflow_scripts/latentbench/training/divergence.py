"""Which replicas of a stack broke: a loss term or a parameter of theirs is not a finite number.
Their neighbours train on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.logs import logger
from latentbench.training.state import State


@dataclass
class Divergence:
    """The epoch in which each replica broke, and the reason, by its place in the stack."""

    found: dict[int, tuple[int, str]] = field(default_factory=dict)

    def state(self) -> State:
        """Return who broke."""
        return State({}, {"found": sorted(self.found.items())})

    def restore(self, state: State) -> None:
        """Go back to a saved state."""
        self.found = {index: (epoch, reason) for index, (epoch, reason) in state.numbers["found"]}

    def look(
        self, terms: Mapping[str, Float[Tensor, " replicas"]], epoch: int, seeds: Sequence[int]
    ) -> None:
        """Take note of the replicas whose terms are not finite, each with the first such term; one
        that broke before keeps its epoch.
        """
        for name, term in terms.items():
            for index in (~torch.isfinite(term)).nonzero().flatten().tolist():
                if index not in self.found:
                    self.found[index] = (
                        epoch,
                        (
                            f"non-finite '{name}' in epoch {epoch}; lower learning_rate or set"
                            " clip_gradient"
                        ),
                    )
                    logger.warning(
                        "replica of seed %s diverged: %s", seeds[index], self.found[index][1]
                    )
