"""The one training loop: the replicas of one stack through the phases of a training, resumable at
any step.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentbench.kernels.bf16_products import has_fast_bf16, products_in_bf16
from latentbench.kernels.log_prob import gradients_only
from latentbench.logs import logger
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractClusteringModel, AbstractModel, TrainingCells
from latentbench.outcomes import Outcome
from latentbench.training import interruption
from latentbench.training.checkpoints import Checkpoints
from latentbench.training.devices import peak_memory_mb
from latentbench.training.divergence import Divergence
from latentbench.training.early_stopping import StoppingState
from latentbench.training.minibatches import minibatches_of_epoch
from latentbench.training.optimiser import FlatAdam
from latentbench.training.options import Phase, TrainingOptions
from latentbench.training.passes import (
    codes_of,
    compute_on,
    evaluate_terms,
    inputs_of,
    without_validation,
)
from latentbench.training.record import Fitted, ReplicaReport, tidy_history
from latentbench.training.refreshing import ClusterRefresh
from latentbench.training.state import State, Stateful, joined, part_of
from latentbench.training.tasks import ObservedClasses


class TrainingLoop:
    """The training of one stack of replicas on the device where model and data are.

    Everything that changes is in ``model``, the parts that say their own ``state``, the two random
    streams and a few numbers, so that a run which was stopped after any step goes on with the same
    bytes (on a CPU)."""

    def __init__(
        self,
        model: AbstractModel,
        data: TrainingData,
        seeds: Sequence[int],
        observed: ObservedClasses,
        options: TrainingOptions,
        *,
        checkpoints: Checkpoints | None = None,
        on_progress: Callable[[float], None] = lambda done: None,
    ) -> None:
        if len(data.train) < 2:
            raise ValueError(
                f"{len(data.train)} training cell: batch normalisation needs at least 2; lower"
                " preprocessing.split.test_fraction or bring more cells"
            )
        self.model, self.data, self.seeds = model, data, list(seeds)
        self.observed, self.options, self.phases = observed, options, options.all_phases
        self.checkpoints, self.on_progress = checkpoints, on_progress
        self.y = observed.y.to(data.device)
        self.train, self.validation = without_validation(data, self.seeds, options.early_stopping)
        self.order, self.noise = (
            RandomStreams(self.seeds, purpose, data.device) for purpose in ("order", "noise")
        )
        self.in_bf16 = options.precision == "auto" and has_fast_bf16(data.device)
        self.steps_an_epoch = [
            max(1, self.train.shape[1] // self._batch_size(phase)) for phase in self.phases
        ]
        self.epochs = [
            phase.n_epochs(n_steps)
            for phase, n_steps in zip(self.phases, self.steps_an_epoch, strict=True)
        ]
        self.phase = self.epoch = self.step = self.seconds_before = 0
        self.rows: list[tuple[int, str, dict[str, list[float]]]] = []
        self.totals: dict[str, Float[Tensor, " replicas"]] = {}
        self.divergence = Divergence()
        self.stopping: StoppingState | None = None
        self.refreshed = ClusterRefresh()
        self.timed_out = False

    def run(self) -> Fitted:
        """Train to the end, or from where a checkpoint left off.

        Raises:
            Interrupted: the process was asked to stop; the state is saved, if there is a place for
            it.
        """
        self.started = time.perf_counter()
        resumed = self._resume()
        was_done = self.phase == len(self.phases)
        while self.phase < len(self.phases) and not self._is_over():
            if not resumed:
                self._begin_phase()
            resumed = False
            while self.epoch < self.epochs[self.phase] and not self._is_over():
                self._train_epoch()
                self.epoch += 1
                self.step = 0
            if self.epoch == self.epochs[self.phase]:
                self.phase, self.epoch = self.phase + 1, 0
        if self.checkpoints and not was_done and self.checkpoints.wants_end(self.seconds()):
            self.checkpoints.save(*self.state())
        if self.stopping:
            self.stopping.restore_best(self.model)
        self.refreshed.restore_settled(self.model)
        return Fitted(
            self.model.to("cpu"),
            tidy_history(self.rows, self.seeds, self._last_epoch),
            self._reports(),
        )

    def load_kernels(self) -> None:
        """Take a step and throw it away: what is compiled is then loaded for all processes that are
        forked from this one.
        """
        self.start_optimiser()
        self.model.train()
        cells = self.train[:, : self._batch_size(self.phases[0])]
        self._gradient(self.phases[0], cells, None, wants_values=True)
        self.optimiser.step()
        evaluate_terms(self.model, self.data, self.seeds, cells)

    def _begin_phase(self) -> None:
        phase = self.phases[self.phase]
        self.start_optimiser()
        self.refreshed.forget()
        classes = self.y.gather(1, self.train)
        codes, inputs = (
            partial(codes_of, self.model, self.data, self.train),
            partial(inputs_of, self.model, self.data, self.train),
        )
        self.model.begin_phase(phase.name, TrainingCells(self.seeds, codes, classes, inputs))
        self._watch_last_phase()
        if len(self.phases) > 1:
            logger.info("seed %s  phase '%s'", self._names(), phase.name)

    def _watch_last_phase(self) -> None:
        """Begin to look for replicas that stop early: in the last phase, once the model has made
        itself ready for it. Those before have other losses, and are to be trained to their end.
        """
        if self.options.early_stopping and self.phase == len(self.phases) - 1:
            self.stopping = StoppingState.start(self.options.early_stopping, self.model)

    def start_optimiser(self) -> None:
        """Make the optimiser of a phase, and let it train the parts that the phase names."""
        phase = self.phases[self.phase]
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(
                not phase.trains or any(f"{name}.".startswith(f"{part}.") for part in phase.trains)
            )
        if not any(parameter.requires_grad for parameter in self.model.parameters()):
            raise ValueError(
                f"training phase '{phase.name}' trains {list(phase.trains)}: the model's parts are"
                f" {sorted(dict(self.model.named_children()))}"
            )
        self.optimiser = FlatAdam(
            self.model, learning_rate=phase.learning_rate, weight_decay=phase.weight_decay
        )

    def _train_epoch(self) -> None:
        """Take the steps of an epoch, the first of them ``self.step``."""
        phase, n_steps = self.phases[self.phase], self.steps_an_epoch[self.phase]
        if self.step == 0:
            self.order_at_start, self.totals = self.order.state(), {}
        else:
            self.order.restore(self.order_at_start)
        shown = (
            self.y
            if self.epoch + 1 <= math.ceil(self.observed.fraction * self.epochs[self.phase])
            else None
        )
        minibatches = minibatches_of_epoch(
            self.train,
            shown,
            self.order,
            n_steps=n_steps,
            size=self._batch_size(phase),
            labelled_every=phase.labelled_every,
        )
        is_logged = self._is_logged()
        wants_values = is_logged or not self.model.linear_in_log_prob
        self.model.train()
        for step in range(self.step, n_steps):
            self._refresh_if_due(phase, self.epoch * n_steps + step)
            self.optimiser.learning_rate = phase.learning_rate_at(
                self.epoch * n_steps + step, self.epochs[self.phase] * n_steps
            )
            for cells in minibatches[step]:
                terms = self._gradient(phase, cells, shown, wants_values=wants_values)
                if phase.clip_gradient is not None:
                    self.optimiser.clip(phase.clip_gradient)
                self.optimiser.step()
            if is_logged:
                self.totals = {
                    name: self.totals.get(name, 0) + term.detach().mean(-1) / n_steps
                    for name, term in terms.items()
                }
            self.step = step + 1
            self._pause_if_asked()
        self._end_epoch(is_logged)

    def _gradient(
        self,
        phase: Phase,
        cells: Int[Tensor, "replicas batch"],
        shown: Int[Tensor, "replicas obs"] | None,
        *,
        wants_values: bool,
    ) -> dict[str, Float[Tensor, "replicas batch"]]:
        """Leave in every replica's parameters the gradient of its own mean weighted loss over the
        cells; return the terms.
        """
        y = None if shown is None else shown.gather(1, cells)
        with (
            drawing_from(self.noise),
            products_in_bf16(self.in_bf16),
            nullcontext() if wants_values else gradients_only(),
        ):
            terms = self.model.loss_terms(
                self.data.minibatch(
                    cells,
                    self.model.likelihood,
                    y=y,
                    probs_at_refresh=self.refreshed.probs_of(cells),
                )
            )
        weights = phase.term_weights_at(self.epoch + 1, self.epochs[self.phase], list(terms))
        parts = [
            (term, weights[name])
            for name, term in terms.items()
            if term.requires_grad and weights[name]
        ]
        # What arrives at a cell of the mean over cells of a weighted sum of terms: no loss needs to
        # be added up.
        torch.autograd.backward(
            [term for term, _ in parts],
            [torch.full_like(term, weight / cells.shape[1]) for term, weight in parts],
        )
        return terms

    def _end_epoch(self, is_logged: bool) -> None:
        """Look for replicas that broke, evaluate and log, and let early stopping look."""
        epoch = self._epochs_done() + 1
        finite = {
            "parameters": sum(
                parameter.detach().flatten(1).sum(1) for parameter in self.model.parameters()
            )
        }
        if is_logged:
            tested = evaluate_terms(
                self.model, self.data, self.seeds, self.data.test.expand(len(self.seeds), -1)
            )
            finite |= {
                **self.totals,
                **{f"{name} of the test cells": term for name, term in tested.items()},
            }
            self._log(epoch, {"train": self.totals, "test": tested})
            if self.options.early_stopping:
                validated = evaluate_terms(self.model, self.data, self.seeds, self.validation)
                self._log(epoch, {"validation": validated})
            if self.stopping:
                # At the weights that the phase ends with: a warm-up would pass for a rise.
                weights = self.phases[self.phase].term_weights_at(1, 0, list(validated))
                loss = sum(
                    weights[name] * term for name, term in validated.items() if weights[name]
                )
                self.stopping.look(self.model, loss, epoch)
        self.refreshed.settle(
            self.model, epoch, already_over=self.stopping.stopped_at if self.stopping else ()
        )
        self.on_progress(epoch / sum(self.epochs))
        self.divergence.look(finite, epoch, self.seeds)
        self.timed_out = (
            self.options.max_minutes is not None
            and self.seconds() > 60 * self.options.max_minutes
            and not self._is_last()
        )

    def _refresh_if_due(self, phase: Phase, step: int) -> None:
        if phase.refresh_every is None or step % phase.refresh_every:
            return
        if not isinstance(self.model, AbstractClusteringModel):
            raise ValueError(
                f"training.refresh_every: {type(self.model).__name__} has no clusters of its own to"
                " refresh; leave it out"
            )
        probs = compute_on(self.model, self.data, self.train, self.model.cluster_probs)
        self.model.refresh(probs)
        self.refreshed.take(probs, self.train, self.data.n_obs, settled_below=phase.settled_below)
        self.model.train()

    def _is_logged(self) -> bool:
        return (self.epoch + 1) % self.options.log_every == 0 or self.epoch + 1 == self.epochs[
            self.phase
        ]

    def _is_last(self) -> bool:
        return self._epochs_done() + 1 == sum(self.epochs)

    def _has_stopped(self, index: int) -> bool:
        return index in self.refreshed.settled_at or (
            self.stopping is not None and index in self.stopping.stopped_at
        )

    def _last_epoch(self, index: int) -> int:
        """Return the epoch in which a replica broke or stopped, the last one of all otherwise: what
        its stack does after that is not of it.
        """
        if index in self.divergence.found:
            return self.divergence.found[index][0]
        stopped = self.stopping.stopped_at.get(index, math.inf) if self.stopping else math.inf
        return min(stopped, self.refreshed.settled_at.get(index, math.inf), sum(self.epochs))

    def _is_over(self) -> bool:
        """Whether no replica has anything left to do."""
        return self.timed_out or all(
            index in self.divergence.found or self._has_stopped(index)
            for index in range(len(self.seeds))
        )

    def _epochs_done(self) -> int:
        return sum(self.epochs[: self.phase]) + self.epoch

    def _batch_size(self, phase: Phase) -> int:
        return min(phase.batch_size, self.train.shape[1])

    def seconds(self) -> float:
        """Return the wall time of the training so far, before it was stopped included."""
        return self.seconds_before + time.perf_counter() - self.started

    def _names(self) -> str:
        return ",".join(map(str, self.seeds))

    def _log(
        self, epoch: int, terms_of_splits: Mapping[str, Mapping[str, Float[Tensor, " replicas"]]]
    ) -> None:
        for split, terms in terms_of_splits.items():
            values = {
                name: tensor.tolist()
                for name, tensor in {**terms, "loss": sum(terms.values())}.items()
            }
            self.rows.append((epoch, split, values))
            if split == "train":
                means = "  ".join(f"{name} {np.mean(each):.4g}" for name, each in values.items())
                logger.info(
                    "seed %s  epoch %d/%d  %s", self._names(), epoch, sum(self.epochs), means
                )

    def _reports(self) -> list[ReplicaReport]:
        """Return how each replica ended; the stack's time is shared out evenly."""
        seconds = round(self.seconds() / len(self.seeds), 6)
        done, memory, reports = self._epochs_done(), peak_memory_mb(self.data.device), []
        for index, seed in enumerate(self.seeds):
            status, reason = Outcome.OK, ""
            if index in self.divergence.found:
                status, reason = Outcome.DIVERGED, self.divergence.found[index][1]
            elif self.timed_out and not self._has_stopped(index):
                status, reason = (
                    Outcome.TIMEOUT,
                    (
                        f"stopped after training.max_minutes ({self.options.max_minutes:g}) in"
                        f" epoch {done} of {sum(self.epochs)}"
                    ),
                )
            reports.append(
                ReplicaReport(
                    seed, status, reason, seconds, memory, min(done, self._last_epoch(index))
                )
            )
        return reports

    def _parts(self) -> dict[str, Stateful]:
        """The parts that say their own state, but for the optimiser, which each phase makes."""
        watched = {"stopping": self.stopping} if self.stopping else {}
        return {"divergence": self.divergence, "refreshed": self.refreshed, **watched}

    def state(self) -> State:
        """Return everything that changes."""
        streams = {"order": self.order_at_start, "noise": self.noise.state()}
        numbers = {
            "position": [self.phase, self.epoch, self.step],
            "seconds": self.seconds(),
            "rows": self.rows,
            "timed_out": self.timed_out,
        }
        return joined(
            {
                "loop": State(streams, numbers),
                "model": State(self.model.state_dict(), {}),
                # Their names in order: the sum of the terms depends on it.
                "totals": State(self.totals, {"terms": list(self.totals)}),
                "optimiser": self.optimiser.state(),
                **{name: part.state() for name, part in self._parts().items()},
            }
        )

    def restore(self, state: State) -> None:
        """Bring a loop that was made with the same arguments to a state, wherever it was saved."""
        device = self.data.device
        moved = {name: tensor.to(device) for name, tensor in state.tensors.items()}
        numbers = state.numbers["loop"]
        self.phase, self.epoch, self.step = numbers["position"]
        self.seconds_before, self.timed_out = numbers["seconds"], numbers["timed_out"]
        self.rows = [(epoch, split, values) for epoch, split, values in numbers["rows"]]
        # The states of generators are read on the CPU.
        self.order_at_start = state.tensors["loop.order"]
        self.noise.restore(state.tensors["loop.noise"])
        state = State(moved, state.numbers)
        with torch.no_grad():
            for name, tensor in self.model.state_dict().items():
                tensor.copy_(moved[f"model.{name}"])
        totals = part_of(state, "totals")
        self.totals = {name: totals.tensors[name] for name in totals.numbers["terms"]}
        if "stopping" in state.numbers:
            self.stopping = StoppingState.start(self.options.early_stopping, self.model)
        for name, part in self._parts().items():
            part.restore(part_of(state, name))
        if self.phase < len(self.phases):
            self.start_optimiser()
            self.optimiser.restore(part_of(state, "optimiser"))
            self.order.restore(self.order_at_start)

    def _resume(self) -> bool:
        """Go back to the last checkpoint; return whether there is one."""
        saved = self.checkpoints.load() if self.checkpoints else None
        if saved is not None:
            self.restore(State(*saved))
        return saved is not None

    def _pause_if_asked(self) -> None:
        asked = interruption.is_requested()
        if self.checkpoints and (asked or self.checkpoints.is_due()):
            self.checkpoints.save(*self.state())
        if asked:
            raise interruption.Interrupted(
                f"seed {self._names()}: asked to stop in epoch {self._epochs_done() + 1} of"
                f" {sum(self.epochs)}"
            )
