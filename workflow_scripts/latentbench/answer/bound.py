"""How many clusters a mixture is given where nobody declared a number: more than there are, for
what its components amount to is found by merging them.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentbench.answer.answer import find_groups
from latentbench.answer.members import members_of, together
from latentbench.outcomes import Unavailable

ROOM = 1.5
"""Components a group of the upper end of the interval: a large group takes several."""
FEWEST = 8


@dataclass(frozen=True)
class Bound:
    """The number of components, and what it is from: the number of groups found and its
    interval.
    """

    n_clusters: int
    n_found: int
    interval: tuple[int, int]


def bound_clusters(
    pca: Float[np.ndarray, "obs pcs"],
    *,
    batch: Int[np.ndarray, " obs"] | None = None,
    seed: int = 0,
) -> Bound:
    """Return the bound from a first tree over clusterings of the principal components."""
    members = [
        members_of(pca[:, :n_pcs], variant=f"pca {n_pcs}", seed=seed, batch=batch)
        for n_pcs in sorted({min(n_pcs, pca.shape[1]) for n_pcs in (10, 20, 50)})
    ]
    answer = find_groups(together(members), seed=seed)
    if isinstance(answer, Unavailable):
        return Bound(FEWEST, 1, (1, 1))
    high = max(answer.interval[1], answer.n_found)
    return Bound(max(FEWEST, math.ceil(ROOM * high)), answer.n_found, answer.interval)
