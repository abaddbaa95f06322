"""Where the time of a training step goes, and what a stack of replicas saves of it.

One thread; NB and ZINB with scVI's network, Gaussian images with MNIST's. The time inside each
kernel is taken by a profile of a training; the time of a step by the same steps without one, in
turn with it. What no kernel accounts for is asking for operations (Python, autograd) and small
operations of torch.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable

import pandas as pd
import torch
from driver import RESULTS, interleaved, written
from publishing import write_summary
from sides.latentbench_side import replicas_of, training_data, without_labels
from sides.task import Task, mnist_sized

from latentbench.logs import log_to
from latentbench.training.loop import TrainingLoop
from latentbench.training.minibatches import minibatches_of_epoch
from latentbench.training.options import Phase, TrainingOptions

TASKS = {
    "NB": Task("nb"),
    "ZINB": Task("zinb"),
    "Gaussian images": mnist_sized("gaussian", n_train=10_000),
    "NB, next to nothing to compute": Task(
        "nb", n_train=2_000, n_vars=200, n_hidden=16, batch_size=8
    ),
}
STEPS, STACKS = 40, (1, 2, 4)
KERNELS = {
    "dense products": ("<built-in method torch.bmm>", "<built-in method torch.baddbmm>"),
    "sparse first layer": ("rows_times_matrix", "transposed_rows_times_matrix"),
    "gradient of the likelihood": ("negative_binomial_gradient", "gaussian_gradient"),
    "Adam": ("adam_step",),
    "gathering and casts": (
        *("gather_rows", "log1p_of_counts"),
        *(
            f"<method '{cast}' of 'torch._C.TensorBase' objects>"
            for cast in ("bfloat16", "float", "index_select")
        ),
    ),
    "hidden units": ("forward of compiled_hidden_units", "backward of compiled_hidden_units"),
}
"""Functions by the names that a profile gives them; those that several files have, with their
file."""


def main(*, rounds: int) -> None:
    """Measure and publish."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            name: parts_of(task, written(task, folder), rounds=rounds)
            for name, task in TASKS.items()
        }
    write_summary("step_parts", pd.concat(tables, names=["task"]).reset_index("task"))


def parts_of(task: Task, data: str, *, rounds: int) -> pd.DataFrame:
    """Return (part, us_per_step, us_per_cell, percent_of_a_step) of one task."""
    steps = {n_replicas: stepper(task, data, n_replicas) for n_replicas in STACKS}
    questions = {
        f"stack of {n}": lambda number, n=n: seconds_of(steps[n]) / STEPS / n for n in STACKS
    }
    questions |= {
        part: lambda number, part=part: seconds_inside(steps[1], KERNELS[part]) / STEPS
        for part in KERNELS
    }
    medians = interleaved(questions, rounds=rounds).groupby("side", sort=False)["answer"].median()
    medians["what is left"] = medians["stack of 1"] - medians[list(KERNELS)].sum()
    us = 1e6 * medians
    parts = pd.DataFrame(
        {
            "us_per_step": us,
            "us_per_cell": us / task.batch_size,
            "percent_of_a_step": 100 * us / us["stack of 1"],
        }
    )
    return parts.rename_axis("part").reset_index()


def stepper(task: Task, data: str, n_replicas: int) -> Callable[[], None]:
    """Return a function that takes ``STEPS`` steps of a stack of replicas, or as many as an epoch
    has.
    """
    cells, seeds = training_data(data, task), list(range(n_replicas))
    phase = Phase(epochs=1, batch_size=task.batch_size)
    loop = TrainingLoop(
        replicas_of(task, seeds),
        cells,
        seeds,
        without_labels(cells, seeds),
        TrainingOptions(phases=[phase], log_every=1),
    )
    loop.load_kernels()
    n_steps = min(STEPS, task.n_train // task.batch_size)
    minibatches = minibatches_of_epoch(
        loop.train, None, loop.order, n_steps=n_steps, size=task.batch_size, labelled_every=None
    )

    def take_steps() -> None:
        loop.model.train()
        for (minibatch,) in minibatches:
            loop._gradient(phase, minibatch, None, wants_values=False)
            loop.optimiser.step()

    return take_steps


def seconds_of(function: Callable[[], None]) -> float:
    """Return the seconds of a call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def seconds_inside(function: Callable[[], None], names: tuple[str, ...]) -> float:
    """Return the seconds that a call spends inside the functions of some names, by a profile; 0
    where none of them is called.
    """
    profile = cProfile.Profile()
    profile.runcall(function)
    return sum(
        own
        for (file, _, called), (_, _, own, _, _) in pstats.Stats(profile).stats.items()
        if called in names or f"{called} of {file.rsplit('/', 1)[-1].removesuffix('.py')}" in names
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=9, help="interleaved rounds that count (default: %(default)s)"
    )
    log_to(RESULTS / "step_parts.log")
    main(**vars(parser.parse_args()))
