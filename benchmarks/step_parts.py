"""Where the time of a training step goes, and what a stack of replicas saves of it.

One thread, NB, scVI's network. The time inside each kernel is taken by a profile of a training; the time of a step by the same steps without one, in turn with
it. What no kernel accounts for is asking for operations: Python, autograd and small operations of torch.
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
from sides.latentbench_side import training_data
from sides.task import Task

from latentbench.logs import log_to
from latentbench.training.loop import Plan, TrainingLoop
from latentbench.training.phases import Phase
from latentbench.training.replicas import build_replicas
from latentbench.training.tasks import ObservedClasses

TASK, STEPS, STACKS = Task("nb"), 40, (1, 2, 4)
KERNELS = {
    "dense products": ("<built-in method torch.bmm>", "<built-in method torch.baddbmm>"),
    "sparse first layer": ("rows_times_matrix", "transposed_rows_times_matrix"),
    "gradient of the likelihood": ("negative_binomial_gradient",),
    "Adam": ("adam_step",),
    "gathering and casts": ("gather_rows", "log1p_of_counts", *(f"<method '{cast}' of 'torch._C.TensorBase' objects>" for cast in ("bfloat16", "float"))),
}
"""Functions by the names that a profile gives them."""


def main(*, rounds: int) -> None:
    """Measure and publish."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = written(TASK, folder)
        steps = {n_replicas: stepper(data, n_replicas) for n_replicas in STACKS}
        questions = {f"stack of {n}": lambda number, n=n: seconds_of(steps[n]) / STEPS / n for n in STACKS}
        questions |= {part: lambda number, part=part: seconds_inside(steps[1], KERNELS[part]) / STEPS for part in KERNELS}
        medians = interleaved(questions, rounds=rounds).groupby("side", sort=False)["answer"].median()
    summary = pd.DataFrame({"part": medians.index, "us_per_cell": 1e6 * medians.to_numpy() / TASK.batch_size})
    summary["percent_of_a_step"] = 100 * medians.to_numpy() / medians["stack of 1"]
    write_summary("step_parts", summary)


def stepper(data: str, n_replicas: int) -> Callable[[], None]:
    """Return a function that takes ``STEPS`` steps of a stack of replicas."""
    cells, seeds = training_data(data, TASK), list(range(n_replicas))
    network = {"n_latent": TASK.n_latent, "n_hidden": TASK.n_hidden, "n_layers": 1, "dropout": TASK.dropout}
    model = build_replicas("vae", TASK.n_vars, likelihood=TASK.likelihood, seeds=seeds, **network)
    hidden = ObservedClasses(torch.full((n_replicas, cells.n_obs), -1), 0.0, true_labels=False)
    phase = Phase(epochs=1, batch_size=TASK.batch_size)
    loop = TrainingLoop(model, cells, seeds, hidden, Plan([phase], None, "auto", 1, None))
    loop.load_kernels()
    minibatches = loop._minibatches(phase, STEPS, None)

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
    """Return the seconds that a call spends inside the functions of some names, by a profile."""
    profile = cProfile.Profile()
    profile.runcall(function)
    spent = pstats.Stats(profile).stats
    assert any(called in names for _, _, called in spent), f"the profile has none of {names}: they have other names now"
    return sum(own for (_, _, called), (_, _, own, _, _) in spent.items() if called in names)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds that count (default: %(default)s)")
    log_to(RESULTS / "step_parts.log")
    main(**vars(parser.parse_args()))
