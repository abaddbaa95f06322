"""The file of the report's explorer: one data set's cells, their places in every layout, and what
they are coloured by.

It is a safetensors file: 8 bytes with the length of the header, the header (JSON: name -> type,
shape, place), then plain arrays, which a browser reads without a library. The last axis of every
array is the cells. ``__metadata__`` holds one text, ``explorer``: JSON that says what the arrays
are (see ``Explored``).

Numbers are kept as whole steps between the lowest and the highest one, value = low + step * (high -
low) / STEPS: places in 65,535 steps (uint16), expressions and grey levels in 255 (uint8)."""

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt, UInt8, UInt16
from safetensors import safe_open
from safetensors.numpy import save

from latentbench.files.artefacts import atomic_path

STEPS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
FEWEST_CELLS = 10


@dataclass(frozen=True)
class Explored:
    """What the explorer shows of one data set.

    ``arrays``: by name, the cells on the last axis; ``about``: dataset, n_obs (cells in all), cells
    (names of those shown), columns (obs column -> its values, their colours), variables and how
    they were chosen, image (height, width) or None, views (one each model and seed; see
    explorer.py)."""

    arrays: dict[str, np.ndarray]
    about: dict[str, Any]

    @property
    def n_cells(self) -> int:
        """How many cells are shown."""
        return len(self.about["cells"])


def quantise(
    values: Float[np.ndarray, "axes cells"], into: type
) -> tuple[UInt[np.ndarray, "axes cells"], list[float], list[float]]:
    """Return the values of each axis in steps of the unsigned type ``into`` between its lowest and
    highest one, and these two.
    """
    low, high = values.min(axis=1).astype(np.float64), values.max(axis=1).astype(np.float64)
    spread = np.where(high > low, high - low, 1.0)
    steps = np.rint((values - low[:, None]) / spread[:, None] * STEPS[np.dtype(into)])
    return steps.astype(into), low.tolist(), high.tolist()


def restore(
    steps: UInt8[np.ndarray, "axes cells"] | UInt16[np.ndarray, "axes cells"],
    low: list[float],
    high: list[float],
) -> Float[np.ndarray, "axes cells"]:
    """Return the values that ``quantise`` was given, each within half a step."""
    bottom, top = np.array(low)[:, None], np.array(high)[:, None]
    return bottom + steps * (top - bottom) / STEPS[steps.dtype]


def thin(explored: Explored, *, max_bytes: int, seed: int) -> Explored:
    """Return ``explored`` with as many of its cells, drawn at random, as make a file of about
    ``max_bytes``; all of them where they fit.

    Raises:
        ValueError: fewer than ``FEWEST_CELLS`` cells fit.
    """
    of_cells = sum(array.nbytes for array in explored.arrays.values()) + len(
        _header({"cells": explored.about["cells"]})
    )
    fixed = len(_header(explored.about)) - len(_header({"cells": explored.about["cells"]}))
    if fixed + of_cells <= max_bytes:
        return explored
    n_cells = int((max_bytes - fixed) * explored.n_cells / of_cells)
    if n_cells < FEWEST_CELLS:
        raise ValueError(
            f"report: explorer: max_megabytes leaves {explored.about['dataset']}"
            f" {max(max_bytes, 0) / 1e6:.2f} MB before they are written as text, and {FEWEST_CELLS}"
            f" cells with {len(explored.about['views'])} embeddings take more; allow more megabytes"
            " or show fewer genes"
        )
    kept = np.sort(np.random.default_rng(seed).choice(explored.n_cells, n_cells, replace=False))
    arrays = {
        name: np.ascontiguousarray(array[..., kept]) for name, array in explored.arrays.items()
    }
    return Explored(arrays, explored.about | {"cells": [explored.about["cells"][i] for i in kept]})


def write_explored(explored: Explored, path: str | Path) -> None:
    """Write the file; the same content gives the same bytes."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(explored.arrays, metadata={"explorer": _header(explored.about)}))


def read_explored(path: str | Path) -> Explored:
    """Read the file."""
    with safe_open(path, framework="numpy") as file:
        return Explored(
            {name: file.get_tensor(name) for name in file.keys()},  # noqa: SIM118 (not a dict)
            json.loads(file.metadata()["explorer"]),
        )


def packed(content: bytes) -> str:
    """Return bytes as text that a page can hold and a browser can unpack: gzip, without a date, in
    base64.
    """
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")


def _header(about: dict[str, Any]) -> str:
    return json.dumps(about, ensure_ascii=False, separators=(",", ":"))
