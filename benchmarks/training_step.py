"""How long one model trains on counts, on one thread (or one GPU), beside scvi-tools and a plain
loop.

NB and ZINB, scVI's network, minibatch 128; microseconds a cell, epoch and model.
"""

import tempfile
from contextlib import ExitStack

from driver import RESULTS, Side, add_device, add_peers, arguments, open_sides, time_one_model
from figures import times_figure
from publishing import on_device, publish
from sides.task import Task
from summaries import summarise_times

from latentbench.logs import log_to

TASKS = {"nb": Task("nb"), "zinb": Task("zinb")}


def main(peers: str, *, rounds: int, epochs: int, device: str) -> None:
    """Measure all sides and publish."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        scvi, plain = (
            Side("scvi-tools", "scvi_side.py", python=peers),
            Side("plain loop", "plain_loop_side.py"),
        )
        sides = open_sides(
            stack, scvi, plain, Side("latentbench", "latentbench_side.py"), device=device
        )
        times = time_one_model(sides, TASKS, folder, rounds=rounds, epochs=epochs, device=device)
    summary = summarise_times(times, reference="scvi-tools", by=["task"])
    publish(
        on_device("training_step", device),
        times_figure(times, summary),
        rounds=times,
        summary=summary,
    )


if __name__ == "__main__":
    parser = arguments(__doc__, rounds=5, epochs=5)
    add_peers(parser)
    add_device(parser)
    options = parser.parse_args()
    log_to(RESULTS / f"{on_device('training_step', options.device)}.log")
    main(**vars(options))
