"""How often intervals and tests on one data set hold what they say, over other seeds and other
cells: studies of two equally good methods are simulated, and their intervals and tests made with
and without the error over cells.

Every seed of a method puts a cell into the cluster of its class with a probability of its own
(mean .7, sd .02), and else anywhere; which cells are hard is the same for all seeds of a method,
and for a share of the cells for both methods.
"""

import argparse

import numpy as np
import pandas as pd
from driver import RESULTS
from jaxtyping import Float, Int
from publishing import write_summary
from sklearn.metrics import adjusted_rand_score

from latentbench.evaluation.bootstrap import ALPHA, interval, p_value
from latentbench.evaluation.metrics import ari_se
from latentbench.logs import log_to
from latentbench.outcomes import Unavailable

N_SEEDS, N_CLASSES, N_BOOTSTRAP = 5, 5, 500
SHARED = 0.7


def clusterings(
    labels: Int[np.ndarray, " cells"],
    hardness: Float[np.ndarray, " cells"],
    rng: np.random.Generator,
) -> list[Int[np.ndarray, " cells"]]:
    """Return the clusters of every seed of one method."""
    anywhere = rng.integers(N_CLASSES, size=len(labels))
    return [np.where(hardness < rng.normal(0.7, 0.02), labels, anywhere) for _ in range(N_SEEDS)]


def study(n_cells: int, rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Return the ARI of every seed, and the mean error over cells, of both methods."""
    labels, first, other = (
        rng.integers(N_CLASSES, size=n_cells),
        rng.random(n_cells),
        rng.random(n_cells),
    )
    second = np.where(rng.random(n_cells) < SHARED, first, other)
    methods = []
    for hardness in (first, second):
        found = clusterings(labels, hardness, rng)
        values = np.array([adjusted_rand_score(labels, each) for each in found])
        methods.append((values, float(np.mean([ari_se(labels, each) for each in found]))))
    return methods


def held(methods: list[tuple[np.ndarray, float]], truth: float, *, over_cells: bool) -> bool:
    """Return whether the first method's interval holds its expected ARI."""
    values, error = methods[0]
    low, high = interval([values], N_BOOTSTRAP, cell_error=error if over_cells else 0.0)
    return low <= truth <= high


def told_apart(methods: list[tuple[np.ndarray, float]], *, over_cells: bool) -> bool:
    """Return whether the test takes the two methods for different."""
    (one, of_one), (two, of_two) = methods
    error = float(np.hypot(of_one, of_two)) if over_cells else 0.0
    p = p_value([one - two], N_BOOTSTRAP, cell_error=error)
    return not isinstance(p, Unavailable) and p <= ALPHA


def main(sizes: list[int], n_studies: int) -> None:
    """Publish the share of intervals that hold the expected ARI, and of tests that tell equally
    good methods apart.
    """
    rng = np.random.default_rng(0)
    truth = float(np.mean([study(50_000, rng)[0][0].mean() for _ in range(8)]))
    rows = []
    for n_cells in sizes:
        studies = [study(n_cells, rng) for _ in range(n_studies)]
        for over_cells in (False, True):
            of_intervals = [held(each, truth, over_cells=over_cells) for each in studies]
            of_tests = [told_apart(each, over_cells=over_cells) for each in studies]
            rows.append(
                {
                    "test cells": n_cells,
                    "error over cells": over_cells,
                    "studies": n_studies,
                    "percent held": round(100 * float(np.mean(of_intervals)), 1),
                    "percent told apart": round(100 * float(np.mean(of_tests)), 1),
                }
            )
    write_summary("cell_coverage", pd.DataFrame(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[140, 400, 1000])
    parser.add_argument("--studies", type=int, default=300)
    arguments = parser.parse_args()
    log_to(RESULTS / "cell_coverage.log")
    main(arguments.cells, arguments.studies)
