"""How sure it is that a cell belongs to its group, and to which it belongs otherwise.

With C_m(i) the cells that member m puts together with cell i, and n the effective numbers of
clusters (``latentbench.answer.members``, equation (1)) of a member and of the groups,

    v_m ~ w_m exp(-(log n_m - log n)^2 / (2 h^2))                                           (1)
    q(i, g) = sum_m v_m |C_m(i) and g| / |C_m(i)|                                           (2)

members of like granularity only, because a coarse one cannot tell and a fine one must not. The
certainty of a cell is q of its group as a share of q of its group and the runner-up, the group of
the next highest q, mapped by what cells of this share were worth on labelled data: the
share of them that carried the label most frequent in their group. The map is isotonic (Zadrozny
and Elkan 2002, doi:10.1145/775047.775151) and stored as a short table of knots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.isotonic import IsotonicRegression

from latentbench.answer.members import Members, effective_number

H = 0.5
"""h of equation (1)."""
N_KNOTS = 11


@dataclass(frozen=True)
class Certainty:
    """Of every cell: q of its group as a share of itself and the runner-up's, in [0, 1], not
    calibrated, and the runner-up group (the cell's own where there is no other group).
    """

    value: Float[np.ndarray, " obs"]
    runner_up: Int[np.ndarray, " obs"]


@dataclass(frozen=True)
class Calibration:
    """A map of certainties by straight lines between knots; both rise."""

    certainty: tuple[float, ...]
    accuracy: tuple[float, ...]

    def __call__(self, value: Float[np.ndarray, " obs"]) -> Float[np.ndarray, " obs"]:
        return np.interp(value, self.certainty, self.accuracy)


LEARNED = Calibration(
    certainty=(0.021, 0.636, 0.767, 0.855, 0.889, 0.913, 0.924, 0.941, 0.955, 0.972, 0.997),
    accuracy=(0.429, 0.746, 0.746, 0.788, 0.788, 0.788, 0.788, 0.897, 0.897, 0.925, 1.0),
)
"""Fitted on ten labelled data sets (benchmarks/evidence.py, which writes it anew); what it is worth
there is measured with maps that either half of them gives for the other."""


def certainty_of(groups: Int[np.ndarray, " obs"], members: Members) -> Certainty:
    """Return the certainty of every cell; ``groups`` are numbered from 0."""
    n_groups = int(groups.max()) + 1
    if n_groups == 1:
        return Certainty(np.ones(len(groups)), np.zeros(len(groups), dtype=np.int64))
    placed = placements(groups, members)
    rows = np.arange(len(groups))
    own = placed[rows, groups].astype(np.float64)
    placed[rows, groups] = -1
    runner_up = placed.argmax(axis=1)
    rival = np.maximum(placed[rows, runner_up].astype(np.float64), 0)
    both = own + rival
    value = np.divide(own, both, out=np.full(len(own), 0.5), where=both > 0)
    return Certainty(value, runner_up)


def placements(
    groups: Int[np.ndarray, " obs"], members: Members
) -> Float[np.ndarray, "obs groups"]:
    """Return equation (2)."""
    n_groups = int(groups.max()) + 1
    distance = np.log(members.granularity) - np.log(effective_number(groups))
    share = members.weight * np.exp(-0.5 * (distance / H) ** 2)
    share /= max(share.sum(), np.finfo(np.float64).tiny)
    placed = np.zeros((len(groups), n_groups), dtype=np.float32)
    for member, weight in zip(members.clusters, share, strict=True):
        if weight < 1e-4:
            continue
        n_clusters = int(member.max()) + 1
        table = np.bincount(member * n_groups + groups, minlength=n_clusters * n_groups).reshape(
            n_clusters, n_groups
        )
        table = weight * table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        placed += table.astype(np.float32)[member]
    return placed


def carries_majority(
    groups: Int[np.ndarray, " obs"], labels: Int[np.ndarray, " obs"]
) -> Bool[np.ndarray, " obs"]:
    """Return which cells carry the label most frequent in their group; for measuring only."""
    table = np.zeros((int(groups.max()) + 1, int(labels.max()) + 1), dtype=np.int64)
    np.add.at(table, (groups, labels), 1)
    return table.argmax(axis=1)[groups] == labels


def calibrate(
    certainties: Sequence[Float[np.ndarray, " _"]], correct: Sequence[Bool[np.ndarray, " _"]]
) -> Calibration:
    """Return the map fitted on labelled data sets, each of which counts alike."""
    value = np.concatenate(certainties)
    weight = np.concatenate([np.full(len(each), 1 / len(each)) for each in certainties])
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(
        value, np.concatenate(correct).astype(np.float64), sample_weight=weight
    )
    knots = np.unique(np.quantile(value, np.linspace(0, 1, N_KNOTS)))
    return Calibration(tuple(map(float, knots)), tuple(map(float, fitted.predict(knots))))


def calibration_error(
    certainty: Float[np.ndarray, " obs"], correct: Bool[np.ndarray, " obs"], *, n_bins: int = 10
) -> float:
    """Return the mean over cells of |certainty - accuracy| of ten bins of equal width (Naeini et
    al. 2015).
    """
    bins = np.minimum((certainty * n_bins).astype(np.int64), n_bins - 1)
    gaps = [
        abs(certainty[bins == each].sum() - correct[bins == each].sum()) for each in range(n_bins)
    ]
    return float(sum(gaps) / len(certainty))
