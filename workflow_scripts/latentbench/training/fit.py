"""``fit``: train every replica of a model, laid out as the device likes it, whatever happens on the
way.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch

from latentbench.logs import logger
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractModel
from latentbench.outcomes import Outcome
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.loop import Plan, TrainingLoop
from latentbench.training.phases import EarlyStopping, Shape, phases_of
from latentbench.training.progress import Progress, progress_bar
from latentbench.training.record import Fitted, ReplicaReport, empty_history
from latentbench.training.replicas import stack_replicas, unstack_replicas
from latentbench.training.tasks import ObservedClasses
from latentbench.training.workers import Died, side_by_side

STACKED_BELOW = 8e7
"""Parameters of a replica times cells of a minibatch, below which replicas are stacked on a CPU
too."""


def fit(
    model: AbstractModel,
    data: TrainingData,
    *,
    seeds: Sequence[int],
    observed: ObservedClasses,
    n_workers: int = 1,
    device: str = "cpu",
    checkpoints: CheckpointFolder | None = None,
    show_progress: bool = True,
    epochs: int = 100,
    min_steps: int = 0,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    learning_rate_schedule: Shape = "constant",
    learning_rate_warmup: int = 0,
    weight_decay: float = 0.0,
    kl_warmup: float = 0.0,
    term_weights: Mapping[str, float] | None = None,
    clip_gradient: float | None = None,
    labelled_every: int | None = None,
    refresh_every: int | None = None,
    settled_below: float = 0.0,
    phases: Sequence[Mapping[str, Any]] = (),
    early_stopping: Mapping[str, Any] | None = None,
    precision: str = "auto",
    log_every: int = 5,
    max_minutes: float | None = None,
) -> Fitted:
    """Train every replica of ``model`` by Adam on minibatches of the training cells.

    Each replica has its own minibatch order and noise, from streams seeded by its seed, so its
    result does not depend on the others. On a CPU replicas run side by side on ``n_workers``
    processes of one thread (small ones stacked in each); on a GPU they are all stacked.

    Args:
        model: the stacked model of ``seeds``; left unchanged. observed: the classes that the task
        shows. checkpoints: where to save the state from time to time and to resume from; None for
        nowhere. show_progress: a bar, if standard error is a terminal. epochs: passes over the
        training cells; more when ``min_steps`` asks for it. min_steps: least number of gradient
        steps: small data sets get more epochs. batch_size: cells a step; an incomplete last
        minibatch is dropped (the cells of it change every epoch). learning_rate_schedule:
        ``constant``, or a fall to zero over the phase, ``cosine`` or ``linear``.
        learning_rate_warmup: steps over which the learning rate rises from zero. weight_decay:
        times the parameters, added to their gradient. kl_warmup: fraction of the epochs over which
        the weights of the ``kl_`` terms rise linearly to their full value. term_weights: weight of
        a term by name, 1 where absent; ``{"kl_z": 4}`` is a beta-VAE. clip_gradient: largest norm
        of a replica's gradient. labelled_every: after this many steps comes one on cells whose
        class is observed; None for no such steps. refresh_every: steps between computing the
        cluster probabilities of all training cells anew, for models whose loss asks for them; None
        for never. settled_below: a replica in which a smaller share of the cells changed their
        cluster between two refreshes is done. phases: phases to go through, each a name and what it
        does otherwise than the arguments above (``phases.Phase``); one phase if empty.
        early_stopping: keyword arguments of ``phases.EarlyStopping``; None to train to the end and
        keep the last weights. precision: ``auto`` takes large products in bfloat16 where the device
        is fast at it and right; ``float32`` never does. log_every: epochs between evaluations of
        the loss, on training and test cells. max_minutes: longest training of a stack of replicas;
        what is not done by then ends as ``timeout``.

    Raises:
        ValueError: arguments that do not fit the model or the data. Interrupted: the process was
        asked to stop (``interruption.stopping_on_signals``); the state is saved.
    """
    common = {
        "epochs": epochs,
        "min_steps": min_steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "learning_rate_schedule": learning_rate_schedule,
        "learning_rate_warmup": learning_rate_warmup,
        "weight_decay": weight_decay,
        "kl_warmup": kl_warmup,
        "term_weights": dict(term_weights or {}),
        "clip_gradient": clip_gradient,
        "labelled_every": labelled_every,
        "refresh_every": refresh_every,
        "settled_below": settled_below,
    }
    rule = None if early_stopping is None else EarlyStopping(**early_stopping)
    plan = Plan(phases_of(common, phases), rule, precision, log_every, max_minutes)
    stack = _Stack(model, data, tuple(seeds), observed, plan, checkpoints)
    with progress_bar(
        len(seeds), description=type(model).__name__, shown=show_progress
    ) as on_progress:
        if torch.device(device).type == "cpu":
            return _fit_side_by_side(stack, n_workers, on_progress)
        return _fit_stacked(stack, torch.device(device), on_progress)


@dataclass(frozen=True)
class _Stack:
    """Replicas to be trained together, and all that it takes."""

    model: AbstractModel
    data: TrainingData
    seeds: tuple[int, ...]
    observed: ObservedClasses
    plan: Plan
    checkpoints: CheckpointFolder | None

    def part(self, replicas: Sequence[int]) -> "_Stack":
        """Return the stack of some of the replicas."""
        alone = unstack_replicas(self.model)
        model = stack_replicas([alone[index] for index in replicas])
        return replace(
            self,
            model=model,
            seeds=tuple(self.seeds[index] for index in replicas),
            observed=self.observed.of(replicas),
        )

    def on(self, device: torch.device) -> "_Stack":
        """Return a copy on a device."""
        return replace(self, model=copy.deepcopy(self.model).to(device), data=self.data.to(device))


def _train(stack: _Stack, on_progress: Callable[[float], None]) -> Fitted:
    checkpoints = stack.checkpoints.of(stack.seeds) if stack.checkpoints else None
    return _loop(stack, checkpoints=checkpoints, on_progress=on_progress).run()


def _loop(stack: _Stack, **options: Any) -> TrainingLoop:
    return TrainingLoop(stack.model, stack.data, stack.seeds, stack.observed, stack.plan, **options)


def _fit_side_by_side(stack: _Stack, n_workers: int, on_progress: Progress) -> Fitted:
    """Train in processes of their own, each replica alone or, where a step is little work, as many
    stacked as share them out evenly.

    If memory runs out, what died is trained again with fewer processes beside it, at last alone.
    """
    torch.set_num_threads(1)
    groups = (
        _shared_out(len(stack.seeds), n_workers)
        if _is_little_work(stack)
        else [[index] for index in range(len(stack.seeds))]
    )
    parts = [stack.part(group) for group in groups]
    _loop(replace(parts[0], model=copy.deepcopy(parts[0].model))).load_kernels()
    trained: dict[int, Fitted | Died] = {}
    while unfinished := [
        number for number in range(len(parts)) if not isinstance(trained.get(number), Fitted)
    ]:

        def show(call: int, done: float, of: Sequence[int] = unfinished) -> None:
            for index in groups[of[call]]:
                on_progress(index, done)

        trained |= dict(
            zip(
                unfinished,
                side_by_side(
                    _train,
                    [(parts[number],) for number in unfinished],
                    n_workers=n_workers,
                    on_progress=show,
                ),
                strict=True,
            )
        )
        died = {
            number: trained[number].reason
            for number in unfinished
            if isinstance(trained[number], Died)
        }
        if not died or n_workers == 1:
            break
        n_workers = max(1, n_workers // 2)
        for number, reason in died.items():
            logger.warning(
                "seed %s: %s; training it again with %d process(es) at a time",
                _names(parts[number]),
                reason,
                n_workers,
            )
    return _joined(
        [_or_out_of_memory(trained[number], part) for number, part in enumerate(parts)], stack.seeds
    )


def _is_little_work(stack: _Stack) -> bool:
    """Whether asking for the operations of a step takes so much of its time that a stack of
    replicas costs less than they do apart (docs/performance.md).

    The answer is the same for any number of replicas, so that a replica's numbers do not depend on
    it (they are the same bytes either way, as a test shows)."""
    n_parameters = sum(parameter.numel() for parameter in stack.model.parameters()) / len(
        stack.seeds
    )
    return n_parameters * max(phase.batch_size for phase in stack.plan.phases) < STACKED_BELOW


def _shared_out(n_replicas: int, n_workers: int) -> list[list[int]]:
    """Return the replicas of each worker."""
    n_stacks = min(n_workers, n_replicas)
    return [list(range(first, n_replicas, n_stacks)) for first in range(n_stacks)]


def _fit_stacked(stack: _Stack, device: torch.device, on_progress: Progress) -> Fitted:
    """Train all replicas as one stack; if the device's memory runs out, in two of half as many, and
    so on; one that does not fit alone, on the CPU.
    """

    def show(done: float) -> None:
        for index in range(len(stack.seeds)):
            on_progress(index, done)

    torch.set_float32_matmul_precision(
        "high" if stack.plan.precision == "auto" else "highest"
    )  # products that stay in float32: by TF32, or exactly
    try:
        return _train(stack.on(device), show)
    except torch.OutOfMemoryError as error:
        reason = str(error).split("\n", maxsplit=1)[0]
    torch.cuda.empty_cache()
    if len(stack.seeds) == 1:
        logger.warning(
            "seed %s does not fit on %s (%s): training it on the CPU", _names(stack), device, reason
        )
        return _fit_side_by_side(stack, 1, on_progress)
    logger.warning(
        "%d replicas do not fit on %s together (%s): training them in two halves",
        len(stack.seeds),
        device,
        reason,
    )
    half = len(stack.seeds) // 2
    halves = (range(half), range(half, len(stack.seeds)))
    parts = [
        _fit_stacked(
            stack.part(indices),
            device,
            lambda index, done, of=indices: on_progress(of[index], done),
        )
        for indices in halves
    ]
    return _joined(parts, stack.seeds)


def _or_out_of_memory(trained: Fitted | Died, stack: _Stack) -> Fitted:
    """Return the training, or of a stack that died even alone its weights before it, typed."""
    if isinstance(trained, Fitted):
        return trained
    logger.warning("seed %s: %s", _names(stack), trained.reason)
    return Fitted(
        stack.model,
        empty_history(),
        [ReplicaReport(seed, Outcome.OOM, trained.reason, 0.0, 0.0, 0) for seed in stack.seeds],
    )


def _names(stack: _Stack) -> str:
    return ",".join(map(str, stack.seeds))


def _joined(parts: Sequence[Fitted], seeds: Sequence[int]) -> Fitted:
    """Return the parts as one, replicas in the order of ``seeds``."""
    order = [report.seed for part in parts for report in part.reports]
    replicas = dict(
        zip(order, unstack_replicas(stack_replicas([part.model for part in parts])), strict=True)
    )
    reports = {report.seed: report for part in parts for report in part.reports}
    histories = [part.history for part in parts if len(part.history)]
    history = pd.concat(histories, ignore_index=True) if histories else parts[0].history
    rank = {seed: place for place, seed in enumerate(seeds)}
    history = history.sort_values(
        "replica", key=lambda column: column.map(rank), kind="stable", ignore_index=True
    )
    return Fitted(
        stack_replicas([replicas[seed] for seed in seeds]),
        history,
        [reports[seed] for seed in seeds],
    )
