"""How good the models that this project trains are, beside those of scvi-tools.

NB and ZINB, scVI's network, several seeds; -ELBO of the held-out cells, all scored by scvi-tools'
own module in eval mode. Nothing is timed here, so both sides train at once. On simulated counts, or
on real data sets from a folder with ready copies: ``--mirror FOLDER --datasets pbmc_facs
worm_neuron_cell``.
"""

import argparse
import tempfile
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pandas as pd
from driver import RESULTS, Side, add_peers, open_sides, written
from figures import quality_figure
from publishing import publish
from real_data import write_real
from sides.task import Task
from summaries import summarise_quality

from latentbench.logs import log_to, logger

SIMULATED = "simulated"


def main(
    peers: str, *, datasets: list[str], mirror: str, likelihoods: list[str], seeds: int, epochs: int
) -> None:
    """Train both sides over the seeds, score them and publish."""
    scores = []
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        scvi, ours = (
            Side("scvi-tools", "scvi_side.py", python=peers),
            Side("latentbench", "latentbench_side.py"),
        )
        open_sides(stack, scvi, ours)
        weights = str(Path(folder) / "weights.npz")
        for dataset, likelihood in product(datasets, likelihoods):
            scored = scored_task(dataset, Task(likelihood), mirror=mirror, folder=folder)
            for seed in range(seeds):
                for side in (scvi, ours):
                    side.start("train", seeds=[seed], epochs=epochs, device="cpu", **scored)
                for side in (scvi, ours):
                    side.answer()
                ours.ask("save", path=weights)
                for name, value in (
                    ("scvi-tools", scvi.ask("score", **scored)),
                    ("latentbench", scvi.ask("score_weights", weights=weights, **scored)),
                ):
                    scores.append((f"{likelihood}, {dataset}", name, seed, value))
                    logger.info("%s  %s  seed %d  -ELBO %.3f", *scores[-1])
    frame = pd.DataFrame(scores, columns=["task", "side", "seed", "minus_elbo"])
    summary = summarise_quality(frame, reference="scvi-tools")
    name = (
        "held_out_quality" if datasets == [SIMULATED] else f"held_out_quality_{'_'.join(datasets)}"
    )
    publish(name, quality_figure(frame), seeds=frame, summary=summary)


def scored_task(dataset: str, task: Task, *, mirror: str, folder: str) -> dict[str, object]:
    """Return the task on a data set and the file with its counts, as the sides are asked with."""
    if dataset == SIMULATED:
        return {"data": written(task, folder), "task": task}
    path = Path(folder) / f"{dataset}.npz"
    return {"task": write_real(dataset, task, mirror=mirror, path=path), "data": str(path)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_peers(parser)
    parser.add_argument(
        "--datasets",
        nargs="+",
        default=[SIMULATED],
        help="rows of config/datasets.tsv, counts (default: %(default)s counts)",
    )
    parser.add_argument("--mirror", help="folder with ready copies of the data sets")
    parser.add_argument(
        "--likelihoods",
        nargs="+",
        choices=("nb", "zinb"),
        default=["nb", "zinb"],
        help="default: both",
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="seeds of each side (default: %(default)s)"
    )
    parser.add_argument(
        "--epochs", type=int, default=100, help="epochs of a training (default: %(default)s)"
    )
    options = parser.parse_args()
    log_to(RESULTS / "held_out_quality.log")
    main(**vars(options))
