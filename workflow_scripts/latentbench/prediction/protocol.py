"""Leave one cell type out: which cells are hidden, which are asked about, and the shift between two conditions with all cell types weighing the same.

    for every cell type t with enough cells under both conditions:
        hidden: the stimulated cells of t;  training cells: all others;  asked: what the control cells of t would be if stimulated     (1)
    delta = mean over types t' != t of (mean of t' stimulated - mean of t' control)                                                     (2)

The protocol of Lotfollahi 2019 (doi:10.1038/s41592-019-0494-8). There (2) is taken after resampling every type to the size of the largest one: (2) is what
that gives on average. Cell types and conditions are labels; nothing here is for a model that must not see them. The split into training and test cells plays
no part, but for the choice of the variable genes, which was made on the training cells of the study before any type was hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from latentbench.models.data import read_training_data


@dataclass(frozen=True)
class Perturbation:
    """Cells under two conditions: log-normalised values (of real data, the values as they are), cell types, and which cells are under which condition."""

    x: Float[np.ndarray, "obs vars"]
    cell_types: pd.Series
    is_control: Bool[np.ndarray, " obs"]
    is_stimulated: Bool[np.ndarray, " obs"]

    def cells(self, cell_type: str) -> tuple[Int[np.ndarray, " controls"], Int[np.ndarray, " stimulated"]]:
        """Return the control cells and the stimulated cells of a type."""
        of_type = (self.cell_types == cell_type).to_numpy()
        return np.flatnonzero(of_type & self.is_control), np.flatnonzero(of_type & self.is_stimulated)


@dataclass(frozen=True)
class HeldOut:
    """One question (1): ``train`` are the cells that may be learned from, ``others`` the types that (2) averages over."""

    cell_type: str
    controls: Int[np.ndarray, " controls"]
    stimulated: Int[np.ndarray, " stimulated"]
    train: Int[np.ndarray, " train"]
    others: tuple[str, ...]


def read_perturbation(prepared: str | Path, *, control: str, stimulated: str) -> Perturbation:
    """Read the modelled genes of a prepared.h5ad and its two conditions.

    Raises:
        ValueError: it has no labels or conditions, or not these conditions.
    """
    data = read_training_data(prepared, layer="X")
    if absent := [column for column in ("label", "condition") if column not in data.obs]:
        raise ValueError(f"{prepared}: no obs column {' or '.join(absent)}: a prediction needs both; name their sources in the data sheet")
    condition = data.obs["condition"].astype("string")
    present = sorted(condition.dropna().unique())
    if absent := [name for name in (control, stimulated) if name not in present]:
        raise ValueError(f"{prepared}: no cell has condition {' or '.join(absent)}; there are: {', '.join(present)}. Mend config key predictions")
    is_control, is_stimulated = ((condition == name).fillna(False).to_numpy(dtype=bool) for name in (control, stimulated))
    return Perturbation(data.dense().numpy(), data.obs["label"].astype("string"), is_control, is_stimulated)


def held_out_types(perturbation: Perturbation, *, min_cells: int) -> tuple[list[HeldOut], dict[str, str]]:
    """Return a question for every type with at least ``min_cells`` cells under both conditions, and why the other types have none.

    Raises:
        ValueError: fewer than two types have that many.
    """
    asked, reasons = [], {}
    for cell_type in sorted(perturbation.cell_types.dropna().unique()):
        controls, stimulated = perturbation.cells(cell_type)
        if min(len(controls), len(stimulated)) >= min_cells:
            asked.append(cell_type)
        else:
            reasons[cell_type] = f"{len(controls)} control and {len(stimulated)} stimulated cells; at least {min_cells} of each are asked for"
    if len(asked) < 2:
        raise ValueError(f"predictions: {len(asked)} cell types have {min_cells} cells under both conditions, and 2 are needed; lower min_cells")
    return [_held_out(perturbation, cell_type, asked) for cell_type in asked], reasons


def balanced_shift(values: Float[np.ndarray, "obs features"], perturbation: Perturbation, held_out: HeldOut) -> Float[np.ndarray, " features"]:
    """Return equation (2) of any values of the cells: expression, codes, principal components."""
    shifts = []
    for cell_type in held_out.others:
        controls, stimulated = perturbation.cells(cell_type)
        shifts.append(values[stimulated].mean(axis=0, dtype=np.float64) - values[controls].mean(axis=0, dtype=np.float64))
    return np.mean(shifts, axis=0).astype(values.dtype)


def _held_out(perturbation: Perturbation, cell_type: str, asked: Sequence[str]) -> HeldOut:
    controls, stimulated = perturbation.cells(cell_type)
    train = np.setdiff1d(np.arange(len(perturbation.x)), stimulated)
    return HeldOut(cell_type, controls, stimulated, train, tuple(other for other in asked if other != cell_type))
