import numpy as np
import pandas as pd
import pytest

from latentbench.prediction.protocol import Perturbation

EFFECT = np.array([2.0, -1.0, 0.0, 0.5, 0.0, 1.0])


def make_perturbation(
    sizes: dict[str, tuple[int, int]], *, noise: float = 0.1, seed: int = 0
) -> Perturbation:
    """Types far apart, all moved by ``EFFECT`` where stimulated; ``sizes``: type -> (controls,
    stimulated).
    """
    rng = np.random.default_rng(seed)
    x, types, stimulated = [], [], []
    for cell_type, counts in sizes.items():
        centre = rng.normal(3, 1, len(EFFECT))
        for is_stimulated, n in enumerate(counts):
            x.append(
                centre + is_stimulated * EFFECT + noise * rng.standard_normal((n, len(EFFECT)))
            )
            types += [cell_type] * n
            stimulated += [bool(is_stimulated)] * n
    stimulated = np.array(stimulated)
    return Perturbation(
        np.concatenate(x).astype(np.float32),
        pd.Series(types, dtype="string"),
        ~stimulated,
        stimulated,
        tuple(f"gene{j}" for j in range(len(EFFECT))),
    )


@pytest.fixture(scope="session")
def perturbation():
    """A factory of cells of several types under two conditions."""
    return make_perturbation


@pytest.fixture(scope="session")
def effect():
    return EFFECT
