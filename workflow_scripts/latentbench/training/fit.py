"""``fit``: train every replica of a model, laid out as the device likes it, whatever happens on the way."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from latentbench.logs import logger
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractModel
from latentbench.outcomes import Outcome
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.loop import Fitted, Plan, ReplicaReport, TrainingLoop, empty_history
from latentbench.training.phases import EarlyStopping, Shape, phases_of
from latentbench.training.progress import Progress, progress_bar
from latentbench.training.replicas import stack_replicas, unstack_replicas
from latentbench.training.tasks import ObservedClasses
from latentbench.training.workers import Died, side_by_side

STACKED_BELOW = 300_000
"""Parameters of a replica below which replicas are stacked on a CPU too."""


def fit(
    model: AbstractModel,
    data: TrainingData,
    *,
    seeds: Sequence[int],
    observed: ObservedClasses,
    n_workers: int = 1,
    device: str = "cpu",
    checkpoints: CheckpointFolder | None = None,
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
    phases: Sequence[Mapping[str, Any]] = (),
    early_stopping: Mapping[str, Any] | None = None,
    precision: str = "auto",
    log_every: int = 5,
    max_minutes: float | None = None,
) -> Fitted:
    """Train every replica of ``model`` by Adam on minibatches of the training cells.

    Each replica has its own minibatch order and noise, from streams seeded by its seed, so its result does not depend on the others.
    On a CPU replicas run side by side on ``n_workers`` processes of one thread (small ones stacked in each); on a GPU they are all stacked.

    Args:
        model: the stacked model of ``seeds``; left unchanged.
        observed: the classes that the task shows.
        checkpoints: where to save the state from time to time and to resume from; None for nowhere.
        epochs: passes over the training cells; more when ``min_steps`` asks for it.
        min_steps: least number of gradient steps: small data sets get more epochs.
        batch_size: cells a step; an incomplete last minibatch is dropped (the cells of it change every epoch).
        learning_rate_schedule: ``constant``, or a fall to zero over the phase, ``cosine`` or ``linear``.
        learning_rate_warmup: steps over which the learning rate rises from zero.
        weight_decay: times the parameters, added to their gradient.
        kl_warmup: fraction of the epochs over which the weights of the ``kl_`` terms rise linearly to their full value.
        term_weights: weight of a term by name, 1 where absent; ``{"kl_z": 4}`` is a beta-VAE.
        clip_gradient: largest norm of a replica's gradient.
        labelled_every: after this many steps comes one on cells whose class is observed; None for no such steps.
        phases: phases to go through, each a name and what it does otherwise than the arguments above (``phases.Phase``); one phase if empty.
        early_stopping: keyword arguments of ``phases.EarlyStopping``; None to train to the end and keep the last weights.
        precision: ``auto`` takes large products in bfloat16 where the device is fast at it and right; ``float32`` never does.
        log_every: epochs between evaluations of the loss, on training and test cells.
        max_minutes: longest training of a stack of replicas; what is not done by then ends as ``timeout``.

    Raises:
        ValueError: arguments that do not fit the model or the data.
        Interrupted: the process was asked to stop (``interruption.stopping_on_signals``); the state is saved.
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
    }
    rule = None if early_stopping is None else EarlyStopping(**early_stopping)
    plan = Plan(phases_of(common, phases), rule, precision, log_every, max_minutes)
    with progress_bar(len(seeds), description=type(model).__name__) as on_progress:
        if torch.device(device).type == "cpu":
            return _fit_side_by_side(model, data, seeds, observed, plan, checkpoints, n_workers, on_progress)
        return _fit_stacked(model, data, seeds, observed, plan, checkpoints, torch.device(device), on_progress)


