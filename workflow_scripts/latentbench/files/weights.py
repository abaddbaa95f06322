"""weights.safetensors: the parameters of every replica of a network, stacked along the first
axis, and in its header the variant that they are of.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save

from latentbench.files.artefacts import atomic_path
from latentbench.study.variant import Variant

VARIANT = "variant"


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Return the stacked parameters by name."""
    return load_file(path)


def read_variant(path: str | Path) -> Variant:
    """Return the variant that weights are of.

    Raises:
        ValueError: the file was written by a version that did not note it.
    """
    with safe_open(path, framework="numpy") as file:
        stated = (file.metadata() or {}).get(VARIANT)
    if stated is None:
        raise ValueError(f"{path}: does not say which variant it is of; train it anew")
    return Variant(**json.loads(stated))


def write_weights(weights: Mapping[str, np.ndarray], path: str | Path, *, variant: Variant) -> None:
    """Write stacked parameters."""
    stacked = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(stacked, metadata={VARIANT: json.dumps(variant.stated)}))
