"""Principal components of what the networks read, beside what a linear autoencoder learned: a tidy
table.

    share of component j = sum over cells of ((x - m) v_j)^2 / sum over cells of |x - m|^2
        (1)
    principal angles between span(V_l) and the rows of D, and between span(V_l) and the columns of E
        (2)

m and V come from the training cells; (1) is taken of training cells and of test cells. The linear
autoencoder is x E + b, then z D + c. At its minimum the rows of D span V_l, so that their angles
vanish. Those of E need not: without full column rank E + N is as good as E for every N with X N =
0, and even with it the directions of little variance are the last that a training by gradient steps
turns (theory/linear_autoencoder.py, Baldi and Hornik 1989)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy import sparse
from scipy.linalg import subspace_angles

from latentbench.data.row_blocks import RowBlocks, blocks_on_disk
from latentbench.files.prepared import PreparedFile
from latentbench.files.tables import PRINCIPAL_COMPONENTS
from latentbench.files.weights import read_weights
from latentbench.outcomes import Outcome
from latentbench.preprocessing.pca import PCA, principal_components

N_PCS = 50


def pca_table(
    prepared: str | Path,
    weights: Mapping[str, str | Path],
    statuses: Mapping[str, Mapping[str, Any]],
    *,
    n_pcs: int = N_PCS,
) -> pd.DataFrame:
    """Return (1) of a prepared data set, and (2) of every linear autoencoder that was trained on
    it, given its weights and its status by name.
    """
    x, is_train = read_values(prepared)
    _, pca = principal_components(x, is_train, scale=False, n_pcs=n_pcs)
    frames = [
        _rows("variance_share", "pca", None, split, shares)
        for split, shares in variance_shares(x, is_train, pca).items()
    ]
    for model, path in weights.items():
        stacked = read_weights(path)
        for place, replica in enumerate(statuses[model]["replicas"]):
            if replica["status"] == Outcome.OK:
                learned = {
                    "angle_decoder": stacked["decoder.weight"][place].T,
                    "angle_encoder": stacked["encoder.weight"][place],
                }
                frames += [
                    _rows(name, model, replica["seed"], "train", angles_with(pca, directions))
                    for name, directions in learned.items()
                ]
    return pd.concat(frames, ignore_index=True).astype({"seed": "Int64"})[
        PRINCIPAL_COMPONENTS.columns
    ]


def read_values(prepared: str | Path) -> tuple[RowBlocks, Bool[np.ndarray, " obs"]]:
    """Return the modelled values of a prepared.h5ad, block by block from disk where they are larger
    than memory, and which cells are for training.
    """
    file = PreparedFile(prepared)
    if file.is_on_disk:
        return blocks_on_disk(prepared, "X"), file.is_train
    whole = file.modelled_values()
    blocks = RowBlocks(whole.shape, np.array([0, whole.shape[0]]), lambda rows: whole[rows])
    return blocks, file.is_train


def variance_shares(
    x: RowBlocks, is_train: Bool[np.ndarray, " obs"], pca: PCA
) -> dict[str, Float[np.ndarray, " pcs"]]:
    """Return (1) of every component, of the training cells and, where there are any, of the test
    cells.
    """
    squares = {True: np.zeros(len(pca.components)), False: np.zeros(len(pca.components))}
    totals = {True: 0.0, False: 0.0}
    for rows, block in x:
        scores, distances = (
            pca.transform(block).astype(np.float64),
            _squared_distances(block, pca.mean),
        )
        for chosen in (True, False):
            here = is_train[rows] == chosen
            squares[chosen] += np.square(scores[here]).sum(axis=0)
            totals[chosen] += float(distances[here].sum())
    return {
        split: squares[chosen] / totals[chosen]
        for split, chosen in (("train", True), ("test", False))
        if totals[chosen] > 0
    }


def angles_with(
    pca: PCA, directions: Float[np.ndarray, "vars latent"]
) -> Float[np.ndarray, " latent"]:
    """Return the principal angles in degrees between as many first components and the span of the
    columns of ``directions``, the largest first.
    """
    components = pca.components[: directions.shape[1]].T
    return np.degrees(subspace_angles(components, directions.astype(np.float64)))


def _squared_distances(block: Any, mean: Float[np.ndarray, " vars"]) -> Float[np.ndarray, " obs"]:
    values = block.astype(np.float64)
    squares = np.asarray(
        (values.multiply(values) if sparse.issparse(values) else values**2).sum(axis=1)
    ).ravel()
    return squares - 2 * np.asarray(values @ mean).ravel() + float(mean @ mean)


def _rows(
    measure: str, model: str, seed: int | None, split: str, values: Sequence[float] | np.ndarray
) -> pd.DataFrame:
    about = {
        "measure": measure,
        "model": model,
        "seed": pd.NA if seed is None else seed,
        "split": split,
    }
    return pd.DataFrame({**about, "component": np.arange(1, len(values) + 1), "value": values})
