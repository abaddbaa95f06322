"""How the time of a cell, epoch and model changes with the number of cells, of genes, and of models
that train at once.

One thing is varied at a time around 10,000 cells x 2,000 genes, one model, one thread; several
models train side by side on two workers. scvi-tools is asked up to 10,000 cells. NB, scVI's
network, minibatch 128.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pandas as pd
from driver import (
    RESULTS,
    Side,
    add_peers,
    arguments,
    microseconds_a_cell,
    open_sides,
    time_one_model,
    written,
)
from figures import scaling_figure
from publishing import publish
from sides.task import Task
from summaries import summarise_times

from latentbench.logs import log_to

CELLS, GENES, MODELS, WORKERS = (1_000, 10_000, 100_000), (500, 2_000, 8_000), (1, 2, 4, 8), 2
N_TEST = 128


def main(peers: str, *, rounds: int, epochs: int) -> None:
    """Measure along the three axes and publish."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        scvi, ours = (
            Side("scvi-tools", "scvi_side.py", python=peers),
            Side("latentbench", "latentbench_side.py"),
        )
        open_sides(stack, scvi, ours)
        times = pd.concat(
            [*by_size(scvi, ours, folder, rounds, epochs), by_models(ours, folder, rounds, epochs)],
            ignore_index=True,
        )
    summary = summarise_times(times, reference="scvi-tools", by=["axis", "value"])
    publish("scaling", scaling_figure(times), rounds=times, summary=summary)


def by_size(
    scvi: Side, ours: Side, folder: str, rounds: int, epochs: int
) -> Iterator[pd.DataFrame]:
    """Yield the times of one model on more and more cells, then genes; on few cells it trains for
    more epochs.
    """
    of_cells = [("cells", n, Task("nb", n_train=n, n_test=N_TEST)) for n in CELLS]
    of_genes = [("genes", n, Task("nb", n_train=10_000, n_test=N_TEST, n_vars=n)) for n in GENES]
    for axis, value, task in of_cells + of_genes:
        sides = [ours] if task.n_train > 10_000 else [scvi, ours]
        as_many_cells = max(epochs, epochs * 10_000 // task.n_train)
        times = time_one_model(
            {side.name: side for side in sides},
            {axis: task},
            folder,
            rounds=rounds,
            epochs=as_many_cells,
            device="cpu",
        )
        yield times.drop(columns="task").assign(axis=axis, value=value)


def by_models(ours: Side, folder: str, rounds: int, epochs: int) -> pd.DataFrame:
    """Return the times of more and more models at once."""
    task = Task("nb", n_train=10_000, n_test=N_TEST)
    data = written(task, folder)

    def together(count: int, number: int) -> float:
        seeds = [100 * number + replica for replica in range(count)]
        return ours.ask(
            "train_side_by_side",
            data=data,
            task=task,
            seeds=seeds,
            epochs=epochs,
            n_workers=WORKERS,
        )

    times = microseconds_a_cell(
        {str(count): partial(together, count) for count in MODELS}, task, rounds=rounds
    )
    return times.assign(axis="models", value=times["side"].astype(int), side="latentbench")


if __name__ == "__main__":
    parser = arguments(__doc__, rounds=3, epochs=5)
    add_peers(parser)
    options = parser.parse_args()
    log_to(RESULTS / "scaling.log")
    main(**vars(options))
