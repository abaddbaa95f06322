"""New cells among groups that were found before: each is given the group of its nearest cells in
the code, a certainty, and whether it lies outside of everything that the model has seen.

With N(i) the n nearest old cells of new cell i, and s_j the certainty of an old cell,

    q(i, g) = sum over j in N(i) of s_j [group of j is g] / n                              (1)

The group is that of the highest q, which is the certainty. A cell is outside where the mean
distance to N(i) is larger than that of ``1 - OUTSIDE`` of the old cells to their own n nearest
others: of cells like the old ones, a share of ``OUTSIDE`` is called so by chance.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.neighbors import NearestNeighbors

N_NEAREST = 15
OUTSIDE = 0.01
N_COMPARED = 20_000
"""Old cells whose own distances are looked at, at most."""


@dataclass(frozen=True)
class Placed:
    """Of every new cell: its group (-1 where it is outside), the certainty, in [0, 1], and whether
    it lies outside.
    """

    groups: Int[np.ndarray, " new"]
    certainty: Float[np.ndarray, " new"]
    is_outside: Bool[np.ndarray, " new"]


def place(
    z_new: Float[np.ndarray, "new latent_of_new"],
    z: Float[np.ndarray, "old latent"],
    groups: Int[np.ndarray, " old"],
    certainty: Float[np.ndarray, " old"],
    *,
    n_nearest: int = N_NEAREST,
) -> Placed:
    """Return equation (1) of new cells; ``z`` and ``z_new`` are codes of one and the same model.

    Raises:
        ValueError: codes of different numbers of dimensions.
    """
    if z_new.shape[1] != z.shape[1]:
        raise ValueError(
            f"codes of {z_new.shape[1]} dimensions cannot be placed among codes of {z.shape[1]};"
            " encode both by the same model"
        )
    n_nearest = min(n_nearest, len(z) - 1)
    search = NearestNeighbors(n_neighbors=n_nearest).fit(z)
    distances, nearest = search.kneighbors(z_new)
    votes = np.zeros((len(z_new), int(groups.max()) + 1))
    rows = np.repeat(np.arange(len(z_new)), n_nearest)
    np.add.at(votes, (rows, groups[nearest].ravel()), certainty[nearest].ravel() / n_nearest)
    step = max(1, len(z) // N_COMPARED)
    usual = search.kneighbors(z[::step], n_neighbors=n_nearest + 1)[0][:, 1:].mean(axis=1)
    is_outside = distances.mean(axis=1) > np.quantile(usual, 1 - OUTSIDE)
    best = votes.argmax(axis=1)
    return Placed(np.where(is_outside, -1, best), votes.max(axis=1), is_outside)
