"""Which cells are hidden, which are asked about, and the shift between two conditions with all cell
types weighing the same.

    for every cell type t with enough cells under both conditions:
        hidden: the stimulated cells of t;  training cells: all others;  asked: what the control
                                            cells of t would be if stimulated     (1)
    delta = mean over types t' != t of (mean of t' stimulated - mean of t' control)
        (2)
    delta = mean over types t' != t of mean of t' stimulated - mean over all types, t as well, of
            mean of control                                                         (3)

(1) is config ``hidden: cell_type``. With ``hidden: nothing`` all cells are training cells, and
every type and all cells together are asked about: what a method gives back of cells that it has
seen, no prediction of unseen ones, and marked so wherever it is shown; (2) then averages over all
types.

The protocol of Lotfollahi 2019 (doi:10.1038/s41592-019-0494-8). Its package resamples
every type to the size of the largest one, under each condition by itself, and so counts the hidden
type's control cells, which are there: (3) is what that gives on average, and what ``scgen`` shifts
codes by; the baselines shift by (2). Cell types and
conditions are labels; nothing here is for a model that must not see them. The split into training
and test cells plays no part, but for the choice of the variable genes, which was made on the
training cells of the study before any type was hidden."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from latentbench.models.data import modelled_genes, read_training_data
from latentbench.prediction.requests import ALL_CELLS, CELL_TYPE, NOTHING


@dataclass(frozen=True)
class Perturbation:
    """Cells under two conditions: log-normalised values (of real data, the values as they are),
    cell types, which cells are under which condition, genes.
    """

    x: Float[np.ndarray, "obs vars"]
    cell_types: pd.Series
    is_control: Bool[np.ndarray, " obs"]
    is_stimulated: Bool[np.ndarray, " obs"]
    genes: tuple[str, ...]
    lacks: str = ""
    """Which of the conditions no cell is under, as a sentence; "" where each has some."""

    def cells(
        self, cell_type: str
    ) -> tuple[Int[np.ndarray, " controls"], Int[np.ndarray, " stimulated"]]:
        """Return the control cells and the stimulated cells of a type."""
        of_type = (self.cell_types == cell_type).to_numpy()
        return np.flatnonzero(of_type & self.is_control), np.flatnonzero(
            of_type & self.is_stimulated
        )


@dataclass(frozen=True)
class HeldOut:
    """One question: ``train`` are the cells that may be learned from, ``others`` the types that (2)
    averages over, ``hidden`` what training did not see.

    ``cell_type`` is ``ALL_CELLS`` where all of them are asked about at once.
    """

    hidden: str
    cell_type: str
    controls: Int[np.ndarray, " controls"]
    stimulated: Int[np.ndarray, " stimulated"]
    train: Int[np.ndarray, " train"]
    others: tuple[str, ...]


def read_perturbation(prepared: str | Path, *, control: str, stimulated: str) -> Perturbation:
    """Read the modelled genes of a prepared.h5ad and its two conditions.

    Raises:
        ValueError: it has no labels or conditions.
    """
    data = read_training_data(prepared, layer="X")
    if absent := [column for column in ("label", "condition") if column not in data.obs]:
        raise ValueError(
            f"{prepared}: no obs column {' or '.join(absent)}: a prediction needs both; name their"
            " sources in the data sheet"
        )
    condition = data.obs["condition"].astype("string")
    present = sorted(condition.dropna().unique())
    absent = [name for name in (control, stimulated) if name not in present]
    lacks = (
        f"no cell has condition {' or '.join(absent)}; there are: {', '.join(present)}. Mend config"
        " key predictions"
    )
    is_control, is_stimulated = (
        (condition == name).fillna(False).to_numpy(dtype=bool) for name in (control, stimulated)
    )
    return Perturbation(
        data.dense().numpy(),
        data.obs["label"].astype("string"),
        is_control,
        is_stimulated,
        tuple(modelled_genes(prepared)),
        lacks if absent else "",
    )


def questions_of(
    perturbation: Perturbation, *, hidden: Sequence[str], min_cells: int
) -> tuple[list[HeldOut], dict[str, str]]:
    """Return the questions of every protocol in ``hidden``, and why some types have none; those
    with the same training cells follow each other.
    """
    asked, reasons = held_out_types(perturbation, min_cells=min_cells)
    seen = all_seen(perturbation, asked) if asked and NOTHING in hidden else []
    return [*(asked if CELL_TYPE in hidden else []), *seen], reasons


def all_seen(perturbation: Perturbation, asked: Sequence[HeldOut]) -> list[HeldOut]:
    """Return a question for all cells together and one for each type that is asked about, with
    nothing hidden.
    """
    types = tuple(question.cell_type for question in asked)
    everyone = np.flatnonzero(perturbation.is_control), np.flatnonzero(perturbation.is_stimulated)
    cells = {
        ALL_CELLS: everyone,
        **{cell_type: perturbation.cells(cell_type) for cell_type in types},
    }
    train = np.arange(len(perturbation.x))
    return [
        HeldOut(NOTHING, name, controls, stimulated, train, types)
        for name, (controls, stimulated) in cells.items()
    ]


def held_out_types(
    perturbation: Perturbation, *, min_cells: int
) -> tuple[list[HeldOut], dict[str, str]]:
    """Return a question for every type with at least ``min_cells`` cells under both conditions, and
    why the other types have none. Where fewer than two types have that many, there is no question,
    and why is said of all cells too.
    """
    asked, reasons = [], {}
    for cell_type in sorted(perturbation.cell_types.dropna().unique()):
        controls, stimulated = perturbation.cells(cell_type)
        if min(len(controls), len(stimulated)) >= min_cells:
            asked.append(cell_type)
        else:
            reasons[cell_type] = (
                f"{len(controls)} control and {len(stimulated)} stimulated cells; at least"
                f" {min_cells} of each are asked for"
            )
    if len(asked) < 2:
        too_few = perturbation.lacks or (
            f"{len(asked)} cell types have {min_cells} cells under both conditions, and 2 are"
            " needed; lower min_cells"
        )
        return [], {**reasons, **dict.fromkeys(asked, too_few), ALL_CELLS: too_few}
    return [_held_out(perturbation, cell_type, asked) for cell_type in asked], reasons


def balanced_shift(
    values: Float[np.ndarray, "obs features"], perturbation: Perturbation, held_out: HeldOut
) -> Float[np.ndarray, " features"]:
    """Return equation (2) of any values of the cells: expression, codes, principal components."""
    shifts = []
    for cell_type in held_out.others:
        controls, stimulated = perturbation.cells(cell_type)
        shifts.append(
            values[stimulated].mean(axis=0, dtype=np.float64)
            - values[controls].mean(axis=0, dtype=np.float64)
        )
    return np.mean(shifts, axis=0).astype(values.dtype)


def shift_of_package(
    values: Float[np.ndarray, "obs features"], perturbation: Perturbation, held_out: HeldOut
) -> Float[np.ndarray, " features"]:
    """Return equation (3) of codes; with nothing hidden it is equation (2)."""
    asked = (held_out.cell_type,) if held_out.hidden == CELL_TYPE else ()
    controls = [perturbation.cells(each)[0] for each in (*held_out.others, *asked)]
    stimulated = [perturbation.cells(each)[1] for each in held_out.others]
    balanced = [
        np.mean([values[cells].mean(axis=0, dtype=np.float64) for cells in groups], axis=0)
        for groups in (stimulated, controls)
    ]
    return (balanced[0] - balanced[1]).astype(values.dtype)


def _held_out(perturbation: Perturbation, cell_type: str, asked: Sequence[str]) -> HeldOut:
    controls, stimulated = perturbation.cells(cell_type)
    train = np.setdiff1d(np.arange(len(perturbation.x)), stimulated)
    return HeldOut(
        CELL_TYPE,
        cell_type,
        controls,
        stimulated,
        train,
        tuple(other for other in asked if other != cell_type),
    )
