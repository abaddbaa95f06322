"""``fit``: train every replica of a model, laid out as the device likes it, whatever happens on the
way.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch

from latentbench.logs import logger
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractModel
from latentbench.outcomes import Outcome
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.loop import TrainingLoop
from latentbench.training.options import TrainingOptions
from latentbench.training.progress import Progress, progress_bar
from latentbench.training.record import Fitted, ReplicaReport, empty_history
from latentbench.training.replicas import stack_replicas, unstack_replicas
from latentbench.training.tasks import ObservedClasses
from latentbench.training.workers import Died, side_by_side

STACKED_BELOW = 8e7
"""Parameters of a replica times cells of a minibatch, below which replicas are stacked on a CPU
too."""


@dataclass(frozen=True)
class RunOptions:
    """How a training is run, which changes nothing of what comes out on the same device.

    ``n_workers`` processes of one thread each on a CPU; ``checkpoints``: where to save the state
    from time to time and to resume from, None for nowhere; ``show_progress``: a bar, if standard
    error is a terminal."""

    n_workers: int = 1
    device: str = "cpu"
    checkpoints: CheckpointFolder | None = None
    show_progress: bool = True


def fit(
    model: AbstractModel,
    data: TrainingData,
    *,
    seeds: Sequence[int],
    observed: ObservedClasses,
    options: TrainingOptions | None = None,
    run: RunOptions | None = None,
) -> Fitted:
    """Train every replica of ``model`` by Adam on minibatches of the training cells.

    Each replica has its own minibatch order and noise, from streams seeded by its seed, so its
    result does not depend on the others. On a CPU replicas run side by side on the run's workers
    (small ones stacked in each); on a GPU they are all stacked.

    Args:
        model: the stacked model of ``seeds``; left unchanged. observed: the classes that the task
        shows. options, run: those of ``training.options`` and above; their defaults if left out.

    Raises:
        ValueError: options that do not fit the model or the data. Interrupted: the process was
        asked to stop (``interruption.stopping_on_signals``); the state is saved.
    """
    options, run = options or TrainingOptions(), run or RunOptions()
    stack = _Stack(model, data, tuple(seeds), observed, options, run.checkpoints)
    with progress_bar(
        len(seeds), description=type(model).__name__, shown=run.show_progress
    ) as on_progress:
        if torch.device(run.device).type == "cpu":
            return _fit_side_by_side(stack, run.n_workers, on_progress)
        return _fit_stacked(stack, torch.device(run.device), on_progress)


@dataclass(frozen=True)
class _Stack:
    """Replicas to be trained together, and all that it takes."""

    model: AbstractModel
    data: TrainingData
    seeds: tuple[int, ...]
    observed: ObservedClasses
    options: TrainingOptions
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


def _loop(stack: _Stack, **given: Any) -> TrainingLoop:
    return TrainingLoop(
        stack.model, stack.data, stack.seeds, stack.observed, stack.options, **given
    )


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
    return (
        n_parameters * max(phase.batch_size for phase in stack.options.all_phases) < STACKED_BELOW
    )


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
        "high" if stack.options.precision == "auto" else "highest"
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
