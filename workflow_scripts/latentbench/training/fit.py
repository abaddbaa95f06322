"""The one training loop, for every model and every number of replicas."""

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentbench.logs import logger
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractModel
from latentbench.outcomes import Outcome
from latentbench.random_streams import RandomStreams, drawing_from
from latentbench.training.devices import peak_memory_mb
from latentbench.training.optimiser import FlatAdam
from latentbench.training.replicas import side_by_side, stack_replicas, unstack_replicas
from latentbench.training.tasks import ObservedClasses


@dataclass(frozen=True)
class ReplicaReport:
    """How the training of one replica ended: seconds of wall time, peak memory of its process (or of the device) in MB."""

    seed: int
    status: Outcome
    reason: str
    seconds: float
    peak_memory_mb: float
    epochs: int


@dataclass(frozen=True)
class Fitted:
    """A trained (stacked) model, its tidy history (replica, epoch, term, split, value) and a report a replica."""

    model: AbstractModel
    history: pd.DataFrame
    reports: list[ReplicaReport]


@dataclass
class _History:
    """Per-cell means of the loss terms, collected on the device and read once at the end."""

    rows: list[tuple[int, str, dict[str, Float[Tensor, " replicas"]]]] = field(default_factory=list)

    def frame(self, seeds: Sequence[int]) -> pd.DataFrame:
        """Return the tidy frame; ``loss`` is the sum of the terms, each with weight one."""
        tidy = []
        for epoch, split, terms in self.rows:
            values = {name: tensor.tolist() for name, tensor in {**terms, "loss": sum(terms.values())}.items()}
            tidy.extend((seed, epoch, name, split, per_replica[index]) for name, per_replica in values.items() for index, seed in enumerate(seeds))
        frame = pd.DataFrame(tidy, columns=["replica", "epoch", "term", "split", "value"])
        return frame.sort_values(["replica", "split", "epoch"], kind="stable", ignore_index=True)


def fit(
    model: AbstractModel,
    data: TrainingData,
    *,
    seeds: Sequence[int],
    observed: ObservedClasses,
    n_workers: int = 1,
    device: str = "cpu",
    epochs: int = 100,
    min_steps: int = 0,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.0,
    kl_warmup: float = 0.0,
    term_weights: Mapping[str, float] | None = None,
    clip_gradient: float | None = None,
    log_every: int = 5,
) -> Fitted:
    """Train every replica of ``model`` by Adam on minibatches of the training cells.

    Each replica has its own minibatch order and noise, from streams seeded by its seed, so its result does not depend on the others.
    On a CPU replicas run side by side on ``n_workers`` processes of one thread; on a GPU they are stacked.

    Args:
        model: the stacked model of ``seeds``; left unchanged.
        observed: the classes that the task shows.
        epochs: passes over the training cells; more when ``min_steps`` asks for it.
        min_steps: least number of gradient steps: small data sets get more epochs.
        batch_size: cells a step; an incomplete last minibatch is dropped (the cells of it change every epoch).
        kl_warmup: fraction of the epochs over which the weights of the ``kl_`` terms rise linearly to their full value.
        term_weights: weight of a term by name, 1 where absent; ``{"kl_z": 4}`` is a beta-VAE.
        clip_gradient: largest norm of a replica's gradient.
        log_every: epochs between evaluations of the test cells.
    """
    options = {
        "epochs": epochs,
        "min_steps": min_steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "kl_warmup": kl_warmup,
        "term_weights": dict(term_weights or {}),
        "clip_gradient": clip_gradient,
        "log_every": log_every,
    }
    if torch.device(device).type != "cpu":
        return _fit_stack(copy.deepcopy(model).to(device), data.to(torch.device(device)), seeds, observed, options)
    data = data.with_sparse_inputs(model.likelihood)
    calls = [
        (replica, data, [seed], ObservedClasses(observed.y[index : index + 1], observed.fraction, observed.true_labels), options)
        for index, (replica, seed) in enumerate(zip(unstack_replicas(model), seeds, strict=True))
    ]
    parts = side_by_side(_fit_stack, calls, n_workers=n_workers)
    return Fitted(
        stack_replicas([part.model for part in parts]),
        pd.concat([part.history for part in parts], ignore_index=True),
        [report for part in parts for report in part.reports],
    )


