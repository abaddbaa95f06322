"""The options of a training, each stated once: what a variant's ``training`` and ``task`` may say,
and what follows from it: the phases, and the schedules of learning rate and loss weights within
one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from latentbench.study.options import Option

Shape = Literal["constant", "cosine", "linear"]

SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1 - done,
}


@dataclass(frozen=True)
class EarlyStopping:
    """Stop a replica whose weighted loss on validation cells no longer falls; keep its best.

    Each phase begins anew; only the last one ends a training."""

    patience: Annotated[
        int, Option("evaluations without an improvement before a replica stops", at_least=1)
    ] = 10
    validation_fraction: Annotated[
        float,
        Option(
            "share of the training cells that is looked at and not trained on", above=0, below=1
        ),
    ] = 0.1
    min_improvement: Annotated[
        float, Option("least fall of the validation loss that counts, in nats a cell", at_least=0)
    ] = 0.0


@dataclass(frozen=True, kw_only=True)
class PhaseOptions:
    """What may differ from phase to phase."""

    epochs: Annotated[int, Option("passes over the training cells", at_least=1)] = 100
    min_steps: Annotated[
        int,
        Option("least number of gradient steps: small data sets get more epochs", at_least=0),
    ] = 0
    batch_size: Annotated[
        int,
        Option(
            "cells a gradient step; an incomplete last minibatch is dropped, other cells each time",
            at_least=2,
        ),
    ] = 128
    learning_rate: Annotated[float, Option("step size of Adam", above=0)] = 1e-3
    learning_rate_schedule: Annotated[
        Shape, Option("shape of the learning rate over a phase: constant, or a fall to zero")
    ] = "constant"
    learning_rate_warmup: Annotated[
        int, Option("steps over which the learning rate rises from zero", at_least=0)
    ] = 0
    weight_decay: Annotated[float, Option("L2 penalty of Adam", at_least=0)] = 0.0
    kl_warmup: Annotated[
        float,
        Option(
            "share of the epochs over which the kl terms reach their full weight",
            at_least=0,
            at_most=1,
        ),
    ] = 0.0
    term_weights: Annotated[
        Mapping[str, float],
        Option(
            "weight of a loss term by name; 1 where absent; {kl_z: beta} is a beta-VAE",
            at_least=0,
            names="^[a-z_]+$",
        ),
    ] = field(default_factory=dict)
    clip_gradient: Annotated[
        float | None, Option("largest norm of a replica's gradient; null for no limit", above=0)
    ] = None
    labelled_every: Annotated[
        int | None,
        Option(
            "after this many steps comes one on cells whose class the task shows; null for none",
            at_least=1,
        ),
    ] = None
    refresh_every: Annotated[
        int | None,
        Option(
            "steps between computing the clusters of all training cells anew, for models whose"
            " loss asks for them; null for never",
            at_least=1,
        ),
    ] = None
    settled_below: Annotated[
        float,
        Option(
            "a replica in which a smaller share of the cells moved to another cluster between two"
            " refreshes is done",
            at_least=0,
            at_most=1,
        ),
    ] = 0.0


@dataclass(frozen=True, kw_only=True)
class Phase(PhaseOptions):
    """One phase of a training."""

    name: Annotated[str, Option("name of the phase, given to the model's begin_phase")] = "train"
    trains: Annotated[
        Sequence[str],
        Option(
            "parts of the model that are trained (a parameter's name up to a dot), all if empty"
        ),
    ] = ()

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


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(PhaseOptions):
    """How a variant is trained: the keys of its ``training``."""

    phases: Annotated[
        Sequence[Phase],
        Option(
            "phases to go through, one after the other, each with a name and what it does otherwise"
            " than the keys beside this one; a single phase if empty"
        ),
    ] = ()
    early_stopping: Annotated[
        EarlyStopping | None,
        Option(
            "stop when the loss on validation cells stops falling, and keep the best weights; null"
            " to train to the end"
        ),
    ] = None
    precision: Annotated[
        Literal["auto", "float32"],
        Option(
            "auto: large products in bfloat16 where the processor is fast at it and right; float32:"
            " never"
        ),
    ] = "auto"
    log_every: Annotated[
        int, Option("epochs between evaluations of the training and test cells", at_least=1)
    ] = 5
    max_minutes: Annotated[
        float | None,
        Option(
            "longest training of a replica and of those stacked with it, in minutes; what is not"
            " done by then ends as timeout; null for no limit",
            above=0,
        ),
    ] = None

    def in_one_phase(self, name: str = "train") -> Phase:
        """Return the phase that does what all phases have in common."""
        return Phase(
            name=name, **{key.name: getattr(self, key.name) for key in fields(PhaseOptions)}
        )

    @property
    def all_phases(self) -> list[Phase]:
        """The phases, or the single one."""
        return list(self.phases) or [self.in_one_phase()]


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """Which classes a training is shown: the keys of a variant's ``task``, but for ``guide_on`` and
    ``pretrain_on``, which name files of the study.
    """

    mode: Annotated[
        Literal["unsupervised", "supervised", "semi_supervised", "guided", "transfer"],
        Option(
            "which classes a training is shown: none, all labels, some labels, those of a"
            " clustering at the start, or those of another data set that is trained on first"
        ),
    ] = "unsupervised"
    label_fraction: Annotated[
        float,
        Option("share of every class shown in mode semi_supervised", above=0, at_most=1),
    ] = 0.05
    guided_fraction: Annotated[
        float,
        Option(
            "share of the epochs during which mode guided shows its clustering",
            at_least=0,
            at_most=1,
        ),
    ] = 0.2
    guide: Annotated[
        Literal["kmeans", "mixture", "manifold"],
        Option(
            "the clustering of mode guided: k-means, what several Gaussian mixtures agree on, or"
            " the same on UMAP's manifold"
        ),
    ] = "kmeans"
    guide_cells: Annotated[
        int, Option("training cells that the guide looks at, at most", at_least=2)
    ] = 10_000
    guide_confidence: Annotated[
        float,
        Option(
            "probability of its cluster below which the guide shows no class of a cell",
            at_least=0,
            below=1,
        ),
    ] = 0.0
    pretrain_on: Annotated[
        str | None,
        Option(
            "in mode transfer the data set, by its name in the data sheet, that is trained on"
            " first, with all its labels"
        ),
    ] = None
    finetune: Annotated[
        bool,
        Option(
            "whether mode transfer then trains on without labels (true), or takes the model as it"
            " is (false)"
        ),
    ] = False


OF_TRANSFER = ("pretrain_on", "finetune")
"""The keys of a task that mean something in mode ``transfer`` alone; there the others mean
nothing."""


def training_options(stated: Mapping[str, Any]) -> TrainingOptions:
    """Return the options of a variant's ``training``: a phase has those beside it but for the ones
    that it gives itself.

    Raises:
        ValueError: a phase without a name or with a key that no phase takes.
    """
    known = {each.name for each in fields(Phase)}
    common = {key: stated[key] for key in stated if key in known}
    for index, phase in enumerate(stated.get("phases", ())):
        if unknown := sorted(set(phase) - known):
            raise ValueError(
                f"training.phases[{index}]: unknown key {', '.join(unknown)}; a phase takes"
                f" {', '.join(sorted(known))}"
            )
        if "name" not in phase:
            raise ValueError(f"training.phases[{index}] has no name")
    stopping = stated.get("early_stopping")
    return TrainingOptions(
        **{
            **_with_real_weights(stated),
            "phases": [
                Phase(**_with_real_weights(common | dict(phase)))
                for phase in stated.get("phases", ())
            ],
            "early_stopping": None if stopping is None else EarlyStopping(**stopping),
        }
    )


def _with_real_weights(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return options whose weights of terms are floats: a config file may say 0."""
    weights = stated.get("term_weights") or {}
    return {
        **stated,
        "term_weights": {name: float(weight) for name, weight in weights.items()},
    }
