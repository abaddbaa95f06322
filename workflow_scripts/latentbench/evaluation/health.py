"""How a mixture uses its components, from the cluster probabilities q(y | x) alone: no label.

    usage entropy         H( mean_x q(y | x) )                                          (1)
    assignment entropy    mean_x H( q(y | x) )                                          (2)
    mutual information    (1) - (2): what y says of x, in nats, at most log K           (3)
                          Bridle, Heading and MacKay 1991
    components in use     components that are the most probable one of 1 % of the cells or more
    confidence            mean_x max_y q(y | x)

All cells in one component: (1) is 0. Every cell shared evenly by all components: (2) equals (1),
and (3) is 0. Both are a mixture that has collapsed."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Probs = Float[np.ndarray, "obs clusters"]
LEAST_SHARE = 0.01


def usage_entropy(probs: Probs) -> float:
    """Return equation (1), in [0, log K] nats."""
    return float(_entropies(probs.mean(axis=0, dtype=np.float64, keepdims=True))[0])


def assignment_entropy(probs: Probs) -> float:
    """Return equation (2), in [0, log K] nats."""
    return float(_entropies(probs.astype(np.float64)).mean())


def mutual_information(probs: Probs) -> float:
    """Return equation (3), in [0, log K] nats."""
    return max(usage_entropy(probs) - assignment_entropy(probs), 0.0)


def components_in_use(probs: Probs) -> float:
    """Return how many components are the most probable one of 1 % of the cells or more."""
    shares = np.bincount(probs.argmax(axis=1), minlength=probs.shape[1]) / len(probs)
    return float((shares >= LEAST_SHARE).sum())


def confidence(probs: Probs) -> float:
    """Return the mean probability of the most probable component, in [1/K, 1]."""
    return float(probs.max(axis=1).mean(dtype=np.float64))


HEALTH: dict[str, Callable[[Probs], float]] = {
    "usage_entropy": usage_entropy,
    "assignment_entropy": assignment_entropy,
    "mutual_information": mutual_information,
    "components_in_use": components_in_use,
    "confidence": confidence,
}


def _entropies(probs: Float[np.ndarray, "rows clusters"]) -> Float[np.ndarray, " rows"]:
    positive = np.where(probs > 0, probs, 1.0)
    return -(probs * np.log(positive)).sum(axis=1)
