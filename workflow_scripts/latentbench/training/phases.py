"""How a training is laid out: its phases, and the schedules of learning rate and loss weights
within one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

Shape = Literal["constant", "cosine", "linear"]

SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1 - done,
}


@dataclass(frozen=True)
class EarlyStopping:
    """Stop a replica whose loss on validation cells has not fallen by ``min_improvement`` (nats a
    cell) for ``patience`` evaluations; keep its best.
    """

    patience: int = 10
    validation_fraction: float = 0.1
    min_improvement: float = 0.0


@dataclass(frozen=True)
class Phase:
    """One phase of a training: the keyword arguments of ``fit`` that may differ from phase to
    phase.

    ``name`` is given to the model's ``begin_phase``; ``trains`` names the parts of the model that
    are trained (a parameter's name up to a dot), all if empty. Every ``refresh_every`` steps the
    cluster probabilities of all training cells are computed anew and given to the model; a replica
    in which fewer than ``settled_below`` of the cells changed their cluster since then is done."""

    name: str = "train"
    epochs: int = 100
    min_steps: int = 0
    batch_size: int = 128
    learning_rate: float = 1e-3
    learning_rate_schedule: Shape = "constant"
    learning_rate_warmup: int = 0
    weight_decay: float = 0.0
    kl_warmup: float = 0.0
    term_weights: Mapping[str, float] = field(default_factory=dict)
    clip_gradient: float | None = None
    labelled_every: int | None = None
    trains: Sequence[str] = ()
    refresh_every: int | None = None
    settled_below: float = 0.0

    def n_epochs(self, n_steps: int) -> int:
        """Return the number of epochs of ``n_steps`` steps each."""
        return max(self.epochs, math.ceil(self.min_steps / n_steps))

    def learning_rate_at(self, step: int, n_steps: int) -> float:
        """Return the learning rate of step 0 to ``n_steps`` - 1 of the phase: a linear rise over
        the warm-up steps, times the schedule's shape.
        """
        rising = (
            min(1.0, (step + 1) / self.learning_rate_warmup) if self.learning_rate_warmup else 1.0
        )
        return self.learning_rate * rising * SHAPES[self.learning_rate_schedule](step / n_steps)

    def term_weights_at(self, epoch: int, n_epochs: int, terms: Sequence[str]) -> dict[str, float]:
        """Return the weight of every term in an epoch (from 1): the terms of a prior (``kl_``) rise
        linearly over the warm-up.

        Raises:
            ValueError: a weight of a term that the model does not have.
        """
        if unknown := sorted(set(self.term_weights) - set(terms)):
            raise ValueError(
                f"training.term_weights: the model has no term {', '.join(unknown)}; its terms are"
                f" {', '.join(terms)}"
            )
        warmup_epochs = self.kl_warmup * n_epochs
        ramp = min(1.0, epoch / warmup_epochs) if warmup_epochs else 1.0
        return {
            name: self.term_weights.get(name, 1.0) * (ramp if name.startswith("kl_") else 1.0)
            for name in terms
        }


def phases_of(common: Mapping[str, Any], phases: Sequence[Mapping[str, Any]]) -> list[Phase]:
    """Return the phases of a training: each has the ``common`` arguments but for those that it
    gives itself; one phase if none is given.

    Raises:
        ValueError: a phase without a name or with an argument that no phase takes.
    """
    base = Phase(**_with_real_weights(common))
    known = {each.name for each in fields(Phase)}
    for index, phase in enumerate(phases):
        if unknown := sorted(set(phase) - known):
            raise ValueError(
                f"training.phases[{index}]: unknown key {', '.join(unknown)}; a phase takes"
                f" {', '.join(sorted(known))}"
            )
        if "name" not in phase:
            raise ValueError(f"training.phases[{index}] has no name")
    return [replace(base, **_with_real_weights(phase)) for phase in phases] or [base]


def _with_real_weights(phase: Mapping[str, Any]) -> dict[str, Any]:
    """Return a phase whose weights of terms are floats: a config file may say 0."""
    weights = phase.get("term_weights")
    return {
        **phase,
        **(
            {}
            if weights is None
            else {"term_weights": {name: float(weight) for name, weight in weights.items()}}
        ),
    }
