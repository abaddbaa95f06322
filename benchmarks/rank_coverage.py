"""How often the 95 % intervals of ranks hold the expected rank, by number of data sets: simulated
studies of four models and five seeds.
"""

import argparse

import numpy as np
import pandas as pd
from driver import RESULTS
from publishing import write_summary

from latentbench.evaluation.ranks import rank_intervals, rank_scores
from latentbench.logs import log_to

MEANS, N_SEEDS = np.array([0.50, 0.52, 0.60, 0.70]), 5


def study(rng: np.random.Generator, n_datasets: int) -> list[np.ndarray]:
    """Return scores (models, seeds) by data set: an effect of the data set on each model, of the
    seed on all, and noise.
    """
    effects = rng.normal(scale=0.1, size=(n_datasets, len(MEANS), 1))
    return [
        MEANS[:, None]
        + effect
        + rng.normal(scale=0.05, size=N_SEEDS)
        + rng.normal(scale=0.05, size=(len(MEANS), N_SEEDS))
        for effect in effects
    ]


def main(sizes: list[int], n_studies: int) -> None:
    """Publish the share of intervals that hold their rank."""
    rng = np.random.default_rng(0)
    expected = np.mean(
        [rank_scores(scores.mean(axis=1)[None])[0] for scores in study(rng, 20_000)], axis=0
    )
    rows = []
    for n_datasets in sizes:
        held = [
            (low <= expected) & (expected <= high)
            for low, high in (
                rank_intervals(study(rng, n_datasets), 1000).T for _ in range(n_studies)
            )
        ]
        rows.append(
            {
                "data sets": n_datasets,
                "studies": n_studies,
                "percent held": round(100 * float(np.mean(held)), 1),
            }
        )
    write_summary("rank_coverage", pd.DataFrame(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, nargs="+", default=[2, 3, 5, 8, 20])
    parser.add_argument("--studies", type=int, default=500)
    arguments = parser.parse_args()
    log_to(RESULTS / "rank_coverage.log")
    main(arguments.datasets, arguments.studies)