def _fit_side_by_side(
    model: AbstractModel,
    data: TrainingData,
    seeds: Sequence[int],
    observed: ObservedClasses,
    plan: Plan,
    checkpoints: CheckpointFolder | None,
    n_workers: int,
    on_progress: Progress,
) -> Fitted:
    """Train in processes of their own, each replica alone or, where a step is little work, as many stacked as share them out evenly.

    If memory runs out, what died is trained again with fewer processes beside it, at last alone.
    """
    torch.set_num_threads(1)
    replicas = unstack_replicas(model)
    groups = _shared_out(len(seeds), n_workers) if is_little_work(replicas[0]) else [[index] for index in range(len(seeds))]
    stacks = [stack_replicas([replicas[index] for index in group]) for group in groups]
    calls = [(stack, data, [seeds[index] for index in group], observed.of(group), plan, checkpoints) for stack, group in zip(stacks, groups, strict=True)]
    TrainingLoop(copy.deepcopy(stacks[0]), data, calls[0][2], calls[0][3], plan).load_kernels()
    parts: dict[int, Fitted | Died] = {}
    while unfinished := [number for number in range(len(groups)) if not isinstance(parts.get(number), Fitted)]:

        def show(call: int, done: float, of: Sequence[int] = unfinished) -> None:
            for index in groups[of[call]]:
                on_progress(index, done)

        parts |= dict(zip(unfinished, side_by_side(_train, [calls[number] for number in unfinished], n_workers=n_workers, on_progress=show), strict=True))
        died = {number: parts[number].reason for number in unfinished if isinstance(parts[number], Died)}
        if not died or n_workers == 1:
            break
        n_workers = max(1, n_workers // 2)
        for number, reason in died.items():
            logger.warning("seed %s: %s; training it again with %d process(es) at a time", calls[number][2], reason, n_workers)
    return _joined([_or_out_of_memory(parts[number], call[0], call[2]) for number, call in enumerate(calls)], seeds)


def is_little_work(replica: AbstractModel) -> bool:
    """Whether a step of one replica takes longer to ask for than to do, so that a stack of replicas costs hardly more (docs/performance.md)."""
    return sum(parameter.numel() for parameter in replica.parameters()) < STACKED_BELOW


def _shared_out(n_replicas: int, n_workers: int) -> list[list[int]]:
    """Return the replicas of each worker."""
    n_stacks = min(n_workers, n_replicas)
    return [list(range(first, n_replicas, n_stacks)) for first in range(n_stacks)]


def _fit_stacked(
    model: AbstractModel,
    data: TrainingData,
    seeds: Sequence[int],
    observed: ObservedClasses,
    plan: Plan,
    checkpoints: CheckpointFolder | None,
    device: torch.device,
    on_progress: Progress,
) -> Fitted:
    """Train all replicas as one stack; if the device's memory runs out, in two of half as many, and so on; one that does not fit alone, on the CPU."""

    def show(done: float) -> None:
        for index in range(len(seeds)):
            on_progress(index, done)

    torch.set_float32_matmul_precision("high" if plan.precision == "auto" else "highest")  # products that stay in float32: by TF32, or exactly
    try:
        return _train(copy.deepcopy(model).to(device), data.to(device), seeds, observed, plan, checkpoints, show)
    except torch.OutOfMemoryError as error:
        reason = str(error).split("\n", maxsplit=1)[0]
    torch.cuda.empty_cache()
    if len(seeds) == 1:
        logger.warning("seed %s does not fit on %s (%s): training it on the CPU", seeds[0], device, reason)
        return _fit_side_by_side(model, data, seeds, observed, plan, checkpoints, 1, on_progress)
    logger.warning("%d replicas do not fit on %s together (%s): training them in two halves", len(seeds), device, reason)
    replicas, half = unstack_replicas(model), len(seeds) // 2
    parts = [
        _fit_stacked(
            stack_replicas([replicas[index] for index in indices]),
            data,
            [seeds[index] for index in indices],
            observed.of(indices),
            plan,
            checkpoints,
            device,
            lambda index, done, of=indices: on_progress(of[index], done),
        )
        for indices in (range(half), range(half, len(seeds)))
    ]
    return _joined(parts, seeds)


def _train(
    model: AbstractModel,
    data: TrainingData,
    seeds: Sequence[int],
    observed: ObservedClasses,
    plan: Plan,
    checkpoints: CheckpointFolder | None,
    on_progress: Callable[[float], None],
) -> Fitted:
    own = checkpoints.of(tuple(seeds)) if checkpoints else None
    return TrainingLoop(model, data, seeds, observed, plan, checkpoints=own, on_progress=on_progress).run()


def _or_out_of_memory(part: Fitted | Died, stack: AbstractModel, seeds: Sequence[int]) -> Fitted:
    """Return the training, or of a stack that died even alone its weights before it, typed."""
    if isinstance(part, Fitted):
        return part
    logger.warning("seed %s: %s", seeds, part.reason)
    return Fitted(stack, empty_history(), [ReplicaReport(seed, Outcome.OOM, part.reason, 0.0, 0.0, 0) for seed in seeds])


def _joined(parts: Sequence[Fitted], seeds: Sequence[int]) -> Fitted:
    """Return the parts as one, replicas in the order of ``seeds``."""
    order = [report.seed for part in parts for report in part.reports]
    replicas = dict(zip(order, unstack_replicas(stack_replicas([part.model for part in parts])), strict=True))
    reports = {report.seed: report for part in parts for report in part.reports}
    histories = [part.history for part in parts if len(part.history)]
    history = pd.concat(histories, ignore_index=True) if histories else parts[0].history
    rank = {seed: place for place, seed in enumerate(seeds)}
    history = history.sort_values("replica", key=lambda column: column.map(rank), kind="stable", ignore_index=True)
    return Fitted(stack_replicas([replicas[seed] for seed in seeds]), history, [reports[seed] for seed in seeds])
