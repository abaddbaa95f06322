"""How long one embedding takes to evaluate, beside scanpy and scikit-learn: neighbour graph, Leiden
at ten resolutions, ARI, NMI, silhouette.

All sides: one thread, simulated codes of ten axes and twenty overlapping groups, 15 other cells as
neighbours, Leiden of two iterations at the same ten resolutions, the silhouette of 10,000 cells.
scanpy is asked in both flavors: leidenalg is its default (which goes on to convergence, if not told
to stop after two), igraph the one that it recommends and the faster. The bar, a third of the time,
is held against igraph.
"""

import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
from driver import RESULTS, Side, add_peers, arguments, interleaved, open_sides
from figures import times_figure
from publishing import publish
from sides.codes import Evaluation
from simulated_data import write_codes
from summaries import summarise_times

from latentbench.logs import log_to

REFERENCE = "scanpy, igraph"
FLAVORS = ("igraph", "leidenalg")


def main(peers: str, *, cells: int, flavors: list[str], rounds: int) -> None:
    """Measure all sides and publish."""
    steps: list[dict[str, object]] = []
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        ours, theirs = (
            Side("latentbench", "evaluation_side.py"),
            Side("scanpy", "scanpy_side.py", python=peers),
        )
        open_sides(stack, ours, theirs)
        write_codes(cells, data := Path(folder) / "codes.npz")
        asked = {"data": str(data), "evaluation": asdict(Evaluation())}

        def total(number: int, name: str, side: Side, **options: str) -> float:
            answer = side.ask("evaluate", seed=number, **asked, **options)
            steps.extend(
                {
                    "side": name,
                    "round": number,
                    "step": step,
                    "seconds": value,
                    "ari": answer["ari"],
                }
                for step, value in answer["seconds"].items()
            )
            return sum(answer["seconds"].values())

        questions = {
            f"scanpy, {flavor}": partial(
                total, name=f"scanpy, {flavor}", side=theirs, flavor=flavor
            )
            for flavor in flavors
        }
        times = interleaved(
            questions | {"latentbench": partial(total, name="latentbench", side=ours)},
            rounds=rounds,
        )
    times = times.assign(us_per_cell=times.pop("answer") / cells * 1e6, task=f"{cells:,} cells")
    summary = summarise_times(times, reference=REFERENCE, by=["task"])
    figure = times_figure(times, summary)
    for ax in figure.axes:
        ax.set_xlabel("µs a cell")
    of_steps = pd.DataFrame(steps).query("round > 0")
    medians = of_steps.pivot_table(
        index="side", columns="step", values="seconds", aggfunc="median", sort=False
    )
    best_ari = of_steps.groupby("side")["ari"].median().rename("best_ari")
    publish(
        "evaluation",
        figure,
        rounds=of_steps,
        summary=summary.join(medians, on="side").join(best_ari, on="side"),
    )


if __name__ == "__main__":
    parser = arguments(__doc__, rounds=3)
    add_peers(parser)
    parser.add_argument(
        "--cells", type=int, default=100_000, help="cells of the embedding (default: %(default)s)"
    )
    parser.add_argument(
        "--flavors",
        nargs="+",
        choices=FLAVORS,
        default=["igraph"],
        help="of scanpy's Leiden; leidenalg takes minutes a round (default: igraph)",
    )
    options = parser.parse_args()
    log_to(RESULTS / "evaluation.log")
    main(**vars(options))