def _fit_stack(model: AbstractModel, data: TrainingData, seeds: Sequence[int], observed: ObservedClasses, options: Mapping) -> Fitted:
    """Train all replicas of a stack together, on the device where data and model are."""
    started = time.perf_counter()
    device = data.x.device
    if len(data.train) < 2:
        raise ValueError(f"{len(data.train)} training cell: batch normalisation needs at least 2; lower preprocessing.split.test_fraction or bring more cells")
    order, noise = (RandomStreams(seeds, purpose, device) for purpose in ("order", "noise"))
    y = observed.y.to(device)
    batch_size = min(options["batch_size"], len(data.train))
    n_steps = len(data.train) // batch_size
    n_epochs = max(options["epochs"], math.ceil(options["min_steps"] / n_steps))
    optimiser = FlatAdam(model, learning_rate=options["learning_rate"], weight_decay=options["weight_decay"])
    history = _History()
    diverged_at: dict[int, tuple[int, str]] = {}
    for epoch in range(1, n_epochs + 1):
        model.train()
        shown = y if epoch <= math.ceil(observed.fraction * n_epochs) else None
        cells_of_steps = data.train[order.permutations(len(data.train))][:, : n_steps * batch_size].unflatten(1, (n_steps, batch_size))
        totals: dict[str, Tensor] = {}
        for step in range(n_steps):
            cells = cells_of_steps[:, step]
            with drawing_from(noise):
                minibatch = data.minibatch(cells, model.likelihood, y=None if shown is None else shown.gather(1, cells))
                terms = {name: term.mean(-1) for name, term in model.loss_terms(minibatch).items()}
            # A sum over replicas: each replica's gradient is that of its own mean loss.
            weights = _term_weights(terms, epoch, n_epochs, options)
            sum(weights[name] * term.sum() for name, term in terms.items()).backward()
            if options["clip_gradient"] is not None:
                optimiser.clip(options["clip_gradient"])
            optimiser.step()
            for name, term in terms.items():
                totals[name] = totals.get(name, 0) + term.detach() / n_steps
        history.rows.append((epoch, "train", totals))
        finite = totals
        if epoch % options["log_every"] == 0 or epoch == n_epochs:
            tested = evaluate_terms(model, data, seeds, data.test)
            history.rows.append((epoch, "test", tested))
            _log_epoch(epoch, n_epochs, seeds, totals)
            # The last step of all is seen in the test terms alone.
            finite = {**totals, **{f"{name} of the test cells": term for name, term in tested.items()}}
        for index, term in _non_finite(finite, set(diverged_at)):
            diverged_at[index] = (epoch, f"non-finite '{term}' in epoch {epoch}; lower learning_rate or set clip_gradient")
            logger.warning("replica of seed %s diverged: %s", seeds[index], diverged_at[index][1])
        if len(diverged_at) == len(seeds):
            break
    reports = _reports(seeds, diverged_at, n_epochs=n_epochs, seconds=time.perf_counter() - started, device=device)
    return Fitted(model.to("cpu"), history.frame(seeds), reports)


def _reports(seeds: Sequence[int], diverged_at: Mapping[int, tuple[int, str]], *, n_epochs: int, seconds: float, device: torch.device) -> list[ReplicaReport]:
    """Return how each replica of a stack ended; the stack's time is shared out evenly."""
    reports = []
    for index, seed in enumerate(seeds):
        epochs, reason = diverged_at.get(index, (n_epochs, ""))
        outcome = Outcome.DIVERGED if index in diverged_at else Outcome.OK
        reports.append(ReplicaReport(seed, outcome, reason, round(seconds / len(seeds), 6), peak_memory_mb(device), epochs))
    return reports


@torch.no_grad()
def evaluate_terms(
    model: AbstractModel, data: TrainingData, seeds: Sequence[int], cells: Int[Tensor, " cells"], *, chunk: int = 1024
) -> dict[str, Float[Tensor, " replicas"]]:
    """Return the per-cell mean of every loss term over ``cells``, in eval mode, no class observed, the noise the same at every call."""
    model.eval()
    totals: dict[str, Tensor] = {}
    with drawing_from(RandomStreams(seeds, "evaluation", data.x.device)):
        for part in cells.split(chunk):
            terms = model.loss_terms(data.minibatch(part.expand(len(seeds), -1), model.likelihood))
            for name, term in terms.items():
                totals[name] = totals.get(name, 0) + term.sum(-1) / len(cells)
    return totals


def _term_weights(terms: Mapping[str, Tensor], epoch: int, n_epochs: int, options: Mapping) -> dict[str, float]:
    if unknown := sorted(set(options["term_weights"]) - set(terms)):
        raise ValueError(f"training.term_weights: the model has no term {', '.join(unknown)}; its terms are {', '.join(terms)}")
    warmup_epochs = options["kl_warmup"] * n_epochs
    ramp = min(1.0, epoch / warmup_epochs) if warmup_epochs else 1.0
    return {name: options["term_weights"].get(name, 1.0) * (ramp if name.startswith("kl_") else 1.0) for name in terms}


def _non_finite(terms: Mapping[str, Float[Tensor, " replicas"]], known: set[int]) -> list[tuple[int, str]]:
    """Return (replica, first term that is not finite) of the replicas not yet known to have diverged."""
    first: dict[int, str] = {}
    for name, term in terms.items():
        bad: Bool[Tensor, " replicas"] = ~torch.isfinite(term)
        for index in bad.nonzero().flatten().tolist():
            first.setdefault(index, name)
    return [(index, name) for index, name in sorted(first.items()) if index not in known]


def _log_epoch(epoch: int, n_epochs: int, seeds: Sequence[int], terms: Mapping[str, Tensor]) -> None:
    means = "  ".join(f"{name} {term.mean().item():.4g}" for name, term in terms.items())
    logger.info("seed %s  epoch %d/%d  %s", ",".join(map(str, seeds)), epoch, n_epochs, means)
