"""What the explorer colours cells by besides their obs: genes and other variables, chosen without
labels, and the pictures of images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int, UInt8

from latentbench.files.prepared import PreparedFile
from latentbench.study.spelling import nearest

LARGEST_SIDE = 16
"""Pixels of a picture's side, at most: what is larger is shown in means of squares of pixels."""


@dataclass(frozen=True)
class PreparedValues:
    """The values of some cells of a prepared.h5ad (``x``), its variables, and what its ``uns`` says
    of it.
    """

    x: Float32[np.ndarray, "cells vars"]
    var: pd.DataFrame
    dataset: str
    modality: str


def read_values(path: str | Path, rows: Int[np.ndarray, " cells"]) -> PreparedValues:
    """Return the highly variable columns of X of some cells, in the order of ``rows``; other rows
    are not read.
    """
    file = PreparedFile(path)
    about = file.about
    return PreparedValues(
        file.values_of(rows), file.var[file.is_modelled], about["dataset"], about["modality"]
    )


def choose_variables(
    values: PreparedValues, is_train: Bool[np.ndarray, " cells"], named: Sequence[str], n_genes: int
) -> tuple[list[int], str]:
    """Return the variables to show, and how they were chosen: those that the user names, then those
    of largest variance over the training cells, no label read.

    Raises:
        ValueError: a named variable is not among those that the models see.
    """
    names = values.var.index.astype(str).tolist()
    for name in named:
        if name not in names:
            raise ValueError(
                f"report: explorer: genes: {values.dataset}: '{name}' is not among the {len(names)}"
                f" variables that the models see{nearest(name, names)}; name a variable that is"
                " highly variable, or a larger n_top_genes"
            )
    if values.modality == "images":
        return [
            names.index(name) for name in named
        ], "Pixels are not listed; a picture of the cell under the pointer is shown instead."
    asked = [names.index(name) for name in named]
    variances = (
        values.x[is_train].var(axis=0, dtype=np.float64) if is_train.any() else np.zeros(len(names))
    )
    most = [int(i) for i in np.argsort(-variances, kind="stable") if i not in asked][:n_genes]
    word = "genes" if values.modality == "counts" else "variables"
    chosen = (
        f"The {len(most)} {word} of largest variance over the training cells shown, of the"
        f" {len(names)} that the models see, by their prepared values."
    )
    return (
        asked + most,
        (f"First the {len(asked)} that the configuration names. " if asked else "") + chosen,
    )


def pictures(values: PreparedValues) -> UInt8[np.ndarray, "rows columns cells"] | None:
    """Return small grey pictures of the cells, 255 for the largest value of all; None where the
    variables are no pixels.
    """
    if values.modality != "images" or not {"row", "column"} <= {*values.var}:
        return None
    height, width = (int(values.var[axis].max()) + 1 for axis in ("row", "column"))
    images = np.zeros((len(values.x), height, width), dtype=np.float32)
    images[:, values.var["row"].to_numpy(), values.var["column"].to_numpy()] = values.x
    small = mean_of_squares(images, -(-max(height, width) // LARGEST_SIDE))
    return np.ascontiguousarray(
        np.rint(np.clip(small / max(float(small.max()), 1e-12), 0, 1) * 255)
        .astype(np.uint8)
        .transpose(1, 2, 0)
    )


def mean_of_squares(
    images: Float[np.ndarray, "cells rows columns"], side: int
) -> Float[np.ndarray, "cells fewer_rows fewer_columns"]:
    """Return the means of squares of ``side`` pixels; what is left over at the edges counts as
    zero.
    """
    n, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, -height % side), (0, -width % side)))
    return padded.reshape(n, padded.shape[1] // side, side, padded.shape[2] // side, side).mean(
        axis=(2, 4)
    )
