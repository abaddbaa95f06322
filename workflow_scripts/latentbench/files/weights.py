"""weights.safetensors: the parameters of every replica of a network, stacked along the first
axis.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from latentbench.files.artefacts import atomic_path


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Return the stacked parameters by name."""
    return load_file(path)


def write_weights(weights: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Write stacked parameters."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(
            save({name: np.ascontiguousarray(array) for name, array in weights.items()})
        )
