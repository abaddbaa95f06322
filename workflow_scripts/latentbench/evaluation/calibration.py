"""Whether a model's cluster probabilities mean what they say: reliability and expected calibration
error, after clusters have been matched to classes.

A cluster has no name. On the **training** cells clusters are matched one to one with classes so
that most cells agree (Kuhn 1955); on the cells at hand a cell is then right if the class of its
most probable cluster is its own, and its confidence is c = max_y q(y | x). With the cells in M = 10
bins of equal width by c (Guo et al. 2017, arXiv:1706.04599, eq. 1-3):

    ECE = sum_m n_m / n | accuracy_m - confidence_m |                                   (1)

It is in [0, 1], 0 for a calibrated model. Cells of clusters without a class are wrong, whatever
their confidence: clusters that the labels do not know cost."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from latentbench.evaluation.metrics import problem_with_labels
from latentbench.outcomes import Unavailable

N_BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Cells by confidence: how many, how sure they are on average, how many of them are right; NaN
    where a bin is empty.
    """

    n_obs: Int[np.ndarray, " bins"]
    confidence: Float[np.ndarray, " bins"]
    accuracy: Float[np.ndarray, " bins"]

    @property
    def expected_calibration_error(self) -> float:
        """Equation (1)."""
        filled = self.n_obs > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((self.n_obs[filled] * gaps).sum() / self.n_obs.sum())


def class_of_clusters(
    labels: Int[np.ndarray, " obs"], clusters: Int[np.ndarray, " obs"], n_clusters: int
) -> Int[np.ndarray, " clusters"]:
    """Return the class that each cluster is matched with, -1 for a cluster without one; ``labels``
    are codes, -1 where a cell has none.
    """
    labelled = labels >= 0
    n_classes = int(labels.max(initial=-1)) + 1
    table = np.zeros((n_classes, n_clusters), dtype=np.int64)
    np.add.at(table, (labels[labelled], clusters[labelled]), 1)
    matched = np.full(n_clusters, -1, dtype=np.int64)
    classes, found = linear_sum_assignment(table, maximize=True)
    # A pair that shares no cell is no match: it fills up the assignment.
    agreeing = table[classes, found] > 0
    matched[found[agreeing]] = classes[agreeing]
    return matched


def reliability(
    probs: Float[np.ndarray, "obs clusters"],
    labels: Int[np.ndarray, " obs"],
    matched: Int[np.ndarray, " clusters"],
) -> Reliability | Unavailable:
    """Return the reliability over the labelled cells; ``matched`` is what ``class_of_clusters``
    returns.
    """
    if problem := problem_with_labels(labels):
        return problem
    probs, labels = probs[labels >= 0].astype(np.float64), labels[labels >= 0]
    confidence, right = probs.max(axis=1), matched[probs.argmax(axis=1)] == labels
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(bins, weights=confidence, minlength=N_BINS) / counts
        accuracy = np.bincount(bins, weights=right.astype(np.float64), minlength=N_BINS) / counts
    return Reliability(counts, mean_confidence, accuracy)
