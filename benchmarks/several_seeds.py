"""How fast several seeds of one model train together, side by side on the cores or stacked on a
GPU, beside scvi-tools.

NB, scVI's network, minibatch 128; microseconds a cell, epoch and model of all that train at once
(its inverse is the cells a second of all models together). On a CPU scvi-tools trains one model
after the other on as many threads as this project has workers, and, which suits a busy machine
better, in as many processes of one thread.
"""

import tempfile
from contextlib import ExitStack
from functools import partial

from driver import (
    PEER_EPOCHS,
    RESULTS,
    Side,
    add_device,
    add_peers,
    arguments,
    microseconds_a_cell,
    open_sides,
    written,
)
from figures import times_figure
from publishing import on_device, publish
from sides.task import Task
from summaries import summarise_times

from latentbench.logs import log_to

TASK = Task("nb")
BY_PROCESSES = "scvi-tools, {} processes"


def main(
    peers: str, *, replicas: list[int], workers: int, rounds: int, epochs: int, device: str
) -> None:
    """Measure both sides and publish."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        threaded, ours = (
            Side("scvi-tools", "scvi_side.py", python=peers, n_threads=workers),
            Side("latentbench", "latentbench_side.py"),
        )
        n_processes = workers if device == "cpu" else 0
        processes = [
            Side(f"scvi-tools, process {number}", "scvi_side.py", python=peers)
            for number in range(n_processes)
        ]
        open_sides(stack, threaded, ours, *processes, device=device)
        data = written(TASK, folder)

        def scvi(number: int, sides: list[Side]) -> float:
            for place, side in enumerate(sides):
                side.start(
                    "train",
                    data=data,
                    task=TASK,
                    seeds=[100 * number + place],
                    epochs=PEER_EPOCHS,
                    device=device,
                )
            return sum(side.answer() for side in sides) / len(sides) ** 2

        def together(number: int, count: int) -> float:
            training = {
                "data": data,
                "task": TASK,
                "seeds": [100 * number + replica for replica in range(count)],
                "epochs": epochs,
            }
            return (
                ours.ask("train_side_by_side", n_workers=workers, **training)
                if device == "cpu"
                else ours.ask("train", device=device, **training)
            )

        questions = {"scvi-tools": partial(scvi, sides=[threaded])}
        if processes:
            questions[BY_PROCESSES.format(workers)] = partial(scvi, sides=processes)
        questions |= {
            f"latentbench, {count} seed{'s' if count > 1 else ''}": partial(together, count=count)
            for count in replicas
        }
        times = microseconds_a_cell(questions, TASK, rounds=rounds).assign(task=TASK.likelihood)
    summary = summarise_times(times, reference="scvi-tools", by=["task"])
    if processes:
        summary["times_faster_than_processes"] = summarise_times(
            times, reference=BY_PROCESSES.format(workers), by=["task"]
        )["times_faster"]
    summary["cells_per_second"] = 1e6 / summary["us_per_cell"]
    publish(
        on_device("several_seeds", device),
        times_figure(times, summary),
        rounds=times,
        summary=summary,
    )


if __name__ == "__main__":
    parser = arguments(__doc__, rounds=3, epochs=10)
    add_peers(parser)
    add_device(parser)
    parser.add_argument(
        "--replicas",
        type=int,
        nargs="+",
        default=[4],
        help="seeds at once; each number is a side of its own (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=2,
        help="workers, and threads of scvi-tools, on a CPU (default: %(default)s)",
    )
    options = parser.parse_args()
    log_to(RESULTS / f"{on_device('several_seeds', options.device)}.log")
    main(**vars(options))
